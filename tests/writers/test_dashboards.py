#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The dashboards and the alert rules of contrib: each query of each panel, variable and rule is asked of the
real Prometheus (InfluxDB), which the real collectd feeds with a fleet that has everything. An error or an
empty answer is a failure.

What Grafana would put in place of its variables is put there by hand. Of the rules only the waiting is
shortened; promtool tests that (test_rules.py)."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from dashboards import CONTRIB, Textfile, gateway_names, load, names_file, panels, query_of  # noqa: E402
from influxdb import InfluxDB  # noqa: E402
from paths import Scratch  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run, wait_for  # noqa: E402

SOURCES = ("prometheus", "influxdb")
# A gateway that has everything, so each of its panels has something to show.
GATEWAY = "roof"
PATIENCE = 60
# Prometheus forgets what is silent after so many seconds, not 300.
LOOKBACK = 6
# As people write them. Others have none.
NAME = 'Town hall, "roof" \\ north'


# The files.


def test_generated():
    """The dashboards are what generate.py writes"""
    with Scratch() as scratch:
        subprocess.run([sys.executable, "-B", os.path.join(CONTRIB, "grafana", "generate.py"), scratch.path],
                       check=True)
        for source in SOURCES:
            with open(scratch.file("ttn-%s.json" % source), encoding="utf-8") as file:
                equal(load(source), json.load(file), source)


def strings(value):
    """All of a JSON document."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(one)


def no_overlap(panels):
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        equal((taken & cells, [x for x, _ in cells if x > 23]), (set(), []), "overlap of " + panel["title"])
        taken |= cells


def test_shape():
    """What Grafana and grafana.com want of a dashboard"""
    for source in SOURCES:
        document = load(source)
        equal((document["id"], document["uid"], document["__inputs"]), (None, "ttn-" + source, []))
        if document["schemaVersion"] < 36:
            raise AssertionError("schemaVersion: data sources were names before 36")
        collapsed = [panel for panel in document["panels"] if panel.get("collapsed")]
        # Such a row is opened in its place, which pushes down what is below.
        for together in [document["panels"]] + [[row] + row["panels"] for row in collapsed]:
            no_overlap(together)
        equal([row["title"].split()[0] for row in collapsed], ["Radio"], "what needs more than the defaults")
        panels = document["panels"] + [panel for row in collapsed for panel in row["panels"]]
        equal(len({panel["id"] for panel in panels}), len(panels), "numbers of panels")
        equal({row["id"] for row in document["__requires"] if row["type"] == "panel"},
              {panel["type"] for panel in panels} - {"row"}, "what is required")
        for panel in panels:
            if panel["type"] == "table":
                columns = set(panel["transformations"][-1]["options"]["renameByName"].values())
                columns |= {name for target in panel["targets"] for name in re.findall(
                    '^SELECT [^ ]+ AS "([^"]+)"', target.get("query", ""))}
                equal({one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} - columns, set(),
                      "properties of columns that are not there")
            form = "table" if panel["type"] in ("table", "geomap") else "time_series"
            equal({target.get("format") or target["resultFormat"] for target in panel.get("targets", ())} - {form},
                  set(), "form of " + panel["title"])
            refs = [target["refId"] for target in panel.get("targets", ())]
            equal(len(set(refs)), len(refs), "refIds of " + panel["title"])
        variables = document["templating"]["list"]
        equal([one["query"] for one in variables if one["type"] == "datasource"], [source])
        used = [panel["datasource"] for panel in panels if panel["type"] != "row"] + [
            target["datasource"] for panel in panels for target in panel.get("targets", ())] + [
            one["datasource"] for one in variables if one["type"] == "query"]
        for one in used:
            equal(one, {"type": source, "uid": "${datasource}"})
        known = {one["name"] for one in variables} | {"__rate_interval", "__interval", "timeFilter", "__all"}
        for text in strings(document):
            names = set(re.findall(r"\$(?!\d)(?:\{)?([a-z_A-Z]+)", text)) - {"tag_instance", "tag_type_instance"}
            equal({name for name in names if name not in known and not text.startswith("/d/$")}, set(), text)
            if text.startswith("/") and not text.startswith("/d/"):
                raise AssertionError("a path: " + text)


# The queries.


def fleet(stack):
    """Each state, and what each alert is about."""
    for gateway in (GATEWAY, "barn", "shelf", "deaf", "full", "hidden"):
        stack.register(gateway, name=NAME if gateway == GATEWAY else "",
                       antennas=[{"location": {"latitude": 47.25, "longitude": -8.5}}] if gateway == "barn" else [])
    for gateway in (GATEWAY, "full", "hidden"):
        stack.connect(gateway, at=-100, status=gateway == GATEWAY)
        stack.round_trip(gateway, 0.04, 20)
        stack.sub_bands(gateway, [{"min": 868000000, "max": 868600000, "limit": 0.01,
                                   "used": 0.009 if gateway == "full" else 0.0025}])
    # Their time on the air takes the place of the share that was set, and fills more than a quarter of the limit.
    stack.downlink(GATEWAY, 220)
    stack.tx_ack(GATEWAY, 220, rtt=0.04)
    stack.status(GATEWAY, metrics={"rxok": 7, "txok": 2, "ackr": 99.5, "temp": 41.5})
    stack.connect("barn")
    stack.uplink("barn", 4)
    stack.disconnect("barn")
    stack.connect("deaf", at=-7200)
    stack.cluster(1, limits={"batch": {"rate": 60000, "burst": 1000}})


class Moving:
    """Messages at GATEWAY, all the time."""

    def __init__(self, stack):
        self._stack = stack
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._end.wait(0.3):
            self._stack.uplink(GATEWAY)
            self._stack.downlink(GATEWAY)
            self._stack.tx_ack(GATEWAY, rtt=0.04)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


@contextlib.contextmanager
def accounts(kind="user", **options):
    """(stack, scratch, blocks): one account is well, the key of one is refused, of one the stack is not there. kind,
    options: of the first one's key, and more of its options."""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        fleet(stack)
        stack.refuse(2)
        yield stack, scratch, "\n".join(
            account(name, **stack.options(scratch, key, cluster), **more, Interval=0.5, DiscoveryInterval=0,
                    Location=True)
            for name, key, cluster, more in (("home", kind, 1, options), ("refused", "wrong-secret", 1, {}),
                                             ("broken", "user", 2, {})))


def answers(document, ask):
    """{(row, title): [answer of each query]}. ask(query, panel's target) -> answer, once it is not empty. Radio is
    test_radio_row.py's."""
    return {(row, panel["title"]): [ask(query_of(target, GATEWAY), target) for target in panel["targets"]]
            for row, panel in panels(document) if row != "Radio"}


def eventually(look):
    """What look() returns once it does not fail: on a machine that is held up, there may be too old values first."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return look()
        except (AssertionError, LookupError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def forget_hidden(stack, known):
    """One gateway is seen connected, and then isn't this key's any more."""
    wait_for(lambda: known() == 1, "hidden is connected", PATIENCE)
    stack.collaborator("hidden", "alice", [paths.keys.INFO])
    wait_for(lambda: known() is None, "hidden is unknown", PATIENCE, known)


STATES = {GATEWAY: 1, "full": 1, "deaf": 1, "barn": 0, "shelf": 0}
VARIABLES = {"host": [HOST], "account": ["broken", "home", "refused"], "gateway": sorted([*STATES, "hidden"])}


def seen_right(single, columns):
    """What both show. single(row, title): of a panel with one number; columns: of the table, {gateway: number}."""
    equal([single("Fleet", title) for title in ("Gateways", "Connected", "Disconnected", "Unknown", "Last poll")],
          [6, 3, 2, 1, 0], "the fleet")
    equal((columns[5]["full"], set(columns[5])), (90, {GATEWAY, "full"}), "duty cycle")
    equal(columns[6], {GATEWAY: 0.04, "full": 0.04}, "round trips")
    if not (columns[2][GATEWAY] > 30 and columns[2]["barn"] == 0):
        raise AssertionError("uplinks per minute: %s" % columns[2])
    equal([single("Gateway", title) for title in ("State", "Round trip")], [1, 0.04], "a gateway")
    # That of its downlinks: those before, and Moving's.
    if not 25 < single("Gateway", "Duty cycle now") < 90:
        raise AssertionError("duty cycle: %s" % single("Gateway", "Duty cycle now"))


def seen_on_map(state, latitude, longitude):
    """Columns, as above: GATEWAY has GPS, the barn is registered there."""
    equal((latitude, longitude), ({GATEWAY: 52.5162, "barn": 47.25}, {GATEWAY: 13.3907, "barn": -8.5}), "places")
    equal({gateway: state[gateway] for gateway in latitude}, {GATEWAY: 1, "barn": 0}, "states on the map")


def prometheus_shows_all(server):
    """Each panel and variable for Prometheus has its answer. server: the class of what is asked."""
    document = load("prometheus")
    with accounts() as (stack, scratch, blocks), Textfile(names_file(scratch, stack)) as textfile, Moving(stack), \
            Collectd(scratch, blocks) as daemon, \
            server(scratch, [daemon.exporter, textfile.exporter], lookback=LOOKBACK) as prometheus:
        forget_hidden(stack, lambda: prometheus.number('collectd_ttn_bool{ttn="hidden"}'))

        def ask(query, target):
            if target["instant"]:
                return prometheus.wait(query, seconds=PATIENCE)
            return wait_for(lambda: prometheus.query_range(query, time.time() - 20, time.time(), 1), query, PATIENCE)

        def look():
            got = answers(document, ask)
            *columns, names = got["Fleet", "Every gateway"]
            equal(names, [({"ttn": GATEWAY, "name": NAME}, 1)], "names")
            columns = [{labels["ttn"]: round(number, 6) for labels, number in rows} for rows in columns]
            *places, names = got["Map", "Where gateways are"]
            equal(names[0][0]["ttn"], GATEWAY, "names on the map")
            seen_on_map(*({labels["ttn"]: round(number, 6) for labels, number in rows} for rows in places))
            equal(columns[0], dict(STATES, hidden=-1), "states")
            seen_right(lambda *panel: got[panel][0][0][1], columns)
            return got
        note("%d queries" % sum(len(rows) for rows in eventually(look).values()))
        for variable in document["templating"]["list"][1:]:
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
            found = prometheus.api("label/%s/values" % label, **{"match[]": metric.replace("$host", ".*")})
            equal(found, VARIABLES[variable["name"]], variable["name"])


def test_prometheus():
    """Each panel and variable for Prometheus has its answer"""
    prometheus_shows_all(Prometheus)


def influxdb_shows_all(between):
    """Each panel and variable for InfluxDB has its answer. between(scratch, influxdb): a context of what has the
    writer() that leads to it."""
    document = load("influxdb")
    with accounts() as (stack, scratch, blocks), Moving(stack), InfluxDB(scratch) as influxdb, \
            between(scratch, influxdb) as way, Collectd(scratch, blocks, extra=way.writer()):
        def known():
            found = influxdb.query("SELECT last(value) FROM ttn_value WHERE instance = 'hidden' AND type = 'bool' AND "
                                   "time > now() - %ds" % LOOKBACK)
            return found[0][2][0]["last"] if found else None
        forget_hidden(stack, known)
        graph = next(panel for _, panel in panels(document) if panel["title"] == "Round trip time")
        *_, last = influxdb.query(query_of(graph["targets"][0], "hidden"))[0][2]
        equal((last["max"], graph["fieldConfig"]["defaults"]["custom"]["spanNulls"]), (None, 300000), "a gap")

        def ask(query, _):
            return influxdb.wait(query.replace("now() - 5m", "now() - %ds" % LOOKBACK), seconds=PATIENCE)

        def number(series):
            """Of a row that has one, besides its time."""
            return next(number for name, number in series[2][0].items() if name != "time")

        def look():
            got = answers(document, ask)
            columns = [{series[1]["instance"]: round(number(series), 6) for series in column}
                       for column in got["Fleet", "Every gateway"]]
            equal(columns[0], STATES, "states")
            equal(set(columns[-1]), {*STATES, "hidden"}, "heard of")
            seen_on_map(*({series[1]["instance"]: round(number(series), 6) for series in column}
                          for column in got["Map", "Where gateways are"]))
            seen_right(lambda *panel: number(got[panel][0][0]), columns)
            return got
        note("%d queries" % sum(len(rows) for rows in eventually(look).values()))
        for variable in document["templating"]["list"][1:]:
            found = influxdb.query(variable["query"].replace("$host", ".*"))
            equal(sorted(row["value"] for row in found[0][2]), VARIABLES[variable["name"]], variable["name"])


def test_influxdb():
    """Each panel and variable for InfluxDB has its answer"""
    influxdb_shows_all(lambda _, influxdb: contextlib.nullcontext(influxdb))


# Names.


def test_names_of_gateways():
    """gateway-names has name, EUI and place; it keeps what it has if it gets something else than ttn-check's JSON"""
    with Scratch() as scratch, Standin() as stack:
        stack.register(GATEWAY, name=NAME, eui=None)
        stack.register("placed", name="", antennas=[{"location": {"latitude": 47.25, "longitude": -8.5}}],
                       eui="00800000C0000001")
        stack.register("bare", name="", eui=None)
        path = names_file(scratch, stack)

        def lines():
            with open(path, encoding="utf-8") as file:
                return file.read().splitlines()[2:]
        wanted = ['ttn_gateway_info{ttn="placed",eui="00800000C0000001",latitude="47.250000",longitude="-8.500000",'
                  'altitude="0.0"} 1',
                  r'ttn_gateway_info{ttn="roof",name="Town hall, \"roof\" \\ north"} 1']
        equal(lines(), wanted)
        for wrong in ("", "no JSON", "[]", '{"problems": []}', '{"gateways": [{"name": "x"}]}', '{"gateways": null}'):
            done = gateway_names(path, wrong)
            equal((done.returncode, done.stderr.count("\n")), (1, 1), wrong)
            equal(lines(), wanted, wrong)


# The alerts.


def quick_rules(scratch):
    """The rules, with everything for which one has to wait made a second."""
    with open(os.path.join(CONTRIB, "prometheus", "ttn.rules.yml"), encoding="utf-8") as file:
        text = file.read()
    quick, times = re.subn(r"(?m)^( +(?:keep_firing_)?for): \d+[md]$", r"\1: 1s", text)
    equal(times, len(re.findall(r"(?m)for: ", text)), "durations")
    quick, times = re.subn(r" offset 1d\b", " offset 1s", quick)
    equal(times, 1, "what looks back")
    return scratch.write("ttn.rules.yml", quick)


def trouble_by_radio(stack, gateway):
    """Most of its frames are damaged and most of its downlinks fail; GATEWAY has as many that are well. A count
    grows after its first value only, so all comes again."""
    for _ in range(3):
        stack.uplink(gateway, 60, radio={"crc": False})
        stack.uplink(gateway, 40)
        stack.downlink(gateway, 20)
        stack.unscheduled(gateway, n=30)
        stack.uplink(GATEWAY, 100)
        stack.downlink(GATEWAY, 50)
        time.sleep(2)


def test_alerts():
    """Each alert fires, for what it is about and for nothing else"""
    with accounts("user-traffic", Traffic=True) as (stack, scratch, blocks):
        with Collectd(scratch, blocks) as daemon, \
                Prometheus(scratch, [daemon.exporter], rules=[quick_rules(scratch)], lookback=LOOKBACK) as prometheus:
            def firing():
                return sorted((labels["alertname"][3:], labels.get("ttn") or labels.get("ttn_api"))
                              for labels, _ in prometheus.query('ALERTS{alertstate="firing"}'))

            def wait_firing(*wanted):
                wait_for(lambda: firing() == sorted(wanted), "alerts", PATIENCE, firing)
            prometheus.wait('collectd_ttn_total_operations_total{ttn="full"}', seconds=PATIENCE)
            trouble_by_radio(stack, "full")
            forget_hidden(stack, lambda: prometheus.number('collectd_ttn_bool{ttn="hidden"}'))
            wait_firing(("GatewayDown", "barn"), ("GatewayNeverConnected", "shelf"), ("GatewayNoUplink", "deaf"),
                        ("GatewayDutyCycle", "full"), ("KeyRefused", "refused"), ("APIFailing", "broken"),
                        ("GatewaysUnknown", "home"), ("GatewayBadFrames", "full"), ("GatewayDownlinksFail", "full"))
            daemon.stop()
            # What failed in the last quarter of an hour, or in the last hour, did so still.
            wait_firing(("PluginGone", "broken"), ("PluginGone", "home"), ("PluginGone", "refused"),
                        ("APIFailing", "broken"), ("GatewayBadFrames", "full"), ("GatewayDownlinksFail", "full"))
            # Since values have timestamps, the scrape that fails does not end their series: the rule waits for that.
            prometheus.wait('count_over_time((up == 0 and on (job) collectd_ttn_api_bool{ttn_api="home"})[1m:1s])')
            for group in prometheus.api("rules")["groups"]:
                for rule in group["rules"]:
                    equal((rule["health"], rule.get("lastError", "")), ("ok", ""), rule["name"])


if __name__ == "__main__":
    run(globals())
