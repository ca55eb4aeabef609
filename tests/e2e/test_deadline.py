#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whatever a server does: a poll ends by its deadline, and collectd within a second of SIGTERM."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from place import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402
from tarpit import SilentNameServer, Tarpit  # noqa: E402

# What the stand-in does to every answer of a kind: each keeps a client waiting for ever.
HANGS = {
    "no answer": {"hang": True},
    "a byte a second": {"trickle": [1, 1.0]},
    "20 bytes at a time": {"trickle": [20, 0.1]},
    "amid the headers": {"raw": "HTTP/1.1 200 OK\r\nContent-Type: appl"},
    "amid the body": {"raw": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
                             '{"entries":{"roof":{"connected_at":'},
    "a chunk that never ends": {"raw": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"entr"},
    "headers without end": {"raw": "HTTP/1.1 200 OK\r\n" + "X-A: b\r\n" * 20},
}
TARPITS = ("accept", "hello", "half")
TIMEOUT = 500
NOWHERE = "https://stack.example.org"


def one_gateway(stack):
    stack.register("roof")
    stack.connect("roof")
    stack.uplink("roof", 7)


def ends_in_time(drive, what):
    """A poll amid a hang. A busy machine may hold up one, or two, but a poll that knows no deadline
    is late each time."""
    for _ in range(3):
        poll = drive.poll()
        equal(poll.of("roof"), {}, what)
        equal(poll.api("bool", "up"), 0, what)
        if poll.ms <= TIMEOUT + 100:
            break
    at_most(poll.ms, TIMEOUT + 100, "ms of a poll, %s" % what)
    return poll


def test_deadline():
    """A poll ends by Timeout + 100 ms, and the next is right"""
    worst = 0
    with Scratch() as scratch, Standin() as stack:
        one_gateway(stack)
        for what, action in HANGS.items():
            for kind in ("list", "batch"):
                stack.fault(action, {"kind": kind})
                with Drive(scratch, **stack.options(scratch), Timeout=TIMEOUT, Interval=10) as drive:
                    poll = ends_in_time(drive, "%s, %s" % (kind, what))
                    worst = max(worst, poll.ms)
                    equal(set(poll.errors()), {"timeout"}, "failures, %s, %s" % (kind, what))
                    stack.unfault()
                    poll = drive.poll()
                    equal(poll.packets("roof")[0], 7, "the next poll after %s, %s" % (kind, what))
    note("slowest poll: %.1f ms of %d" % (worst, TIMEOUT))


def test_deadline_tls():
    """The same behind TLS with HTTP/2, and where the handshake never ends"""
    with Scratch() as scratch, Standin(scratch) as stack:
        one_gateway(stack)
        for what in ("no answer", "20 bytes at a time"):
            with Drive(scratch, **stack.options(scratch), Timeout=TIMEOUT, Interval=10) as drive:
                equal(drive.poll().packets("roof")[0], 7)
                stack.fault(HANGS[what], {"kind": "batch"})
                ends_in_time(drive, what)
                stack.unfault()
                equal(drive.poll().packets("roof")[0], 7, "the next poll after %s" % what)
        for how in TARPITS:
            with Tarpit(how) as pit:
                with Drive(scratch, APIKeyFile=scratch.key(), URL="https://127.0.0.1:%d" % pit.port, Timeout=TIMEOUT,
                           Interval=10) as drive:
                    ends_in_time(drive, how)


def test_deadline_names():
    """A name server that never answers"""
    with Scratch() as scratch, SilentNameServer(scratch) as names:
        if names.wrapper is None:
            note("not tried: only root can stage it")
            return
        with Drive(scratch, wrapper=names.wrapper, APIKeyFile=scratch.key(), URL=NOWHERE, Timeout=TIMEOUT,
                   Interval=10) as drive:
            ends_in_time(drive, "name server")
            equal(names.asked(), True, "a question came")


def stops(scratch, block, what, hanging, wrapper=()):
    with Collectd(scratch, block, wrapper=wrapper, name="collectd-" + what.replace(" ", "-")) as daemon:
        wait_for(hanging, "a request hangs, %s" % what)
        took = daemon.stop()
        at_most(took, 1.0, "seconds to end, %s" % what)
        return took


def test_shutdown():
    """collectd ends within a second of SIGTERM amid every hang"""
    worst = 0
    with Scratch() as scratch, Standin() as stack:
        one_gateway(stack)
        block = account("home", **stack.options(scratch), Interval=0.5, Timeout=60000)
        for what, action in HANGS.items():
            for kind in ("list", "batch"):
                stack.fault(action, {"kind": kind})
                worst = max(worst, stops(scratch, block, "%s, %s" % (kind, what), lambda: stack.faults()[0]["hits"]))
                stack.unfault()
    note("slowest end: %.0f ms" % (1000 * worst))


def test_shutdown_tls():
    """The same behind TLS with HTTP/2, amid a handshake, and amid a name that isn't told"""
    worst = 0
    with Scratch() as scratch, Standin(scratch) as stack:
        one_gateway(stack)
        block = account("home", **stack.options(scratch), Interval=0.5, Timeout=60000)
        stack.fault({"hang": True}, {"kind": "batch"})
        worst = max(worst, stops(scratch, block, "tls", lambda: stack.faults()[0]["hits"]))
        for how in ("hello", "half"):
            with Tarpit(how) as pit:
                block = account("home", APIKeyFile=scratch.key(), URL="https://127.0.0.1:%d" % pit.port, Timeout=60000,
                                Interval=0.5)
                worst = max(worst, stops(scratch, block, how, pit.greeted.is_set))
        with SilentNameServer(scratch) as names:
            if names.wrapper is not None:
                block = account("home", APIKeyFile=scratch.key(), URL=NOWHERE, Timeout=60000, Interval=0.5)
                worst = max(worst, stops(scratch, block, "names", names.asked, names.wrapper))
    note("slowest end: %.0f ms" % (1000 * worst))


def test_shutdown_any_time():
    """SIGTERM at many instants of starting and polling: status 0, within a second"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(20)
        block = account("home", **stack.options(scratch), Interval=0.1)
        for step in range(12):
            with Collectd(scratch, block, name="at-%d" % step) as daemon:
                # Counted in requests, not in time, so that a slow machine sees the same instants.
                before = stack.asked()["total"]
                wait_for(lambda: stack.asked()["total"] >= before + step % 6, "%d requests" % (step % 6))
                at_most(daemon.stop(), 1.0, "seconds to end")


run(globals())
