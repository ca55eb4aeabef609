#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""collectd.conf.example in the real collectd: as it is, and with each option that it shows."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import example  # noqa: E402  (the modules lie beside this program's directory)
import paths  # noqa: E402
import standin  # noqa: E402
import tap  # noqa: E402
from collectd import Collectd, account  # noqa: E402


def complaints(daemon):
    return [line for level in ("error", "warning", "notice") for line in daemon.lines(level)]


def test_as_it_is():
    """The file works as written, with just the key file and the URL of the stand-in"""
    with paths.Scratch() as scratch, standin.Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 3)
        text = example.text()
        for name, value in stack.options(scratch).items():
            text = example.swapped(text, name, value)
        # Its own LoadPlugin counts here, so the harness leaves that out.
        extra = 'PluginDir "%s"\n%s' % (os.path.dirname(paths.plugin()), text)
        with Collectd(scratch, "", extra=extra, plugin=False) as daemon:
            tap.wait_for(lambda: daemon.packets("roof")[0] == 3, "the gateway's count", show=daemon.said)
            daemon.wait_value("ttn_api", "home", "bool", "up", 1)
            tap.equal(complaints(daemon), [])


def test_each_option():
    """Each option it shows is known and takes the value it shows, alone and all together"""
    lines = example.options()
    with paths.Scratch() as scratch:
        # A key file that is not there: what is tried here is only what collectd reads at its start.
        missing = scratch.file("missing.key")
        user = '"%s"' % scratch.write("proxy.user", "mole:burrow7\n", 0o600)
        lines = [line._replace(value=user) if line.name == "ProxyUserFile" else line for line in lines]
        blocks = []
        for number, line in enumerate(lines):
            here = "%s %s" % (line.name, line.value)
            if line.name != "APIKeyFile":
                key = {} if line.name == "APIKey" else {"APIKeyFile": missing}
                # Nowhere but to this machine's discard port, and so for the inline key as well.
                url = {} if line.name == "URL" else {"URL": "https://127.0.0.1:9"}
                cert = {"ClientCert": "/etc/collectd/client.pem"} if line.name == "ClientKey" else {}
                blocks.append(account("one-%d" % number, here, **key, **url, **cert))
        all_of_them = ["%s %s" % (line.name, line.value) for line in lines
                       if line.name not in ("APIKey", "APIKeyFile", "StateFile")]
        blocks.append(account("all", *all_of_them, APIKeyFile=missing))
        tap.note("%d accounts" % len(blocks))
        with Collectd(scratch, "\n".join(blocks)) as daemon:
            # Each account says so in its first poll: all were taken.
            tap.wait_for(lambda: len([line for line in daemon.lines("error") if "missing.key" in line])
                         == len(blocks) - 1, "every account's first poll", show=daemon.said)
            wrong = [line for line in complaints(daemon)
                     if "missing.key" not in line and "could not connect" not in line
                     and "list of gateways can't be read" not in line]
            tap.equal(wrong, [])


if __name__ == "__main__":
    tap.run(globals())
