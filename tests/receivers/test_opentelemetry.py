#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_http into the OpenTelemetry Collector's collectd receiver, and what its next exporters make of it."""

import contextlib
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import story  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from opentelemetry import Collector  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402
from victoriametrics import VictoriaMetrics  # noqa: E402

COUNTS = ("packets", "total_operations", "http_response_codes", "errors")
GAUGES = ("bool", "count", "duration", "gauge", "percent", "uptime")


def newest(collector):
    """A value is called by its type and type instance; plugin and instance are attributes."""
    return {(attributes["plugin"], attributes["plugin_instance"], *name.split(".", 1)): number
            for name, attributes, _, number in collector.received()}


def prometheus_key(name, labels):
    """Of a series' name as the exporters for Prometheus make it."""
    found = re.fullmatch("(%s)_(.+)_total|(%s)_(.+)" % ("|".join(COUNTS), "|".join(GAUGES)), name)
    if not found:
        raise AssertionError("a name: " + name)
    return labels["plugin"], labels["plugin_instance"], found[1] or found[3], found[2] or found[4]


@contextlib.contextmanager
def world():
    """(stack, collector, the database that it sends to), with the fleet of the story."""
    with Scratch() as scratch, Standin() as stack, VictoriaMetrics(scratch) as database, \
            Collector(scratch, database.url + "/api/v1/write") as collector:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block, extra=collector.writer()) as daemon:
            yield stack, collector, database
            equal(daemon.problems("write_http"), [], "collectd's log")


def test_received():
    """All values arrive as they are; counts are sums without a temporality, and go on over a reconnect"""
    with world() as (stack, collector, _):
        story.tell(stack, lambda _: newest(collector))
        received = collector.received()
        story.never_falls([number for name, attributes, _, number in received
                           if (name, attributes["plugin_instance"]) == ("packets.uplink", "roof")])
        for name, attributes, metric, _ in received:
            source = "seconds" if name.startswith("duration.") else "value"
            equal((attributes["host"], attributes["dsname"]), (HOST, source), name)
            is_count = name.split(".")[0] in COUNTS
            equal(("sum" in metric, metric.get("sum", {}).get("isMonotonic", False)), (is_count, is_count), name)
            equal(metric.get("sum", {}).get("aggregationTemporality", 0), 0, "temporality of " + name)


def test_next_exporters():
    """Prometheus' exporters drop counts as they come, and have all of them once they are cumulative"""
    with world() as (stack, collector, database):
        def page(which):
            return {prometheus_key(name, labels): number for name, labels, number in collector.page(which)}

        def sent(which):
            return {prometheus_key(labels["__name__"], labels): number
                    for labels, number in database.query('{plugin=~"ttn.*",way="%s"}' % which)}
        story.tell(stack, lambda _: page("cumulative"))
        for read in (page, sent):
            def names():
                return [set(read(which)) for which in ("cumulative", "bare")]
            story.wait(lambda _: read("cumulative"), {**story.packets("roof", 1009, 30, 21), **story.packets("barn", 6)},
                       "counts")
            wait_for(lambda: names()[0] - names()[1] == {key for key in names()[0] if key[2] in COUNTS},
                     "counts, and nothing else, are missing", story.PATIENCE, names)


run(globals())
