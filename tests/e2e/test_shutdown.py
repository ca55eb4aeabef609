#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""collectd ends within a second of SIGTERM, at any instant of a poll and during whatever a server does; and when the
plugin was built with sanitizers, without a leak: a value that came too late would be one, for nobody takes it."""

import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import checker  # noqa: E402
import network_faults  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from transports import TRANSPORTS  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402
from tarpit import SilentNameServer, Tarpit  # noqa: E402

SECOND = 1.0
SEED = 4501
GATEWAYS = 20
NOWHERE = "https://stack.example.org"
CHANCE = random.Random(SEED)


class Unchecked:
    wrapper = ()
    environment = {}

    def __init__(self, *_):
        pass

    @staticmethod
    def findings():
        return []


# Under valgrind nothing ends within a second; test_memory.py runs there.
CHECKER = checker.Sanitizers if checker.is_sanitized(paths.plugin()) else Unchecked


def stops(scratch, block, what, during, wrapper=()):
    """How long it took to end once during() was true, at some instant of what followed."""
    name = "collectd-%s-%d" % ("".join(c for c in what if c.isalnum()), time.monotonic_ns())
    check = CHECKER(paths.plugin(), scratch)
    with Collectd(scratch, block, wrapper=wrapper, name=name, environment=check.environment, csv=True,
                  prometheus=False) as daemon:
        wait_for(during, "it is during %s" % what, 30)
        time.sleep(CHANCE.uniform(0, 0.1))
        took = daemon.stop()
    equal(check.findings(), [], what)
    at_most(took, SECOND, "seconds to end, %s" % what)
    return took


def patiently(*arguments):
    """A busy machine may hold up one, or two."""
    for again in (True, True, False):
        try:
            return stops(*arguments)
        except AssertionError as problem:
            if not again or "seconds to end" not in str(problem):
                raise
            note("once more: %s" % problem)


def options(scratch, transport, **more):
    return dict(transport.options_real(), APIKeyFile=scratch.key(), Interval=0.1, DiscoveryInterval=0,
                Timeout=60000, **more)


def during(scratch, transport, fault, number):
    what = "%s on the transport %s" % (fault.name, transport.title)
    begun = fault.begin(transport)
    block = account("home", **options(scratch, transport, StateFile=scratch.file("state-%d" % number)))
    begin = time.monotonic()

    def met():
        hits = begun.hits()
        return hits if hits is not None else time.monotonic() > begin + 0.05
    try:
        return patiently(scratch, block, what, met)
    finally:
        begun.end()


def transport(title):
    """All mishaps of a transport. The sanitizers make it slow, and see each of them once."""
    once = CHECKER is not Unchecked
    with Scratch() as scratch, TRANSPORTS[title](scratch.file("transport", ""), Standin) as where:
        for gateway in where.stack.fleet(GATEWAYS):
            where.stack.edit(gateway, gateway_server_address="")
        # Names are staged for ttn-drive alone; collectd's are below.
        took = [(during(scratch, where, fault, number), fault.name)
                for number, fault in enumerate(network_faults.of(where))
                if fault.way != ("name",) and not (once and fault.transports[0] != title)]
    note("%d times, the slowest: %.0f ms (%s)" % (len(took), 1000 * max(took)[0], max(took)[1]))


def test_plain():
    """Plain HTTP/1.1: during each fault of the table"""
    transport("plain")


def test_tls():
    """TLS with HTTP/2: during each fault of the table"""
    transport("TLS")


def test_raw():
    """A raw socket: during each fault of the table"""
    transport("raw")


def test_raw_http2():
    """A raw HTTP/2 server: during each fault of the table"""
    transport("raw HTTP/2")


def test_handshakes_and_names():
    """During a handshake that never ends, a name that isn't told, and one that is none"""
    with Scratch() as scratch:
        def stopped(url, what, met, wrapper=()):
            block = account("home", APIKeyFile=scratch.key(), URL=url, Timeout=60000, Interval=0.1, StateFile="")
            patiently(scratch, block, what, met, wrapper)
        for how in ("hello", "half"):
            with Tarpit(how) as pit:
                stopped("https://127.0.0.1:%d" % pit.port, how, pit.greeted.is_set)
        with SilentNameServer(scratch) as names:
            if names.wrapper is not None:
                stopped(NOWHERE, "silent name server", names.asked, names.wrapper)
        stopped("https://stack.invalid", "no such name", lambda: True)


def test_any_instant():
    """At many instants of starting and polling, with nothing wrong"""
    with Scratch() as scratch, TRANSPORTS["TLS"](scratch.file("transport", ""), Standin) as where:
        where.stack.fleet(GATEWAYS)
        for step in range(12):
            # Counted in requests, not in time, so that a slow machine sees the same instants.
            before = where.stack.asked()["total"]
            block = account("home", **options(scratch, where, StateFile=scratch.file("state-%d" % step)))
            patiently(scratch, block, "%d requests" % (step % 6),
                      lambda: where.stack.asked()["total"] >= before + step % 6)


if __name__ == "__main__":
    run(globals())
