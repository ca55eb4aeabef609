#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""contrib/scale: four shards that its unit starts, and what its second tiers have of them: Prometheus, and a collectd
that receives and writes on. ./check kafka has carbon and Apache Kafka."""

import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
import shards  # noqa: E402
from collectd import Collectd  # noqa: E402
from paths import Scratch  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from shards import FEW, Shards  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run  # noqa: E402

SHARDS = 4
GATEWAYS = 40
INTERVAL = 1
# How long a receiver is away, in seconds.
AWAY = 2
HOSTS = {"ttn-%d" % number for number in range(1, SHARDS + 1)}


def story(stack, ids, read):
    shards.counted(stack, ids, HOSTS, read)
    stack.move(7)
    shards.counted(stack, ids, HOSTS, read)


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


def test_network():
    """A collectd receives all gateways of all shards and writes on; after a restart of it counts are whole again"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(GATEWAYS)
        central = Collectd(scratch, "", extra=shards.here(shards.read("central-network.conf")), interval=INTERVAL,
                           plugin=False, name="central")

        def read():
            return shards.uplinks(central.scrape())
        with central, Shards(scratch, stack, "network", SHARDS, INTERVAL, **FEW) as running:
            story(stack, ids, read)
            central.stop()
            stack.move(5)
            time.sleep(AWAY)
            central.start()
            story(stack, ids, read)
            equal(running.complaints(), [])
        # All in one place, so that a shard finds what another one knew.
        equal(sorted(os.listdir(scratch.file("state", "collectd-ttn", "ttn"))),
              ["home.state"] + ["home.state.%d" % number for number in range(2, SHARDS + 1)], "state files")


run(globals())
