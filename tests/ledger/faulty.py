# SPDX-License-Identifier: MIT
"""A story during every fault that there is on its transport, drawn at random (tests/lib/network_faults.py): the same books,
and with them what each poll must say of itself."""

import collections
import multiprocessing

import network_faults
import paths
from drive import Drive
from transports import TRANSPORTS
from recorder import Recorder
from stories import Story, adds_up, memory, sum_of
from watch import Watch

INTERVAL = 60
TIMEOUT = 2000


class FaultyStory(Story):
    TROUBLE = 0.35

    def __init__(self, seed, directory, transport, slow=1.0, **options):
        """transport: its title. slow: the share of those faults that take a poll to its deadline."""
        self._transport = TRANSPORTS[transport]
        self._slow = slow
        self._deck = []
        self._going_on = None
        self._since = None        # polls since the last fault ended
        self.watch = None
        self.rows = collections.defaultdict(collections.Counter)
        self.recovery = 0         # polls from the end of a fault to one that knows all
        self.slowest = 0.0
        self.held_up = 0          # polls in which a busy machine let a call take a second
        super().__init__(seed, directory, **options)
        self.options["Timeout"] = TIMEOUT
        for one in self.gateways.values():
            self._connect(one)

    def _site(self, clusters):
        self._transport = self._transport(self.directory, Recorder)
        self.stack = self._transport.stack
        self.stack.proxied = self._transport.proxied
        return self._transport

    def _register(self, one):
        self.stack.register(one.name, gateway_server_address="")

    def _way(self):
        return self._transport.options()

    def _launch(self):
        fake = self._transport.fake
        return Drive(None, program=paths.drive_faked(), wrapper=fake.wrapper, **self.options)

    def start(self):
        super().start()
        self.watch = Watch()

    # Faults.

    def _draw(self):
        """Each once before any comes again."""
        if not self._deck:
            self._deck = [one for one in network_faults.of(self._transport) if not one.slow or self.random.random() < self._slow]
            self.random.shuffle(self._deck)
        return self._deck.pop()

    def _fault(self):
        rng = self.random
        fault = self._draw()
        self.troubled = 1 if fault.slow else rng.randint(1, 4)
        kind = rng.choice(("batch", "batch", "list", "any") if fault.lists else ("batch",))
        self.stack.seed_faults(rng.random())
        self._going_on = fault.begin(self._transport, {"kind": kind} if fault.action else None,
                                      1.0 if fault.slow else rng.choice((1.0, 0.5)))
        self.rows[fault.name]["begun"] += 1

    def _calm(self):
        self.troubled = 0
        if self._going_on:
            self._going_on.end()
            self._going_on = None
            self._since = 0

    def _rest(self):
        self._transport.rest()

    def _present_faults(self):
        begun = self._going_on
        return begun and "%s (%s)" % (begun.fault.name, "each time" if begun.sure else "at times")

    # Polls.

    def poll(self):
        self._transport.fake.later(INTERVAL)
        begun = self._going_on
        before = begun and begun.hits()
        reported = super().poll()
        self.slowest = max(self.slowest, reported.ms)
        for what in self.watch.take(reported):
            self._wrong(what)
        if "timeout" in self.watch.errors and not (begun and "timeout" in begun.fault.kinds(self._transport)):
            self.held_up += 1
        elif begun:
            self._during(begun, None if before is None else begun.hits() - before, reported)
        else:
            self._well()
        return reported

    def _during(self, begun, hits, reported):
        fault, watch = begun.fault, self.watch
        row = self.rows[fault.name]
        row["polls"] += 1
        row["hits"] += hits or 0
        row["counted"] += sum(watch.errors.values())
        others = set(watch.errors) - fault.kinds(self._transport)
        if others:
            # The first poll of a fault says why.
            self._wrong("%s: counted as %s: %s" % (fault.name, watch.errors, reported.log))
        # A batch that is refused has nothing to change in it, and its gateways are asked one by one.
        spared = fault.spares + watch.statuses.get("403", 0)
        if fault.unknown and begun.sure and (hits is None or hits > spared) and not watch.errors:
            self._wrong("%s: %s times, not counted" % (fault.name, hits))
        if fault.status and watch.statuses.get(str(fault.status), 0) != hits:
            self._wrong("%s: %d times, but %s" % (fault.name, hits, watch.statuses))

    def _well(self):
        watch = self.watch
        if self._since is not None:
            self._since += 1
            self.recovery = max(self.recovery, self._since)
        if watch.known:
            self._since = None
        # 403: of gateways that have left the list since it was read; 404: of others in their batch.
        if watch.errors or set(watch.statuses) - {"200", "403", "404"}:
            self._wrong("nothing is wrong, but there are %s, %s" % (watch.errors, watch.statuses))
        if not watch.known or watch.open:
            self._wrong("nothing is wrong, but up is %d, and in trouble are %s" % (watch.known, watch.open))


# Stories.

# More than 100 gateways are more than one batch.
OPTIONS = {"plain": {"gateways": 110}}
# Of one task, so that there are enough for all processors, and no seed says what the next does.
PART = 500


def tell(seed, polls, transport, slow):
    """{"figures", "rows", "recovery", "slowest", "errors"} of a story."""
    with memory() as directory:
        story = FaultyStory(seed, directory, transport, slow, **OPTIONS.get(transport, {}))
        story.run(polls)
        return {"transport": transport, "seed": seed, "figures": story.figures(), "rows": dict(story.rows),
                "recovery": story.recovery, "slowest": story.slowest, "held_up": story.held_up,
                "errors": story.errors}


def tell_all(seed, polls, slow, told=lambda one: None):
    """At least so many polls, over all transports. They mostly wait, so there are some at a time; told() hears of each.
    Returns them."""
    parts = -(-polls // len(TRANSPORTS) // PART)
    tasks = [(seed + part, -(-polls // len(TRANSPORTS) // parts), transport, slow) for part in range(parts) for transport in TRANSPORTS]
    out = []
    with multiprocessing.Pool(min(len(tasks), 4), maxtasksperchild=1) as pool:
        for one in pool.imap_unordered(_tell, tasks):
            told(one)
            out.append(one)
    return out


def _tell(task):
    return tell(*task)


class Sum:
    """What stories came to."""

    def __init__(self, stories):
        self.figures = sum_of([one["figures"] for one in stories])
        self.rows = {fault.name: collections.Counter() for fault in network_faults.NETWORK_FAULTS}
        for one in stories:
            for name, row in one["rows"].items():
                self.rows[name].update(row)
        self.recovery = max(one["recovery"] for one in stories)
        self.slowest = max(one["slowest"] for one in stories)
        self.held_up = sum(one["held_up"] for one in stories)
        self._wrong = ["seed %(seed)d, %(transport)s: " % one + error for one in stories for error in one["errors"]]

    def why_not(self):
        """Why it does not add up, '': it does."""
        out = self._wrong[:3]
        if not adds_up(self.figures):
            out.append("lost %(lost)d, twice %(twice)d, wrong %(errors)d" % self.figures)
        if self.recovery > 1:
            out.append("recovery took %d intervals" % self.recovery)
        if self.held_up > max(3, self.figures["polls"] // 500):
            out.append("a busy machine held up %d polls of %d" % (self.held_up, self.figures["polls"]))
        return "\n".join(out)

    def lines(self):
        """A table."""
        yield "%-35s %6s %6s %9s %8s" % ("fault", "times", "polls", "requests", "counted")
        for name, row in self.rows.items():
            yield "%-35s %6d %6d %9d %8d" % (name, row["begun"], row["polls"], row["hits"], row["counted"])
        total = sum(self.rows.values(), collections.Counter())
        yield "%-35s %6d %6d %9d %8d" % ("all", total["begun"], total["polls"], total["hits"], total["counted"])
        yield ("%(polls)d polls over %(transports)d transports, %(messages)d messages proved, %(reconnects)d reconnects, "
               "restarts: %(clean)d clean, %(kills)d kills" % dict(self.figures, transports=len(TRANSPORTS)))
        yield ("lost %(lost)d, twice %(twice)d, wrong %(errors)d" % self.figures
               + "; recovery within %d interval%s; the slowest poll took %.0f ms of %d"
               % (self.recovery, "" if self.recovery == 1 else "s", self.slowest, TIMEOUT))
        yield "held up by a busy machine: %d polls" % self.held_up
