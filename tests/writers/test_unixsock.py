#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""unixsock: gauges as they are, and of counts the rate."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from place import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

UPLINKS = ("ttn", "roof", "packets", "uplink")


def newest(daemon, wanted):
    listed = daemon.listed()
    keys = [key for key in wanted or map(story.key, listed) if story.name(key) in listed]
    return {key: daemon.gauge(story.name(key)) for key in keys}


def test_story():
    """All gauges are there as they are, and a gateway that is offline"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.3), interval=0.3,
                      prometheus=False) as daemon:
            def read(wanted):
                return newest(daemon, wanted)
            story.begin(read, counts=False)
            stack.disconnect("roof")
            story.wait(read, {("ttn", "roof", "bool", "connected"): 0, ("ttn_api", "home", "count", "connected"): 0},
                       "roof is offline")
            equal(daemon.lines("error") + daemon.lines("warning"), [])


def test_rates():
    """The rate of a count goes on over reconnects, without a gap or a spike"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.3), interval=0.3,
                      prometheus=False) as daemon:
            rates = []

            def rate():
                rates.append(newest(daemon, [UPLINKS]).get(UPLINKS, 0))
                return rates[-1]
            stack.script([{"at": 0.1, "op": "uplink", "id": "roof", "n": 10}], loop=True)
            wait_for(lambda: 60 < rate() < 140, "a rate of about 100", story.PATIENCE, lambda: rates[-1])
            del rates[:]
            for _ in range(4):
                stack.connect("roof")
                begin = stack.true("roof")[0]
                wait_for(lambda: rate() is not None and stack.true("roof")[0] > begin + 60, "60 more")
            # 1000 had been there before. What the last poll before a reconnect didn't see is missing.
            equal([one for one in rates if not 0 <= one < 300], [], "rates over reconnects")


run(globals())
