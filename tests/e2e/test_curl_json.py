#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""collectd's curl_json asks in the same process, and in Debian 12 brings another libcurl, that of GnuTLS: both work."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from place import Scratch, plugin_dir  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

CONFIG = """LoadPlugin curl_json
<Plugin curl_json>
  <URL "%s/api/v3/gs/gateways/roof/connection/stats">
    Instance "direct"
    Timeout 5000
    Header "Authorization: Bearer %s"
    CACert "%s"
    <Key "uplink_count">
      Type "packets"
      Instance "uplink"
    </Key>
  </URL>
</Plugin>
"""


def libcurls(text):
    return set(re.findall(r"\b(libcurl[\w-]*)\.so", text))


def libcurls_of_curl_json():
    """The one of GnuTLS in Debian 12, in Debian 13 the plugin's own."""
    out = libcurls(subprocess.check_output(["ldd", os.path.join(plugin_dir(), "curl_json.so")], text=True))
    equal(len(out), 1, "libcurls of curl_json")
    return out


def test_both():
    """The same gateway, asked by both, over TLS"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 5)
        options = stack.options(scratch)
        extra = CONFIG % (options["URL"], key_text(), options["CACert"])
        with Collectd(scratch, account("home", **options, Interval=0.3), extra=extra, interval=0.3) as daemon:
            def seen():
                direct = next((number for (metric, labels), number in daemon.scrape().items()
                               if metric == "collectd_curl_json_packets_total"), None)
                return daemon.packets("roof")[0], direct
            for _ in range(5):
                truth = float(stack.true("roof")[0])
                wait_for(lambda: seen() == (truth, truth), "both have %s" % truth, 10, seen)
                stack.uplink("roof", 3)
            with open("/proc/%d/maps" % daemon.process.pid, encoding="utf-8") as file:
                loaded = libcurls(file.read())
            equal(loaded, {"libcurl"} | libcurls_of_curl_json(), "what is loaded")
            equal(daemon.lines("error") + daemon.lines("warning"), [])
            equal([text for level, text in daemon.log() if "curl_json" in text and level == "error"], [])


run(globals())
