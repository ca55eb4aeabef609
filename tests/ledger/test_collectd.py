#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ledger with the real collectd: two accounts with state files of their own, and collectd stopped and
killed all the while. What csv has of each series, over all restarts, is what the API proved.

collectd polls by itself here, so nobody can say which values came of which answers: the sums have to
agree. No gateway is away at a kill nor reconnects before the next poll, but for the one at the end.
"""

import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from oracle import KINDS, Memory, Writer  # noqa: E402
from paths import Scratch  # noqa: E402
from recorder import Recorder  # noqa: E402
from tap import equal, note, run, wait_for  # noqa: E402

SEED = 4201
ROUNDS = 18
INTERVAL = 0.2
FLEETS = {"home": "a", "town": "b"}


class Ledger:
    def __init__(self, scratch, stack):
        self.random = random.Random(SEED)
        self.stack = stack
        self.names = ["%s-%02d" % (letter, n) for letter in FLEETS.values() for n in range(10)]
        for name in self.names:
            stack.register(name)
        key = scratch.key()
        blocks = "\n".join(
            account(name, APIKeyFile=key, URL=stack.url, Gateway="/^%s-/" % letter, Interval=INTERVAL)
            for name, letter in FLEETS.items())
        self.daemon = Collectd(scratch, blocks, interval=INTERVAL, csv=True, prometheus=False)
        self.proofs = {name: [Memory() for _ in KINDS] for name in self.names}
        self.first = {}
        self.gone = set()
        self.reconnects = 0

    def learn(self):
        for name, sights in self.stack.seen().items():
            for sight in sights:
                self.reconnects += self.proofs[name][0].is_new(sight.at)
                for kind, memory, count in zip(KINDS, self.proofs[name], sight.counts):
                    told = memory.learn(sight, count)
                    if told is not None:
                        self.first.setdefault((name, kind), told)

    def series(self, name, kind):
        return [number for _, number in self.daemon.csv("ttn-" + name, "packets-" + kind)]

    def polled(self, name):
        return len(self.daemon.csv("ttn_api-" + name, "duration-poll"))

    def await_polls(self, n):
        """That many more of each account."""
        def done():
            self.daemon.alive()
            return all(self.polled(name) >= before[name] + n for name in FLEETS)
        before = {name: self.polled(name) for name in FLEETS}
        wait_for(done, "%d polls" % n, 20)

    def reconnect(self):
        for name in self.names:
            if self.random.random() < 0.3:
                self.connect(name)
            elif self.random.random() < 0.1 and name not in self.gone:
                self.random.choice((self.stack.forget, self.stack.disconnect))(name)
                self.gone.add(name)

    def connect(self, name):
        self.stack.connect(name)
        self.stack.uplink(name, self.random.randint(1, 200))
        self.gone.discard(name)

    def round(self):
        rng = self.random
        for _ in range(rng.randint(2, 5)):
            self.stack.move(rng.randint(1, 9), rng.random())
            time.sleep(rng.uniform(0, INTERVAL))
        fate = rng.random()
        if fate < 0.45:
            self.reconnect()
            self.await_polls(2)
        elif fate < 0.7:
            self.daemon.stop()
            self.reconnect()
            self.daemon.start()
            self.await_polls(2)
        else:
            for name in sorted(self.gone):
                self.connect(name)
            self.await_polls(2)
            self.daemon.kill()
            self.stack.move(3, rng.random())
            self.daemon.start()
            self.await_polls(2)
        self.learn()
        return "clean" if 0.45 <= fate < 0.7 else "kill" if fate >= 0.7 else ""

    def check(self):
        messages = lost = twice = 0
        for name in self.names:
            for kind, memory in zip(KINDS, self.proofs[name]):
                writer = Writer()
                for number in self.series(name, kind):
                    writer.take(int(number))
                proved = memory.value - self.first[name, kind] if memory.value is not None else 0
                messages += proved
                made = (writer.increase, writer.derive, (writer.last or 0) - (writer.first or 0))
                lost += max(proved - one for one in made)
                twice += max(one - proved for one in made)
                equal((writer.first, made), (self.first.get((name, kind)), (proved,) * 3), "%s %s" % (name, kind))
        return messages, lost, twice


def test_two_accounts():
    """Two accounts and twenty gateways over stops and kills: 0 lost, 0 twice"""
    note("seed %d" % SEED)
    with Scratch() as scratch, Recorder() as stack:
        ledger = Ledger(scratch, stack)
        for name in ledger.names:
            stack.connect(name)
        with ledger.daemon as daemon:
            ledger.await_polls(1)
            fates = [ledger.round() for _ in range(ROUNDS)]
            ledger.await_polls(2)
            daemon.stop()
            ledger.learn()
            messages, lost, twice = ledger.check()
            polls = sum(ledger.polled(name) for name in FLEETS)
            note("%d polls, %d gateways, %d messages, %d reconnects, restarts: %d clean, %d kills; lost %d, "
                 "twice %d" % (polls, len(ledger.names), messages, ledger.reconnects, fates.count("clean"),
                               fates.count("kill"), lost, twice))
            if polls < 100:
                raise AssertionError("only %d polls" % polls)
            # Each account has a file of its own, below BaseDir.
            equal(sorted(os.listdir(daemon.path("base", "ttn"))), ["home.state", "town.state"])
            for name, letter in FLEETS.items():
                with open(daemon.path("base", "ttn", name + ".state"), encoding="ascii") as file:
                    text = file.read()
                equal([line.split(" ")[0] for line in text.split("\n")[3:-2]],
                      ["%s-%02d" % (letter, n) for n in range(10)])
                equal(text.split("\n")[:2], ["ttn-state 1 values", "account " + name])
            equal([line for line in daemon.lines("warning") if "StateFile" in line], [])
            kill_and_reconnect(ledger)


def kill_and_reconnect(ledger):
    """What can't be joined: the series starts again with the new connection's count."""
    ledger.daemon.start()
    ledger.await_polls(1)
    ledger.daemon.kill()
    before = ledger.series("a-00", "uplink")
    ledger.stack.connect("a-00")
    ledger.stack.uplink("a-00", 5)
    ledger.daemon.start()
    ledger.await_polls(2)
    equal(set(ledger.series("a-00", "uplink")[len(before):]), {5.0})


if __name__ == "__main__":
    run(globals())
