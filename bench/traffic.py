#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What events cost, next to the least that any client could spend on the same bytes: see README.md beside this file.

    traffic.py

`make bench-traffic` runs it; it takes a minute or two. It asserts nothing. The lines are recorded ones
(tests/answers/events), which the server writes again for many gateways: see feed.h.
"""

import collections
import json
import os
import re
import statistics
import subprocess
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "tests", "lib"))

import bench  # noqa: E402
import memory  # noqa: E402
import paths  # noqa: E402

# Of each gateway: an interval's values are read three times.
GATEWAYS, RATE, SECONDS, POLLS = 1000, 10, 30, 3
ROUNDS = 7
# Gateways of a stream, as the plugin divides them: src/account/streams.c.
IDS_WANTED = 600

# What 40 events of a gateway are.
MIX = {"gs.up.receive": 28, "gs.gateway.connection.stats": 4, "gs.up.drop": 2, "gs.down.send": 2,
       "gs.down.tx.success": 2, "gs.down.tx.fail": 1, "gs.down.schedule.fail": 1}
START = "events.stream.start"
# What the server has to count, see feed.h.
KINDS = {START: "s", "gs.up.receive": "u", "gs.down.send": "d", "gs.down.tx.success": "a", "gs.down.tx.fail": "a"}

TIME = r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"'
# What differs from event to event, and its place in a template: see feed.h.
PLACES = [
    (r'("gateway_id":)"[^"]+"', r'\1"$i;"'),
    (r'("eui":)"[^"]+"', r'\1"$e;"'),
    (r'("connected_at":)' + TIME, r'\1"$o;"'),
    (r'("last_uplink_received_at":)' + TIME, r'\1"$U;"'),
    (r'("last_downlink_received_at":)' + TIME, r'\1"$D;"'),
    (r'("last_tx_acknowledgment_received_at":)' + TIME, r'\1"$A;"'),
    (r'("uplink_count":)"\d+"', r'\1"$u;"'),
    (r'("downlink_count":)"\d+"', r'\1"$d;"'),
    (r'("tx_acknowledgment_count":)"\d+"', r'\1"$a;"'),
    (r'("(?:last_status_)?received_at":)' + TIME, r'\1"$r;"'),
    (r'^(\{"result":\{"name":"[^"]+","time":)' + TIME, r'\1"$t;"'),
    (r'("time":)' + TIME, r'\1"$r;"'),
    (r'\b01[0-9A-Z]{24}\b', r'$q;'),
    (r'("correlation_id":)"[0-9a-f]{32}"', r'\1"$h32;"'),
    (r'("dev_addr":)"\w{8}"', r'\1"$h8;"'),
    (r'("f_cnt":)\d+', r'\1$n1:65535;'),
    (r'("timestamp": ?)\d+', r'\1$n1000000:2000000000;'),
    (r'("concentrator_timestamp": ?)"\d+"', r'\1"$n1000000:2000000000;000"'),
    (r'("spreading_factor":)\d+', r'\1$s;'),
    (r'("frequency": ?)"\d+"', r'\1"$f;"'),
    (r'("(?:channel_)?rssi":)-?\d+', r'\1$n-120:-45;'),
    (r'("snr":)-?[\d.]+', r'\1$y;'),
]
BASE64 = re.compile(r'("(?:raw_payload|frm_payload|mic|uplink_token)":)"([A-Za-z0-9+/]+)(=*)"')

Taken = collections.namedtuple("Taken", "wall cpu values uplinks live peak rss streams")
Fed = collections.namedtuple("Fed", "events uplinks plain packed seconds")


def recorded():
    """{name of an event: its lines}, the longest first: they have all fields."""
    out = collections.defaultdict(list)
    for name in ("udp-life-traffic", "downlinks"):
        with open(os.path.join(paths.SRCDIR, "tests", "answers", "events", name + ".json"), encoding="utf-8") as file:
            for part in json.load(file)["stream"]:
                for line in part["text"].splitlines():
                    out[json.loads(line)["result"]["name"]].append(line)
    return {name: sorted(lines, key=len, reverse=True) for name, lines in out.items()}


def template(name, line):
    if "$" in line:
        raise bench.BenchError("a recorded line has a dollar sign: " + line)
    for pattern, place in PLACES:
        line = re.sub(pattern, place, line)
    line = BASE64.sub(lambda found: '%s"$k%d;%s"' % (found.group(1), len(found.group(2)), found.group(3)), line)
    return "%s %s\n" % (KINDS.get(name, "-"), line)


def templates():
    """The start, and a gateway's events in turn: each kind as evenly as it can be."""
    lines = recorded()
    order = sorted(((i + 0.5) / n, name, i) for name, n in MIX.items() for i in range(n))
    # Statistics are those with most fields; of the others all that were recorded.
    chosen = [(name, lines[name][0 if name.endswith("stats") else i % len(lines[name])]) for _, name, i in order]
    return "".join(template(name, line) for name, line in [(START, lines[START][0])] + chosen)


class Client(bench.Program):
    """bench-events, see events.c. what: ttn, counted, polls or floor."""

    def __init__(self, server, gateways, what):
        self.server = server
        super().__init__("bench-events", what, server.url, server.ca, gateways, streams_of(gateways),
                         errors=subprocess.DEVNULL)

    def take(self, fed, polls):
        """All that the server has rendered."""
        streams = self.ask("open")["streams"]
        self.server.send()
        own = self.ask("take %d %d %d" % (fed.plain, fed.seconds, polls))
        return Taken(streams=streams, rss=memory.rss(self.process.pid), **own)


def streams_of(gateways):
    parts = 1
    while gateways > parts * IDS_WANTED:
        parts *= 2
    return parts


def feed(scratch, server, gateways, rate, seconds):
    """The server renders what each client is to take."""
    file = scratch.write("templates", templates())
    return Fed(seconds=seconds, **server.render(streams_of(gateways), seconds, rate, file))


def take_once(server, gateways, what, fed, polls=POLLS):
    with Client(server, gateways, what) as client:
        return client.take(fed, polls)


def median(taken):
    return Taken(*(int(statistics.median(column)) for column in zip(*taken)))


def per_second(fed, microseconds):
    return fed.events * 1000000 // microseconds


def measure(scratch, gateways):
    print("machine: %s\n%s" % (bench.machine(), bench.versions()))
    with bench.Server(scratch, gateways) as server:
        fed = feed(scratch, server, gateways, RATE, SECONDS)
        # The two take turns, so that a busy machine troubles both.
        rounds = [[take_once(server, gateways, what, fed) for what in ("ttn", "floor")] for _ in range(ROUNDS)]
        counted, polls = (take_once(server, gateways, what, fed) for what in ("counted", "polls"))
    ours, floor = (median(taken) for taken in zip(*rounds))
    show_cpu(fed, ours, floor)
    show_memory(gateways, counted, polls)
    marks = bench.Marks()
    where = "{:,} gateways".format(gateways)
    marks.see("CPU / floor", 2, ours.cpu / floor.cpu, where)
    marks.see("CPU seconds of 100,000 events", 1, ours.cpu / fed.events / 10, where)
    marks.show()


def show_cpu(fed, ours, floor):
    table = bench.Table("%d s of events, taken as fast as they can be; values read %d times" % (fed.seconds, POLLS),
                        " events", "lines MB", "gzip MB", "streams", "  values", "per CPU s", "  floor", "times",
                        "us each", "floor")
    table.row(fed.events, "%.0f" % (fed.plain / 1e6), "%.0f" % (fed.packed / 1e6), ours.streams, ours.values,
              per_second(fed, ours.cpu), per_second(fed, floor.cpu), bench.times(ours.cpu, floor.cpu),
              "%.2f" % (ours.cpu / fed.events), "%.2f" % (floor.cpu / fed.events))


def show_memory(gateways, counted, polls):
    table = bench.Table("Memory at the end, and that of the same polls without Events", "gateways", "RSS MiB",
                        "without", "more B/gw", "held KiB", "without", "more B/gw", "peak KiB")
    table.row(gateways, bench.mib(counted.rss), bench.mib(polls.rss), (counted.rss - polls.rss) // gateways,
              bench.kib(counted.live), bench.kib(polls.live), (counted.live - polls.live) // gateways,
              bench.kib(counted.peak))


def main():
    with paths.Scratch() as scratch:
        measure(scratch, GATEWAYS)


if __name__ == "__main__":
    main()
