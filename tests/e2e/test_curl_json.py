#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Beside collectd's curl_json in the same process, which in Debian 12 brings another libcurl, that of GnuTLS: both work.

And what README says of it, seen: what becomes of a count when a gateway reconnects, and whom it gives the key to."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch, plugin_dir  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

CONFIG = """LoadPlugin curl_json
<Plugin curl_json>
  <URL "%s/api/v3/gs/gateways/roof/connection/stats">
    Instance "direct"
    Timeout 5000
    Header "Authorization: Bearer %s"
    %s
    <Key "uplink_count">
      Type "packets"
      Instance "uplink"
    </Key>
  </URL>
</Plugin>
"""


def config(url, option=""):
    return CONFIG % (url, key_text(), option)


def direct(daemon):
    """What curl_json reports."""
    return next((number for (metric, labels), number in daemon.scrape().items()
                 if metric == "collectd_curl_json_packets_total"), None)


# A poll must end within it, on a busy machine too: of a failure only the first cause is said.
INTERVAL = 1


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
        extra = config(options["URL"], 'CACert "%s"' % options["CACert"])
        with Collectd(scratch, account("home", **options, Interval=INTERVAL), extra=extra, interval=INTERVAL) as daemon:
            def seen():
                return daemon.packets("roof")[0], direct(daemon)
            for _ in range(5):
                truth = float(stack.true("roof")[0])
                wait_for(lambda: seen() == (truth, truth), "both have %s" % truth, 10, seen)
                stack.uplink("roof", 3)
            with open("/proc/%d/maps" % daemon.process.pid, encoding="utf-8") as file:
                loaded = libcurls(file.read())
            equal(loaded, {"libcurl"} | libcurls_of_curl_json(), "what is loaded")
            equal(daemon.lines("error") + daemon.lines("warning"), [])
            equal([text for level, text in daemon.log() if "curl_json" in text and level == "error"], [])


def test_reconnect():
    """A reconnect, by the next poll with more messages than before: here all are counted, there only the excess is seen"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 5)
        options = stack.options(scratch)
        with Collectd(scratch, account("home", **options, Interval=INTERVAL), extra=config(options["URL"]),
                      interval=INTERVAL) as daemon:
            wait_for(lambda: (daemon.packets("roof")[0], direct(daemon)) == (5, 5), "both have 5", 10)
            stack.connect("roof")
            stack.uplink("roof", 7)
            wait_for(lambda: (daemon.packets("roof")[0], direct(daemon)) == (12, 7), "12 here, 7 there", 10)


def test_certificate():
    """A certificate of nobody's: the key stays here, curl_json gives it away unless told otherwise"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 5)
        options = stack.options(scratch)
        options.pop("CACert")
        with Collectd(scratch, account("home", **options, Interval=INTERVAL), extra=config(options["URL"]),
                      interval=INTERVAL) as daemon:
            wait_for(lambda: direct(daemon) == 5, "curl_json has been answered", 10)
            daemon.wait_line("error", "no secure connection")
            equal(daemon.packets("roof"), (None, None, None))


run(globals())
