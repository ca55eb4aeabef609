#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""contrib/scale: four shards that its unit starts, and what carbon has of them. It takes long, because a program is
started for each of carbon's series: so only ./check kafka runs it."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from carbon import Carbon  # noqa: E402
from paths import Scratch  # noqa: E402
from shards import FEW, Shards, counted  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run  # noqa: E402

SHARDS = 4
GATEWAYS = 24
INTERVAL = 1
# How long carbon is away, in seconds.
AWAY = 4
HOSTS = {"ttn-%d" % number for number in range(1, SHARDS + 1)}


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


def test_graphite():
    """carbon has all gateways of all shards, each once; it loses values while it is away, and no counts"""
    with Scratch() as scratch, Standin() as stack, Carbon(scratch) as carbon:
        ids = stack.fleet(GATEWAYS)
        with Shards(scratch, stack, "graphite", SHARDS, INTERVAL, **FEW) as running:
            counted(stack, ids, HOSTS, lambda: graphite(carbon))
            carbon.stop()
            begin = time.time()
            stack.move(7)
            time.sleep(AWAY)
            end = time.time()
            carbon.start()
            counted(stack, ids, HOSTS, lambda: graphite(carbon))
            for host, gateway in graphite(carbon):
                rows = carbon.fetch("%s.ttn-%s.packets-uplink" % (host, gateway))
                equal([when for when, _ in rows if begin + INTERVAL < when < end - INTERVAL], [], "values meanwhile")
            equal(running.complaints(), [])


run(globals())
