#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A gateway that two Gateway Servers hold: each entry that a running stack's registry had, against what was sent.

One message is missing: the counter of the connection before, which had ended with 1, is still remembered when the second
server's shows for the first time, with 3, and may be its.
"""

import json
import os
import random
import sys
from email.utils import parsedate_to_datetime

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from drive import Drive  # noqa: E402
from stories import memory  # noqa: E402
from tap import equal, note, run  # noqa: E402
import stack as standin  # noqa: E402

GATEWAY = "alice-gw-3"
with open(os.path.join(paths.SRCDIR, "tests", "answers", "two-servers", "registry.json"), encoding="utf-8") as recorded:
    ANSWERS = json.load(recorded)["answers"]


def sent(answer):
    return answer["sent_to_1"] + answer["sent_to_2"]


def begin(stack, directory):
    """The options of a plugin there."""
    key = os.path.join(directory, "key")
    with open(key, "w", encoding="ascii") as file:
        file.write(paths.keys.text_of("user") + "\n")
    return {"URL": stack.url, "APIKeyFile": key, "StateFile": os.path.join(directory, "state"), "Interval": 60}


def replay(answers, kills=()):
    """[(answer, uplinks or None, connected or None)] of a poll for each answer. kills: after which of them it is killed."""
    out = []
    with memory() as directory, standin.Stack() as stack:
        stack.register(GATEWAY)
        stack.freeze()
        drive = Drive(None, **begin(stack, directory))
        for number, answer in enumerate(answers):
            stack.set_clock(parsedate_to_datetime(answer["date"]).strftime("%Y-%m-%dT%H:%M:%SZ"))
            stack.unfault()
            stack.fault({"body": json.dumps({"entries": {GATEWAY: answer["stats"]}})}, {"kind": "batch"})
            reported = drive.poll()
            values = reported.gateways.get(GATEWAY, {})
            out.append((answer, values.get(("packets", "uplink")), values.get(("bool", "connected"))))
            if number in kills:
                drive.kill()
                drive = Drive(None, **begin(stack, directory))
        drive.stop()
    return out


def holds(told):
    """Nothing is invented at any answer. Returns what was reported and what was sent, both since the first value."""
    first = next(row for row in told if row[1] is not None)
    # The first entry is of a connection before; any other first one has all that was sent.
    before = sent(first[0]) if "connected_at" in first[0]["stats"] else 0
    for answer, value, _ in told:
        if value is not None and value - first[1] > sent(answer) - before:
            raise AssertionError("%s s: %d reported of %d sent" % (
                answer["t"], value - first[1], sent(answer) - before))
    answer, value, _ = [row for row in told if row[1] is not None][-1]
    note("%d reported of %d sent" % (value - first[1], sent(answer) - before))
    return value - first[1], sent(answer) - before


def test_every_answer():
    """All are reported that were sent, but for one"""
    told = replay(ANSWERS)
    equal(holds(told), (67, 68), "uplinks reported and sent")
    equal([value for answer, _, value in told if "disconnected_at" in answer["stats"]][1:], [None],
          "connected, when one of two servers let it go")
    equal({value for answer, _, value in told if "connected_at" in answer["stats"]}, {1}, "connected, otherwise")


def test_slow_polls():
    """A poll for each third answer invents nothing"""
    for start in range(3):
        reported, true = holds(replay(ANSWERS[start::3]))
        if reported < true * 0.8:
            raise AssertionError("only %d of %d" % (reported, true))


def test_kills():
    """A kill after each answer loses nothing while both are known"""
    both = next(number for number, answer in enumerate(ANSWERS) if answer["sent_to_2"] > 0) + 3
    equal(holds(replay(ANSWERS, kills=range(both, len(ANSWERS) - 1))), (67, 68), "uplinks reported and sent")


class Book:
    """One count of one gateway: what its servers received, and what was reported of it."""

    def __init__(self, servers):
        self.strict = servers == 1  # nothing has to be told apart
        self.first = self.before = self.value = None
        self.shown = set()        # connections whose count an answer showed
        self.newest = 0           # connected_at of the last answer that had one
        self.allowed = self.first_sights = 0
        self.doubtful = 0         # of an answer that left the gateway unknown

    def take(self, stored, kind, received, polled, value):
        """stored: the registry's entry. A counter that shows for the first time under an older connected_at, or in the
        entry of a later connection, can't always be told from traffic: then all of it may be added, once."""
        owner = stored.owners[kind] if stored.counts[kind] else None
        if self.first is not None:
            self.shown.update(one for one in stored.owners if polled < one.at == stored.connected_at)
        self.newest = stored.connected_at or self.newest
        strange = not self.strict and owner and (owner.at < self.newest or owner not in self.shown and (
            owner.at <= polled or stored.connected_at is None))
        if value is not None and self.first is None:
            self.first, self.before = value, received
        elif strange and value is None:
            self.doubtful = stored.counts[kind]
        elif (strange or self.doubtful) and value is not None and value > self.value:
            self.allowed += max(self.doubtful, stored.counts[kind] if strange else 0)
            self.first_sights += 1
            self.doubtful = 0
        if owner and (stored.connected_at is not None or value != self.value):
            self.shown.add(owner)
        if value is not None:
            self.value = value
            if value - self.first > received - self.before + self.allowed:
                raise AssertionError("%d reported of %d received" % (value - self.first, received - self.before))


def step(rng, stack, gateway, servers):
    """One thing that happens to a gateway."""
    server = rng.randrange(servers)
    held = server in stack.fleet_of.link(gateway).held
    if not held and rng.random() < 0.5:
        stack.connect(gateway, server=server)
    elif held and rng.random() < 0.005:
        stack.disconnect(gateway, server=server)
    elif held:
        stack.uplink(gateway, rng.choice((1, 1, 2, 7, 90)), server=server)
        if rng.random() < 0.3:
            stack.downlink(gateway, rng.choice((1, 2, 30)), server=server)


def announced(connections, kind):
    """What answers announced of all these. One of which only the end was shown can't be told from the one before it,
    unless there is none."""
    counts = [(list(row["announced"].values())[kind], row["shown_connected"]) for row in connections]
    counts = [row for row in counts if row[0]]
    return sum(count for n, (count, live) in enumerate(counts) if n == 0 or live)


def tell(seed, servers, polls=150, gateways=40):
    rng = random.Random(seed)
    names = ["gw-%02d" % number for number in range(gateways)]
    books = {(name, kind): Book(servers) for name in names for kind in (0, 1)}
    with memory() as directory, standin.Stack(at="2026-11-26T12:00:00Z") as stack:
        stack.freeze()
        for name in names:
            stack.register(name)
        drive = Drive(None, **begin(stack, directory))
        polled = 0
        for _ in range(polls):
            for _ in range(3):
                stack.advance(rng.uniform(5, 20))
                for name in names:
                    step(rng, stack, name, servers)
            stack.advance(1)
            now = stack.clock.now()
            stored = {name: stack.fleet_of.link(name).view(now) for name in names}
            reported = drive.poll()
            ledger = stack.ledger()
            for (name, kind), book in books.items():
                if stored[name] is not None:
                    book.take(stored[name], kind, list(ledger[name]["true"].values())[kind], polled,
                              reported.packets(name)[kind])
            polled = now
            if rng.random() < 0.05:
                drive.stop()
                drive = Drive(None, **begin(stack, directory))
        drive.stop()
        ledger = stack.ledger()
    inexact = sum(book.first is not None and book.value != announced(ledger[name]["connections"], kind)
                  for (name, kind), book in books.items())
    books = [book for book in books.values() if book.first is not None]
    received = sum(list(ledger[name]["true"].values())[kind] for name in names for kind in (0, 1))
    out = {"received": received, "reported": sum(book.value - book.first for book in books),
           "first sights": sum(book.first_sights for book in books), "inexact": inexact}
    note("%d servers, seed %d: %s" % (servers, seed, out))
    return out


def test_stories_of_one_server():
    """What the answers of one server announced is reported, to the message"""
    for seed in (1, 4, 6):
        out = tell(seed, 1)
        equal((out["first sights"], out["inexact"]), (0, 0), "seed %d: %s" % (seed, out))


def test_stories_of_two_servers():
    """Never more than the servers received"""
    for seed in range(3):
        out = tell(seed, 2)
        if out["reported"] < 0.8 * out["received"]:
            raise AssertionError("much is missing: %s" % out)


if __name__ == "__main__":
    run(globals())
