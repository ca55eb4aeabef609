#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The dashboards' row of radio values: each query of each panel is asked of the real Prometheus (InfluxDB), which the
real collectd feeds, and the panels show what the stand-in's gateways really received and sent.

What they received and sent lies within one of InfluxDB's intervals, so that it is one value of a graph."""

import contextlib
import math
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from dashboards import legend, load, panels, query_of  # noqa: E402
from influxdb import InfluxDB  # noqa: E402
from paths import Scratch  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run, wait_for  # noqa: E402

# One that has everything, one without a bad frame, one that only connects, and one of an account without Traffic.
ROOF, CLEAN, SHED, BARN = "roof", "clean", "shed", "barn"
WITH_TRAFFIC = (ROOF, CLEAN)
INTERVAL = 1.5
# Seconds: of InfluxDB's interval; of Prometheus' window before the first uplink.
BUCKET, BEFORE = 20, 3
PATIENCE = 60
RATES, CHANNELS = "Uplinks per minute, by data rate", "Uplinks per minute, by channel"
BAD_CRC, MISSED = "Frames with a bad CRC: share of uplinks", "Events missed: share of uplinks"
DOWNLINKS, CONNECTIONS = "Downlinks per minute, and what became of them", "Connections an hour"
RSSI, SNR = "RSSI of uplinks", "SNR of uplinks"
RADIO = (
    # How often, how.
    (5, {}),
    (3, {"spreading_factor": 10, "frequency": 868300000, "rssi": -101, "snr": -3.25}),
    (2, {"spreading_factor": 12, "frequency": 867100000, "rssi": -119, "snr": -14.5}),
    (1, {"data_rate": {"fsk": {"bit_rate": 50000}}, "frequency": 868800000, "rssi": -62}),
    (1, {"data_rate": {"lrfhss": {"operating_channel_width": 137000, "coding_rate": "2/3"}}, "frequency": 868130000,
         "rssi": -115}),
    (4, {"crc": False, "rssi": -121, "snr": -17.25}),
    (2, {"drop": "host_handle"}),
    # Too short for LoRa: it has no event.
    (2, {"short": True}))


def traffic(stack, n):
    for times, radio in RADIO:
        stack.uplink(ROOF, n * times, radio=radio)
    stack.uplink(CLEAN, n * 4)
    stack.downlink(ROOF, n * 9)
    for times, result in ((5, "SUCCESS"), (2, "TOO_LATE"), (1, "GPS_UNLOCKED")):
        stack.tx_ack(ROOF, n * times, result=result)
    stack.unscheduled(ROOF, ["conflict", "duty_cycle"], n * 2)
    stack.unscheduled(ROOF, "not_allowed", n)


def counted(radio):
    """What the plugin has to have counted of it."""
    out = {"up_" + name: n for group in ("data_rates", "frequencies") for name, n in radio[group].items()}
    out.update({"drop_" + name: n for name, n in radio["drops"].items()})
    out.update({"down_" + name: n for name, n in radio["downlinks"].items()})
    out.update({"down_unscheduled_" + ("other" if name == "not_allowed" else name): n
                for name, n in radio["unscheduled"].items()})
    out.update(events_missed=radio["no_event"], uplink=radio["uplinks"], downlink=radio["downlinks"]["sent"],
               tx_ack=sum(radio["downlinks"].values()) - radio["downlinks"]["sent"])
    return {name: n for name, n in out.items() if n}


class FromPrometheus:
    def __init__(self, prometheus):
        self._prometheus = prometheus

    def counts(self, gateway):
        return {labels["type"]: number for labels, number in self._prometheus.query(
            '{__name__=~"collectd_ttn_(packets|total_operations)_total", ttn="%s"}' % gateway)}

    def rows(self, target, gateway, start):
        """[(name, numbers)]"""
        now = time.time()
        query = query_of(target, gateway, "%ds" % math.ceil(now - start + BEFORE))
        # The last step is now.
        return [(labels.get("type"), [number for _, number in points])
                for labels, points in self._prometheus.query_range(query, now - int(now - start), now, 1)]

    def moments(self, target, gateway, start):
        """{when: number}, each of a few seconds."""
        rows = self._prometheus.query_range(query_of(target, gateway, "4s"), start, start + BUCKET, 1)
        return {when: number for _, points in rows for when, number in points}


class FromInfluxDB:
    def __init__(self, influxdb):
        self._influxdb = influxdb

    def counts(self, gateway):
        found = self._influxdb.query("SELECT last(value) FROM ttn_value WHERE instance = '%s' AND type =~ "
                                     "/^(packets|total_operations)$/ GROUP BY type_instance" % gateway)
        return {tags["type_instance"]: rows[0]["last"] for _, tags, rows in found}

    def _asked(self, target, gateway, interval, start):
        for _, tags, rows in self._influxdb.query(query_of(target, gateway, interval=interval)):
            points = [(row.pop("time") / 1000, *row.values()) for row in rows]
            yield tags.get("type_instance"), [(when, number) for when, number in points
                                              if when >= start and number is not None]

    def rows(self, target, gateway, start):
        return [(name, [number for _, number in points])
                for name, points in self._asked(target, gateway, "%ds" % BUCKET, start) if points]

    def moments(self, target, gateway, start):
        return dict(point for _, points in self._asked(target, gateway, "2s", start) for point in points)


def growth(source, gateway, before):
    grown = {name: n - before.get(name, 0) for name, n in source.counts(gateway).items()}
    return {name: n for name, n in grown.items() if n}


def happened(stack, source, n):
    """{gateway: what happened}, once all of it has been counted."""
    before = {gateway: source.counts(gateway) for gateway in WITH_TRAFFIC}
    connects = source.counts(SHED)["connects"]
    for gateway in WITH_TRAFFIC:
        stack.radio(gateway, clear=True)
    stack.connect(SHED)
    traffic(stack, n)
    truth = {gateway: stack.radio(gateway) for gateway in WITH_TRAFFIC}
    wanted = [counted(truth[gateway]) for gateway in WITH_TRAFFIC]

    def grown():
        return [growth(source, gateway, before[gateway]) for gateway in WITH_TRAFFIC]
    wait_for(lambda: grown() == wanted, "all is counted", PATIENCE, lambda: (grown(), wanted))
    wait_for(lambda: source.counts(SHED)["connects"] > connects, "a connection is counted", PATIENCE)
    return truth


def within_an_interval(stack, source):
    """(its start, what happened in it)."""
    for _ in range(5):
        start = math.ceil(time.time() / BUCKET) * BUCKET
        time.sleep(start + 0.1 - time.time())
        truth = happened(stack, source, 5)
        if time.time() < start + BUCKET:
            return start, truth
    raise AssertionError("this machine is too slow")


@contextlib.contextmanager
def world():
    """(stack, scratch, blocks)"""
    with Scratch() as scratch, Standin() as stack:
        # Which events are missing is known when there are further statistics.
        stack.cluster(1, again=1)
        for gateway in (ROOF, CLEAN, SHED, BARN):
            stack.register(gateway)
            stack.connect(gateway)
            stack.uplink(gateway, 3)
        yield stack, scratch, "\n".join((
            account("home", **stack.options(scratch, "user-traffic"), Interval=INTERVAL, Traffic=True,
                    Gateway=[ROOF, CLEAN, SHED]),
            account("plain", **stack.options(scratch), Interval=INTERVAL, Gateway=BARN)))


def shown(source, document, gateway, start):
    """{title: {name in the legend: number}}, of those panels that show something."""
    out = {}
    for title, panel in [(panel["title"], panel) for row, panel in panels(document) if row == "Radio"]:
        for target in panel["targets"]:
            for name, numbers in source.rows(target, gateway, start):
                name = legend(panel, name) if name else panel["fieldConfig"]["defaults"]["displayName"]
                pick = {"min": min, "max": max}.get(name, lambda rows: rows[-1])
                out.setdefault(title, {})[name] = pick(numbers)
    return out


def percent(numbers):
    return {name: round(100 * n / sum(numbers.values())) for name, n in numbers.items() if n}


def holds_truth(seen, truth):
    """Prometheus extrapolates, so counts are compared as shares."""
    equal(percent(seen[RATES]), percent(truth["data_rates"]), RATES)
    equal(percent(seen[CHANNELS]), percent({"%s.%s MHz" % (khz[:-3], khz[-3:]): n
                                            for khz, n in truth["frequencies"].items()}), CHANNELS)
    downlinks = dict(truth["downlinks"])
    downlinks.update({"unscheduled_" + name: n for name, n in truth["unscheduled"].items()})
    downlinks["unscheduled_other"] = downlinks.pop("unscheduled_not_allowed")
    equal(percent(seen[DOWNLINKS]), percent(downlinks), DOWNLINKS)
    with_event = sum(truth["data_rates"].values())
    equal({name: round(number) for name, number in seen[BAD_CRC].items()},
          {"bad CRC": round(100 * truth["drops"]["message_crc"] / with_event)}, BAD_CRC)
    equal({name: round(number) for name, number in seen[MISSED].items()},
          {"missed": round(100 * truth["no_event"] / truth["uplinks"])}, MISSED)
    for title, levels, names in ((RSSI, truth["rssi"], ["min", "median", "max"]),
                                 (SNR, truth["snr"], ["min", "p5", "median", "max"])):
        equal(sorted(seen[title]), sorted(names), title)
        equal((seen[title]["min"], seen[title]["max"]), (min(levels), max(levels)), title)
        equal(names, sorted(names, key=seen[title].get), title)


def check(stack, source, document):
    wait_for(lambda: all("events_missed" in source.counts(gateway) for gateway in (*WITH_TRAFFIC, SHED)), "values",
             PATIENCE)
    # Each count of events begins with 0.
    happened(stack, source, 1)
    start, truth = within_an_interval(stack, source)
    seen = {gateway: shown(source, document, gateway, start) for gateway in (ROOF, CLEAN, SHED, BARN)}
    note("%d panels" % len(seen[ROOF]))
    holds_truth(seen[ROOF], truth[ROOF])
    equal((seen[CLEAN][BAD_CRC], seen[CLEAN][MISSED]), ({"bad CRC": 0}, {"missed": 0}), "no bad frame, none missed")
    # One in so many seconds; in Prometheus of fewer.
    an_hour = [seen[gateway][CONNECTIONS]["connects"] for gateway in (SHED, ROOF)]
    equal((3600 / BUCKET <= an_hour[0] <= 10 * 3600 / BUCKET, an_hour[1]), (True, 0), CONNECTIONS)
    equal(seen[BARN], {}, "without Traffic")
    # Nothing is said of a time without uplinks, of which there is some now.
    time.sleep(3 * INTERVAL)
    by_title = {panel["title"]: panel["targets"][0] for row, panel in panels(document) if row == "Radio"}
    rates, shares = (source.moments(by_title[title], ROOF, start) for title in (RATES, BAD_CRC))
    equal(sorted(shares), sorted(when for when, number in rates.items() if number), "when there is a share")


def prometheus_shows(server):
    """Each panel for Prometheus shows what happened, and nothing without Traffic. server: the class of what is
    asked."""
    with world() as (stack, scratch, blocks), Collectd(scratch, blocks, interval=INTERVAL) as daemon, \
            server(scratch, [daemon.exporter]) as prometheus:
        check(stack, FromPrometheus(prometheus), load("prometheus"))


def influxdb_shows(between):
    """The same for InfluxDB. between(scratch, influxdb): a context of what has the writer() that leads to it."""
    with world() as (stack, scratch, blocks), InfluxDB(scratch) as influxdb, between(scratch, influxdb) as way, \
            Collectd(scratch, blocks, extra=way.writer(), interval=INTERVAL):
        check(stack, FromInfluxDB(influxdb), load("influxdb"))


def test_prometheus():
    """Each panel for Prometheus shows what happened, and nothing without Traffic"""
    prometheus_shows(Prometheus)


def test_influxdb():
    """Each panel for InfluxDB shows what happened, and nothing without Traffic"""
    influxdb_shows(lambda _, influxdb: contextlib.nullcontext(influxdb))


if __name__ == "__main__":
    run(globals())
