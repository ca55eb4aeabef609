# SPDX-License-Identifier: MIT
"""A real OpenTelemetry Collector that listens for write_http. It writes what it received to a file. It also shows it
on a page for Prometheus, and sends it to a server with remote write: once as it is ("bare"), and once after a processor
that says that counts are cumulative ("cumulative"). What is sent has this in the label "way".

    with Collector(scratch, database.url) as collector:
        with Collectd(scratch, blocks, extra=collector.writer()) as daemon:
            collector.received()
"""

import json
import re

from collectd import labels_of
from daemon import Daemon, get
from receiver import writer

_HTTP, _PAGES = 8081, {"bare": 8889, "cumulative": 8890}
# doc/writers.md has it so.
PROCESSOR = """processors:
  transform:
    metric_statements:
      - set(metric.aggregation_temporality, AGGREGATION_TEMPORALITY_CUMULATIVE)
        where metric.type == METRIC_DATA_TYPE_SUM
"""
_CONFIG = PROCESSOR + """
receivers:
  collectd:
    endpoint: "%(address)s:%(http)d"
exporters:
  file: {path: "%(file)s", flush_interval: 100ms}
  prometheus/bare: {endpoint: "%(address)s:%(bare)d"}
  prometheus/cumulative: {endpoint: "%(address)s:%(cumulative)d"}
  prometheus_remote_write/bare: {endpoint: "%(remote)s", external_labels: {way: bare}}
  prometheus_remote_write/cumulative: {endpoint: "%(remote)s", external_labels: {way: cumulative}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics/bare: {receivers: [collectd], exporters: [file, prometheus/bare, prometheus_remote_write/bare]}
    metrics/cumulative: {receivers: [collectd], processors: [transform],
                     exporters: [prometheus/cumulative, prometheus_remote_write/cumulative]}
"""


class Collector(Daemon):
    program = "otelcol"

    def __init__(self, scratch, remote, name="opentelemetry"):
        """remote: the URL of a server that takes Prometheus' remote write."""
        super().__init__(scratch, name, ())
        self._file = self.path("received.json")
        path = scratch.write(name + ".yaml", _CONFIG % {
            "address": self.address, "http": _HTTP, "file": self._file, "remote": remote, **_PAGES})
        self._command += ["--config=" + path]

    def ready(self):
        return "Everything is ready" in self.said()

    def writer(self, **options):
        """What makes a collectd send here."""
        return writer("http://%s:%d/" % (self.address, _HTTP), **options)

    def received(self):
        """[(name, {attribute: value}, metric, number)], all in their order; metric is as OTLP has it in JSON."""
        with open(self._file, encoding="utf-8") as file:
            # The last line may be under way.
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        return [(metric["name"], {one["key"]: one["value"]["stringValue"] for one in point["attributes"]}, metric,
                 float(point.get("asDouble", point.get("asInt"))))
                for line in lines for resource in line["resourceMetrics"] for scope in resource["scopeMetrics"]
                for metric in scope["metrics"] for kind in ("sum", "gauge") if kind in metric
                for point in metric[kind]["dataPoints"]]

    def page(self, which):
        """[(name, {label: value}, number)] of the Prometheus exporter of "bare" or "cumulative"."""
        status, text = get("http://%s:%d/metrics" % (self.address, _PAGES[which]))
        if status != 200:
            raise AssertionError("%s: %d %s" % (which, status, text))
        found = (re.match(r'^(\w+)\{(.*)\} (\S+)', line) for line in text.splitlines())
        return [(one[1], labels_of(one[2]), float(one[3])) for one in found if one]
