"""Connection statistics as JSON: the forms of the single GET, the batch and events, and field masks.

The forms differ as in the stack: the batch writes enums as numbers and maps sorted, the others
write enums by name and maps in random order; events have blanks in some messages. Zero values are left out, 64-bit numbers are
strings. A rendered entry is kept per mask until the statistics change, for thousands of polls.
"""

import copy
import decimal
import json
import random

import errors
from clock import stamp

GET, BATCH, EVENT = "get", "batch", "event"
SOURCES = {"SOURCE_UNKNOWN": 0, "SOURCE_GPS": 1, "SOURCE_REGISTRY": 3, "SOURCE_IP_GEOLOCATION": 4}
_STATUS = ("time", "boot_time", "versions", "antenna_locations", "ip", "metrics", "advanced")
_SUB = {"last_status": _STATUS, "round_trip_times": ("min", "max", "median", "count"),
        "gateway_remote_address": ("ip",), "sub_bands": ()}
FIELDS = ("connected_at", "disconnected_at", "protocol", "last_status_received_at", "last_status",
          "last_uplink_received_at", "uplink_count", "last_downlink_received_at", "downlink_count",
          "last_tx_acknowledgment_received_at", "tx_acknowledgment_count", "round_trip_times",
          "sub_bands", "gateway_remote_address")
COUNTS = ("uplink_count", "downlink_count", "tx_acknowledgment_count")
MASK_PATHS = frozenset(FIELDS) | {"%s.%s" % (top, sub) for top, subs in _SUB.items() for sub in subs}


class Mask:
    """Which fields an answer shall have. `subs`: {top-level name: its wanted parts}."""

    def __init__(self, paths):
        self.paths = paths
        self.tops = frozenset(p for p in paths if "." not in p) if paths else frozenset(FIELDS)
        self.subs = {}
        for path in paths:
            top, dot, sub = path.partition(".")
            if dot and top not in self.tops:
                self.subs.setdefault(top, set()).add(sub)
        self.shown = tuple(name in self.tops for name in COUNTS)

    def wants(self, name):
        return name in self.tops or name in self.subs

    def cut(self, name, value):
        """The wanted parts of a sub-message."""
        if name in self.tops:
            return value
        return {k: v for k, v in value.items() if k in self.subs[name]}


class Masks:
    """The masks one cluster knows; a path it does not know is refused, as by an older server."""

    def __init__(self):
        self.unknown = frozenset()
        self._made = {}

    def forget(self, unknown):
        self.unknown = frozenset(unknown)
        self._made = {}

    def get(self, paths):
        mask = self._made.get(paths)
        if mask is None:
            bad = [p for p in paths if p not in MASK_PATHS or p in self.unknown
                   or p.partition(".")[0] in self.unknown]
            if bad:
                raise errors.forbidden_paths(bad)
            mask = self._made[paths] = Mask(paths)
        return mask


def number(value):
    """A JSON number as Go writes it: no fraction on whole ones, exponents only below 1e-6."""
    if value == int(value) and abs(value) < 1e21:
        return "%d" % value
    text = repr(float(value))
    if "e-" in text and abs(value) >= 1e-6:
        return format(decimal.Decimal(text), "f")
    return text


def _text(value, form):
    if isinstance(value, dict):
        pairs = list(value.items())
        if form == BATCH:
            pairs.sort()
        else:
            random.shuffle(pairs)
        return "{%s}" % ",".join("%s:%s" % (json.dumps(k), _text(v, form)) for k, v in pairs)
    if isinstance(value, list):
        return "[%s]" % ",".join(_text(v, form) for v in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def _message(value, form, between=","):
    """A message has its fields in their own order; only the maps inside it are free."""
    return "{%s}" % between.join('"%s":%s' % (k, _text(v, form)) for k, v in value.items())


def status_text(status, form):
    out = {}
    for name in _STATUS:
        if name in status:
            out[name] = status[name]
    parts = []
    for name, value in out.items():
        if name == "antenna_locations":
            text = "[%s]" % ",".join(_location(one, form) for one in value)
        elif name == "advanced":
            text = json.dumps(value, separators=(",", ":"), sort_keys=True)
        else:
            text = _text(value, form)
        parts.append('"%s":%s' % (name, text))
    return "{%s}" % ",".join(parts)


def _location(location, form):
    out = {k: v for k, v in location.items() if v}
    if form == BATCH and "source" in out:
        out["source"] = SOURCES.get(out["source"], out["source"])
    return _message(out, form)


def _seconds(value):
    """A duration: 0, 3, 6 or 9 fraction digits, like timestamps, and an s."""
    digits = "%.9f" % value
    while digits.endswith("000"):
        digits = digits[:-3]
    return digits.rstrip(".") + "s"


def _round_trips(times):
    ordered = sorted(times)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return {"min": _seconds(ordered[0]), "max": _seconds(ordered[-1]), "median": _seconds(median),
            "count": len(ordered)}


def _band(band, between):
    out = {}
    if band.get("min"):
        out["min_frequency"] = str(band["min"])
    out["max_frequency"] = str(band["max"])
    out["downlink_utilization_limit"] = band["limit"]
    if band.get("used"):
        out["downlink_utilization"] = band["used"]
    return _message(out, BATCH, between)


class Shown:
    """What one cluster answers about one gateway, frozen at one moment.

    `counts` are the three that the answer shows, 0 where it shows none; `owners` tell the ledger of which connection
    each is.
    """

    __slots__ = ("connected_at", "disconnected_at", "protocol", "ip", "status_at", "status", "last", "counts",
                 "round_trips", "bands", "owners", "_texts")

    def __init__(self, connection):
        self.connected_at = connection.at
        self.disconnected_at = None
        self.protocol = connection.protocol
        self.ip = connection.ip
        self.status_at = self.status = None
        self.last = (None, None, None)
        self.counts = (0, 0, 0)
        self.round_trips = ()
        self.bands = None
        self.owners = (connection,) * 3
        self._texts = {}

    def over(self, stored):
        """What the registry has when a server stores this: the earlier connected_at of both, and the counts that this
        server has none of stay another's."""
        if stored is None:
            return self
        if stored.connected_at is not None:
            self.connected_at = min(self.connected_at, stored.connected_at)
        for name in ("counts", "last", "owners"):
            setattr(self, name, tuple(mine if count else theirs for mine, theirs, count in zip(
                getattr(self, name), getattr(stored, name), self.owners[0].counts)))
        return self

    def gone(self, at):
        """The same with the connection ended: everything stays but connected_at.

        A copy, because an answer that shows this one may still be on its way."""
        out = copy.copy(self)
        out.connected_at = None
        out.disconnected_at = at
        out._texts = {}
        return out

    def text(self, form, mask):
        cached = self._texts.get((form, mask))
        if cached is None:
            cached = self._texts[form, mask] = "{%s}" % ",".join(self._parts(form, mask))
        return cached

    def _parts(self, form, mask):
        for name, text in self._fields(form, mask):
            yield '"%s":%s' % (name, text)

    def _fields(self, form, mask):
        tops = mask.tops
        between = ", " if form == EVENT else ","
        if self.connected_at is not None and "connected_at" in tops:
            yield "connected_at", '"%s"' % stamp(self.connected_at)
        if self.disconnected_at is not None and "disconnected_at" in tops:
            yield "disconnected_at", '"%s"' % stamp(self.disconnected_at)
        if "protocol" in tops:
            yield "protocol", json.dumps(self.protocol)
        if self.status_at is not None and "last_status_received_at" in tops:
            yield "last_status_received_at", '"%s"' % stamp(self.status_at)
        if self.status is not None and mask.wants("last_status"):
            yield "last_status", status_text(mask.cut("last_status", self.status), form)
        for kind, name in enumerate(("uplink", "downlink", "tx_acknowledgment")):
            if self.last[kind] is not None and "last_%s_received_at" % name in tops:
                yield "last_%s_received_at" % name, '"%s"' % stamp(self.last[kind])
            if self.counts[kind] and name + "_count" in tops:
                yield name + "_count", '"%d"' % self.counts[kind]
        if self.round_trips and mask.wants("round_trip_times"):
            times = mask.cut("round_trip_times", _round_trips(self.round_trips))
            yield "round_trip_times", _message(times, form, between)
        if self.bands is not None and "sub_bands" in tops:
            yield "sub_bands", "[%s]" % ",".join(_band(one, between) for one in self.bands)
        if self.ip and mask.wants("gateway_remote_address"):
            yield "gateway_remote_address", '{"ip":"%s"}' % self.ip
