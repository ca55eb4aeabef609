#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_influxdb_udp, into the UDP input of InfluxDB 1.x."""

import contextlib
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import outage  # noqa: E402
import pages  # noqa: E402
import story  # noqa: E402
from collectd import HOST, Collectd, account, changed  # noqa: E402
from influxdb import InfluxDB  # noqa: E402
from paths import Scratch, address  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, near, run, wait_for  # noqa: E402

PORT = "8089"
INTERVAL = 0.5


def server(scratch):
    """It listens as the document has it."""
    block, n = re.subn(r'"(:\d+)"', r'"%s\1"' % address(), pages.block("doc/writers.md", "[[udp]]"))
    equal(n, 1, "addresses")
    return InfluxDB(scratch, extra=block)


def writer(**options):
    """What makes a collectd send there, as the document has it."""
    text = pages.block("doc/writers.md", "<Plugin write_influxdb_udp>")
    return changed(text, **options).replace('"localhost"', '"%s"' % address())


def newest(influxdb):
    """A measurement is the plugin's name; the field is value, and seconds for durations."""
    out = {}
    for name, tags, rows in influxdb.query("SELECT last(*) FROM ttn, ttn_api GROUP BY *"):
        equal(tags["host"], HOST)
        numbers = [rows[0][field] for field in ("last_value", "last_seconds") if rows[0].get(field) is not None]
        equal(len(numbers), 1, "fields of %s" % tags)
        out[name, tags["instance"], tags["type"], tags["type_instance"]] = numbers[0]
    return out


class World:
    """The story's gateways, collectd, and InfluxDB."""

    def __init__(self, **options):
        self._options = options

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            scratch = opened.enter_context(Scratch())
            self.stack = opened.enter_context(Standin())
            self.influxdb = opened.enter_context(server(scratch))
            story.fleet(self.stack)
            block = account("home", **self.stack.options(scratch), Interval=INTERVAL)
            self.daemon = opened.enter_context(Collectd(
                scratch, block, extra=writer(**self._options), interval=INTERVAL, prometheus=False))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *why):
        return self._opened.__exit__(*why)

    def read(self, _=None):
        return newest(self.influxdb)

    def told(self):
        """How many of roof's uplinks the rates tell."""
        series = self.influxdb.query("SELECT value FROM ttn WHERE instance = 'roof' AND type = 'packets' AND "
                                     "type_instance = 'uplink'")
        rows = [row for _, _, rows in series for row in rows]
        equal([row for row in rows if row["value"] < 0], [], "negative rates")
        # Each is of the time since the last value, which after an outage is not here.
        seconds = [(row["time"] - last["time"]) / 1000 for last, row in zip(rows, rows[1:])]
        return sum(row["value"] * (gap if gap < 4 * INTERVAL else INTERVAL) for row, gap in zip(rows[1:], seconds))

    def quiet(self):
        """Until the newest rate is 0."""
        story.wait(self.read, {("ttn", "roof", "packets", "uplink"): 0}, "no uplinks now")


def test_story():
    """All gauges are in InfluxDB as they are, and a gateway that is offline"""
    with World() as world:
        story.begin(world.read, counts=False)
        world.stack.disconnect("roof")
        story.wait(world.read, {("ttn", "roof", "bool", "connected"): 0, ("ttn_api", "home", "count", "connected"): 0},
                   "roof is offline")
        # Each value has its own time, in milliseconds.
        (_, _, rows), = world.influxdb.query("SELECT last(value) FROM ttn WHERE type = 'bool' AND instance = 'roof'")
        near(rows[0]["time"] / 1000, time.time(), 10, "time of the last value")
        equal(world.daemon.lines("error") + world.daemon.lines("warning"), [])


def test_rates():
    """Counts are rates a second, which add up over a reconnect"""
    with World() as world:
        world.quiet()
        world.stack.uplink("roof", 400)
        wait_for(lambda: world.told() > 350, "400 more", story.PATIENCE)
        world.stack.connect("roof")
        world.stack.uplink("roof", 500)
        wait_for(lambda: world.told() > 850, "500 more", story.PATIENCE)
        world.quiet()
        near(world.told(), 900, 50, "uplinks meanwhile")


def test_without_rates():
    """StoreRates false: of counts, which are integers then, and gauges, InfluxDB keeps only what came first"""
    with World(StoreRates=False) as world:
        def kinds():
            """That there are of gateways."""
            return {key[2] for key in world.read() if key[0] == "ttn"} & {"bool", "packets"}
        wait_for(kinds, "values", story.PATIENCE)
        for _ in range(2):
            outage.polls_go_on(world.stack, INTERVAL)
            equal(len(kinds()), 1, "kinds of values")


def test_outage():
    """Without InfluxDB polls go on in time. The rates of that time are lost; those afterwards are right"""
    with World() as world:
        world.quiet()
        world.influxdb.stop()
        world.stack.uplink("roof", 2000)
        outage.polls_go_on(world.stack, INTERVAL)
        world.influxdb.start()
        # What was sent before it listened again is lost, too.
        time.sleep(2 * INTERVAL)
        world.stack.uplink("roof", 400)
        wait_for(lambda: world.told() > 350, "400 more", story.PATIENCE)
        world.quiet()
        near(world.told(), 400, 50, "uplinks since then")


run(globals())
