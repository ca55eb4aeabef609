#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_graphite, into carbon, read back with whisper-fetch."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from carbon import Carbon  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, near, run, wait_for  # noqa: E402


def series(key):
    return HOST + "." + story.name(key).replace("/", ".")


def key_of(name):
    """A point divides the parts of a name; nothing else in the plugin's names needs to be changed for Graphite."""
    return story.key(name[len(HOST) + 1:].replace(".", "/"))


def newest(carbon, wanted):
    keys = wanted or [key_of(name) for name in carbon.names()]
    found = {one: carbon.fetch(series(one)) for one in keys}
    return {one: rows[-1][1] for one, rows in found.items() if rows}


def test_counts():
    """StoreRates false: all values are in carbon as they are, and counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack, Carbon(scratch) as carbon:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=1)
        with Collectd(scratch, block, extra=carbon.writer(StoreRates=False), interval=1, prometheus=False) as daemon:
            story.tell(stack, lambda wanted: newest(carbon, wanted))
            story.never_falls([number for _, number in carbon.fetch(HOST + ".ttn-roof.packets-uplink")])
            equal(daemon.lines("error") + daemon.lines("warning"), [])


def test_rates():
    """As it is by default: rates a second, which add up to the counts over a reconnect"""
    with Scratch() as scratch, Standin() as stack, Carbon(scratch) as carbon:
        story.fleet(stack)
        uplinks = HOST + ".ttn-roof.packets-uplink"
        # Carbon keeps one value a second: never two of them in one.
        block = account("home", **stack.options(scratch), Interval=2)
        with Collectd(scratch, block, extra=carbon.writer(), interval=2, prometheus=False):
            def told():
                """The first rate can't be known. Sent as nan, it is not stored."""
                rates = [number for _, number in carbon.fetch(uplinks)]
                equal([rate for rate in rates if rate < 0], [], "negative rates")
                return 2 * sum(rates)
            story.wait(lambda wanted: newest(carbon, wanted), {("ttn", "roof", "packets", "uplink"): 0}, "a rate")
            stack.uplink("roof", 400)
            wait_for(lambda: told() > 300, "400 more")
            stack.connect("roof")
            stack.uplink("roof", 500)
            wait_for(lambda: told() > 700, "500 more")
            story.wait(lambda wanted: newest(carbon, wanted), {("ttn", "roof", "packets", "uplink"): 0}, "quiet again")
            near(told(), 900, 150, "uplinks meanwhile")


if __name__ == "__main__":
    run(globals())
