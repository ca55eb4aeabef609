# SPDX-License-Identifier: MIT
"""A real Telegraf that listens for collectd's network plugin, and writes to an InfluxDB.

    with InfluxDB(scratch) as influxdb, Telegraf(scratch, influxdb) as telegraf:
        with Collectd(scratch, blocks, extra=telegraf.writer()) as daemon:
            influxdb.wait("SELECT last(value) FROM ttn_value WHERE instance = 'roof'")
"""

from collectd import option, types_db
from daemon import Daemon

_PORT = 25827  # InfluxDB has 25826 at the same address
USER, _PASSWORD = "writer", "of a test"
# doc/writers.md has it so.
_CONFIG = """[agent]
  flush_interval = "200ms"
  flush_jitter = "0s"
  omit_hostname = true

[[inputs.socket_listener]]
  service_address = "udp://%(address)s:%(port)d"
  data_format = "collectd"
  collectd_typesdb = ["%(typesdb)s"]
  collectd_security_level = "%(level)s"
  collectd_auth_file = "%(passwords)s"

[[outputs.influxdb]]
  urls = ["%(url)s"]
  database = "%(database)s"
"""


class Telegraf(Daemon):
    program = "telegraf"

    def __init__(self, scratch, influxdb, level="none", name="telegraf"):
        """level: "none", or what is wanted of each packet at least: "sign" or "encrypt"."""
        super().__init__(scratch, name, ())
        path = scratch.write(name + ".conf", _CONFIG % {
            "address": self.address, "port": _PORT, "typesdb": types_db(), "level": level,
            "passwords": scratch.write(name + ".passwords", "%s: %s\n" % (USER, _PASSWORD)), "url": influxdb.url,
            "database": influxdb.database})
        self._command += ["--config", path]

    def ready(self):
        return "Listening on udp://" in self.said()

    def writer(self, level="None", password=_PASSWORD):
        """What makes a collectd send here. level: "None", "Sign" or "Encrypt"."""
        lines = ["    " + option(name, value) for name, value in (
            ("SecurityLevel", level), ("Username", USER), ("Password", password))] if level != "None" else []
        return "\n".join(["LoadPlugin network", "<Plugin network>", '  <Server "%s" "%d">' % (self.address, _PORT),
                          *lines, "  </Server>", "</Plugin>"])
