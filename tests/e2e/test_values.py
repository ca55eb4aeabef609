#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""True values on the real collectd, over plain HTTP and over TLS with HTTP/2."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, near, run, wait_for  # noqa: E402

KINDS = ("uplink", "downlink", "tx_ack")
# What design says a connected gateway with all there is has: identifiers as unixsock names them.
COUNTS = {"packets-" + kind for kind in KINDS}
AGES = {"duration-since_" + what for what in KINDS + ("status",)}
BANDS = {"percent-duty_cycle_868000_868600"}
STATUS = {"gauge-status_rxok", "gauge-status_temp"}
ROUND_TRIPS = {"duration-rtt_min", "duration-rtt_median", "duration-rtt_max"}
WHOLE = COUNTS | AGES | BANDS | STATUS | ROUND_TRIPS | {"bool-connected", "uptime-connection"}
API = {"bool-up", "count-gateways", "count-connected", "count-disconnected", "count-unknown", "duration-poll",
       "http_response_codes-200"}


def fleet(stack):
    """roof has all there is, barn went away, lost was never there."""
    for gateway in ("roof", "barn", "lost"):
        stack.register(gateway)
    stack.connect("roof", at=-100)
    stack.uplink("roof", 7)
    stack.downlink("roof", 3)
    stack.tx_ack("roof", 2)
    stack.round_trip("roof", 0.03, 9)
    stack.round_trip("roof", 0.04, 10)
    stack.round_trip("roof", 0.07)
    stack.status("roof", metrics={"rxok": 7, "temp": 31.5})
    stack.sub_bands("roof", [{"min": 868000000, "max": 868600000, "limit": 0.01, "used": 0.0025}])
    stack.connect("barn")
    stack.uplink("barn", 4)
    stack.disconnect("barn")


def follows(daemon, stack, *gateways):
    """Each gateway's counts are those of all messages that there ever were."""
    for gateway in gateways:
        truth = stack.true(gateway)
        wait_for(lambda: daemon.packets(gateway) == truth, "%s has %s" % (gateway, truth), 10,
                 lambda: daemon.packets(gateway))


def names_and_values(daemon, stack):
    follows(daemon, stack, "roof")
    equal(daemon.packets("roof"), (7, 3, 2))
    # collectd takes a poll's values one after the other; the account's own come last.
    wait_for(lambda: API | {"errors-json"} <= {name[len("ttn_api-home/"):] for name in daemon.listed()},
             "the account's values")
    listed = daemon.listed()
    equal({name[len("ttn-roof/"):] for name in listed if name.startswith("ttn-roof/")}, WHOLE, "roof")
    equal({name[len("ttn-barn/"):] for name in listed if name.startswith("ttn-barn/")},
          {"packets-uplink", "bool-connected", "duration-since_uplink"}, "barn")
    equal({name[len("ttn-lost/"):] for name in listed if name.startswith("ttn-lost/")}, {"bool-connected"}, "lost")
    api = {name[len("ttn_api-home/"):] for name in listed if name.startswith("ttn_api-home/")}
    equal({name for name in api if not name.startswith("errors-")}, API, "account")
    equal({name.split("/")[0] for name in listed}, {"ttn-roof", "ttn-barn", "ttn-lost", "ttn_api-home"})
    for name, number in (("bool-connected", 1), ("duration-rtt_min", 0.03),
                         ("duration-rtt_median", 0.04), ("duration-rtt_max", 0.07), ("gauge-status_rxok", 7),
                         ("gauge-status_temp", 31.5), ("percent-duty_cycle_868000_868600", 25)):
        near(daemon.gauge("ttn-roof/" + name), number, 1e-6, name)
    near(daemon.gauge("ttn-roof/uptime-connection"), 102, 10, "uptime")
    for name in AGES:
        near(daemon.gauge("ttn-roof/" + name), 2, 8, name)
    equal(daemon.gauge("ttn-barn/bool-connected"), 0)
    equal(daemon.gauge("ttn-lost/bool-connected"), 0)


def account_values(daemon, stack):
    values = daemon.values()
    for name, number in (("gateways", 3), ("connected", 1), ("disconnected", 2), ("unknown", 0)):
        equal(values["ttn_api", "home", "count", name], number, name)
    equal(values["ttn_api", "home", "bool", "up"], 1)
    near(values["ttn_api", "home", "duration", "poll"], 0.5, 0.5, "poll")
    equal({key[3]: number for key, number in values.items() if key[2] == "errors"},
          {"connect": 0, "timeout": 0, "http": 0, "json": 0}, "errors")
    before, seen = stack.count(status=200), daemon.value("ttn_api", "home", "http_response_codes", "200")
    if not seen or seen > stack.count(status=200) or seen < before - 4:
        raise AssertionError("http_response_codes 200: %s, and %d requests" % (seen, before))


def reconnects(daemon, stack):
    """Counts go on over a reconnect, though the stack's begin again."""
    stack.uplink("roof", 5)
    follows(daemon, stack, "roof")
    stack.connect("roof")
    follows(daemon, stack, "roof")
    stack.uplink("roof", 4)
    stack.tx_ack("roof")
    follows(daemon, stack, "roof")
    equal(daemon.packets("roof"), (16, 3, 3))
    near(daemon.gauge("ttn-roof/uptime-connection"), 2, 5, "uptime after a reconnect")
    daemon.wait_value("ttn", "roof", "bool", "connected", 1)


def goes_offline(daemon, stack):
    """While it is away only counts, the state and the ages remain."""
    stack.disconnect("roof")
    daemon.wait_value("ttn", "roof", "bool", "connected", 0)
    stack.connect("barn")
    stack.uplink("barn", 2)
    follows(daemon, stack, "barn")
    equal(daemon.packets("barn"), (6, 0, 0))
    daemon.wait_value("ttn_api", "home", "count", "connected", 1)
    # collectd forgets a series that isn't reported for two intervals.
    wait_for(lambda: {key[2] + "-" + key[3] for key in daemon.values() if key[1] == "roof"}
             == COUNTS | {"bool-connected", "duration-since_uplink", "duration-since_tx_ack"},
             "roof has only counts, state and the ages of its last connection", 15,
             lambda: sorted(key[2:] for key in daemon.values() if key[1] == "roof"))
    equal(daemon.packets("roof"), (16, 3, 3))


def written(daemon, stack):
    """Every number ever written: counts never fall, and end at the truth."""
    for gateway in ("roof", "barn"):
        for kind, truth in zip(KINDS, stack.true(gateway)):
            numbers = [number for _, number in daemon.csv("ttn-" + gateway, "packets-" + kind)]
            equal(numbers, sorted(numbers), "%s %s" % (gateway, kind))
            equal(numbers[-1], truth, "%s %s" % (gateway, kind))
    states = [number for _, number in daemon.csv("ttn-roof", "bool-connected")]
    equal(states, sorted(states, reverse=True), "roof was there, then away")
    times = [when for when, _ in daemon.csv("ttn-roof", "packets-uplink")]
    if max(times) > time.time() + 1 or min(times) < time.time() - 120:
        raise AssertionError("times of values: %s" % times)


def whole_story(tls):
    with Scratch() as scratch, Standin(scratch if tls else None) as stack:
        fleet(stack)
        # Under qemu the TLS handshake alone takes more than 0.3 s.
        block = account("home", **stack.options(scratch), Interval=1)
        with Collectd(scratch, block, interval=1, csv=True) as daemon:
            names_and_values(daemon, stack)
            account_values(daemon, stack)
            reconnects(daemon, stack)
            goes_offline(daemon, stack)
            equal([line for level in ("error", "warning") for line in daemon.lines(level)], [], "log")
        written(daemon, stack)
        asked = stack.asked()
        equal(sum(row["n"] for row in asked["requests"] if row["status"] != 200), 0, "refused requests")
        equal(stack.count(kind="list"), 1, "lists")
        if tls:
            equal(asked["tls"]["1"]["connections"], 1, "connections")
            equal(set(asked["tls"]["1"]["alpn"]), {"h2"}, "protocols")
        else:
            equal(asked["connections"]["1"], 1, "connections")


def test_plain():
    """Plain HTTP: names and values, a reconnect, a gateway that goes and one that comes."""
    whole_story(False)


def test_tls():
    """TLS with HTTP/2: the same, over one connection."""
    whole_story(True)


run(globals())
