"""Gateways at the Gateway Servers: connections, what is stored of them, and when they end.

A Link is one gateway at one cluster: its connections, one of each Gateway Server that holds it, and what the cluster would
answer now: in registry mode a stored copy, which outlives the connection; in live mode the
connection's own figures, some of which vanish while their UDP stream is idle.

Time passes only when somebody looks: settle() brings a link to the present.
"""

import errors
from clock import SECOND
from stats import Shown

UP, DOWN, ACK = 0, 1, 2
HALF_HOUR = 1800 * SECOND
HOUR = 3600 * SECOND
# Air time of one downlink, in seconds: SF7, 12 bytes, as recorded.
AIR_TIME = 0.046336
EU868 = ((863000000, 865000000, 0.001), (865000000, 868000000, 0.01), (868000000, 868600000, 0.01),
         (868700000, 869200000, 0.001), (869400000, 869650000, 0.1), (869700000, 870000000, 0.01))
_BAND = 2
_UNLIMITED = 18446744073709551615
UDP_STATUS = {"versions": {"ttn-lw-gateway-server": "3.32.1", "hal": "5.0.1", "fpga": "48", "dsp": "27"},
              "antenna_locations": [{"latitude": 52.5162, "longitude": 13.3907, "altitude": 40,
                                     "source": "SOURCE_GPS"}]}
STATION_STATUS = {"versions": {"station": "2.0.6(linux/std)", "firmware": "1.2.3", "package": "4.5.6",
                               "platform": "lbsgw - Firmware 1.2.3 - Protocol 2"},
                  "advanced": {"features": "", "model": "lbsgw"}}
MQTT_STATUS = {"versions": {"firmware": "1.2.3", "forwarder": "mqttgw 1.0", "model": "sim"}}
STATION = "semtechws/lbslns"


class Gone(Exception):
    """An event for a gateway that has no connection there."""


class Connection:
    """One connection, as the Gateway Server sees it that has it."""

    __slots__ = ("serial", "cluster", "server", "at", "protocol", "ip", "counts", "last", "status", "status_at",
                 "times", "bands", "air", "pushed_at", "silent_at", "ended_at", "due", "stored_at", "seen", "seen_gone",
                 "streamed", "sent")

    def __init__(self, serial, cluster, server, at, protocol, ip):
        self.serial = serial
        self.cluster = cluster
        self.server = server
        self.at = at
        self.protocol = protocol
        self.ip = ip
        self.counts = [0, 0, 0]
        self.last = [None, None, None]
        self.status = self.status_at = None
        self.times = []
        self.bands = None
        self.air = []
        self.pushed_at = at
        self.silent_at = None
        self.ended_at = None
        self.due = None          # when it is stored next, None: nothing is new
        self.stored_at = at
        # Highest counts that some whole answer showed, None: none did.
        self.seen = self.seen_gone = None
        # The same of the events of statistics that were sent.
        self.streamed = None
        # Downlinks that were told as events and not yet acknowledged.
        self.sent = []

    def count(self, kind, n, now):
        self.counts[kind] += n
        self.last[kind] = now
        if kind == UP:
            self.pushed_at = now

    def round_trip(self, seconds, now):
        self.times.append((now, seconds))
        del self.times[:-20]

    def transmit(self, n, now):
        """Air time counts once it was used, so at the acknowledgment."""
        self.air.append((now, n * AIR_TIME))

    def set_bands(self, enforced):
        if enforced:
            self.bands = [{"min": low, "max": high, "limit": limit} for low, high, limit in EU868]
        else:
            self.bands = [{"max": _UNLIMITED, "limit": 1}]

    def trim(self, now):
        """Forgets what is too old to count; True if that changed a figure."""
        old = False
        while self.times and self.times[0][0] < now - HALF_HOUR:
            del self.times[0]
            old = True
        while self.air and self.air[0][0] < now - HOUR:
            del self.air[0]
            old = True
        return old

    def shown(self, uplinks=True, downlinks=True):
        """What a server answers of it now; without the streams that are idle."""
        out = Shown(self)
        counts = self.counts
        last = list(self.last)
        if uplinks:
            out.status, out.status_at = self.status, self.status_at
        if downlinks:
            out.round_trips = tuple(seconds for _, seconds in self.times)
        if self.bands:
            out.bands = [dict(band) for band in self.bands]
            used = sum(seconds for _, seconds in self.air) / 3600
            if used:
                out.bands[min(_BAND, len(out.bands) - 1)]["used"] = round(used, 12)
        visible = (uplinks, downlinks, downlinks)
        out.counts = tuple(n if show else 0 for n, show in zip(counts, visible))
        out.last = tuple(at if show else None for at, show in zip(last, visible))
        return out


class Link:
    """Several Gateway Servers of the cluster may hold the gateway, each with a connection of its own; the registry
    that they share mixes what they store, as tests/answers/two-servers has it."""

    __slots__ = ("cluster", "tell", "held", "_shared", "_stored", "_live", "_live_flags")

    def __init__(self, cluster, tell):
        """tell: a Teller, which makes events of what happens here."""
        self.cluster = cluster
        self.tell = tell
        self.held = {}           # by server
        self._shared = False     # more than one had it at a time
        self._stored = None
        self._live = None
        self._live_flags = None

    @property
    def connection(self):
        """The latest, None: it is not connected."""
        return max(self.held.values(), key=lambda one: one.serial, default=None)

    def at(self, server):
        """The connection to a server; None: the latest."""
        return self.connection if server is None else self.held.get(server)

    def settle(self, now):
        """Ends what has expired by `now`, and stores what was due."""
        for connection in sorted(self.held.values(), key=lambda one: one.serial):
            ends = self._ends_at(connection)
            if ends is not None and now >= ends:
                self._store_if_due(connection, ends)
                self._end(connection, ends)
                self.tell.ended(ends, errors.connection_ended(connection.protocol))
            else:
                self._store_if_due(connection, now)
        stored = self._stored
        if stored is not None and stored.disconnected_at is not None:
            if now - stored.disconnected_at >= self.cluster.retention * SECOND:
                self._stored = None

    def _ends_at(self, connection):
        if connection.silent_at is None:
            return None
        since = max(connection.silent_at, connection.pushed_at)
        return since + int(self.cluster.expiry(connection.protocol) * SECOND)

    def _store_if_due(self, connection, now):
        """What is new after the debounce; told also when nothing is, once a minute at least, and stored so where
        others store too."""
        new = connection.due is not None and now >= connection.due
        if not new and now - connection.stored_at < self.cluster.again * SECOND:
            return
        connection.due = None
        connection.stored_at = now
        if self.cluster.registry and (new or self._shared):
            self._stored = connection.shown().over(self._stored)
        self.tell_stats(connection, now)

    def tell_stats(self, connection, now):
        self.tell.stats(connection, self._active(connection, now))

    def _end(self, connection, at):
        connection.ended_at = at
        connection.due = None
        del self.held[connection.server]
        self._live = None
        if self._stored is not None:
            self._stored = self._stored.gone(at)

    def connect(self, connection, status_pending):
        """A second connection to the same server simply takes the place of the first, with nothing in between. In the
        registry it takes the place of all that is there."""
        before = self.held.get(connection.server)
        if before is not None:
            before.ended_at = connection.at
            self.tell.ended(connection.at, errors.new_connection())
        self.held[connection.server] = connection
        self._shared = len(self.held) > 1
        self._live = None
        if self.cluster.registry:
            self._stored = Shown(connection)
        self.tell.connected(connection)
        if status_pending:
            # What comes with the connect reaches the registry with the first update, not before.
            connection.due = connection.at + int(max(self.cluster.debounce, 1) * SECOND)
            self.tell.status(connection)

    def touched(self, connection, now):
        """The connection's figures have changed."""
        self._live = None
        due = now + int(self.cluster.debounce * SECOND)
        connection.due = due if connection.due is None else min(connection.due, due)

    def disconnect(self, at, server=None, why=None):
        """Registry updates that still wait are lost, as in the stack. why: an ApiError, None: that of its protocol."""
        connection = self.at(server)
        if connection is None:
            raise Gone("not connected")
        self._store_if_due(connection, at)
        self._end(connection, at)
        self.tell.ended(at, why or errors.connection_ended(connection.protocol))

    def drop(self):
        """Forgets everything, as when the registry was flushed or the server restarted."""
        for connection in list(self.held.values()):
            self._end(connection, connection.at)
        self._stored = None

    def view(self, now):
        """The Shown of this moment, or None: no such connection."""
        self.settle(now)
        for connection in self.held.values():
            if connection.trim(now):
                self.touched(connection, now)
                self._store_if_due(connection, now)
        if self.cluster.registry:
            return self._stored
        connection = self.connection
        if connection is None:
            return None
        flags = self._active(connection, now)
        if self._live is None or self._live_flags != flags:
            self._live = connection.shown(*flags)
            self._live_flags = flags
        return self._live

    def _active(self, connection, now):
        """Which of the two UDP streams still count as alive (live mode leaves the others out)."""
        if connection.protocol != "udp":
            return True, True
        uplinks = now - connection.pushed_at < self.cluster.udp_expiry * SECOND
        silent = connection.silent_at
        downlinks = silent is None or now - silent < self.cluster.udp_downlink_expiry * SECOND
        return uplinks, downlinks
