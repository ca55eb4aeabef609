# SPDX-License-Identifier: MIT
"""A real VictoriaMetrics that scrapes collectd's write_prometheus, or listens for write_graphite.

    with Collectd(...) as daemon, VictoriaMetrics(scratch, [daemon.exporter]) as database:
        database.wait('collectd_ttn_bool{type="connected"}', lambda rows: len(rows) == 2)

It answers as Prometheus does. Its timestamps are those of its scrapes.
"""

import json

from carbon import writer
from prometheus import Server

_HTTP, _LINES = 8428, 2003


class VictoriaMetrics(Server):
    program = "victoria-metrics"
    health = "/health"

    def __init__(self, scratch, targets=(), interval=1, lookback=None, name="victoriametrics"):
        """As Prometheus'."""
        path = scratch.write(name + ".yml", json.dumps({
            "global": {"scrape_interval": "%ds" % interval},
            "scrape_configs": [{"job_name": "collectd", "honor_labels": True,
                                "static_configs": [{"targets": list(targets)}]}]}, indent=1))
        super().__init__(scratch, name, ())
        self.url = "http://%s:%d" % (self.address, _HTTP)
        # What is new is shown at once, and no answer is kept for a while.
        self._command += ["-storageDataPath=" + self.path("data"),
                          "-promscrape.config=" + path, "-httpListenAddr=%s:%d" % (self.address, _HTTP),
                          "-graphiteListenAddr=%s:%d" % (self.address, _LINES), "-loggerLevel=WARN",
                          "-search.latencyOffset=0", "-search.disableCache",
                          *(["-search.maxLookback=%ds" % lookback] if lookback else [])]

    def writer(self, **options):
        """What makes a collectd's write_graphite send here."""
        return writer(self.address, _LINES, **options)
