#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""250 gateways: what a poll costs in requests, connections and memory, and that every value is right."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402

GATEWAYS = 250
# A writer that keeps nothing, so that what is measured is neither its memory nor lines in the log.
NOBODY = 'LoadPlugin network\n<Plugin network>\nServer "127.0.0.1" "9"\n</Plugin>\n'


def test_requests():
    """1 list and 3 batches, then 3 batches a poll, over 1 connection"""
    with Scratch() as scratch, Standin(scratch) as stack:
        ids = stack.fleet(GATEWAYS)
        with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
            for poll in range(20):
                before = {kind: stack.count(kind=kind) for kind in ("list", "batch")}
                total = stack.asked()["total"]
                polled = drive.poll()
                lists = stack.count(kind="list") - before["list"]
                batches = stack.count(kind="batch") - before["batch"]
                equal((lists, batches), (1 if poll == 0 else 0, 3), "lists and batches of poll %d" % poll)
                equal(stack.asked()["total"] - total, lists + batches, "requests of poll %d" % poll)
                for gateway in ids:
                    equal(polled.packets(gateway), stack.true(gateway), gateway)
                stack.move(2, 0.3)
        equal(stack.asked()["tls"]["1"]["connections"], 1, "connections")
        equal(stack.asked()["tls"]["1"]["alpn"], {"h2": 61}, "requests over HTTP/2")
        equal(stack.count(status=200), 61, "good answers")


def test_all_right():
    """All values of all gateways are right in write_prometheus, while they move"""
    with Scratch() as scratch, Standin(scratch) as stack:
        ids = stack.fleet(GATEWAYS, pattern="mixed")
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=1), interval=1) as daemon:
            for _ in range(2):
                truth = {(gateway, kind): number for gateway in ids if not gone(gateway)
                         for kind, number in zip(("uplink", "downlink", "tx_ack"), stack.true(gateway))}
                wait_for(lambda: counts(daemon) == truth, "all counts", 20,
                         lambda: sorted(set(truth.items()) - set(counts(daemon).items()))[:5])
                stack.move(3)
            states = {key[1]: number for key, number in daemon.values().items() if key[3] == "connected"
                      and key[2] == "bool"}
            equal(states, {gateway: float(index % 10 < 8) for index, gateway in enumerate(ids)}, "states")
            equal(daemon.value("ttn_api", "home", "count", "connected"), 200)
            equal(daemon.lines("error") + daemon.lines("warning"), [])


def gone(gateway):
    """Of ten gateways the last two are not connected, and the eighth has no messages at first."""
    return int(gateway[-5:]) % 10 in (8, 9, 0)


def counts(daemon):
    return {(key[1], key[3]): number for key, number in daemon.values().items()
            if key[2] == "packets" and not gone(key[1])}


# collectd itself keeps some 1.3 KB for each value that any plugin gives it, and a gateway has 17: without these
# groups it is the plugin's memory that is measured, with them mostly collectd's.
FEW = {"CollectRoundTripTimes": False, "CollectAges": False, "CollectDutyCycle": False, "CollectStatus": False}


def memory(scratch, stack, name, polls=0, **options):
    """collectd's resident memory, in bytes, and again after as many polls more. (The first eight fill buffers.)"""
    block = account("home", **dict(stack.options(scratch), Interval=0.2, **options))
    stack.reset_asked()
    with Collectd(scratch, block, extra=NOBODY, prometheus=False, interval=1, name=name) as daemon:
        daemon.wait_line("info", "gateways to report")
        wait_for(lambda: stack.count(kind="batch") >= 6 * polls, "%d polls" % (2 * polls), 30)
        first = daemon.rss()
        wait_for(lambda: stack.count(kind="batch") >= 12 * polls, "%d polls" % (4 * polls), 30)
        return first, daemon.rss()


def test_memory():
    """collectd's memory grows by no more than 10 MB, and does not go on to grow"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(GATEWAYS)
        idle, _ = memory(scratch, stack, "idle", Gateway="/^none$/")
        few, few_later = memory(scratch, stack, "few", 8, **FEW)
        all_values, later = memory(scratch, stack, "all", 8)
    note("resident MB of collectd with an account without gateways: %.1f; with %d, counts and state: %.1f; "
         "all values: %.1f; 16 polls later: %.1f and %.1f"
         % (idle / 1e6, GATEWAYS, few / 1e6, all_values / 1e6, few_later / 1e6, later / 1e6))
    at_most(few_later - idle, 10e6, "bytes for counts and state")
    at_most(later - idle, 12e6, "bytes for all values")
    at_most(few_later - few, 1e6, "bytes for 16 polls, counts and state")
    # (68,000 values: 3 MB are 24 bytes each. collectd's own buffers were seen to take 1.7 MB.)
    at_most(later - all_values, 3e6, "bytes for 16 polls, all values")


run(globals())
