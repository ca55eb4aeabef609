#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the two dashboards: ttn-prometheus.json and ttn-influxdb.json, beside this file.

    contrib/grafana/generate.py            # after a change here; a test compares

Both show the same panels, so a panel is described once, with what each data source is asked. What
comes from Grafana's own export would be some 2,000 lines a dashboard that nobody can review.

The data source is a variable, so a file can be imported and provisioned as it is; that is why there
are no __inputs, which provisioning can't fill in. Queries name neither a job nor a database.

- What is unknown is silent. A graph has a gap then, and "now" looks back 5 minutes and no further:
  Prometheus does so by itself. In InfluxDB the query says it; for a gap, it gives a null for each
  step, and a line goes on over 5 minutes of them. A share is silent without uplinks, too, so its
  line has no gaps.
- Min step is a minute, the plugin's least default interval. Prometheus has one sample a poll, so
  without it $__rate_interval would be too short for a rate.
- Prometheus' label `instance` is collectd's host with honor_labels, else the scrape's target: a
  variable made of it works with both. In InfluxDB `instance` is the plugin instance."""

import argparse
import copy
import json
import os
import re
import sys

STATES = {"1": ("connected", "green"), "0": ("disconnected", "red"), "-1": ("unknown", "text")}
COMPLETE = {"1": ("complete", "green"), "0": ("not complete", "red")}
KINDS = {"uplink": "blue", "downlink": "orange", "tx_ack": "purple"}
BY_STATE = {"connected": "green", "disconnected": "red", "unknown": "text"}
BY_FIGURE = {"max": "green", "median": "blue", "p5": "yellow", "min": "orange"}
# From short air time to long.
BY_RATE = {"sf5": "light-blue", "sf6": "light-green", "sf7": "green", "sf8": "blue", "sf9": "purple", "sf10": "yellow",
           "sf11": "orange", "sf12": "red", "fsk": "text", "lrfhss": "light-purple"}
BY_RESULT = {"sent": "blue", "ok": "green", "too_late": "red", "too_early": "orange", "collision_packet": "yellow",
             "unscheduled_conflict": "purple", "unscheduled_duty_cycle": "light-purple", "unscheduled_other": "text"}
NOW = "time > now() - 5m"
MIN_STEP = "1m"
SHARE_STEP = "10m"


# Queries. Each of these gives {source: query}; what differs is only how a series is named.


def both(prometheus, influxdb):
    return {"prometheus": prometheus, "influxdb": influxdb}


def matching(plugin, type_, types, but=None):
    """Where series of a type are. types: a type instance, or a regular expression between slashes; but: another
    one, of those to leave out."""
    label, tag = ("ttn", "$gateway") if plugin == "ttn" else ("ttn_api", "$account")
    is_regex = types.startswith("/")
    seconds = type_ == "duration"
    metric = "collectd_%s_%s%s%s" % (plugin, type_, "_seconds" if seconds else "", "_total" if type_ in (
        "packets", "errors", "http_response_codes", "total_operations") else "")
    prometheus = '%s{instance=~"$host", %s=~"%s", type%s"%s"}' % (metric, label, tag, "=~" if is_regex else "=",
                                                                  types.strip("/"))
    influxdb = ('FROM "%s_%s" WHERE "host" =~ /^$host$/ AND "instance" =~ /^%s$/ AND "type" = \'%s\' AND '
                '"type_instance" %s' % (plugin, "seconds" if seconds else "value", tag, type_,
                                        "=~ /^(%s)$/" % types.strip("/") if is_regex else "= '%s'" % types))
    if but:
        prometheus = prometheus[:-1] + ', type!~"%s"}' % but
        influxdb += ' AND "type_instance" !~ /^(%s)$/' % but
    return prometheus, influxdb


def gauges(plugin, type_, types, of_all="max", by=("type", "type_instance"), but=None):
    """A graph, a line for each type instance; of_all: of several values, which."""
    prometheus, influxdb = matching(plugin, type_, types, but)
    return both("%s by (%s) (%s)" % (of_all, by[0], prometheus),
                'SELECT %s("value") %s AND $timeFilter GROUP BY time($__interval), "%s" fill(null)'
                % ({"avg": "mean"}.get(of_all, of_all), influxdb, by[1]))


def now(plugin, type_, types, of_all="max"):
    """The last value of a gauge; of_all: how those of several collectds or accounts become one."""
    prometheus, influxdb = matching(plugin, type_, types)
    return both("%s(%s)" % (of_all, prometheus),
                'SELECT %s("last") FROM (SELECT last("value") %s AND %s GROUP BY "host", "instance", '
                '"type_instance")' % (of_all, influxdb, NOW))


def each_now(plugin, type_, types):
    """The last value of each type instance."""
    prometheus, influxdb = matching(plugin, type_, types)
    return both("max by (type) (%s)" % prometheus,
                'SELECT last("value") %s AND %s GROUP BY "type_instance"' % (influxdb, NOW))


def all_of_fleet(query):
    """The same of every gateway."""
    return {source: text.replace(', ttn=~"$gateway"', "").replace(' AND "instance" =~ /^$gateway$/', "")
            for source, text in query.items()}


def sum_of_states(types):
    prometheus, influxdb = matching("ttn_api", "count", types)
    return both("sum by (type) (%s)" % prometheus,
                'SELECT sum("n") FROM (SELECT last("value") AS "n" %s AND $timeFilter GROUP BY time($__interval), '
                '"host", "instance", "type_instance" fill(none)) WHERE $timeFilter GROUP BY time($__interval), '
                '"type_instance" fill(null)' % influxdb)


def per_minute(plugin, type_, types):
    return rates(plugin, type_, types, (60, "1m"), "$__rate_interval")


def per_hour(plugin, type_, types):
    """For a Min step of an hour."""
    return rates(plugin, type_, types, (3600, "1h"), "$__interval")


def rates(plugin, type_, types, unit, window):
    """A graph of what is counted. A count that falls is a new one, in both."""
    prometheus, influxdb = matching(plugin, type_, types)
    return both("%d * sum by (type) (rate(%s[%s]))" % (unit[0], prometheus, window),
                'SELECT sum("rate") FROM (SELECT non_negative_derivative(last("value"), %s) AS "rate" %s AND '
                '$timeFilter GROUP BY time($__interval), "host", "instance", "type_instance" fill(none)) WHERE '
                '$timeFilter GROUP BY time($__interval), "type_instance" fill(null)' % (unit[1], influxdb))


def share(part, whole, or_none=False):
    """A graph, in percent, of what both count. or_none: a part without a series is 0 %, not unknown."""
    (part_sum, part_rows), (whole_sum, whole_rows) = (
        ("sum(rate(%s[$__interval]))" % prometheus,
         'SELECT non_negative_difference(last("value")) AS "%%s"%%s %s AND $timeFilter GROUP BY time($__interval), '
         '"host", "instance", "type_instance" fill(none)' % influxdb)
        for prometheus, influxdb in (matching("ttn", *part), matching("ttn", *whole)))
    if or_none:
        part_sum = "(%s or 0 * %s)" % (part_sum, whole_sum)
    none = ', 0 * non_negative_difference(last("value")) AS "part"' if or_none else ""
    return both("100 * %s / (%s > 0)" % (part_sum, whole_sum),
                'SELECT 100 * "part" / "whole" FROM (SELECT sum("part") AS "part", sum("whole") AS "whole" FROM '
                '(%s), (%s) WHERE $timeFilter GROUP BY time($__interval) fill(none)) WHERE "part" >= 0 AND "whole" > 0'
                % (part_rows % ("part", ""), whole_rows % ("whole", none)))


def per_minute_now(type_instance):
    """Of the whole fleet, of 10 minutes."""
    prometheus, influxdb = matching("ttn", "packets", type_instance)
    return all_of_fleet(both(
        "60 * sum(rate(%s[10m]))" % prometheus,
        'SELECT sum("mean") FROM (SELECT mean("rate") FROM (SELECT non_negative_derivative("value", 1m) AS "rate" '
        '%s AND time > now() - 10m GROUP BY "host", "instance") GROUP BY "host", "instance")' % influxdb))


def column(name, type_, types):
    """The last value of each gateway, the greatest if it has several."""
    prometheus, influxdb = matching("ttn", type_, types)
    return all_of_fleet(both("max by (ttn) (%s)" % prometheus,
                             'SELECT max("last") AS "%s" FROM (SELECT last("value") %s AND %s GROUP BY "host", '
                             '"instance", "type_instance") GROUP BY "instance"' % (name, influxdb, NOW)))


def column_per_minute(name, type_instance):
    prometheus, influxdb = matching("ttn", "packets", type_instance)
    return all_of_fleet(both("60 * sum by (ttn) (rate(%s[10m]))" % prometheus,
                             'SELECT mean("rate") AS "%s" FROM (SELECT non_negative_derivative("value", 1m) AS '
                             '"rate" %s AND time > now() - 10m GROUP BY "host", "instance") GROUP BY "instance"'
                             % (name, influxdb)))


def column_state():
    """Gateways that were heard of within a day and are silent now are unknown: -1, or in InfluxDB nothing in
    this column, but a row because of the next."""
    prometheus, _ = matching("ttn", "bool", "connected")
    state = column("State", "bool", "connected")
    heard = "max by (ttn) (%s) or max by (ttn) (present_over_time(%s[1d])) - 2" % (prometheus, prometheus)
    return all_of_fleet(both(heard, state["influxdb"]))


def column_heard():
    _, influxdb = matching("ttn", "bool", "connected")
    return all_of_fleet({"influxdb": 'SELECT count("value") AS "heard" %s AND time > now() - 1d GROUP BY '
                                     '"instance"' % influxdb})


# Panels. Each gives a description that finish() makes Grafana's.


def mappings(of_values):
    options = {value: {"text": text, "color": color, "index": index}
               for index, (value, (text, color)) in enumerate(of_values.items())}
    return [{"type": "value", "options": options},
            {"type": "special", "options": {"match": "null", "result": {"text": "unknown", "color": "text"}}}]


def thresholds(*steps, base="green"):
    return {"mode": "absolute", "steps": [{"color": base, "value": None}] + [
        {"color": color, "value": value} for value, color in steps]}


def stat(title, query, unit="none", of_values=None, steps=None, width=4, text="auto", **more):
    defaults = {"unit": unit, "thresholds": steps or thresholds(base="blue")}
    if of_values:
        defaults["mappings"] = mappings(of_values)
    return dict({"type": "stat", "title": title, "size": (width, 4), "queries": [query], "instant": True,
                 "fieldConfig": {"defaults": defaults, "overrides": []},
                 "options": {"colorMode": "background" if of_values or steps else "value", "graphMode": "none",
                             "justifyMode": "center", "orientation": "auto", "textMode": text,
                             "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}}, **more)


def rename(regex, pattern):
    return {"id": "renameByRegex", "options": {"regex": regex, "renamePattern": pattern}}


def override(name, **properties):
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in properties.items()]}


def colored(colors):
    return [override(name, color={"mode": "fixed", "fixedColor": color}) for name, color in colors.items()]


def graph(title, queries, unit="none", width=12, colors=None, stacked=False, shorten=None, steps=None, min_step=None,
          **defaults):
    """queries: one or a list. min_step: if it is not MIN_STEP."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 60 if stacked else 10, "showPoints": "never",
              "spanNulls": False, "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
              "thresholdsStyle": {"mode": "line" if steps else "off"}}
    fields = dict({"unit": unit, "min": 0, "color": {"mode": "palette-classic"}, "custom": custom}, **defaults)
    if steps:
        fields["thresholds"] = steps
    return {"type": "timeseries", "title": title, "size": (width, 8), "interval": min_step,
            "queries": queries if isinstance(queries, list) else [queries],
            "transformations": [rename(*shorten)] if shorten else [],
            "fieldConfig": {"defaults": fields, "overrides": colored(colors or {})},
            "options": {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                                   "calcs": ["lastNotNull", "max"]},
                        "tooltip": {"mode": "multi", "sort": "desc"}}}


def bars_per_hour(title, type_, types, **defaults):
    panel = graph(title, per_hour("ttn", type_, types), min_step="1h", decimals=0, **defaults)
    panel["fieldConfig"]["defaults"]["custom"].update(drawStyle="bars", fillOpacity=60)
    return panel


def band(title, type_, name, of_all, unit):
    """A line for each of several figures of the same, with the room between "max" and "min" filled. of_all: what
    becomes of several values of each figure."""
    panel = graph(title, [gauges("ttn", type_, "%s_%s" % (name, figure), how) for figure, how in of_all.items()], unit,
                  shorten=("^%s_(.+)$" % name, "$1"), colors=BY_FIGURE)
    del panel["fieldConfig"]["defaults"]["min"]
    panel["fieldConfig"]["defaults"]["custom"]["fillOpacity"] = 0
    panel["fieldConfig"]["overrides"].append(override("max", **{"custom.fillBelowTo": "min", "custom.fillOpacity": 15}))
    return panel


def timeline(title, query, width):
    return {"type": "state-timeline", "title": title, "size": (width, 8), "queries": [query],
            "fieldConfig": {"defaults": {"mappings": mappings(COMPLETE), "custom": {"fillOpacity": 70, "spanNulls": False}},
                            "overrides": []},
            "options": {"showValue": "auto", "mergeValues": True, "rowHeight": 0.9,
                        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []}}}


def bars(title, query, unit, width, shorten, steps, **defaults):
    return {"type": "bargauge", "title": title, "size": (width, 8), "queries": [query], "instant": True,
            "transformations": [rename(*shorten)],
            "fieldConfig": {"defaults": dict({"unit": unit, "min": 0, "thresholds": steps}, **defaults), "overrides": []},
            "options": {"displayMode": "basic", "orientation": "horizontal", "showUnfilled": True,
                        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}}


def row(title, collapsed=False):
    return {"type": "row", "title": title, "size": (24, 1), "collapsed": collapsed, "panels": []}


TABLE = (
    # Heading, query, properties.
    ("State", column_state(), {"mappings": mappings(STATES), "custom.cellOptions": {"type": "color-background"}}),
    ("Last uplink", column("Last uplink", "duration", "since_uplink"), {"unit": "s"}),
    ("Uplinks/min", column_per_minute("Uplinks/min", "uplink"), {"decimals": 1}),
    ("Downlinks/min", column_per_minute("Downlinks/min", "downlink"), {"decimals": 1}),
    ("Acks/min", column_per_minute("Acks/min", "tx_ack"), {"decimals": 1}),
    ("Duty cycle", column("Duty cycle", "percent", "/duty_cycle_[0-9]+_[0-9]+/"), {
        "unit": "percent", "decimals": 0, "min": 0, "max": 100, "thresholds": thresholds((70, "orange"), (90, "red")),
        "custom.cellOptions": {"type": "gauge", "mode": "basic"}}),
    ("Round trip", column("Round trip", "duration", "rtt_median"), {"unit": "s"}),
    ("Connected for", column("Connected for", "uptime", "connection"), {"unit": "s"}),
)
NAMES = {"prometheus": 'max by (ttn, name) (ttn_gateway_info{name!=""})'}


def table():
    return {"type": "table", "title": "Every gateway", "size": (24, 10), "instant": True,
            "description": "Of all bands, the one whose duty cycle is used most; none, if the gateway has not sent since "
                           "collectd was started. Rates are of 10 minutes. A gateway that is unknown for a day leaves "
                           "the table.",
            "queries": [query for _, query, _ in TABLE] + [NAMES, column_heard()],
            "headings": [heading for heading, _, _ in TABLE] + ["Name", None],
            "fieldConfig": {"defaults": {"custom": {"align": "auto", "filterable": True}}, "overrides": [
                override(heading, **properties) for heading, _, properties in TABLE] + [
                override("Gateway", links=[{"title": "Show this gateway",
                                            "url": "/d/${__dashboard.uid}?${__url_time_range}&${datasource:queryparam}"
                                                   "&${host:queryparam}&var-gateway=${__value.text}"}])]},
            "options": {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": "State", "desc": False}],
                        "footer": {"show": False, "reducer": [], "enablePagination": True}}}


BAND = (r"^duty_cycle_(\d+)(\d{3})_(\d+)(\d{3})$", "$1.$2 to $3.$4 MHz")
PACKETS = "rxnb|rxin|rxok|rxfw|txin|txok"
# Each uplink that was received has one of these, also one that was dropped then.
ALL_RATES = "/up_(sf[0-9]+|fsk|lrfhss)/"
PANELS = (
    row("Fleet"),
    stat("Gateways", now("ttn_api", "count", "gateways", "sum")),
    stat("Connected", now("ttn_api", "count", "connected", "sum"), steps=thresholds()),
    stat("Disconnected", now("ttn_api", "count", "disconnected", "sum"), steps=thresholds((1, "red"))),
    stat("Unknown", now("ttn_api", "count", "unknown", "sum"), steps=thresholds((1, "orange")),
         description="Their cluster gave no answer, or the key may not see them. Nothing is known of them now."),
    stat("Uplinks per minute", per_minute_now("uplink"), decimals=1),
    stat("Last poll", now("ttn_api", "bool", "up", "min"), of_values=COMPLETE),
    graph("Gateways by state", sum_of_states("/connected|disconnected|unknown/"), colors=BY_STATE, stacked=True,
          decimals=0),
    graph("Messages per minute", all_of_fleet(per_minute("ttn", "packets", "/uplink|downlink|tx_ack/")), colors=KINDS),
    table(),
    row("Gateway $gateway"),
    stat("State", now("ttn", "bool", "connected"), of_values=STATES),
    stat("Connected for", now("ttn", "uptime", "connection"), "s"),
    stat("Since last uplink", now("ttn", "duration", "since_uplink"), "s",
         steps=thresholds((1800, "orange"), (3600, "red"))),
    stat("Since last downlink", now("ttn", "duration", "since_downlink"), "s"),
    stat("Since last status", now("ttn", "duration", "since_status"), "s"),
    stat("Round trip", now("ttn", "duration", "rtt_median"), "s"),
    graph("Messages per minute", per_minute("ttn", "packets", "/uplink|downlink|tx_ack/"), colors=KINDS),
    graph("Round trip time", gauges("ttn", "duration", "/rtt_(min|median|max)/"), "s", shorten=("^rtt_(.+)$", "$1")),
    graph("Duty cycle: share of the allowed air time", gauges("ttn", "percent", "/duty_cycle_[0-9]+_[0-9]+/"),
          "percent", width=16, shorten=BAND, steps=thresholds((70, "orange"), (100, "red"), base="transparent")),
    bars("Duty cycle now", each_now("ttn", "percent", "/duty_cycle_[0-9]+_[0-9]+/"), "percent", 8, BAND, max=100,
         steps=thresholds((70, "orange"), (90, "red"))),
    graph("Packet forwarder: packets per report", gauges("ttn", "gauge", "/status_(%s)/" % PACKETS),
          shorten=("^status_(.+)$", "$1")),
    graph("Packet forwarder: other figures", gauges("ttn", "gauge", "/status_.+/", but="status_(%s)" % PACKETS),
          shorten=("^status_(.+)$", "$1")),
    graph("Age of the last messages", gauges("ttn", "duration", "/since_(uplink|downlink|tx_ack|status)/"), "s",
          width=24, shorten=("^since_(.+)$", "$1")),
    row("Radio of $gateway (needs Traffic true, connections Events true)", collapsed=True),
    # In two queries, since sources sort by name and sf10 would come before sf7.
    graph("Uplinks per minute, by data rate", [per_minute("ttn", "total_operations", "/up_sf[5-9]/"),
                                               per_minute("ttn", "total_operations", "/up_(sf1[0-2]|fsk|lrfhss)/")],
          shorten=("^up_(.+)$", "$1"), colors=BY_RATE, stacked=True),
    graph("Uplinks per minute, by channel", [per_minute("ttn", "total_operations", "/up_([0-9]+|other)/")],
          shorten=(r"^up_(\d+)(\d{3})$", "$1.$2 MHz"), stacked=True),
    band("RSSI of uplinks", "signal_power", "rssi", {"max": "max", "median": "avg", "min": "min"}, "dBm"),
    band("SNR of uplinks", "gauge", "snr", {"max": "max", "median": "avg", "p5": "avg", "min": "min"}, "dB"),
    graph("Frames with a bad CRC: share of uplinks", share(("total_operations", "drop_message_crc"), (
        "total_operations", ALL_RATES), or_none=True), "percent", min_step=SHARE_STEP, displayName="bad CRC",
          steps=thresholds((50, "red"), base="transparent")),
    graph("Downlinks per minute, and what became of them", per_minute("ttn", "total_operations", "/down_.+/"),
          shorten=("^down_(.+)$", "$1"), colors=BY_RESULT),
    bars_per_hour("Connections an hour", "total_operations", "connects", steps=thresholds((6, "red"),
                                                                                         base="transparent")),
    graph("Events missed: share of uplinks", share(("total_operations", "events_missed"), ("packets", "uplink")),
          "percent", min_step=SHARE_STEP, displayName="missed"),
    row("Account $account"),
    timeline("Polls", gauges("ttn_api", "bool", "up", "min", ("ttn_api", "instance")), 12),
    graph("Duration of a poll", gauges("ttn_api", "duration", "poll"), "s"),
    graph("Answers per minute, by HTTP status", per_minute("ttn_api", "http_response_codes", "/.+/"), width=8),
    graph("Failures per minute, by kind", per_minute("ttn_api", "errors", "/.+/"), width=8),
    graph("Requests left before the rate limit", gauges("ttn_api", "gauge", "rate_limit_available", "min"), width=8),
)


def map_of_fleet():
    """What Grafana calls a geomap: a row for each gateway as the table has it, with its place."""
    columns = (("State", column_state()), ("Latitude", column("Latitude", "gauge", "latitude")),
               ("Longitude", column("Longitude", "gauge", "longitude")))
    circle = {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"}
    style = {"color": {"field": "State", "fixed": "text"}, "opacity": 0.8, "symbol": circle,
             "size": {"fixed": 7, "min": 2, "max": 15}}
    return {"type": "geomap", "title": "Where gateways are", "size": (24, 16), "instant": True,
            "description": "Of gateways whose place is known, where the plugin has Location true.",
            "queries": [query for _, query in columns] + [NAMES],
            "headings": [heading for heading, _ in columns] + ["Name"],
            "fieldConfig": {"defaults": {}, "overrides": [override("State", mappings=mappings(STATES)),
                                                          override("Latitude", decimals=5),
                                                          override("Longitude", decimals=5)]},
            "options": {"view": {"id": "fit", "allLayers": True, "lat": 0, "lon": 0, "zoom": 12, "padding": 10},
                        "basemap": {"type": "default", "name": "Map", "config": {}},
                        "layers": [{"type": "markers", "name": "Gateways", "tooltip": True,
                                    "location": {"mode": "coords", "latitude": "Latitude", "longitude": "Longitude"},
                                    "config": {"showLegend": False, "style": style}}],
                        "controls": {"showZoom": True, "mouseWheelZoom": True, "showAttribution": True},
                        "tooltip": {"mode": "details"}}}


PANELS += (row("Map"), map_of_fleet())


# Grafana's form.


def target(source, query, ref, panel):
    out = {"datasource": {"type": source, "uid": "${datasource}"}, "refId": ref,
           "interval": panel.get("interval") or MIN_STEP}
    instant = panel.get("instant", False)
    form = "table" if panel["type"] in ("table", "geomap") else "time_series"
    if source == "prometheus":
        by = re.match(r"[^(]* by \((\w+)\)", query)
        out.update(expr=query, editorMode="code", legendFormat="{{%s}}" % by[1] if by else "", instant=instant,
                   range=not instant, format=form)
    else:
        by = re.search(r'GROUP BY (?:time\S+ )?"(\w+)"(?: fill\(null\))?$', query)
        out.update(query=query, rawQuery=True, alias="$tag_" + by[1] if by else "", resultFormat=form)
    return out


def joined(source, headings, refs):
    """The table's columns become one row a gateway. What InfluxDB gives has its heading already."""
    key = "ttn" if source == "prometheus" else "instance"
    names = {key: "Gateway"}
    if source == "prometheus":
        names.update({"Value #" + ref: heading for ref, heading in refs.items()}, name="Name")
    hidden = ["Time"] + ["Time %d" % number for number in range(1, len(headings) + 1)] + ["heard"]
    order = [key, "name"] + ["Value #" + ref for ref in refs]
    return [{"id": "joinByField", "options": {"byField": key, "mode": "outer"}},
            {"id": "organize", "options": {"renameByName": names, "indexByName": {
                name: index for index, name in enumerate(order)} if source == "prometheus" else {},
                "excludeByName": {name: True for name in hidden}}}]


def finish(panel, source, number, x, y):
    panel = copy.deepcopy(panel)
    width, height = panel.pop("size")
    queries = [query[source] for query in panel.pop("queries", []) if source in query]
    headings = panel.pop("headings", None)
    out = dict(panel, id=number, gridPos={"x": x, "y": y, "w": width, "h": height})
    out.pop("instant", None)
    if out.get("interval") is None:
        out.pop("interval", None)
    if panel["type"] == "row":
        return out
    refs = [chr(ord("A") + index) for index in range(len(queries))]
    custom = out["fieldConfig"]["defaults"].get("custom", {})
    if source == "influxdb" and "spanNulls" in custom:
        custom["spanNulls"] = 300000
    decimals = out.pop("decimals", None)
    if decimals is not None:
        out["fieldConfig"]["defaults"]["decimals"] = decimals
    out["datasource"] = {"type": source, "uid": "${datasource}"}
    out["targets"] = [target(source, query, ref, panel) for query, ref in zip(queries, refs)]
    if headings:
        out["transformations"] = joined(source, headings, {
            ref: heading for ref, heading in zip(refs, headings) if heading not in (None, "Name")})
        if source == "prometheus":
            out["transformations"][-1]["options"]["excludeByName"]["Value #" + refs[-1]] = True
    if not out.get("transformations"):
        out.pop("transformations", None)
    return out


def placed(panels, source, number, y):
    """(the panels, y below them), from left to right, as in lines of text. number: of the first; y: of its top."""
    out, x, height = [], 0, 0
    for at, panel in enumerate(panels, number):
        width = panel["size"][0]
        if x + width > 24:
            x, y = 0, y + height
        height = panel["size"][1]
        out.append(finish(panel, source, at, x, y))
        x += width
    return out, y + height


def laid_out(source):
    """Row by row. What a collapsed row holds is within it, and takes no room."""
    out, y = [], 0
    heads = [number for number, panel in enumerate(PANELS) if panel["type"] == "row"]
    for head, end in zip(heads, heads[1:] + [len(PANELS)]):
        panels, below = placed(PANELS[head:end], source, head + 1, y)
        if panels[0]["collapsed"]:
            panels, below = [dict(panels[0], panels=panels[1:])], y + 1
        out, y = out + panels, below
    return out


def variable(source, name, label, query, multi):
    asked = {"query": query, "refId": name} if source == "prometheus" else query
    out = {"type": "query", "name": name, "label": label, "datasource": {"type": source, "uid": "${datasource}"},
           "query": asked, "definition": query, "refresh": 2, "sort": 1, "multi": multi, "includeAll": multi,
           "regex": "", "hide": 0, "current": {}, "options": []}
    if multi:
        out.update(allValue=".*", current={"selected": True, "text": ["All"], "value": ["$__all"]})
    return out


def variables(source):
    if source == "prometheus":
        host = "label_values(collectd_ttn_api_bool, instance)"
        account = 'label_values(collectd_ttn_api_bool{instance=~"$host"}, ttn_api)'
        gateway = 'label_values(collectd_ttn_bool{instance=~"$host"}, ttn)'
    else:
        host = 'SHOW TAG VALUES FROM "ttn_api_value" WITH KEY = "host"'
        account, gateway = ('SHOW TAG VALUES FROM "%s_value" WITH KEY = "instance" WHERE "host" =~ /^$host$/' % plugin
                            for plugin in ("ttn_api", "ttn"))
    return [{"type": "datasource", "name": "datasource", "label": "Data source", "query": source, "refresh": 1,
             "regex": "", "hide": 0, "multi": False, "includeAll": False, "current": {}, "options": []},
            variable(source, "host", "collectd", host, True),
            variable(source, "account", "Account", account, True),
            variable(source, "gateway", "Gateway", gateway, False)]


def dashboard(source, title):
    required = [{"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
                {"type": "datasource", "id": source, "name": title, "version": "1.0.0"}] + [
        {"type": "panel", "id": one, "name": one, "version": ""}
        for one in sorted({panel["type"] for panel in PANELS} - {"row"})]
    return {"__inputs": [], "__elements": {}, "__requires": required, "annotations": {"list": []},
            "description": "Gateways of The Things Stack, as collectd's plugin ttn reports them to %s." % title,
            "editable": True, "fiscalYearStartMonth": 0, "graphTooltip": 1, "id": None, "links": [],
            "panels": laid_out(source),
            "refresh": "1m", "schemaVersion": 38, "tags": ["lorawan", "collectd", "ttn"],
            "templating": {"list": variables(source)}, "time": {"from": "now-24h", "to": "now"}, "timepicker": {},
            "timezone": "", "title": "The Things Stack gateways (%s)" % title, "uid": "ttn-" + source, "version": 1,
            "weekStart": ""}


def text_of(document):
    """Its JSON, with a line for each panel, so that a change can be reviewed."""
    def line(value):
        return json.dumps(value, ensure_ascii=False)
    panels = "[\n%s\n]" % ",\n".join(map(line, document["panels"]))
    return "{\n%s\n}\n" % ",\n".join("%s: %s" % (line(key), panels if key == "panels" else line(value))
                                      for key, value in document.items())


def main():
    parser = argparse.ArgumentParser(description="Writes the dashboards.")
    parser.add_argument("directory", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    directory = parser.parse_args().directory
    for source, title in (("prometheus", "Prometheus"), ("influxdb", "InfluxDB")):
        with open(os.path.join(directory, "ttn-%s.json" % source), "w", encoding="utf-8") as file:
            file.write(text_of(dashboard(source, title)))


if __name__ == "__main__":
    sys.exit(main())
