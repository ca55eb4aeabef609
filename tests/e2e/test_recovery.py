#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Connections last for many polls, and any trouble of one, or of a host, is over as soon as the host
is well: within the same poll or the next, with a line at its start and one at its end."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from drive import Drive, FakedNames  # noqa: E402
from paths import Scratch  # noqa: E402
from relay import Relay  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, run  # noqa: E402

GATEWAYS = 250
NAME = "stack.test"


def options(scratch, stack, relay):
    """To the stand-in through a relay, which does not know of TLS."""
    return dict(stack.options(scratch), URL="%s://%s" % ("https" if stack.tls else "http", relay.place))


def port(stack):
    return stack.front.port if stack.tls else stack.port


def transports(scratch):
    """Over plain HTTP/1.1 and over TLS with HTTP/2."""
    for stack in (Standin(), Standin(scratch)):
        with stack, Relay(("127.0.0.1", port(stack))) as relay:
            stack.fleet(GATEWAYS)
            yield stack, relay


def well(poll, what, errors=None):
    """Nothing was lost, and nobody hears of it. errors: failures so far."""
    equal((poll.api("count", "connected"), poll.api("bool", "up")), (GATEWAYS, 1), what)
    equal((poll.lines("error", "warning", "notice"), poll.errors()), ([], errors or {}), what)


def lost(poll, pattern, what):
    """Nothing is known. pattern: what the one line says, or None: it was said."""
    equal((poll.api("count", "unknown"), poll.api("bool", "up")), (GATEWAYS, 0), what)
    equal([key for key in poll.values if key[0] == "ttn"], [], "values, " + what)
    lines = poll.lines("error", "warning", "notice")
    equal(len(lines), 0 if pattern is None else 1, "lines, %s: %s" % (what, lines))
    if lines:
        matches(pattern, lines[0])


def back(poll, what):
    """All is known again, which is said."""
    equal((poll.api("count", "connected"), poll.api("bool", "up")), (GATEWAYS, 1), what)
    lines = poll.lines("error", "warning", "notice")
    equal(len(lines), 1, "lines, %s: %s" % (what, lines))
    matches("responds again, after", lines[0])


def test_kept():
    """The same connections over five polls"""
    with Scratch() as scratch:
        for stack, relay in transports(scratch):
            with Drive(scratch, **options(scratch, stack, relay)) as drive:
                well(drive.poll(), "first poll")
                for number in range(2, 6):
                    well(drive.poll(), "poll %d" % number)
                # Without HTTP/2 three batches go in parallel if the first has no answer in time.
                at_most(relay.accepted, 1 if stack.tls else 3, "connections")


def test_died_between_polls():
    """A connection that died between two polls costs no poll, no failure and no line"""
    deaths = {"closed": Relay.cut, "reset": Relay.reset, "closed when used": lambda relay: relay.doom(False),
              "reset when used": lambda relay: relay.doom(True)}
    with Scratch() as scratch:
        for stack, relay in transports(scratch):
            with Drive(scratch, **options(scratch, stack, relay)) as drive:
                well(drive.poll(), "first poll")
                # Which of three calls notices first is chance.
                for what, kill in list(deaths.items()) * 6:
                    before = relay.accepted
                    kill(relay)
                    well(drive.poll(), what)
                    at_most(before + 1, relay.accepted, "connections, so that one was replaced: " + what)


def test_server_starts_again():
    """A server, or what stands in front of it, is started again between two polls"""
    with Scratch() as scratch:
        for stack, _ in transports(scratch):
            def restart():
                stack.refuse(1)
                stack.refuse(1, False)
            ways = [restart, lambda: stack.certificate(1)] if stack.tls else [restart, stack.drop_connections]
            with Drive(scratch, **stack.options(scratch)) as drive:
                for number, way in enumerate(ways):
                    well(drive.poll(), "poll before %d" % number)
                    way()
                    well(drive.poll(), "poll after %d" % number)


def test_silent():
    """A connection that went silent is left after the first time-out, and the poll is whole all the same"""
    with Scratch() as scratch:
        for stack, relay in transports(scratch):
            with Drive(scratch, Timeout=3000, **options(scratch, stack, relay)) as drive:
                well(drive.poll(), "first poll")
                relay.silence()
                # The list is due as well.
                drive.later(300)
                poll = drive.poll()
                equal(set(poll.errors()), {"timeout"}, "failures")
                well(poll, "a silent connection", poll.errors())
                at_most(poll.ms, 2000, "ms")
                well(drive.poll(), "the poll after", poll.errors())


def test_certificate():
    """A certificate that becomes bad, and good again"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(GATEWAYS)
        with Drive(scratch, **stack.options(scratch)) as drive:
            well(drive.poll(), "first poll")
            for kind, pattern in (("expired", "expired"), ("wrong-host", "name that is in its certificate")):
                stack.certificate(1, kind)
                stack.reset_asked()
                lost(drive.poll(), "no secure connection to .*" + pattern, kind)
                drive.later(300)
                lost(drive.poll(), None, kind + ", second poll")
                equal(stack.asked()["total"], 0, "requests")
                stack.certificate(1, "good")
                back(drive.poll(), "after " + kind)
                drive.poll()


POLLS = 100


def outage(stack, relay, drive, begin, end, count):
    """How many requests or connections the polls after the first cost, which is over in one."""
    well(drive.poll(), "before")
    begin()
    lost(drive.poll(), "no whole answer|no secure connection|answered 503", "first poll")
    before = count()
    for number in range(POLLS):
        drive.later(60)
        lost(drive.poll(), None, "poll %d" % number)
    cost = count() - before
    end()
    stack.reset_asked()
    drive.later(60)
    back(drive.poll(), "after the outage")
    # In the one poll: the probe, the other batches, and the list that has been due for long.
    equal((stack.count(kind="batch"), stack.count(kind="list")), (3, 1), "requests of the poll that ends it")
    return cost


def test_a_days_outage():
    """An outage of 100 polls costs one request an interval, and is over within one"""
    with Scratch() as scratch:
        for stack, relay in transports(scratch):
            def close(closing):
                relay.closing = closing
                relay.cut()
            with Drive(scratch, **options(scratch, stack, relay)) as drive:
                equal(outage(stack, relay, drive, lambda: close(True), lambda: close(False), lambda: relay.accepted),
                      POLLS, "connections that are closed at once")
            with Drive(scratch, **options(scratch, stack, relay)) as drive:
                equal(outage(stack, relay, drive, lambda: stack.fault({"status": 503}, {"kind": "any"}), stack.unfault,
                             lambda: stack.asked()["total"]), POLLS, "requests that are answered with 503")


def test_names_that_move():
    """A name that gets another address is followed"""
    here, there = {NAME: ["127.0.0.1"]}, {NAME: ["127.0.0.2"]}
    with Scratch() as scratch, Standin() as stack:
        for gateway in stack.fleet(GATEWAYS):
            stack.edit(gateway, gateway_server_address="")
        target = ("127.0.0.1", stack.port)
        with Relay(target) as old, Relay(target, "127.0.0.2", old.port) as new:
            # One connection: another beside it would look the name up for itself.
            moved = dict(stack.options(scratch), URL="http://%s:%d" % (NAME, old.port), AllowPlainHTTP=True,
                         MaxConnections=1)
            # The old address goes on to work: within ten minutes.
            with FakedNames(scratch, here, **moved) as drive:
                drive.poll()
                drive.resolve(there)
                minutes = 0
                while new.accepted == 0:
                    minutes += 1
                    at_most(minutes, 11, "minutes")
                    drive.later(60)
                    well(drive.poll(), "minute %d" % minutes)
            # Its connections end: in the next poll, without a loss.
            with FakedNames(scratch, here, **moved) as drive:
                drive.poll()
                drive.resolve(there)
                old.cut()
                before = old.accepted, new.accepted
                drive.later(61)
                well(drive.poll(), "after the connections' end")
                equal(old.accepted, before[0], "connections to the old address")
                at_most(before[1] + 1, new.accepted, "connections to the new address")
            # It is gone while the name is still being remembered: an interval.
            with FakedNames(scratch, here, **moved) as drive:
                drive.poll()
                drive.resolve(there)
                old.closing = True
                old.cut()
                lost(drive.poll(), "no whole answer from " + NAME, "at once")
                drive.later(61)
                back(drive.poll(), "a minute later")


if __name__ == "__main__":
    run(globals())
