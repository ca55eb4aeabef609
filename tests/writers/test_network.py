#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The network plugin, into InfluxDB's collectd listener."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from influxdb import InfluxDB  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run  # noqa: E402


def newest(influxdb):
    """Measurements are named by plugin and data source: value, or a duration's seconds."""
    out = {}
    for name, tags, rows in influxdb.query("SELECT last(value) FROM /^ttn_/ GROUP BY *"):
        out[name.rpartition("_")[0], tags["instance"], tags["type"], tags["type_instance"]] = rows[0]["last"]
    return out


def tells_story(scratch, influxdb, writer):
    """writer: collectd's configuration that makes values get there."""
    with Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block, extra=writer, prometheus=False) as daemon:
            story.tell(stack, lambda _: newest(influxdb))
            (_, _, rows), = influxdb.query("SELECT value FROM ttn_value WHERE instance = 'roof' AND type = 'packets' "
                                           "AND type_instance = 'uplink'")
            story.never_falls([row["value"] for row in rows])
            # As a dashboard asks for it.
            (_, _, rows), = influxdb.query(
                "SELECT sum(n) AS n FROM (SELECT non_negative_difference(value) AS n FROM ttn_value WHERE instance = "
                "'roof' AND type = 'packets' AND type_instance = 'uplink')")
            equal(rows[0]["n"], 9, "uplinks of roof meanwhile")
            equal([line for level in ("error", "warning") for line in daemon.lines(level)], [], "log")


def test_influxdb():
    """All values are in InfluxDB as they are; counts go on over a reconnect"""
    with Scratch() as scratch, InfluxDB(scratch) as influxdb:
        tells_story(scratch, influxdb, influxdb.writer())


if __name__ == "__main__":
    run(globals())
