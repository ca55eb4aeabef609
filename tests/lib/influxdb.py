# SPDX-License-Identifier: MIT
"""A real InfluxDB 1.x that listens for collectd's network plugin.

    with InfluxDB(scratch) as influxdb:
        with Collectd(scratch, blocks, extra=influxdb.writer()) as daemon:
            influxdb.wait("SELECT last(value) FROM ttn_value WHERE instance = 'roof'")

A measurement is <plugin>_<data source>: ttn_value, and ttn_seconds for durations. Tags are host,
instance, type and type_instance; the field is value. Counts are as collectd has them, not rates.
"""

import json

from collectd import types_db
from daemon import Daemon, get
from tap import wait_for

_HTTP, _RPC, _COLLECTD = 8086, 8088, 25826
_CONFIG = """reporting-disabled = true
bind-address = "%(address)s:%(rpc)d"
[logging]
  level = "warn"
  suppress-logo = true
[meta]
  dir = "%(directory)s/meta"
[data]
  dir = "%(directory)s/data"
  wal-dir = "%(directory)s/wal"
  query-log-enabled = false
[http]
  bind-address = "%(address)s:%(http)d"
  log-enabled = false
[monitor]
  store-enabled = false
[[collectd]]
  enabled = true
  bind-address = "%(address)s:%(collectd)d"
  database = "%(database)s"
  typesdb = "%(typesdb)s"
  batch-timeout = "100ms"
  read-buffer = %(buffer)d
"""


class InfluxDB(Daemon):
    program = "influxd"
    database = "collectd"

    def __init__(self, scratch, name="influxdb", buffer=0, extra=""):
        """buffer: how many bytes may wait at its listener; what comes beyond is lost. 0: the system's default.
        extra: more configuration."""
        super().__init__(scratch, name, ())
        self.url = "http://%s:%d" % (self.address, _HTTP)
        path = scratch.write(name + ".conf", _CONFIG % {
            "address": self.address, "directory": self.directory.rstrip("/"), "database": self.database,
            "typesdb": types_db(), "http": _HTTP, "rpc": _RPC, "collectd": _COLLECTD,
            "buffer": buffer} + extra)
        self._command += ["-config", path]

    def ready(self):
        """The listener makes the database at its first value only; queries want it at once."""
        return get(self.url + "/query", {"q": "CREATE DATABASE " + self.database}, b"")[0] == 200

    def stop(self):
        """Nobody reads its files again. When it is asked to end, its listener of values takes 30 s to."""
        self.process.kill()
        self.process.wait()

    def writer(self):
        """What makes a collectd send here."""
        return 'LoadPlugin network\n<Plugin network>\n  Server "%s" "%d"\n</Plugin>' % (self.address, _COLLECTD)

    def query(self, text):
        """[(measurement, {tag: value}, [{column: value}])]. An error in the answer is a failed test."""
        status, answer = get(self.url + "/query", {"db": self.database, "q": text, "epoch": "ms"})
        if status != 200:
            raise AssertionError("InfluxDB answered %d to %s: %s" % (status, text, answer))
        result = json.loads(answer)["results"][0]
        if "error" in result:
            raise AssertionError("InfluxDB: %s: %s" % (text, result["error"]))
        return [(series["name"], series.get("tags", {}),
                 [dict(zip(series["columns"], row)) for row in series.get("values", ())])
                for series in result.get("series", ())]

    def wait(self, text, condition=bool, seconds=30.0):
        """Until condition(the query's series) is true; the series."""
        series = []

        def fits():
            series[:] = self.query(text)
            return condition(series)
        wait_for(fits, "%s in InfluxDB" % text, seconds, lambda: series[:5])
        return series
