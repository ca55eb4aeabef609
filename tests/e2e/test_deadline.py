#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whatever a server does: a poll ends by its deadline + 100 ms, and the next one is right."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import network_faults  # noqa: E402
from drive import Drive, FakedDrive  # noqa: E402
from transports import TRANSPORTS  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run  # noqa: E402
from tarpit import SilentNameServer, Tarpit  # noqa: E402

TARPITS = ("accept", "hello", "half")
TIMEOUT = 400
LATE = 100
NOWHERE = "https://stack.example.org"


def patiently(case, *arguments):
    """A busy machine may hold up a poll, or two, but what knows no deadline is late each time."""
    for again in (True, True, False):
        try:
            return case(*arguments)
        except AssertionError as problem:
            if not again:
                raise
            note("once more: %s" % problem)


def in_time(drive, what):
    poll = drive.poll()
    at_most(poll.ms, TIMEOUT + LATE, "ms of a poll, " + what)
    return poll


def nothing_known(poll, what):
    equal(poll.of("roof"), {}, what)
    equal(poll.api("bool", "up"), 0, what)
    return poll


def all_known(poll, what):
    equal((poll.packets("roof")[0], poll.api("bool", "up")), (7, 1), "the poll after %s: %s" % (what, poll.log))


def during(scratch, transport, fault, fresh):
    """A poll during a fault, by an account that is new or has its connections. Returns how long it took."""
    what = "%s on the transport %s%s" % (fault.name, transport.title, ", at the start" if fresh else "")
    with FakedDrive(scratch, transport.fake, APIKeyFile=scratch.key(), Timeout=TIMEOUT, Interval=10,
                 **transport.options()) as drive:
        if not fresh:
            all_known(drive.poll(), "nothing")
            # The list is due as well.
            drive.later(300)
        begun = fault.begin(transport, {"kind": "batch"} if fault.action and not fault.lists else None)
        try:
            poll = in_time(drive, what)
            if fault.unknown and not fault.spares:
                nothing_known(poll, what)
            others = set(poll.errors()) - fault.kinds(transport)
            equal(others, set(), "failures, " + what)
            if begun.hits() == 0:
                raise AssertionError("nobody met it: " + what)
        finally:
            begun.end()
        # What a rate limit has to wait for.
        drive.later(60)
        all_known(drive.poll(), what)
        return poll.ms


def transport(title):
    """All mishaps of a transport."""
    with Scratch() as scratch, TRANSPORTS[title](scratch.file("transport", ""), Standin) as where:
        where.stack.register("roof", gateway_server_address="")
        where.stack.connect("roof")
        where.stack.uplink("roof", 7)
        took = [(patiently(during, scratch, where, fault, fresh), fault.name)
                for fault in network_faults.of(where) for fresh in (False, True)]
    note("%d polls, the slowest: %.1f ms of %d (%s)" % (len(took), *max(took)[:1], TIMEOUT, max(took)[1]))


def test_plain():
    """Plain HTTP/1.1: each fault of the table"""
    transport("plain")


def test_tls():
    """TLS with HTTP/2: each fault of the table"""
    transport("TLS")


def test_raw():
    """A raw socket: each fault of the table"""
    transport("raw")


def test_raw_http2():
    """A raw HTTP/2 server: each fault of the table"""
    transport("raw HTTP/2")


def hopeless(scratch, url, what, wrapper=()):
    """A poll of an account whose server never says a word."""
    with Drive(scratch, wrapper=wrapper, APIKeyFile=scratch.key(), URL=url, Timeout=TIMEOUT, Interval=10) as drive:
        nothing_known(in_time(drive, what), what)


def test_handshakes():
    """TLS handshakes that never end"""
    with Scratch() as scratch:
        for how in TARPITS:
            with Tarpit(how) as pit:
                patiently(hopeless, scratch, "https://127.0.0.1:%d" % pit.port, how)


def test_names():
    """A name server that never answers"""
    with Scratch() as scratch, SilentNameServer(scratch) as names:
        if names.wrapper is None:
            note("not tried: only root can stage it")
            return
        patiently(hopeless, scratch, NOWHERE, "name server", names.wrapper)
        equal(names.asked(), True, "a question came")


if __name__ == "__main__":
    run(globals())
