#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The benchmark's counts, which are exact: requests, connections, values. No times."""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "tests", "lib"))

import bench  # noqa: E402
import traffic  # noqa: E402
import writers  # noqa: E402
from paths import Scratch  # noqa: E402
from tap import at_most, equal, run  # noqa: E402


def batches(gateways):
    return (gateways + 99) // 100


def exact(poll, requests, connections, gateways):
    equal((poll.requests, poll.connections, poll.values), (requests, connections, bench.VALUES * gateways),
          "requests, connections, values of %d gateways" % gateways)


def test_alone():
    """One connection, a request for each 100 gateways, a list page for each 1000 once."""
    for gateways in (1, 250, 500, 2500):
        with Scratch() as scratch, bench.Server(scratch, gateways) as server:
            with bench.Alone(server, gateways, "ttn") as ours, bench.Alone(server, gateways, "floor") as floor:
                exact(ours.poll(), batches(gateways) + (gateways + 999) // 1000, 1, gateways)
                exact(floor.poll(), batches(gateways), 1, gateways)
                for _ in range(3):
                    one, other = ours.poll(), floor.poll()
                    exact(one, batches(gateways), 0, gateways)
                    exact(other, batches(gateways), 0, gateways)
                    # The same bodies; headers are compressed again as the date moves on.
                    at_most(abs(one.bytes - other.bytes), 64 * batches(gateways), "bytes apart from the floor's")


def test_memory():
    """At most 1 KiB a gateway stays between two polls of 500, without collectd"""
    with Scratch() as scratch, bench.Server(scratch, 500) as server:
        with bench.Alone(server, 500, "ttn") as ours:
            ours.poll()
            at_most(ours.poll().held, 500 * 1024, "bytes held")


def test_in_collectd():
    """The same in collectd: plugin and floor, at once and from afar"""
    with Scratch() as scratch, bench.Server(scratch, 500) as server:
        for what, first in (("ttn", 6), ("floor", 5)):
            with bench.Daemon(scratch, server, 500, what) as daemon:
                equal(daemon.poll().requests, first, "requests of the first poll of " + what)
                for latency in bench.LATENCIES:
                    server.latency(latency)
                    equal(daemon.poll().requests, 5, "requests of " + what)
                server.latency(0)
                equal(daemon.connections, 1, "connections of " + what)


def test_curl_json():
    """A request and a connection for each of curl_json's blocks"""
    with Scratch() as scratch, bench.Server(scratch, 3) as server:
        with bench.Daemon(scratch, server, 3, "curl_json") as daemon:
            daemon.poll()
            equal(daemon.poll().requests, 3)
            equal(daemon.connections, 3)


def test_events():
    """Every event that was sent is counted, by one stream and by several; the floor takes the same bytes"""
    for gateways, streams in ((20, 1), (700, 2)):
        with Scratch() as scratch, bench.Server(scratch, gateways) as server:
            fed = traffic.feed(scratch, server, gateways, 10, 2)
            equal(fed.events, 20 * gateways)
            for what in ("ttn", "counted"):
                ours = traffic.take_once(server, gateways, what, fed)
                equal((ours.streams, ours.uplinks), (streams, fed.uplinks), "streams, uplinks of " + what)
            equal(traffic.take_once(server, gateways, "floor", fed).streams, streams)
            equal(traffic.take_once(server, gateways, "polls", fed).values,
                  traffic.POLLS * bench.VALUES * gateways, "values without events")


def test_recorded_events():
    """Nothing that differs between two events is left as it was recorded"""
    text = traffic.templates()
    equal(len(text.splitlines()), 1 + sum(traffic.MIX.values()))
    equal(re.findall(r"20\d\d-\d\d-\d\dT[\d:]+\.\d+Z|01[0-9A-Z]{24}|[\w-]*gw-\d", text), [])


def test_writers():
    """Every writer that is measured takes all values of a few gateways, of one collectd and of two"""
    writers.INTERVAL, writers.QUIET = 3, 0.8
    for writer in (writers.Graphite, writers.Network, writers.Csv, writers.Rrdtool):
        row = writers.measure(writer, "counts and state", 1, 5)
        equal((row[0], row[4:6]), (writer.name, (20, "all")))
    row = writers.measure(writers.Prometheus, "all", 2, 5)
    equal((row[0], row[4:6]), ("write_prometheus", (85, "all")))


if __name__ == "__main__":
    run(globals())
