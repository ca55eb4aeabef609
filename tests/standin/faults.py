"""Faults: rules that make an answer wrong, late, cut or strange, for tests.

A rule says which requests it takes (match), which of those (skip, times, p), and what happens
(action). An action is built from a few general parts that combine: a new status, headers or
body, transforms of the answer that was due, and how its bytes travel.
"""

import functools
import gzip
import itertools
import json
import random
import threading

import errors
from wire import Wire

_RAW = "@raw-%d@"


class Rule:
    def __init__(self, number, match, action, times, skip, p, rng):
        self.number = number
        self.match = dict(match or {})
        self.action = dict(action)
        self.times = times
        self.skip = skip
        self.p = p
        self.hits = 0
        self.release = threading.Event()
        # For `exchange`: {ids of a batch: what was due last}.
        self.due = {}
        self._rng = rng
        unknown = set(self.match) - {"cluster", "kind", "ids", "key", "path", "method"}
        unknown |= set(self.action) - set(_ACTION_KEYS)
        if unknown:
            raise ValueError("a fault knows no %s" % ", ".join(sorted(unknown)))
        for step in self.action.get("transform", ()):
            if step[0] not in _MUTATORS and step[0] != "exchange":
                raise ValueError("no transform is called %s" % step[0])
            if step[0] == "gzip_bomb":
                # Now, not while a client waits.
                _bomb(*step[1:])

    def takes(self, cluster, kind, ids, key, request):
        match = self.match
        fits = (match.get("cluster") in (None, cluster)
                and match.get("kind") in (None, "any", kind)
                and match.get("key") in (None, key)
                and match.get("method") in (None, request.method)
                and match.get("path", "") in request.path
                and ("ids" not in match or any(i in ids for i in match["ids"])))
        if not fits or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.p < 1 and self._rng.random() >= self.p:
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True

    def describe(self):
        return {"rule": self.number, "match": self.match, "action": self.action, "times": self.times,
                "skip": self.skip, "hits": self.hits}


class Faults:
    def __init__(self):
        self._rules = []
        self._numbers = itertools.count(1)
        self._rng = random.Random(1)

    def add(self, match, action, times, skip, p):
        rule = Rule(next(self._numbers), match, action, times, skip, p, self._rng)
        self._rules.append(rule)
        return rule.number

    def remove(self, number=None):
        """Without a number: all. What hangs goes on."""
        for rule in list(self._rules):
            if number in (None, rule.number):
                rule.release.set()
                self._rules.remove(rule)

    def seed(self, seed):
        self._rng.seed(seed)

    def describe(self):
        return [rule.describe() for rule in self._rules]

    def pick(self, cluster, call, key, request):
        """The first rule that takes this request."""
        for rule in self._rules:
            kind, ids = (call.kind, call.ids) if call else ("other", ())
            if rule.takes(cluster, kind, ids, key, request):
                return rule
        return None


# What a rule does to an answer.

def apply(rule, answer):
    action = rule.action
    for name, *arguments in action.get("transform", ()):
        if name == "exchange":
            _exchange(answer, rule.due)
            continue
        answer.sights = _still_seen(answer.sights, name, arguments)
        _MUTATORS[name](answer, *arguments)
    if "error" in action:
        error = errors.ApiError(**action["error"])
        answer.status, answer.body = error.status, error.body()
        _replace_headers(answer, dict(error.headers()))
    answer.status = action.get("status", answer.status)
    if "body" in action:
        answer.body = action["body"].encode("utf-8", "surrogateescape")
    _replace_headers(answer, action.get("headers", {}))
    if answer.status != 200 or {"body", "error"} & set(action):
        answer.sights = ()
    if _NO_STREAM & set(action):
        answer.stream = None
    answer.gzip = None
    answer.wire = _wire(rule)


def _still_seen(sights, name, arguments):
    """What the ledger may still count as announced after a transform."""
    if name in _HARMLESS:
        return sights
    if name == "drop":
        return [(i, None if i in arguments else shown, visible) for i, shown, visible in sights]
    if name in _ABOUT_IDS and "*" not in arguments:
        return [sight for sight in sights if sight[0] not in arguments[:2]]
    return ()


def _wire(rule):
    action = rule.action
    wire = Wire()
    wire.delay = action.get("delay", 0)
    wire.hang = rule.release if action.get("hang") else None
    wire.cut = action.get("close")
    wire.reset = bool(action.get("reset"))
    if "trickle" in action:
        wire.trickle = tuple(action["trickle"])
    wire.length = action.get("length", 0)
    if "raw" in action:
        wire.raw = action["raw"].encode("latin-1")
    wire.close = bool(action.get("end")) or wire.length != 0
    return wire


# A stream goes on behind what is left: a delay, or other headers.
_NO_STREAM = frozenset(("transform", "error", "status", "body", "close", "reset", "trickle", "length", "raw", "end"))
_ACTION_KEYS = _NO_STREAM | {"headers", "delay", "hang"}


def _replace_headers(answer, headers):
    gone = {name.lower() for name in headers}
    answer.headers = [pair for pair in answer.headers if pair[0].lower() not in gone]
    answer.headers += [(name, value) for name, value in headers.items() if value is not None]


def _edit(answer, change):
    """Changes the JSON of a good answer; a `raw` value is put in as it is, valid JSON or not."""
    if answer.status != 200:
        return
    try:
        body = json.loads(answer.body)
    except ValueError:
        return
    raws = []

    def raw(text):
        raws.append(text)
        return _RAW % (len(raws) - 1)

    change(body, raw)
    text = errors.dumps(body)
    for index, value in enumerate(raws):
        text = text.replace('"%s"' % (_RAW % index), value)
    answer.body = text.encode()


def _entry(body, gateway_id):
    """The object about a gateway in a list, a batch or a single answer."""
    if "entries" in body:
        return body["entries"].get(gateway_id)
    if "gateways" in body:
        return next((g for g in body["gateways"] if g["ids"]["gateway_id"] == gateway_id), None)
    return body


def _swap(answer, one, other):
    def change(body, _raw):
        entries = body.get("entries", {})
        if one in entries and other in entries:
            entries[one], entries[other] = entries[other], entries[one]
    _edit(answer, change)


def _exchange(answer, due):
    """What was due last to a batch about other gateways; so, from the second on, batches swap answers."""
    ids = tuple(sight[0] for sight in answer.sights)
    body = next((body for others, body in due.items() if others != ids), None)
    due[ids] = answer.body
    if body is not None:
        answer.body = body
        answer.sights = ()


def _another(answer):
    """Entries of gateways that have other ids: the answer to another account."""
    def change(body, _raw):
        body["entries"] = {"other-" + name: entry for name, entry in body.get("entries", {}).items()}
    _edit(answer, change)


def _extra(answer, gateway_id, text=None):
    """An entry for a gateway nobody asked for: `text` as JSON, or a copy of the first entry."""
    def change(body, raw):
        if "gateways" in body:
            entry = raw(text) if text else dict(body["gateways"][0], ids={"gateway_id": gateway_id})
            body["gateways"].append(entry)
        else:
            entries = body.setdefault("entries", {})
            entries[gateway_id] = raw(text) if text else next(iter(entries.values()), {})
    _edit(answer, change)


def _drop(answer, gateway_id):
    def change(body, _raw):
        if "gateways" in body:
            body["gateways"] = [g for g in body["gateways"] if g["ids"]["gateway_id"] != gateway_id]
        body.get("entries", {}).pop(gateway_id, None)
    _edit(answer, change)


def _duplicate(answer, gateway_id=None):
    """List entries twice; in a batch the same key twice, which JSON allows to write."""
    def change(body, _raw):
        listed = body.get("gateways", [])
        body["gateways"] = listed + [g for g in listed if gateway_id in (None, g["ids"]["gateway_id"])]
    if b'"gateways"' in answer.body[:20]:
        _edit(answer, change)
        return
    if answer.status != 200:
        return
    entries = json.loads(answer.body).get("entries", {})
    pairs = ["%s:%s" % (json.dumps(k), errors.dumps(v)) for k, v in entries.items()
             for _ in range(2 if gateway_id in (None, k) else 1)]
    answer.body = ('{"entries":{%s}}' % ",".join(pairs)).encode()


def _set(answer, gateway_id, field, text):
    """Puts raw JSON where a field's value is; field a dotted path inside the entry. gateway_id "*": of all
    entries of a batch."""
    def change(body, raw):
        every = list(body.get("entries", {}).values())
        for entry in every if gateway_id == "*" else [_entry(body, gateway_id)]:
            *way, last = field.split(".")
            for step in way:
                entry = entry.setdefault(step, {}) if entry is not None else None
            if entry is not None:
                entry[last] = raw(text)
    _edit(answer, change)


def _unset(answer, gateway_id, field):
    def change(body, _raw):
        entry = _entry(body, gateway_id)
        *way, last = field.split(".")
        for step in way:
            entry = (entry or {}).get(step)
        if entry:
            entry.pop(last, None)
    _edit(answer, change)


def _total(answer, value):
    _replace_headers(answer, {"X-Total-Count": value})


def _replace(answer, old, new):
    answer.body = answer.body.replace(old.encode(), new.encode())


def _html(answer, status=502):
    answer.status = status
    answer.body = b"<html>\r\n<head><title>%d</title></head>\r\n<body>Bad Gateway</body>\r\n</html>\r\n" % status
    answer.headers = [("Content-Type", "text/html")]


def _redirect(answer, url, status=302):
    answer.status = status
    answer.body = b""
    answer.headers = [("Location", url)]


def _gzip_garbage(answer):
    _replace_headers(answer, {"Content-Encoding": "gzip"})
    answer.body = b"\x1f\x8b\x08\x00" + bytes(i * 73 % 256 for i in range(200))


def _gzip_cut(answer):
    _replace_headers(answer, {"Content-Encoding": "gzip"})
    packed = gzip.compress(answer.body)
    answer.body = packed[:len(packed) // 2]


@functools.lru_cache
def _bomb(megabytes):
    return gzip.compress(b'{"entries":{"' + b" " * (megabytes << 20), 1)


def _gzip_bomb(answer, megabytes):
    _replace_headers(answer, {"Content-Encoding": "gzip"})
    answer.body = _bomb(megabytes)


def _indent(answer):
    answer.body = json.dumps(json.loads(answer.body), indent=2).encode()


def _cut_json(answer, count):
    """The body without its last bytes, in an answer that is whole for HTTP."""
    answer.body = answer.body[:-count]


_MUTATORS = {"swap": _swap, "another": _another, "extra": _extra, "drop": _drop, "duplicate": _duplicate, "set": _set,
             "unset": _unset, "total": _total, "replace": _replace, "html": _html, "redirect": _redirect,
             "gzip_garbage": _gzip_garbage, "gzip_cut": _gzip_cut, "gzip_bomb": _gzip_bomb,
             "indent": _indent, "cut_json": _cut_json}
# These leave what a client may believe as it was, so the ledger still counts the answer.
_HARMLESS = frozenset(("total", "indent", "extra", "duplicate"))
_ABOUT_IDS = frozenset(("swap", "set", "unset"))
