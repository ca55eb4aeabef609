#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""contrib/scale: four shards that its unit starts, and what its second tiers have of them: Prometheus, carbon, and a
collectd that receives and writes on. ./check kafka has Apache Kafka."""

import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
import shards  # noqa: E402
from carbon import Carbon  # noqa: E402
from collectd import Collectd  # noqa: E402
from paths import Scratch  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from shards import Shards  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

SHARDS = 4
# Of carbon a program reads each series anew.
GATEWAYS, FEW_GATEWAYS = 40, 10
INTERVAL = 1
# How long a receiver is away, in seconds.
AWAY = 4
FEW = {"CollectRoundTripTimes": False, "CollectAges": False, "CollectDutyCycle": False, "CollectStatus": False}
HOSTS = {"ttn-%d" % number for number in range(1, SHARDS + 1)}


def counted(stack, ids, read):
    """Until each gateway's uplinks are the stand-in's; read() gives {(host, gateway): number}. Each gateway is in one
    shard."""
    seen = {}

    def right():
        seen.clear()
        seen.update(read())
        numbers = {}
        for (_, gateway), number in seen.items():
            numbers.setdefault(gateway, []).append(number)
        return numbers == {gateway: [stack.true(gateway)[0]] for gateway in ids}
    wait_for(right, "the uplinks of all gateways, each in one shard", 30, lambda: seen)
    hosts = {host for host, _ in seen}
    # Of few gateways one shard may have none.
    equal((hosts <= HOSTS, len(hosts) > 1, len(ids) < GATEWAYS or hosts == HOSTS), (True, True, True), "shards")


def story(stack, ids, read):
    counted(stack, ids, read)
    stack.move(7)
    counted(stack, ids, read)


def graphite(carbon):
    """{(host, gateway): uplinks}"""
    out = {}
    for name in carbon.names():
        host, plugin, series = name.split(".")
        if plugin.startswith("ttn-") and series == "packets-uplink":
            rows = carbon.fetch(name)
            if rows:
                out[host, plugin[len("ttn-"):]] = rows[-1][1]
    return out


def test_prometheus():
    """Prometheus has all gateways of all shards, each once; a shard that is killed and started again is whole"""
    whole = shards.here(shards.read("prometheus.yml"))
    equal(whole.count("scrape_interval: 1m"), 1)
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(GATEWAYS)
        shutil.copy(os.path.join(paths.SRCDIR, "contrib", "prometheus", "ttn.rules.yml"), scratch.path)
        prometheus = Prometheus(scratch, whole=whole.replace("scrape_interval: 1m", "scrape_interval: 1s"))
        with Shards(scratch, stack, "prometheus", SHARDS, INTERVAL, **FEW) as running, prometheus:
            scraped(stack, ids, running, prometheus)
            equal(running.complaints(), [])


def scraped(stack, ids, running, prometheus):
    """The story of test_prometheus."""
    def read():
        return {(labels["instance"], labels["ttn"]): number for labels, number in
                prometheus.query('collectd_ttn_packets_total{type="uplink"}')}
    story(stack, ids, read)
    running.stop(2, signal.SIGKILL)
    stack.move(5)
    running.start(2)
    story(stack, ids, read)
    up = prometheus.query('collectd_ttn_api_bool{type="up"} == 1')
    equal(({labels["instance"] for labels, _ in up}, len(up)), (HOSTS, SHARDS), "accounts")
    equal(len(prometheus.api("rules")["groups"]) > 0, True, "alert rules")


def test_graphite():
    """carbon has all gateways of all shards, each once; it loses values while it is away, and no counts"""
    with Scratch() as scratch, Standin() as stack, Carbon(scratch) as carbon:
        ids = stack.fleet(FEW_GATEWAYS)
        with Shards(scratch, stack, "graphite", SHARDS, INTERVAL, **FEW) as running:
            counted(stack, ids, lambda: graphite(carbon))
            carbon.stop()
            begin = time.time()
            stack.move(7)
            time.sleep(AWAY)
            end = time.time()
            carbon.start()
            counted(stack, ids, lambda: graphite(carbon))
            for host, gateway in graphite(carbon):
                rows = carbon.fetch("%s.ttn-%s.packets-uplink" % (host, gateway))
                equal([when for when, _ in rows if begin + INTERVAL < when < end - INTERVAL], [], "values meanwhile")
            equal(running.complaints(), [])


def test_network():
    """A collectd receives all gateways of all shards and writes on; after a restart of it counts are whole again"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(GATEWAYS)
        central = Collectd(scratch, "", extra=shards.here(shards.read("central-network.conf")), interval=INTERVAL,
                           plugin=False, name="central")

        def read():
            return {(labels["instance"], labels["ttn"]): number for (name, labels), number in
                    (((key[0], dict(key[1])), number) for key, number in central.scrape().items())
                    if name == "collectd_ttn_packets_total" and labels["type"] == "uplink"}
        with central, Shards(scratch, stack, "network", SHARDS, INTERVAL, **FEW) as running:
            story(stack, ids, read)
            central.stop()
            stack.move(5)
            time.sleep(AWAY)
            central.start()
            story(stack, ids, read)
            equal(running.complaints(), [])


run(globals())
