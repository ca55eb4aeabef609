# SPDX-License-Identifier: MIT
"""A stand-in that writes down what each whole answer showed: what the API proved.

It reads the bodies that went out, not the state they were made of, so a fault that changes a body
changes what is written down with it. An answer that did not reach the client whole, has another
status than 200, is no JSON or speaks of gateways that were not asked for proves nothing.
"""

import json
import re
import threading
import time

import stack
from clock import SECOND, parse_stamp

BATCH = "/api/v3/gs/gateways/connection/stats"
SINGLE = re.compile(r"/api/v3/gs/gateways/([a-z0-9-]+)/connection/stats$")
COUNTS = ("uplink_count", "downlink_count", "tx_acknowledgment_count")


def _once(pairs):
    """An object that has a key twice is none."""
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key comes twice")
    return out


def _count(value):
    if not isinstance(value, str) or not value.isdigit():
        raise ValueError("not a count: %r" % value)
    return int(value)


class Sight:
    """What one answer showed of one gateway. Times in ns, None: not there. counts: None where the
    answer has none. Without a time it was absent. ValueError, TypeError: an entry of which nothing is believed."""

    def __init__(self, cluster, date, entry):
        self.cluster = cluster
        self.date = date
        self.perhaps = False      # the client may not have had it
        self.at = self.gone = None
        self.counts = (None, None, None)
        if entry is not None:
            self.at = parse_stamp(entry["connected_at"]) if "connected_at" in entry else None
            self.gone = parse_stamp(entry["disconnected_at"]) if "disconnected_at" in entry else None
            self.counts = tuple(_count(entry[name]) if name in entry else None for name in COUNTS)

    @property
    def state(self):
        return "connected" if self.at else "disconnected" if self.gone else "absent"


class _Answer(tuple):
    """What the stand-in will say was seen, and with it what was sent."""

    def __bool__(self):
        return True


class Recorder(stack.Stack):
    def __init__(self, **options):
        super().__init__(**options)
        self._answers = []
        # {(cluster, gateway): the last batch that asked for it}.
        self._asked = {}
        self._batches = 0
        # Somebody in between takes answers that the client has left, and asks again by itself: of two answers the
        # later one is the client's; one before a question without an answer may be.
        self.proxied = False
        self._quiet = threading.Condition()
        self._busy = 0
        told = self.fleet_of.sent

        def sent(sights):
            told(tuple(sights))
            if isinstance(sights, _Answer):
                self._answers.append(sights)

        self.fleet_of.sent = sent

    def _finish(self, cluster, request, answer):
        single = SINGLE.match(request.path)
        if request.path == BATCH:
            ids = [one["gateway_id"] for one in json.loads(request.body)["gateway_ids"]]
            self._note(cluster, ids, answer, answer.body if answer.status == 200 else None)
        elif single:
            self._note(cluster, [single.group(1)], answer, self._as_batch(single.group(1), answer))
        super()._finish(cluster, request, answer)

    def _note(self, cluster, ids, answer, body):
        """body: None where the answer proves nothing."""
        sights = _Answer(answer.sights)
        sights.cluster = cluster.number
        sights.body = body
        sights.now = self.clock.now()
        sights.ids = ids
        self._batches += 1
        sights.number = self._batches
        self._asked.update(((cluster.number, gateway), self._batches) for gateway in ids)
        if body is not None:
            answer.sights = sights

    @staticmethod
    def _as_batch(gateway, answer):
        """What a single GET's answer would be in a batch."""
        if answer.status == 200:
            return b'{"entries":{"%s":%s}}' % (gateway.encode(), answer.body)
        return b"{}" if answer.status == 404 and b'"not_connected"' in answer.body else None

    def _exchange(self, cluster, sock, request):
        with self._quiet:
            self._busy += 1
        try:
            return super()._exchange(cluster, sock, request)
        finally:
            with self._quiet:
                self._busy -= 1
                self._quiet.notify_all()

    def seen(self, since=0):
        """{gateway: [Sight]} since it was asked last, in the order of the answers. A client has its
        answer a moment before it is written down here, so that is waited for. since: the stack's time;
        what was answered before is left out, for behind TLS an answer to a client that was killed may
        come late."""
        with self._quiet:
            end = time.monotonic() + 10
            while self._busy and time.monotonic() < end:
                self._quiet.wait(0.1)
            if self._busy:
                raise AssertionError("an answer never ends")
        answers, self._answers = self._answers, []
        answers.sort(key=lambda answer: answer.number)
        last = {(answer.cluster, gateway): answer.number for answer in answers for gateway in answer.ids}
        out = {}
        for answer in answers:
            for gateway, sight in self._sights(answer):
                asked = answer.cluster, gateway
                sight.perhaps = self.proxied and self._asked[asked] != answer.number
                if answer.now >= since and not (sight.perhaps and last[asked] != answer.number):
                    out.setdefault(gateway, []).append(sight)
        return out

    @staticmethod
    def _sights(answer):
        ids, date = answer.ids, answer.now // SECOND * SECOND
        try:
            body = json.loads(answer.body, object_pairs_hook=_once)
        except ValueError:
            return
        entries = body.get("entries", {}) if isinstance(body, dict) else None
        if entries is None or set(entries) - set(ids):
            return
        for gateway in ids:
            try:
                yield gateway, Sight(answer.cluster, date, entries.get(gateway))
            except (ValueError, TypeError):
                pass
