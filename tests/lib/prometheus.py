# SPDX-License-Identifier: MIT
"""A real Prometheus that scrapes collectd's write_prometheus.

    with Collectd(...) as daemon, Prometheus(scratch, [daemon.exporter]) as prometheus:
        prometheus.wait('collectd_ttn_bool{type="connected"}', lambda rows: len(rows) == 2)

Its timestamps are collectd's own, so a series ends 5 minutes after its last value (Prometheus'
look-back) and not when it disappears from the page.
"""

import json

from daemon import Daemon, get
from tap import wait_for

_PORT = 9090


class Server(Daemon):
    """What answers as Prometheus does, at self.url."""

    health = None
    url = None

    def ready(self):
        return get(self.url + self.health)[0] == 200

    def api(self, name, **parameters):
        """What /api/v1/<name> has to say. An answer that isn't success is a failed test."""
        status, text = get("%s/api/v1/%s" % (self.url, name), parameters)
        if status != 200:
            raise AssertionError("%s answered %d to %s %s: %s" % (self.program, status, name, parameters, text))
        return json.loads(text)["data"]

    def query(self, expression, **parameters):
        """[({label: value}, number)] of an instant query; a scalar has no labels."""
        data = self.api("query", query=expression, **parameters)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(row["metric"], float(row["value"][1])) for row in data["result"]]

    def query_range(self, expression, start, end, step):
        """[({label: value}, [(time, number)])]."""
        data = self.api("query_range", query=expression, start=start, end=end, step=step)
        return [(row["metric"], [(float(when), float(number)) for when, number in row["values"]])
                for row in data["result"]]

    def samples(self, selector, window="1h"):
        """[({label: value}, [(time, number)])], as they were scraped."""
        return [(row["metric"], [(float(when), float(number)) for when, number in row["values"]])
                for row in self.api("query", query="%s[%s]" % (selector, window))["result"]]

    def number(self, expression):
        """Of a query that gives one row; None if it gives none."""
        rows = self.query(expression)
        if len(rows) > 1:
            raise AssertionError("%s gives %d rows" % (expression, len(rows)))
        return rows[0][1] if rows else None

    def wait(self, expression, condition=bool, seconds=30.0):
        """Until condition(the query's rows) is true; the rows."""
        rows = []

        def fits():
            rows[:] = self.query(expression)
            return condition(rows)
        wait_for(fits, "%s in %s" % (expression, self.program), seconds, lambda: rows[:5])
        return rows

    def wait_number(self, expression, number, seconds=30.0):
        self.wait(expression, lambda rows: [value for _, value in rows] == [number], seconds)


class Prometheus(Server):
    program = "prometheus"
    health = "/-/ready"

    def __init__(self, scratch, targets=(), interval=1, rules=(), lookback=None, name="prometheus", whole=None):
        """targets: "host:port" of each collectd. rules: paths of rule files, evaluated every interval
        (seconds). lookback: how many seconds a value is shown, if not 300. whole: the text of a
        configuration, instead of all these but lookback. JSON is YAML."""
        config = {"global": {"scrape_interval": "%ds" % interval, "evaluation_interval": "%ds" % interval},
                  "rule_files": list(rules),
                  "scrape_configs": [{"job_name": "collectd", "honor_labels": True,
                                      "static_configs": [{"targets": list(targets)}]}]}
        path = scratch.write(name + ".yml", whole or json.dumps(config, indent=1))
        super().__init__(scratch, name, ())
        self.url = "http://%s:%d" % (self.address, _PORT)
        self._command += ["--config.file=" + path, "--storage.tsdb.path=" + self.path("data"),
                          "--web.listen-address=%s:%d" % (self.address, _PORT), "--log.level=warn",
                          *(["--query.lookback-delta=%ds" % lookback] if lookback else [])]
