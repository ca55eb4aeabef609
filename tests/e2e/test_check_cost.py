#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What ttn-check says that a configuration costs, against what a real collectd with its plugin network then has, sends
and asks for."""

import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, near, note, run, wait_for  # noqa: E402

GATEWAYS = 250
INTERVAL = 2
POLLS = 3


def costs(scratch, stack, *options):
    """(what the JSON says, what a person reads)."""
    words = command.words(stack, scratch, "user") + [word for one in options for word in ("-o", one)]
    return command.run(words + ["--json"]).json()["cost"], command.run(words).out


class Listener:
    """Counts what network sends."""

    def __init__(self):
        self.packets = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.writer = 'LoadPlugin network\n<Plugin network>\nServer "127.0.0.1" "%d"\n</Plugin>\n' % (
            self._socket.getsockname()[1])

    def __enter__(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def _run(self):
        while self._socket.recv(65536):
            self.packets += 1

    def __exit__(self, *_):
        self._socket.sendto(b"", self._socket.getsockname())


def idle(scratch, block, writer):
    """Bytes of a collectd whose account has no gateways."""
    with Collectd(scratch, account("home", **dict(block, Gateway="/^none$/")), extra=writer, prometheus=False,
                  interval=INTERVAL, name="idle") as daemon:
        daemon.wait_line("info", "0 gateways|no gateway")
        return daemon.rss()


def measured(scratch, stack, series):
    """(series, bytes, packets a minute, requests a minute) of collectd, without what it needs in any case."""
    block = dict(stack.options(scratch), Interval=INTERVAL, DiscoveryInterval=INTERVAL)
    with Listener() as listener:
        least = idle(scratch, block, listener.writer)
        with Collectd(scratch, account("home", **block), extra=listener.writer, prometheus=False,
                      interval=INTERVAL) as daemon:
            wait_for(lambda: len(daemon.listed()) >= series, "%d series" % series, 20, lambda: len(daemon.listed()))
            begin, packets, asked = time.monotonic(), listener.packets, stack.asked()["total"]
            time.sleep(POLLS * INTERVAL)
            minutes = (time.monotonic() - begin) / 60
            return (len(daemon.listed()), daemon.rss() - least, (listener.packets - packets) / minutes,
                    (stack.asked()["total"] - asked) / minutes)


def test_as_it_is():
    """Series are those that collectd then has; memory, packets and requests are about right"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(GATEWAYS)
        cost, text = costs(scratch, stack, "Interval=%d" % INTERVAL, "DiscoveryInterval=%d" % INTERVAL)
        series, memory, packets, requests = measured(scratch, stack, cost["series"])
        note("said: %s" % cost)
        note("seen: %d series, %d bytes, %.0f packets and %.0f requests a minute" % (series, memory, packets, requests))
        equal((series, cost["series"]), (17 * GATEWAYS + 11, 17 * GATEWAYS + 11), "series")
        if not 0.5 < memory / cost["memory"] < 2:
            raise AssertionError("memory: %d, and %d were said" % (memory, cost["memory"]))
        # A poll more or less may be within the time.
        near(packets / cost["packets_per_minute"], 1, 0.2 + 1 / POLLS, "packets")
        near(requests / cost["requests_per_minute"], 1, 0.1 + 1 / POLLS, "requests")
        said = re.search(r"\nAbout (\d+) series in collectd: ([\d.]+) MB of memory, and ([\d.]+) packets a minute with "
                         r"the\s+plugin\s+network; ([\d.]+) requests a minute to the stack\.\n", text)
        equal((int(said[1]), float(said[2])), (cost["series"], round(cost["memory"] / 1e6, 1)))
        near(float(said[3]) / cost["packets_per_minute"], 1, 0.01)
        near(float(said[4]) / cost["requests_per_minute"], 1, 0.01)


def test_groups():
    """Groups that are off have no series, and details have some"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2)
        cost, _ = costs(scratch, stack, "CollectStatus=false", "CollectAges=false", "CollectDetails=true")
        equal(cost["series"], 11 * 2 + 11)
        cost, text = costs(scratch, stack, "CollectAPI=false")
        equal((cost["series"], cost["memory"]), (17 * 2, 17 * 2 * 1400))
        matches("About 34 series in collectd: 48 KB of memory", text)


def test_options():
    """Events adds a value a gateway, Traffic more, which is said; a list that can't be read has no cost"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2)
        plain, _ = costs(scratch, stack)
        near(plain["requests_per_minute"], 1.2, 1e-9)
        equal(costs(scratch, stack, "Events=true")[0]["series"], plain["series"] + 2)
        cost, text = costs(scratch, stack, "Traffic=true")
        equal(cost["series"], plain["series"] + 2)
        matches(r"to the stack\. Traffic\s+adds to the series\.\n", text)
        equal(costs(scratch, stack, "Location=true")[0]["series"], plain["series"] + 6)
        stack.fault({"status": 503, "body": ""}, {"kind": "list"})
        cost, text = costs(scratch, stack)
        equal((set(cost.values()), "series in collectd" in text), ({None}, False))


run(globals())
