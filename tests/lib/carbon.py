# SPDX-License-Identifier: MIT
"""A real carbon-cache, which stores what write_graphite sends; whisper-fetch reads it back.

    with Carbon(scratch) as carbon:
        with Collectd(scratch, blocks, extra=carbon.writer(StoreRates=False)) as daemon:
            carbon.fetch("testhost.ttn-roof.packets-uplink")

Whisper keeps one value a second: with more of them in a second, the last.
"""

import json
import os
import subprocess
import time

import paths
from collectd import option
from daemon import Daemon, connects

_LINES, _PICKLES, _QUERIES = 2003, 2004, 7002
_CONFIG = """[cache]
USER =
STORAGE_DIR = %(directory)s
LOCAL_DATA_DIR = %(directory)s/whisper
CONF_DIR = %(directory)s
LOG_DIR = %(directory)s
PID_DIR = %(directory)s
LINE_RECEIVER_INTERFACE = %(address)s
LINE_RECEIVER_PORT = %(lines)d
PICKLE_RECEIVER_INTERFACE = %(address)s
PICKLE_RECEIVER_PORT = %(pickles)d
CACHE_QUERY_INTERFACE = %(address)s
CACHE_QUERY_PORT = %(queries)d
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
CARBON_METRIC_INTERVAL = 0
"""
_SCHEMAS = """[all]
pattern = .*
retentions = 1s:1h
"""


def writer(address, port, **options):
    """What makes a collectd's write_graphite send there."""
    lines = ["    " + option(name, value) for name, value in options.items()]
    return "\n".join(["LoadPlugin write_graphite", "<Plugin write_graphite>", '  <Node "graphite">',
                      '    Host "%s"' % address, '    Port "%d"' % port, *lines, "  </Node>", "</Plugin>"])


class Carbon(Daemon):
    program = "carbon-cache"

    def __init__(self, scratch, name="carbon"):
        super().__init__(scratch, name, ())
        config = scratch.write(name + "/carbon.conf", _CONFIG % {
            "address": self.address, "directory": self.directory.rstrip("/"), "lines": _LINES, "pickles": _PICKLES,
            "queries": _QUERIES})
        scratch.write(name + "/storage-schemas.conf", _SCHEMAS)
        self._command += ["--nodaemon", "--config=" + config, "start"]
        self._fetched = {}

    def ready(self):
        return connects(self.address, _LINES)

    def writer(self, **options):
        """What makes a collectd send here."""
        return writer(self.address, _LINES, **options)

    def names(self):
        """Of all series, in Graphite's terms."""
        top = self.path("whisper")
        return sorted(os.path.relpath(os.path.join(directory, name), top)[:-len(".wsp")].replace("/", ".")
                      for directory, _, names in os.walk(top) for name in names if name.endswith(".wsp"))

    def fetch(self, name):
        """[(time, number)] of a series, without the seconds that have none."""
        path = self.path("whisper", *name.split(".")) + ".wsp"
        if not os.path.exists(path):
            return []
        # A program for each series is expensive.
        stamp = os.stat(path).st_mtime_ns
        if self._fetched.get(name, (None,))[0] != stamp:
            fetched = subprocess.run([paths.program("WHISPER_FETCH", "whisper-fetch"), "--json",
                                      "--from=%d" % (time.time() - 3000), path], capture_output=True, check=False)
            if fetched.returncode != 0:
                # Carbon has just begun to write it.
                return []
            answer = json.loads(fetched.stdout)
            rows = [(answer["start"] + index * answer["step"], number)
                    for index, number in enumerate(answer["values"]) if number is not None]
            self._fetched[name] = stamp, rows
        return self._fetched[name][1]
