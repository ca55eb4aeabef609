#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_redis, into a Redis that redis-cli reads."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import outage  # noqa: E402
import pages  # noqa: E402
import paths  # noqa: E402
import story  # noqa: E402
from collectd import HOST, Collectd, account, changed  # noqa: E402
from daemon import Daemon, connects  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, run, wait_for  # noqa: E402

PORT = 6379
INTERVAL = 0.5
UPLINKS = ("ttn", "roof", "packets", "uplink")


def redis_key(wanted):
    return "collectd/%s/%s" % (HOST, story.name(wanted))


class Redis(Daemon):
    program = "redis-server"

    def __init__(self, scratch):
        super().__init__(scratch, "redis", ())
        self._command += ["--bind", self.address, "--port", str(PORT), "--save", "", "--dir", self.directory]

    def ready(self):
        return connects(self.address, PORT)

    def writer(self, **options):
        """What makes a collectd send here: as the document has it."""
        return changed(pages.block("doc/writers.md", "<Plugin write_redis>"), Host=self.address, Port=PORT, **options)

    def ask(self, *commands):
        """The answers, as JSON has them."""
        text = subprocess.run([paths.program("REDIS_CLI", "redis-cli"), "-h", self.address, "-p", str(PORT), "--json"],
                              input="\n".join(commands) + "\n", stdout=subprocess.PIPE, check=True, text=True).stdout
        return [json.loads(line) for line in text.splitlines()]

    def values(self, wanted):
        """[(time, number)] of one series, "nan" for what has none."""
        rows, = self.ask("ZRANGE %s 0 -1" % redis_key(wanted))
        return [tuple(float(part) for part in row.split(":")) for row in rows]

    def newest(self):
        names, = self.ask("SMEMBERS collectd/values")
        keys = [story.key(name.partition("/")[2]) for name in names if name.startswith(HOST + "/ttn")]
        answers = self.ask(*("ZRANGE %s -1 -1" % redis_key(key) for key in keys)) if keys else []
        return {key: float(rows[0].partition(":")[2]) for key, rows in zip(keys, answers) if rows}


def test_story():
    """All values are in Redis as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack, Redis(scratch) as redis:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=redis.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.tell(stack, lambda _: redis.newest())
            equal(daemon.problems(), [])
        story.never_falls([number for _, number in redis.values(UPLINKS)])


def test_limit():
    """MaxSetDuration: what is older goes when a value comes; what gets none stays"""
    with Scratch() as scratch, Standin() as stack, Redis(scratch) as redis:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=redis.writer(MaxSetDuration=2), interval=INTERVAL, prometheus=False):
            story.begin(lambda _: redis.newest())
            first = redis.values(UPLINKS)[0][0]
            stack.unregister("barn")
            wait_for(lambda: redis.values(UPLINKS)[0][0] > first + 2, "the first values go", story.PATIENCE)
            rows = redis.values(UPLINKS)
            at_most(rows[-1][0] - rows[0][0], 2, "seconds that are kept")
            barn = ("ttn", "barn", "bool", "connected")
            equal(redis.newest()[barn], 0, "a gateway that is gone")
            equal(redis.values(barn)[-1][0] < rows[0][0], True, "a value that is older")


def test_outage():
    """Without Redis polls go on in time; only a restart of collectd connects again, and counts are right then"""
    with Scratch() as scratch, Standin() as stack, Redis(scratch) as redis:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=redis.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.begin(lambda _: redis.newest())
            redis.stop()
            stack.uplink("roof", 5)
            outage.polls_go_on(stack, INTERVAL)
            redis.start()
            outage.polls_go_on(stack, INTERVAL)
            equal(redis.newest(), {})
            matches("ZADD command error.*Server closed the connection", "\n".join(daemon.problems()))
            daemon.stop()
            daemon.start()
            story.wait(lambda _: redis.newest(), story.packets("roof", 1005, 30, 20), "counts after the outage")


run(globals())
