#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The network plugin into Telegraf's collectd parser, and what Telegraf writes to InfluxDB."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "writers")]

import story  # noqa: E402
import test_dashboards  # noqa: E402
import test_network  # noqa: E402
import test_radio_row as radio_row  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from influxdb import InfluxDB  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402
from telegraf import Telegraf  # noqa: E402

MANY = 300


def tells_story(level):
    with Scratch() as scratch, InfluxDB(scratch) as influxdb, Telegraf(scratch, influxdb, level.lower()) as telegraf:
        test_network.tells_story(scratch, influxdb, telegraf.writer(level))


def test_plain():
    """All values are there as they are, counts go on over a reconnect; names and tags are InfluxDB's own listener's"""
    tells_story("None")


def test_signed():
    """The same where Telegraf wants packets signed"""
    tells_story("Sign")


def test_encrypted():
    """The same where Telegraf wants packets encrypted"""
    tells_story("Encrypt")


def arrives(stack, **writer):
    """Of values sent so to a Telegraf that wants them signed."""
    with Scratch() as scratch, InfluxDB(scratch) as influxdb, Telegraf(scratch, influxdb, "sign") as telegraf:
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block, extra=telegraf.writer(**writer)) as daemon:
            # The network plugin keeps values until they fill a packet, so this is some packets.
            wait_for(lambda: (daemon.value("ttn_api", "home", "http_response_codes", "200") or 0) > 20, "polls",
                     test_dashboards.PATIENCE)
            equal(daemon.problems("network"), [], "collectd's log")
            return bool(influxdb.query("SHOW MEASUREMENTS"))


def test_refused():
    """What is not signed, or with another password, does not arrive where Telegraf wants a signature"""
    with Standin() as stack:
        story.fleet(stack)
        equal([arrives(stack, level="Sign"), arrives(stack, level="Sign", password="another"), arrives(stack)],
              [True, False, False])


def test_all_gateways():
    """None of many gateways is lost in the first poll"""
    with Scratch() as scratch, Standin() as stack, InfluxDB(scratch) as influxdb, \
            Telegraf(scratch, influxdb) as telegraf:
        names = ["gw-%03d" % number for number in range(MANY)]
        for name in names:
            stack.register(name)
            stack.connect(name)
        block = account("home", **stack.options(scratch), Interval=2)
        with Collectd(scratch, block, extra=telegraf.writer(), interval=2):
            def first(series):
                return len(series) == MANY
            series = influxdb.wait("SELECT last(value) FROM ttn_value WHERE type = 'bool' GROUP BY instance", first)
            equal(sorted(tags["instance"] for _, tags, _ in series), names)


def test_panels():
    """Each panel and variable of the dashboard for InfluxDB has its answer from what Telegraf writes"""
    test_dashboards.influxdb_shows_all(Telegraf)


def test_radio_row():
    """Each panel of the row Radio shows what happened, and nothing without Traffic"""
    radio_row.influxdb_shows(Telegraf)


run(globals())
