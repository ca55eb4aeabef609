#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A fleet divided among several collectds, which are killed now and then: see README.md beside this file.

    shards.py [GATEWAYS [POLLS [KILL_EVERY]]]

`make bench-shards` runs it: 100,000 gateways, 4 collectds, 30 polls, a kill at every tenth. It asserts nothing.

Each answer has one more uplink of each gateway in it, so a count that stays is a second one of the same answer.
"""

import collections
import contextlib
import os
import re
import signal
import statistics
import sys
import threading
import time

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "tests", "lib"))

import bench  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from writers import GraphiteListener, cpu  # noqa: E402

SHARDS = 4
INTERVAL = 60
SPREAD = INTERVAL / 3
# A real stack's, as recorded: milliseconds for a batch of 100, and for a page of 1,000 of the list.
BATCH, PAGE = 13, 120
# Of so many answers a gateway is in, one begins a new connection.
RECONNECTS = 50
# A kill is so long after the begin of a poll, in seconds: in the middle of its spread.
KILL_AT = SPREAD / 2
DOWN = 2
# Between two polls of a shard nothing comes for longer than this, in seconds; within one, never.
PAUSE = 15
PATIENCE = 300

_UPLINK = re.compile(rb"^shard-(\d+)\.ttn-bench-(\d{6})\.packets-uplink (\d+)", re.MULTILINE)
_VALUE = re.compile(rb"^shard-\d+\.ttn-(bench-\d{6})\.", re.MULTILINE)

Poll = collections.namedtuple("Poll", "shard begin end gateways")


class Gateway:
    """What came of one."""

    __slots__ = ("first", "last", "increase", "arrivals", "same", "shards")

    def __init__(self):
        self.first = self.last = None
        self.increase = self.arrivals = self.same = 0
        self.shards = set()

    def take(self, shard, count):
        """As Prometheus adds up: a count that falls began again at 0."""
        self.arrivals += 1
        self.shards.add(shard)
        if self.last is None:
            self.first = count
        else:
            more = count - self.last if count >= self.last else count
            self.increase += more
            self.same += more == 0
        self.last = count


class Receiver(GraphiteListener):
    """Threads: each connection's takes the lock for what it has read."""

    def __init__(self, gateways):
        self.gateways = [Gateway() for _ in range(gateways)]
        self.values = collections.Counter()
        self.polls = []
        self._now = {}       # shard: [begin, end, gateways] of the poll that comes in
        self._lock = threading.Lock()
        super().__init__()

    def read(self, connection):
        rest = b""
        while True:
            try:
                chunk = connection.recv(1 << 20)
            except OSError:
                chunk = b""
            if not chunk:
                return  # of a killed one, the last line is cut short
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            with self._lock:
                self._take(data[:end])

    def _take(self, data):
        self.values.update(_VALUE.findall(data))
        now = time.monotonic()
        for shard, gateway, count in _UPLINK.findall(data):
            shard = int(shard)
            self.gateways[int(gateway)].take(shard, int(count))
            poll = self._now.get(shard)
            if poll is None or now > poll[1] + PAUSE:
                self._end(shard)
                poll = self._now[shard] = [now, now, 0]
            poll[1] = now
            poll[2] += 1

    def _end(self, shard):
        poll = self._now.pop(shard, None)
        if poll:
            self.polls.append(Poll(shard, *poll))

    def cut(self, shard):
        """What comes from now on is another poll."""
        with self._lock:
            self._end(shard)

    def under_way(self, shard):
        """(seconds since it began, gateways that came) of the shard's latest poll; None: none."""
        with self._lock:
            poll = self._now.get(shard)
            return poll and (time.monotonic() - poll[0], poll[2])

    def close(self):
        super().close()
        for thread in self.threads:
            thread.join()
        for shard in list(self._now):
            self._end(shard)


class Shard:
    """One of the collectds."""

    def __init__(self, scratch, server, receiver, number):
        self.number = number
        block = account("bench", URL=server.url, CACert=server.ca, APIKeyFile=scratch.key("admin-status"), Scope="all",
                        Shard="%d/%d" % (number, SHARDS), Host="shard-%d" % number, Interval=INTERVAL,
                        Timeout=900 * INTERVAL, Spread=SPREAD, StateFile=scratch.file("state", "bench"))
        self._receiver = receiver
        self._used = self._before = 0
        self.daemon = Collectd(scratch, block, extra=receiver.writer(), interval=INTERVAL, prometheus=False,
                               name="collectd-%d" % number, patience=PATIENCE)
        self.gateways = None
        self.begin = None
        threading.Thread(target=self.flush, daemon=True).start()

    def start(self):
        self.begin = time.monotonic()
        self.daemon.start()

    def listed(self):
        """Seconds until it had its list."""
        line = self.daemon.wait_line("info", "gateways? to report")
        self.gateways = int(re.search(r"(\d+) gateways? to report", line).group(1))
        return time.monotonic() - self.begin

    def complete(self):
        """Seconds until its first poll had arrived."""
        while True:
            poll = self._receiver.under_way(self.number)
            if poll and poll[1] >= self.gateways:
                return time.monotonic() - self.begin
            self.daemon.alive()
            if time.monotonic() > self.begin + PATIENCE:
                raise bench.BenchError("shard %d: the first poll is not complete: %s; %s" % (
                    self.number, poll, self.daemon.said()))
            time.sleep(0.2)

    def flush(self):
        """What waits for a whole packet goes out, from now on once a second."""
        while True:
            time.sleep(1)
            # It starts, or was killed.
            with contextlib.suppress(OSError, ValueError, AssertionError):
                self.daemon.ask("FLUSH timeout=-1")

    def cpu(self):
        """Seconds that it used since it was asked last, also those of one that was killed."""
        used = self._used + cpu(self.daemon.process.pid)
        self._before, out = used, used - self._before
        return out

    def stop(self):
        """Between two polls: an answer that comes during a stop is not reported."""
        while True:
            poll = self._receiver.under_way(self.number)
            if poll and poll[1] >= self.gateways and poll[0] < INTERVAL - PAUSE:
                break
            time.sleep(0.1)
        self.daemon.stop()

    def kill(self):
        """In the middle of its next poll; and it is started again."""
        while True:
            poll = self._receiver.under_way(self.number)
            if poll and KILL_AT < poll[0] < SPREAD and poll[1] < self.gateways:
                break
            time.sleep(0.1)
        self._used += cpu(self.daemon.process.pid)
        self.daemon.kill()
        time.sleep(DOWN)
        self._receiver.cut(self.number)
        self.start()
        return self.listed(), self.complete()


def own_memory(server, gateways):
    """Bytes of the plugin's own between two polls, without collectd."""
    with bench.Alone(server, gateways, "ttn") as alone:
        alone.poll()
        return alone.poll().held


def kill(server, shard):
    """What an answer showed that was cut off is in the next one, unless a connection ended in between: nobody can know
    of that, so none does."""
    server.tell("reconnects 0")
    out = shard.kill()
    server.tell("reconnects %d" % RECONNECTS)
    return out


def run_shards(server, shards, polls, every):
    """Starts them, waits for so many polls, kills one at every so many; prints as it goes."""
    for shard in shards:
        shard.start()
    table = bench.Table("The start: list, first poll, and the CPU time until then", "shard", "gateways", "list s",
                        "first poll s", "CPU s", "RSS MiB")
    for shard, listed in [(shard, shard.listed()) for shard in shards]:
        complete = shard.complete()
        table.row(shard.number, shard.gateways, "%.1f" % listed, "%.1f" % complete, "%.1f" % shard.cpu(),
                  bench.mib(shard.daemon.rss()))
    table = bench.Table("After each interval: CPU seconds of all collectds, memory", "interval", "CPU s",
                        "RSS MiB of all", "largest", "killed: list s", "first poll s")
    begin = time.monotonic()
    for number in range(1, polls):
        killed = ("", "")
        if every and number % every == 0:
            killed = tuple("%.1f" % one for one in kill(server, shards[number // every % len(shards)]))
        time.sleep(max(0, begin + number * INTERVAL - time.monotonic()))
        rss = [shard.daemon.rss() for shard in shards]
        table.row(number, "%.1f" % sum(shard.cpu() for shard in shards), bench.mib(sum(rss)), bench.mib(max(rss)),
                  *killed)


def show_polls(shards, receiver):
    """How long polls were, from the first value of a shard that arrived to the last."""
    table = bench.Table("Polls, as they arrived: at most %.0f s (Spread)" % SPREAD, "shard", "polls", "whole",
                        "median s", "longest s", "killed in")
    for shard in shards:
        polls = [poll for poll in receiver.polls if poll.shard == shard.number]
        whole = [poll.end - poll.begin for poll in polls if poll.gateways == shard.gateways]
        table.row(shard.number, len(polls), len(whole), "%.1f" % statistics.median(whole) if whole else "-",
                  "%.1f" % max(whole) if whole else "-", sum(poll.gateways < shard.gateways for poll in polls))


def show_counts(receiver, path):
    """What arrived, against what the server counted."""
    with open(path, encoding="ascii") as file:
        truth = [tuple(map(int, line.split())) for line in file]
    answers = sum(row[2] for row in truth)
    arrivals = sum(gateway.arrivals for gateway in receiver.gateways)
    each = statistics.mode(count // gateway.arrivals for gateway, count in (
        (gateway, receiver.values[b"bench-%06d" % i]) for i, gateway in enumerate(receiver.gateways))
        if gateway.arrivals)
    lost = double = 0
    for gateway, (before, total, _) in zip(receiver.gateways, truth):
        counted = 0 if gateway.last is None else gateway.increase + gateway.first - before
        lost += max(0, total - before - counted)
        double += max(0, counted - total + before)
    table = bench.Table("At the receiver", "%38s" % "what", "%12s" % "number")
    table.row("answers for a gateway", answers)
    table.row("that arrived", arrivals)
    table.row("that did not: cut off by a kill", answers - arrivals)
    table.row("that arrived twice", sum(gateway.same for gateway in receiver.gateways))
    table.row("values of a gateway", each)
    table.row("values that arrived", sum(receiver.values.values()))
    table.row("more than %d an answer that arrived" % each, sum(receiver.values.values()) - each * arrivals)
    table.row("gateways of two shards", sum(len(gateway.shards) > 1 for gateway in receiver.gateways))
    table.row("uplinks that the stack received", sum(total - before for before, total, _ in truth))
    table.row("of these lost at the receiver", lost)
    table.row("of these twice at the receiver", double)


def main():
    gateways, polls, every = ([int(word) for word in sys.argv[1:]] + [100000, 30, 10][len(sys.argv) - 1:])[:3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begin = time.monotonic()
    print("machine: %s\n%s" % (bench.machine(), bench.versions()))
    print("\n%d gateways, %d collectds, %d polls, a kill at every %dth" % (gateways, SHARDS, polls, every))
    with paths.Scratch() as scratch, bench.Server(scratch, gateways) as server:
        held = own_memory(server, gateways)
        print("\nThe plugin's own memory: %d bytes a gateway" % (held // gateways), flush=True)
        server.tell("latency %d %d" % (BATCH, PAGE))
        server.tell("move %d" % RECONNECTS)
        receiver = Receiver(gateways)
        shards = [Shard(scratch, server, receiver, number) for number in range(1, SHARDS + 1)]
        before = server.stats()
        try:
            run_shards(server, shards, polls, every)
            for shard in shards:
                shard.stop()
            receiver.close()
        finally:
            for shard in shards:
                if shard.daemon.process and shard.daemon.process.poll() is None:
                    shard.daemon.kill()
        after = server.stats()
        counts = scratch.file("counts")
        server.ask("counts %s" % counts)
        show_polls(shards, receiver)
        show_counts(receiver, counts)
        print("\nstand-in: %d requests, %.1f s CPU; receiver: %.1f s CPU; %.0f s in all" % (
            after["requests"] - before["requests"], (after["cpu"] - before["cpu"]) / 1e6, time.process_time(),
            time.monotonic() - begin))


if __name__ == "__main__":
    main()
