#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ledger with events: gateways at up to three servers of two clusters, streams that end in every way, polls that
fail, restarts and kills. The truth is what the servers received: no value is ever above it, and what they told while
the stream was whole is in the values, to the message. The same of the uplinks that events tell of."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run  # noqa: E402

SERVERS = 3
STEPS = 60
ENDS = ("cut", "reset", "error", "close")


class Story:
    """Gateways of one stand-in, each held by some of the servers. `known`: the value may lack this much."""

    def __init__(self, stack, seed, names):
        self.stack = stack
        self.random = random.Random(seed)
        self.held = {name: set() for name in names}
        for name in names:
            stack.register(name)

    def step(self, drive):
        """Some messages, connections or ends, and some seconds for all."""
        seconds = self.random.uniform(5, 20)
        self.stack.advance(seconds)
        drive.send("later %d" % seconds)
        for name, servers in self.held.items():
            server = self.random.randint(1, SERVERS)
            if server not in servers:
                if self.random.random() < 0.3:
                    self.stack.connect(name, server=server)
                    servers.add(server)
            elif self.random.random() < 0.04:
                self.stack.disconnect(name, server=server)
                servers.discard(server)
            else:
                self.stack.uplink(name, self.random.choice((1, 1, 2, 7, 40)), server=server)
                if self.random.random() < 0.3:
                    self.stack.downlink(name, 1, server=server)

    def above(self, poll):
        """{gateway: (value, truth)} of values that are above the truth."""
        out = {}
        for name in self.held:
            true = self.stack.true(name)
            heard, missed = radio(poll, name)
            for got, most in zip(poll.packets(name) + (heard, heard + missed), true + (true[0], true[0])):
                if got is not None and got > most:
                    out[name] = (got, most)
        return out


def radio(poll, name):
    """(uplinks that events told of, uplinks that no event told of)"""
    values = poll.of(name)
    return (sum(n for key, n in values.items() if key[3].startswith("up_sf")),
            values.get(("ttn", name, "total_operations", "events_missed"), 0))


def streamed(stack, name):
    """What the servers told of all connections of a gateway."""
    told = [row["streamed"] for row in stack.ledger([name])[name]["connections"] if row["streamed"]]
    return tuple(sum(row[kind] for row in told) for kind in ("uplink", "downlink", "tx_ack"))


def settled(stack, story, drive):
    """All servers told all; two polls."""
    for _ in range(4):
        stack.advance(30)
        drive.send("later 30")
        drive.hear(stack)
    return drive.poll()


def test_whole():
    """While the stream is whole each value is the truth, whichever of three servers had a message"""
    for seed in range(3):
        with Scratch() as scratch, Standin() as stack:
            stack.cluster(1, debounce=30, again=60)
            stack.freeze()
            story = Story(stack, seed, ["gw-%d" % n for n in range(8)])
            with Drive(scratch, Traffic=True, **stack.options(scratch, "user-traffic")) as drive:
                drive.poll()
                drive.hear(stack, 1)
                for _ in range(STEPS):
                    story.step(drive)
                    drive.hear(stack)
                    if story.random.random() < 0.3:
                        poll = drive.poll()
                        assert not story.above(poll), "seed %d: %s" % (seed, story.above(poll))
                poll = settled(stack, story, drive)
                for name in story.held:
                    got, true = poll.packets(name), stack.true(name)
                    # What came between the last update and the end of a connection no event has.
                    equal(got, streamed(stack, name), "seed %d, %s, of %s" % (seed, name, true))
                    assert radio(poll, name) == (true[0], 0), "seed %d, %s: %s of %s" % (
                        seed, name, radio(poll, name), true[0])
                total = [sum(column) for column in zip(*(stack.true(name) for name in story.held))]
                shown = [sum(column) for column in zip(*(poll.packets(name) for name in story.held))]
                note("seed %d: %s of %s" % (seed, shown, total))


def test_breaks():
    """Streams that end, polls that fail, clean stops and kills: nothing is invented"""
    for seed in range(10, 13):
        with Scratch() as scratch, Standin() as stack:
            stack.cluster(1, debounce=30, again=60, event_store=seed % 2 == 0, event_twice=seed == 12,
                          event_disorder=0.05 if seed == 11 else 0, event_loss=0.1 if seed == 12 else 0)
            stack.freeze()
            story = Story(stack, seed, ["gw-%d" % n for n in range(8)])
            options = dict(stack.options(scratch, "user-traffic"), Traffic=True, StateFile=scratch.file("state"))
            drive = Drive(scratch, **options)
            try:
                drive.poll()
                for _ in range(STEPS):
                    story.step(drive)
                    drive.follow(30)
                    drive.hear(stack)
                    fate = story.random.random()
                    if fate < 0.05:
                        stack.end_streams(story.random.choice(ENDS))
                    elif fate < 0.10:
                        stack.fault({"status": 503, "body": ""}, {"kind": "batch"}, times=1)
                    elif fate < 0.13:
                        drive.stop()
                        drive = Drive(scratch, **options)
                        drive.poll()
                    if story.random.random() < 0.3:
                        poll = drive.poll()
                        assert not story.above(poll), "seed %d: %s" % (seed, story.above(poll))
                stack.unfault()
                drive.send("later 100")
                drive.hear(stack, 1)
                poll = settled(stack, story, drive)
                assert not story.above(poll), "seed %d: %s" % (seed, story.above(poll))
                total = [sum(column) for column in zip(*(stack.true(name) for name in story.held))]
                shown = [sum(column) for column in zip(*(poll.packets(name) for name in story.held))]
                note("seed %d: %s of %s" % (seed, shown, total))
                assert sum(shown) > 0.7 * sum(total), "too little"
            finally:
                drive.kill()


run(globals())
