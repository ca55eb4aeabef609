#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Three collectds, then four, then three, which divide a fleet: what a receiver counts is what the stack's servers
received, while gateways reconnect and shards are stopped or killed.

There are two ways to make one series of a gateway's, and both are tried: all shards report with one Host, so that the
receiver has one series; or each has its own, and the receiver takes the largest (max by gateway). Counts are added up
as Prometheus does it: a fall is a reset.

What a gateway's connection received after its last report and before it ended is in no answer, so gateways reconnect
right after a report here.
"""

import contextlib
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import Writer  # noqa: E402
from paths import Scratch  # noqa: E402
from drive import Drive  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run  # noqa: E402

GATEWAYS = 60
SEED = 4711


class Shards:
    """A stack, collectds that share it, and a receiver."""

    def __init__(self, scratch, stack, shared):
        self.stack = stack
        self.random = random.Random(SEED)
        self.names = stack.fleet(GATEWAYS)
        self._scratch, self._shared = scratch, shared
        self._options = stack.options(scratch)
        self._running = {}   # number: Drive
        self.owner = {}      # gateway: the number that reported it last
        # By gateway: one series, and the largest of all.
        self.one = {name: Writer() for name in self.names}
        self.largest = {name: Writer() for name in self.names}
        # What is there before the first report is only what a writer counts from.
        self.base = {name: stack.true(name)[0] for name in self.names}
        # While the number of shards changed.
        self.meanwhile = dict.fromkeys(self.names, 0)
        self.connects = dict.fromkeys(self.names, 0)

    def start(self, number, of):
        path = self._scratch.file("state" if self._shared else "state-%d" % number, "home")
        self._running[number] = Drive(self._scratch, Interval=60, DiscoveryInterval=0, StateFile=path,
                                      Shard="%d/%d" % (number, of), **self._options)

    def end(self, number, how):
        getattr(self._running.pop(number), how)()

    def close(self):
        for number in list(self._running):
            self.end(number, "kill")

    def poll(self):
        """All that run, in some order; which gateways were reported."""
        found = {}
        for number in self.random.sample(sorted(self._running), len(self._running)):
            said = self._running[number].poll()
            equal(said.lines("warning", "error"), [])
            for name in said.gateways:
                count = said.packets(name)[0]
                self.one[name].take(count)
                found.setdefault(name, []).append((count, number))
        for name, counts in found.items():
            self.largest[name].take(max(counts)[0])
            self.owner[name] = counts[-1][1]
        return found

    def live(self, share=0.2):
        """Messages come, all that run poll, and some of the gateways that were reported reconnect."""
        self.stack.move(self.random.randint(1, 9), 0.7)
        found = self.poll()
        for name in found:
            if self.random.random() < share:
                self.stack.advance(1)
                self.stack.connect(name)
                self.connects[name] += 1
                self.stack.uplink(name, self.random.randint(0, 5))
        return found

    def restart(self, before, after, how, rolling, share=0.2):
        """Another number of shards: all at once, or one after the other, from the last to the first. Which gateways
        moved."""
        owner = dict(self.owner)
        if not share:
            self.poll()
        counts = {name: self.stack.true(name)[0] for name in self.names}
        numbers = range(max(before, after), 0, -1)
        for number in [] if rolling else range(1, before + 1):
            self.end(number, how)
        self.stack.move(2, 0.5)
        for number in numbers:
            if rolling and number <= before:
                self.end(number, how)
            if number <= after:
                self.start(number, after)
            if rolling:
                self.live(share)
        for name in self.names:
            self.meanwhile[name] += self.stack.true(name)[0] - counts[name]
        for _ in range(4):
            equal(set(self.live()), set(self.names), "all gateways are reported")
        return {name for name in self.names if self.owner[name] != owner[name]}

    def messages(self):
        """Since the first report."""
        return sum(self.stack.true(name)[0] - self.base[name] for name in self.names)

    def difference(self, writers):
        """{gateway: (messages more than there were)}, without those that are right."""
        self.poll()
        out = {name: writers[name].increase - (self.stack.true(name)[0] - self.base[name]) for name in self.names}
        return {name: n for name, n in out.items() if n}


@contextlib.contextmanager
def three(shared=True):
    """Three shards that have been running for a while."""
    with Scratch() as scratch, Standin() as stack:
        stack.freeze()
        shards = Shards(scratch, stack, shared)
        try:
            for number in (1, 2, 3):
                shards.start(number, 3)
            shards.poll()
            for _ in range(4):
                shards.live()
            yield shards
        finally:
            shards.close()


def story(rolling, shared=True, share=0.2):
    """(the shards, the gateways that moved, {gateway: messages too many} of one series and of the largest)."""
    with three(shared) as shards:
        moved = shards.restart(3, 4, "kill", rolling, share)
        equal({shards.owner[name] for name in moved}, {4}, "where gateways move")
        equal(shards.restart(4, 3, "stop", rolling, share), moved, "gateways that move back")
        equal(shards.restart(3, 4, "stop", rolling, share), moved, "gateways that move again")
        equal(shards.restart(4, 3, "kill", rolling, share), moved, "gateways that move back again")
        note("%d gateways of %d move, %d connections, %d messages" % (
            len(moved), GATEWAYS, sum(shards.connects.values()), shards.messages()))
        if not GATEWAYS / 8 < len(moved) < GATEWAYS / 2.5:
            raise AssertionError("%d gateways move" % len(moved))
        return shards, moved, shards.difference(shards.one), shards.difference(shards.largest)


def test_one_is_killed():
    """Its gateways are reported by nobody until it is back with its counts; half of them have reconnected"""
    with three() as shards:
        own = {name for name in shards.names if shards.owner[name] == 2}
        for share in (0, 0.5):
            shards.live(share)
            shards.end(2, "kill")
            for _ in range(3):
                equal(set(shards.live()), set(shards.names) - own, "gateways of the others")
            shards.start(2, 3)
            for _ in range(3):
                equal(set(shards.live()), set(shards.names), "all gateways")
        note("%d gateways of %d are its own, %d messages" % (len(own), GATEWAYS, shards.messages()))
        equal(shards.difference(shards.one), {}, "messages too many")


def test_all_at_once():
    """All are stopped or killed, then all are started: 0 lost, 0 twice"""
    _, _, one, largest = story(False)
    equal((one, largest), ({}, {}), "messages too many (one series, the largest)")


def test_rolling():
    """One after the other, and no gateway reconnects meanwhile: 0 lost, 0 twice"""
    _, _, one, largest = story(True, share=0)
    equal((one, largest), ({}, {}), "messages too many (one series, the largest)")


def test_rolling_while_gateways_reconnect():
    """Of a gateway that moves, what comes meanwhile may be counted twice in the largest, no more; nothing is lost"""
    shards, moved, _, largest = story(True)
    note("twice: %d of %d messages meanwhile" % (sum(largest.values()), sum(shards.meanwhile.values())))
    for name, n in largest.items():
        if name not in moved or not 0 <= n <= shards.meanwhile[name]:
            raise AssertionError("%s: %d messages too many, %d came meanwhile" % (name, n, shards.meanwhile[name]))


def test_nothing_shared():
    """Each has its own directory: nothing is lost, and at a move a gateway that had reconnected is counted twice"""
    shards, moved, one, _ = story(False, shared=False)
    note("twice: %d messages of %d gateways" % (sum(one.values()), len(one)))
    equal(one != {}, True, "something is counted twice")
    for name, n in one.items():
        if name not in moved or not shards.connects[name] or not 0 <= n <= 4 * shards.stack.true(name)[0]:
            raise AssertionError("%s: %d messages too many" % (name, n))


if __name__ == "__main__":
    run(globals())
