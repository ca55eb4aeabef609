#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_kafka and Apache Kafka itself, which Debian does not have: what arrives from two shards, and what becomes of
the values while the broker is gone. doc/writers.md says the same.

Needs Maven Central, so only ./check kafka runs it."""

import collections
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
import kafka as brokers  # noqa: E402
from kafka import ApacheKafka  # noqa: E402
from paths import Scratch  # noqa: E402
from shards import FEW, Shards  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, note, run, wait_for  # noqa: E402

GATEWAYS = 20
INTERVAL = 2
# Between two values of a gateway, in seconds: a poll may be late.
GAP = 2.5 * INTERVAL
KINDS = ("uplink", "downlink", "tx_ack")
# As doc/writers.md says: without it a message can come twice.
ONCE = {"enable.idempotence": "true"}


def collectd(scratch, stack, kafka, name, properties=None, topic_properties=None):
    """One that has no other writer. name: also of its host."""
    block = account("home", **dict(stack.options(scratch), Interval=INTERVAL, Host=name, **FEW))
    writer = kafka.writer(StoreRates=False, properties=properties, topic_properties=topic_properties)
    return Collectd(scratch, block, extra=writer, interval=INTERVAL, prometheus=False, name=name)


def packets(kafka, host=None):
    """{(gateway, kind): [(time, number)]}, all that were ever sent, by their time. host: of one of the collectds."""
    out = collections.defaultdict(list)
    for one in kafka.values():
        if (one["plugin"], one["type"]) == ("ttn", "packets") and host in (None, one["host"]):
            out[one["plugin_instance"], one["type_instance"]].append((one["time"], one["values"][0]))
    return out


def truth(stack, ids):
    return {(gateway, kind): number for gateway in ids for kind, number in zip(KINDS, stack.true(gateway))}


def wait_truth(kafka, stack, ids, host=None):
    """Until the newest value of each gateway is the stand-in's; all values."""
    wanted = truth(stack, ids)
    seen = {}

    def wrong():
        seen.clear()
        seen.update(packets(kafka, host))
        return {key: number for key, number in wanted.items() if not seen.get(key) or seen[key][-1][1] != number}
    wait_for(lambda: not wrong(), "the counts of all gateways in the topic", 60, lambda: list(wrong().items())[:3])
    return seen


def gap(rows):
    """The longest time between two values, in seconds."""
    return max(later[0] - row[0] for row, later in zip(rows, rows[1:]))


def twice(kafka, host):
    """How many values of one of the collectds came more often than once."""
    seen = collections.Counter((one["plugin_instance"], one["type"], one["type_instance"], one["time"])
                               for one in kafka.values() if one["host"] == host)
    return sum(n - 1 for n in seen.values())


def traffic(stack, seconds):
    """Messages on half of the gateways, again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stack.move(3, 0.5)
        time.sleep(0.5)


def test_shards():
    """contrib/scale, the broker is killed twice: a gateway is in one shard, each poll in the topic, sums are right"""
    with Scratch() as scratch, Standin() as stack, ApacheKafka(scratch) as kafka:
        ids = stack.fleet(GATEWAYS)
        with Shards(scratch, stack, "kafka", 2, INTERVAL, **FEW) as shards:
            wait_truth(kafka, stack, ids)
            for seconds in (2, 5 * INTERVAL):
                traffic(stack, 1)
                kafka.kill()
                traffic(stack, seconds)
                kafka.start()
            traffic(stack, 1)
            seen = wait_truth(kafka, stack, ids)
            equal(shards.complaints(), [])
        values = kafka.values()
        hosts, partitions = collections.defaultdict(set), collections.defaultdict(set)
        for value in values:
            if value["plugin"] == "ttn":
                hosts[value["plugin_instance"]].add(value["host"])
                partitions[value["plugin_instance"]].add(value["partition"])
        equal(sorted(hosts), sorted(ids))
        equal({len(one) for one in hosts.values()}, {1}, "shards of a gateway")
        equal([gateway for gateway, some in partitions.items() if len(some) < 2], [], "gateways in one partition")
        equal({host for one in hosts.values() for host in one}, {"ttn-1", "ttn-2"})
        equal(sum(rows[-1][1] for rows in seen.values()), sum(truth(stack, ids).values()), "sum")
        for key, rows in seen.items():
            numbers = [number for _, number in rows]
            equal(numbers, sorted(numbers), "%s %s" % key)
        longest = max(gap(rows) for rows in seen.values())
        note("%d values; the longest time between two of a gateway: %.2f s" % (len(values), longest))
        at_most(longest, GAP, "seconds between two values of a gateway")
        equal((twice(kafka, "ttn-1"), twice(kafka, "ttn-2")), (0, 0), "values that came twice")


def test_slow_broker():
    """A broker that answers too late gets messages again, and keeps both, unless enable.idempotence is true"""
    with Scratch() as scratch, Standin() as stack, ApacheKafka(scratch) as kafka:
        ids = stack.fleet(GATEWAYS)
        # The default are 60 s.
        soon = {"socket.timeout.ms": "1000"}
        with collectd(scratch, stack, kafka, "plain", soon), collectd(scratch, stack, kafka, "once", {**soon, **ONCE}):
            for host in ("plain", "once"):
                wait_truth(kafka, stack, ids, host)
            kafka.freeze()
            traffic(stack, 3 * INTERVAL)
            kafka.freeze(False)
            for host in ("plain", "once"):
                seen = wait_truth(kafka, stack, ids, host)
                at_most(max(gap(rows) for rows in seen.values()), GAP, "seconds between two values of " + host)
        note("as it is: %d values came twice" % twice(kafka, "plain"))
        equal((twice(kafka, "plain") > 0, twice(kafka, "once")), (True, 0), "values came twice")


def test_lost():
    """What does not outlive a broker that is away: old values, those beyond the queue, and all when collectd ends"""
    timeout = {"message.timeout.ms": "4000"}
    # A poll has some seven values of a gateway, so this is one poll and a half.
    queue = {"queue.buffering.max.messages": str(10 * GATEWAYS)}
    hosts = {"all": {"properties": timeout}, "old": {"topic_properties": timeout}, "new": {"properties": queue},
             "ended": {}}
    with Scratch() as scratch, Standin() as stack, ApacheKafka(scratch) as kafka, contextlib.ExitStack() as running:
        ids = stack.fleet(GATEWAYS)
        daemons = {name: running.enter_context(collectd(scratch, stack, kafka, name, **options))
                   for name, options in hosts.items()}
        for host in hosts:
            wait_truth(kafka, stack, ids, host)
        begin = time.time()
        kafka.kill()
        traffic(stack, 8 * INTERVAL)
        took = daemons["ended"].stop()
        note("collectd ended within %.1f s without the broker" % took)
        at_most(took, 5, "seconds until collectd has ended")
        daemons["ended"].start()
        end = time.time()
        kafka.start()
        traffic(stack, INTERVAL)
        seen = {}
        for host in hosts:
            # Whatever is lost between: the counts are whole again.
            rows = [row for rows in wait_truth(kafka, stack, ids, host).values() for row in rows]
            seen[host] = sorted({when - begin for when, _ in rows if when > begin + 1})
            note("%s: polls after %s s" % (host, " ".join("%.1f" % when for when in seen[host])))
        away = end - begin
        note("the broker was away for %.1f s, and for as long as its start took" % away)
        # A property of the topic does nothing among those of the producer.
        at_most(gap([(when,) for when in [0] + seen["all"]]), GAP, "seconds between two values")
        equal(seen["old"][0] > away - 4, True, "the newest values are kept")
        equal([when for when in seen["new"] if 2 * GAP < when < away], [], "the oldest values are kept")
        equal(seen["new"][0] < GAP, True, "the oldest values are kept")
        equal([when for when in seen["ended"] if when < away - 1], [], "values of the collectd that ended")
        for name, daemon in daemons.items():
            equal(daemon.lines("error") + daemon.lines("warning"), [], name)
            matches("Connect to .* failed: Connection refused", daemon.said())


def test_places():
    """A property of the producer inside the topic leaves the topic out, and the log says so"""
    with Scratch() as scratch, Standin() as stack:
        wrong = brokers.writer("127.0.0.1:9", topic_properties={"queue.buffering.max.messages": "7"})
        with Collectd(scratch, account("home", **stack.options(scratch)), extra=wrong, prometheus=False) as daemon:
            matches("cannot set kafka topic property queue.buffering.max.messages to 7", daemon.said())


if __name__ == "__main__":
    run(globals())
