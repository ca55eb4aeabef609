#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""unixsock: gauges as they are, and of counts the rate."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
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
    """The rate of a count over reconnects: what each connection brought, no gap and no spike"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.5), prometheus=False) as daemon:
            def rate():
                return newest(daemon, [UPLINKS]).get(UPLINKS)
            wait_for(lambda: rate() == 0, "a rate", story.PATIENCE, rate)
            seen = []
            for _ in range(3):
                stack.connect("roof")
                stack.uplink("roof", 50)
                polls = stack.count(kind="batch") + 3
                wait_for(lambda: seen.append(rate()) or stack.count(kind="batch") >= polls, "three polls")
            # 1000 were there before; 50 in half a second are 100 a second, or more if the poll before was late.
            equal([one for one in seen if not 0 <= one < 1000], [], "rates")
            equal(max(seen) > 0, True, "a rate that isn't 0")


run(globals())
