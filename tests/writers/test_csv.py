#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""csv: files of all values, read as they are."""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run  # noqa: E402


def newest(daemon, wanted):
    """The file's name ends with the day."""
    keys = wanted or {story.key(re.sub(r"-\d{4}-\d\d-\d\d$", "", path))
                      for path in glob.glob("*/*", root_dir=daemon.path("csv", HOST))}
    found = {key: daemon.csv(*story.name(key).split("/")) for key in keys}
    return {key: rows[-1][1] for key, rows in found.items() if rows}


def test_story():
    """All values are in the files as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.3)
        with Collectd(scratch, block, interval=0.3, csv=True, prometheus=False) as daemon:
            story.tell(stack, lambda wanted: newest(daemon, wanted))
            story.never_falls([number for _, number in daemon.csv("ttn-roof", "packets-uplink")])
            equal(daemon.lines("error") + daemon.lines("warning"), [])


run(globals())
