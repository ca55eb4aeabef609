#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two accounts that may see the same gateways: each gateway is reported once under a host, by one of them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, HOST, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, run, wait_for  # noqa: E402

OFTEN = {"Interval": 0.3, "DiscoveryInterval": 0}


def polls(daemon, count):
    """Waits for so many more polls of both accounts."""
    names = ("one", "two")
    end = {name: len(daemon.csv("ttn_api-" + name, "bool-up")) + count for name in names}
    wait_for(lambda: all(len(daemon.csv("ttn_api-" + name, "bool-up")) >= end[name] for name in names),
             "%d polls" % count, daemon.patience)


def gateways(daemon, name):
    rows = daemon.csv("ttn_api-" + name, "count-gateways")
    return int(rows[-1][1]) if rows else None


def test_same_host():
    """The same key twice: the second keeps out, with one warning that names Host"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        blocks = "\n".join(account(name, **stack.options(scratch), **OFTEN) for name in ("one", "two"))
        with Collectd(scratch, blocks, csv=True) as daemon:
            line = daemon.wait_line("warning", "another account already reports gateway")
            matches(r'^account "(one|two)": another account already reports gateway gw-0000\d: it is left out here, '
                    'like .*; give one of the accounts a Host option if both shall report it$', line)
            polls(daemon, 8)
            # Both may have begun at the same instant: then each has some, and each says so once.
            lines = [text for text in daemon.lines("warning") if "another account" in text]
            equal(len({text.partition(":")[0] for text in lines}), len(lines), "warnings: %s" % lines)
            equal(gateways(daemon, "one") + gateways(daemon, "two"), 3, "gateways of both")
            equal(daemon.lines("error"), [])
            for gateway in ("gw-00001", "gw-00002", "gw-00003"):
                equal(daemon.packets(gateway), stack.true(gateway), gateway)
        # Were both to report one, it would have about twice as many values as there were polls.
        most = max(len(daemon.csv("ttn_api-" + name, "bool-up")) for name in ("one", "two"))
        for gateway in ("gw-00001", "gw-00002", "gw-00003"):
            at_most(len(daemon.csv("ttn-" + gateway, "bool-connected")), most + 2, "values of " + gateway)


def test_other_host():
    """With Host "other" on one of them both report"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        blocks = "\n".join((account("one", **stack.options(scratch), **OFTEN),
                            account("two", Host="other", **stack.options(scratch), **OFTEN)))
        with Collectd(scratch, blocks, csv=True) as daemon:
            for host in (HOST, "other"):
                path = daemon.path("csv", host, "ttn-gw-00003")
                wait_for(lambda: os.path.isdir(path), "values under host " + host, daemon.patience)
            seen = {dict(labels)["instance"] for (metric, labels), _ in daemon.scrape().items()
                    if metric == "collectd_ttn_packets_total"}
            equal(seen, {HOST, "other"}, "hosts in write_prometheus")
            equal(daemon.lines("warning") + daemon.lines("error"), [])


def test_takes_over():
    """When a gateway leaves the first account's list, the second takes over, and its counts go on"""
    with Scratch() as scratch, Standin() as stack:
        for gateway in stack.fleet(2):
            stack.collaborator(gateway, "bob", "all")
        first = account("one", **stack.options(scratch), **OFTEN)
        second = account("two", **stack.options(scratch, "user-without-gateways"), **OFTEN)
        # The second begins when the first has its gateways.
        stack.fault({"hang": True}, {"key": "user-without-gateways"})
        with Collectd(scratch, first + "\n" + second, csv=True) as daemon:
            wait_for(lambda: gateways(daemon, "one") == 2, "the first's gateways", daemon.patience)
            stack.unfault()
            matches('^account "two": ', daemon.wait_line("warning", "another account already reports gateway"))
            stack.uplink("gw-00002", 5)
            stack.collaborator("gw-00002", "alice", None)
            wait_for(lambda: (gateways(daemon, "one"), gateways(daemon, "two")) == (1, 1), "one each", daemon.patience,
                     lambda: (gateways(daemon, "one"), gateways(daemon, "two")))
            stack.uplink("gw-00002", 3)
            daemon.wait_value("ttn", "gw-00002", "packets", "uplink", stack.true("gw-00002")[0])
            polls(daemon, 3)
            equal(len([text for text in daemon.lines("warning") if "another account" in text]), 1, "warnings")
            equal(daemon.lines("error"), [])
        uplinks = [number for _, number in daemon.csv("ttn-gw-00002", "packets-uplink")]
        equal(uplinks, sorted(uplinks), "uplinks")


if __name__ == "__main__":
    run(globals())
