#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which values a gateway has by default: few, as a recorded answer and a real collectd show; a sub-band from its
first use on; and all that dashboards and alerts ask for."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import yaml  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from dashboards import CONTRIB, load, panels  # noqa: E402
from drive import Drive  # noqa: E402
from paths import SRCDIR, Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402

MOST = 18
# A UDP gateway with traffic, round trips, all of EU868's sub-bands and a status. Another answer, of an MQTT
# gateway, has metrics of its own instead of round trips.
ANSWERS = ("registry/idle-8s.batch.json", "live/fleet.batch.json", "mqtt/traffic-batch.json")
ROOF = ("percent", "duty_cycle_868000_868600")
ROW = "Radio"  # needs Traffic, as its title says
ALERTS = {"TTNGatewayReconnects", "TTNGatewayBadFrames", "TTNGatewayDownlinksFail"}  # say what they need
MAP = "Map"  # needs Location


def recorded(name):
    """(the gateway's id, its entry, the fault that gives this answer)."""
    with open(os.path.join(SRCDIR, "tests", "answers", *name.split("/")), encoding="utf-8") as file:
        answer = json.load(file)
    gateway, entry = max(json.loads(answer["body"])["entries"].items(), key=lambda pair: len(pair[1]))
    body = json.dumps({"entries": {gateway: entry}})
    return gateway, entry, {"status": 200, "body": body}


def values_of(name, **options):
    """{(type, type instance)} of a recorded answer's gateway."""
    gateway, entry, action = recorded(name)
    with Scratch() as scratch, Standin() as stack:
        stack.register(gateway)
        stack.set_clock(entry["last_status_received_at"])
        stack.fault(action, {"kind": "batch"})
        with Drive(scratch, **stack.options(scratch), **options) as drive:
            polled = drive.poll()
            equal(polled.lines("warning", "error"), [], name)
            return entry, {key[2:] for key in polled.of(gateway)}


def test_count():
    """A gateway has at most 18 values by default, of real answers with all there is; the rest are details"""
    for name in ANSWERS:
        entry, values = values_of(name)
        note("%s: %d values" % (name, len(values)))
        at_most(len(values), MOST, "values of " + name)
        metrics = entry["last_status"]["metrics"]
        equal({key[1] for key in values if key[0] == "gauge"},
              {"status_" + key for key in metrics if key not in ("rxfw", "txin", "txok")}, "status")
        used = [band for band in entry["sub_bands"] if band.get("downlink_utilization")]
        equal((len(entry["sub_bands"]), len(used), [key for key in values if key[0] == "percent"]), (6, 1, [ROOF]),
              "sub-bands")
        _, whole = values_of(name, CollectDetails=True)
        more = {("percent", "duty_cycle_limit_868000_868600")} | {
            ("gauge", "status_" + key) for key in metrics if key in ("rxfw", "txin", "txok")}
        more |= {("count", "rtt_samples")} if "round_trip_times" in entry else set()
        equal(whole - values, more, "details of " + name)


# A sub-band.

BAND = {"min": 868000000, "max": 868600000, "limit": 0.01}
OTHER = {"min": 869400000, "max": 869650000, "limit": 0.1}


def bands(daemon):
    return {key[3]: number for key, number in daemon.values().items() if key[:3] == ("ttn", "roof", "percent")}


def polls(stack, n):
    """That many polls begin, and the one before."""
    before = stack.count(kind="batch")
    wait_for(lambda: stack.count(kind="batch") > before + n, "%d polls" % n, 30)


def test_sub_bands():
    """collectd has a sub-band's series from its first use on, also at 0 and over a reconnect, until it is restarted"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.sub_bands("roof", [dict(BAND, used=0), dict(OTHER, used=0)])
        daemon = Collectd(scratch, account("home", **stack.options(scratch), Interval=0.3), interval=0.3)
        with daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            polls(stack, 2)
            equal(bands(daemon), {}, "sub-bands before one is used")
            stack.sub_bands("roof", [dict(BAND, used=0.0025), dict(OTHER, used=0)])
            daemon.wait_value("ttn", "roof", *ROOF, 25)
            stack.connect("roof")
            stack.sub_bands("roof", [dict(BAND, used=0), dict(OTHER, used=0)])
            daemon.wait_value("ttn", "roof", *ROOF, 0)
            polls(stack, 5)  # so many that collectd would have forgotten it
            equal(bands(daemon), {ROOF[1]: 0}, "sub-bands after one was used")
            daemon.stop()
            daemon.start()
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            polls(stack, 2)
            equal(bands(daemon), {}, "sub-bands after a restart")


# What is asked for.


def emitted(**options):
    """{(plugin, type, type instance)} of a fleet with all that is there."""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(10, pattern="mixed")
        stack.register("forwarder", antennas=[{"location": {"latitude": 47.25, "longitude": -8.5}}])
        stack.connect("forwarder", status=True)
        stack.cluster(1, limits={"batch": {"rate": 6000, "burst": 100}})
        with Drive(scratch, **stack.options(scratch, "user-traffic"), **options) as drive:
            stack.fault({"error": {"code": 16, "namespace": "pkg/auth", "name": "api_key_not_found", "text": "x"}},
                        times=1)
            drive.poll()
            drive.poll()
            if options.get("Traffic"):
                drive.hear(stack, 1)
            for what in ({}, {"crc": False}, {"data_rate": {"fsk": {"bit_rate": 50000}}}):
                stack.uplink("forwarder", radio=what)
            stack.downlink("forwarder")
            stack.tx_ack("forwarder")
            stack.unscheduled("forwarder", ["conflict"])
            for _ in range(2):
                stack.advance(60)
                drive.hear(stack)
            return {(key[0],) + key[2:] for key in drive.poll().values}


def asked(query):
    """[(plugin, type, does a type instance fit)] of a query for Prometheus."""
    out = []
    for plugin, type_, labels in re.findall(r"\bcollectd_(ttn_api|ttn)_(\w+?)(?:_seconds)?(?:_total)?(\{[^}]*\}|(?![\w{]))",
                                            query):
        wanted = re.search(r'\btype(=~?)"([^"]*)"', labels)
        refused = re.search(r'\btype!~"([^"]*)"', labels)
        pattern = ".*" if not wanted else wanted[2] if wanted[1] == "=~" else re.escape(wanted[2])
        out.append((plugin, type_, lambda name, pattern=pattern, refused=refused: (
            re.fullmatch(pattern, name) and not (refused and re.fullmatch(refused[1], name)))))
    return out


def lacking(query, there):
    """The metrics of a query that none of these series has."""
    return ["%s %s" % (plugin, type_) for plugin, type_, fits in asked(query)
            if not any(one[:2] == (plugin, type_) and fits(one[2]) for one in there)]


def test_asked_for():
    """Each series that dashboards and alerts ask for is there by default, but for rows and alerts that name an option"""
    few, whole = emitted(), emitted(Traffic=True, Location=True)
    equal(("ttn", "count", "rtt_samples") in whole, False, "details")
    queries = [(row, panel["title"], target["expr"]) for row, panel in panels(load("prometheus"))
               for target in panel["targets"]]
    with open(os.path.join(CONTRIB, "prometheus", "ttn.rules.yml"), encoding="utf-8") as file:
        rules = yaml.safe_load(file)["groups"][0]["rules"]
    queries += [("alert", rule["alert"], rule["expr"]) for rule in rules]
    seen = 0
    for row, title, query in queries:
        optional = row in (ROW, MAP) or title in ALERTS
        equal(lacking(query, whole if optional else few), [], "%s, %s: not there" % (row, title))
        seen += len(asked(query))
    note("%d series of %d queries" % (seen, len(queries)))
    at_most(70, seen, "series that are asked for")
    for title in ALERTS:
        query = next(rule["expr"] for rule in rules if rule["alert"] == title)
        equal(lacking(query, few) != [], True, title + " needs an option")


run(globals())
