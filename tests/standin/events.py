"""POST /api/v3/events: who may listen to what, the store of past events, and the streams that are open.

What happens comes from the Tellers (gateway_events.py) and goes to each Stream (streams.py) that asked for it. All but
a stream's sending is done with the stand-in's lock held.
"""

import collections
import json
import random
import re
import threading
import time

import errors
import gateway_events
import keys
from clock import SECOND, parse_stamp
from streams import Stream

_MILLISECOND = 1_000_000
_REQUEST_LOG = 10000


class Asked:
    """The body of a request; raises what the stack answers when it can't read it."""

    def __init__(self, request):
        try:
            body = json.loads(request.body or b"{}")
            self.identifiers = list(body.get("identifiers") or ())
            self.entities = [self._entity(one) for one in self.identifiers]
            self.names = tuple(body.get("names") or ())
            self.after_text = body.get("after")
            self.tail = int(body.get("tail") or 0)
            if not all(isinstance(name, str) for name in self.names):
                raise TypeError("not a string")
            self.after = None if self.after_text is None else parse_stamp(self.after_text)
        except json.JSONDecodeError as error:
            ended = error.pos >= len(error.doc.rstrip())
            raise errors.plain(3, "unexpected EOF" if ended else "invalid character in JSON") from None
        except (UnicodeDecodeError, AttributeError, KeyError, TypeError, ValueError):
            raise errors.plain(3, "proto: syntax error: unexpected token") from None
        self.gateways = tuple(name for kind, name in self.entities if kind == "gateway")
        self.sse = "text/event-stream" in request.headers.get("accept", "")
        self.gzip = "gzip" in request.headers.get("accept-encoding", "")

    @staticmethod
    def _entity(identifiers):
        """(kind, name) of {"gateway_ids": {"gateway_id": "..."}}."""
        (field, ids), = identifiers.items()
        kind = field[:-len("_ids")]
        name = ids[kind + "_id"]
        if not isinstance(name, str):
            raise TypeError("not a string")
        return kind, name


def _resolved(patterns):
    """The names, sorted; a pattern between slashes stands for all that it fits."""
    out = set()
    for pattern in patterns:
        if pattern.startswith("/") and pattern.endswith("/"):
            try:
                regexp = re.compile(pattern.strip("/"))
            except re.error:
                raise errors.bad_regexp() from None
            found = {name for name in gateway_events.NAMES if regexp.search(name)}
            if not found:
                raise errors.no_matching_events(regexp.pattern)
            out |= found
        elif pattern in gateway_events.NAMES:
            out.add(pattern)
        else:
            raise errors.unknown_event(pattern)
    return sorted(out)


class Event:
    __slots__ = ("at", "name", "gateway", "rights", "text", "shown")

    def __init__(self, at, name, gateway, rights, text, shown):
        self.at = at
        self.name = name
        self.gateway = gateway
        self.rights = rights
        self.text = text
        self.shown = shown


class Hub:
    """The events of all clusters."""

    def __init__(self, clock, world, clusters, lock):
        self.clock = clock
        self.world = world
        self.clusters = clusters
        self.lock = lock
        self.muted = False
        self.log = collections.deque(maxlen=_REQUEST_LOG)
        self.rng = random.Random(1)
        self._streams = []
        self._stored = {}
        self._last = {}
        self._number = 0

    def start(self, stopped):
        threading.Thread(target=self._watch, args=(stopped,), daemon=True).start()

    def _watch(self, stopped):
        """What is due comes also while nobody polls."""
        pause = 0.02
        while not stopped.wait(pause):
            with self.lock:
                begin = time.monotonic()
                self.settle_all()
            pause = min(0.5, max(0.02, 10 * (time.monotonic() - begin)))

    def settle_all(self):
        storing = {cluster.number for cluster in self.clusters if cluster.event_store}
        now = self.clock.now()
        if storing:
            for gateway in self.world.gateways.values():
                for number, link in gateway.links.items():
                    if number in storing:
                        link.settle(now)
        for stream in self._streams:
            if stream.cluster.number not in storing:
                self.settle(stream.cluster, stream.ids, now)

    def settle(self, cluster, ids, now):
        for gateway_id in ids:
            gateway = self.world.gateways.get(gateway_id)
            link = gateway.links.get(cluster.number) if gateway is not None else None
            if link is not None:
                link.settle(now)

    # What happens.

    def wants(self, cluster, gateway_id, names):
        """Does anybody want to know what happens to a gateway, if it has one of these names?"""
        if self.muted:
            return False
        return cluster.event_store or any(
            stream.cluster is cluster and gateway_id in stream.ids
            and (stream.names is None or not stream.names.isdisjoint(names)) for stream in self._streams)

    def publish(self, cluster, gateway_id, name, rights, make, shown=None):
        """make(time): the event's line; shown: the Shown in it. No two events of a cluster have the same time, nor does
        it go back, unless a test sets the clock back."""
        last = self._last.get(cluster.number, 0)
        at = self.clock.now()
        if last - SECOND < at <= last:
            at = last + 1
        self._last[cluster.number] = at
        event = Event(at, name, gateway_id, rights, make(at), shown)
        if cluster.event_store:
            key = cluster.number, gateway_id
            kept = self._stored.get(key)
            if kept is None or kept.maxlen != cluster.event_store_count:
                kept = self._stored[key] = collections.deque(kept or (), maxlen=cluster.event_store_count)
            kept.append(event)
        for stream in self._streams:
            if self._is_for(stream, cluster, event) and self.rng.random() >= cluster.event_loss:
                stream.put(event.text, event.shown)

    def _is_for(self, stream, cluster, event):
        return (stream.cluster is cluster and event.gateway in stream.ids
                and (stream.names is None or event.name in stream.names)
                and not self.rights(stream.key, event.gateway).isdisjoint(event.rights))

    def rights(self, key, gateway_id):
        rights = self.world.rights(key, gateway_id)
        gateway = self.world.gateways.get(gateway_id)
        if key is not None and gateway is not None and gateway.fields.get("status_public"):
            return rights | {keys.STATUS}
        return rights

    def forget(self, number=None):
        """Drops the stored events of a cluster, or of all."""
        for key in list(self._stored):
            if number in (None, key[0]):
                del self._stored[key]

    # Requests.

    def open(self, cluster, key, asked):
        """(Stream, headers) for a request that may have one; else raises. What is due has happened before."""
        if not asked.entities:
            raise errors.no_identifiers()
        names = _resolved(asked.names)
        for kind, name in asked.entities:
            self._may_listen(cluster, key, kind, name)
            if cluster.events_refused is True or cluster.events_refused and name in cluster.events_refused:
                raise errors.no_rights(kind, name)
        self.settle(cluster, asked.gateways, self.clock.now())
        headers = []
        if not cluster.event_store and (asked.after is not None or asked.tail):
            headers.append(("X-Warning", "Events storage is not enabled"))
        packed = asked.gzip and cluster.gzip
        if packed:
            headers.append(("Content-Encoding", "gzip"))
        self._number += 1
        stream = Stream(self, self._number, cluster, key, asked, names, packed)
        stream.put(gateway_events.start(self.clock.now(), asked.identifiers, names), is_event=False)
        if cluster.event_store:
            for event in self._history(stream, cluster, asked):
                stream.put(event.text, event.shown)
        self._streams.append(stream)
        return stream, headers

    def _may_listen(self, cluster, key, kind, name):
        if key is None and not cluster.single_process:
            raise errors.unauthenticated()
        if kind == "gateway":
            if name not in self.world.gateways and self.world.is_admin(key):
                raise errors.gateway_not_found(name)
            allowed = self.rights(key, name)
        elif kind == "user":
            mine = key is not None and key.entity == "user" and (key.entity_id == name or self.world.is_admin(key))
            allowed = key.rights if mine and not self.world.warning(key) else ()
        else:
            allowed = self.world.organization_rights(key, name) if kind == "organization" else ()
        if not allowed:
            raise errors.no_rights(kind, name)

    def _history(self, stream, cluster, asked):
        """The stored events: those of one gateway, then those of the next, in the order of the request. Times are
        compared in milliseconds, and tail is counted before names are applied, as pkg/events/redis/store.go does."""
        if asked.after is None and not asked.tail:
            return
        oldest = self.clock.now() - cluster.event_store_time * SECOND
        after = 0 if asked.after is None else asked.after + int(cluster.event_after_off * SECOND)
        for gateway_id in asked.gateways:
            kept = list(self._stored.get((cluster.number, gateway_id), ()))
            if asked.tail:
                kept = kept[-asked.tail:]
            for event in kept:
                late = event.at // _MILLISECOND > after // _MILLISECOND
                if late and event.at >= oldest and self._is_for(stream, cluster, event):
                    yield event

    def sent(self, shown):
        """A stream sends these statistics: for the ledger."""
        with self.lock:
            connection = shown.owners[0]
            connection.streamed = [max(pair) for pair in zip(connection.streamed or shown.counts, shown.counts)]

    def left(self, stream):
        with self.lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def note(self, cluster, call, key, status, stream):
        """One more row of the list of requests."""
        asked = call.asked
        self.log.append({"at": self.clock.now() / SECOND, "cluster": cluster.number, "key": key, "status": status,
                         "stream": stream.number if stream else None, "ids": [name for _, name in asked.entities],
                         "names": list(asked.names), "after": asked.after_text, "tail": asked.tail, "sse": asked.sse,
                         "gzip": asked.gzip})

    def streams(self, cluster=None):
        return [one for one in self._streams if cluster in (None, one.cluster.number)]
