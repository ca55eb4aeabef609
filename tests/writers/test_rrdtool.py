#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The rrdtool plugin, read back with rrdtool: lastupdate for what it was given, fetch for what it made of it."""

import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
import story  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, near, run, wait_for  # noqa: E402

UPLINKS = ("ttn", "roof", "packets", "uplink")
WRITER = """LoadPlugin rrdtool
<Plugin rrdtool>
  DataDir "%s"
  RRARows 600
  RRATimespan 600
  HeartBeat 30
</Plugin>
"""


class Files:
    def __init__(self, directory):
        self._top = os.path.join(directory, HOST)

    def rrdtool(self, command, key, *arguments):
        path = os.path.join(self._top, story.name(key) + ".rrd")
        if not os.path.exists(path):
            return []
        text = subprocess.run([paths.program("RRDTOOL", "rrdtool"), command, path, *arguments], check=False,
                              stdout=subprocess.PIPE, text=True).stdout
        rows = [line.split(": ") for line in text.splitlines() if ": " in line]
        return [(float(when), float("nan") if number == "U" else float(number)) for when, number in rows]

    def keys(self):
        paths = glob.glob("*/*.rrd", root_dir=self._top)
        return [story.key(path[:-len(".rrd")]) for path in paths]

    def newest(self, wanted):
        found = {key: self.rrdtool("lastupdate", key) for key in wanted or self.keys()}
        return {key: rows[-1][1] for key, rows in found.items() if rows}

    def known(self, key):
        """The averages of all seconds that have one."""
        rows = self.rrdtool("fetch", key, "AVERAGE", "-r", "1", "-s", "%d" % (time.time() - 300))
        return [number for _, number in rows if number == number]


def test_story():
    """All values reach the files, and rates add up to the counts over a reconnect"""
    with paths.Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=1)
        files = Files(scratch.file("rrd", ""))
        with Collectd(scratch, block, extra=WRITER % scratch.file("rrd"), interval=1, prometheus=False) as daemon:
            story.begin(files.newest)
            story.reconnect(stack, files.newest)
            wait_for(lambda: sum(files.known(UPLINKS)) > 8, "the rates", story.PATIENCE, lambda: files.known(UPLINKS))
            near(sum(files.known(UPLINKS)), 9, 0.5, "uplinks meanwhile")
            equal([rate for rate in files.known(UPLINKS) if not 0 <= rate < 20], [], "rates")
            story.swap(stack, files.newest)
            equal(daemon.lines("error") + daemon.lines("warning"), [])


def test_beyond_the_type():
    """A file keeps no more than 100.1 percent: what is beyond is unknown there, not wrong"""
    band = {"min": 868000000, "max": 868600000, "limit": 0.01}
    key = ("ttn", "roof", "percent", "duty_cycle_868000_868600")
    with paths.Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=1)
        files = Files(scratch.file("rrd", ""))
        with Collectd(scratch, block, extra=WRITER % scratch.file("rrd"), interval=1) as daemon:
            wait_for(lambda: 25 in files.known(key), "25 percent", story.PATIENCE)
            stack.sub_bands("roof", [dict(band, used=0.02)])
            daemon.wait_value(*key, 200)
            wait_for(lambda: files.newest([key])[key] == 200, "the file was given 200 percent", story.PATIENCE)
            stack.sub_bands("roof", [dict(band, used=0.005)])
            wait_for(lambda: 50 in files.known(key), "50 percent", story.PATIENCE)
            equal(max(files.known(key)), 50, "the highest that is known")


run(globals())
