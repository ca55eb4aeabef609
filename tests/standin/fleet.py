"""What gateways do: connect, send, fall silent, go; and the ledger of what was announced of it.

The ledger keeps two figures of every kind of message: `true`, what ever happened, and
`announced`, what at least one whole 200 answer made visible: per connection (each Gateway Server
that holds a gateway has its own) the highest count shown, summed. A poller that saw every
such answer can prove exactly that much. What streams of events have sent is kept apart, as
`streamed`: a client that lost its connection may have less.
"""

import errors
from clock import SECOND, stamp
from downlink_events import RESULTS, last_cause
from gateway_events import Teller
from links import (ACK, DOWN, MQTT_STATUS, STATION, STATION_STATUS, UDP_STATUS, UP, Connection, Gone, Link)
from uplink_events import PLAIN, Radio

KINDS = ("uplink", "downlink", "tx_ack")
_STATUS_OF = {"udp": UDP_STATUS, STATION: STATION_STATUS, "mqtt": MQTT_STATUS}


class Fleet:
    """The gateways of all clusters. Its callers hold the stand-in's lock."""

    def __init__(self, clock, world, clusters, hub):
        self.clock = clock
        self.world = world
        self.clusters = clusters
        self.hub = hub
        self._serial = 0
        self._moves = 0
        self._history = {}

    def link(self, gateway_id, cluster=None):
        """The link to a cluster; without one, to where the gateway is connected, or registered."""
        gateway = self.world.gateways[gateway_id]
        if cluster is None:
            cluster = self._where(gateway)
        link = gateway.links.get(cluster)
        if link is None:
            at = self.clusters[cluster - 1]
            link = gateway.links[cluster] = Link(at, Teller(self.hub, at, gateway))
        link.settle(self.clock.now())
        return link

    def _where(self, gateway):
        now = self.clock.now()
        for number, link in gateway.links.items():
            link.settle(now)
            if link.connection is not None:
                return number
        return gateway.fields.get("home", 1)

    def live(self, gateway_id, cluster, server=None):
        """(the link, its connection to that server; to none: the latest)."""
        link = self.link(gateway_id, cluster)
        connection = link.at(server)
        if connection is None:
            raise Gone("%s is not connected" % gateway_id)
        return link, connection

    # Events.

    def connect(self, gateway_id, cluster=None, protocol="udp", at=None, status=None, ip="127.0.0.1",
                duty_cycle=True, server=0):
        gateway = self.world.gateways[gateway_id]
        number = cluster or gateway.fields.get("home", 1)
        link = self.link(gateway_id, number)
        when = self.clock.when(at)
        history = self._history.setdefault(gateway_id, [])
        if history and when <= history[-1].at and at is None:
            when = history[-1].at + 1
        self._serial += 1
        connection = Connection(self._serial, number, server, when, protocol, ip)
        if not duty_cycle:
            connection.bands = ()
        if status is None:
            status = protocol == STATION
        if status:
            self._set_status(connection, {} if status is True else status, when)
        history.append(connection)
        link.connect(connection, bool(status))
        return stamp(when)

    def _set_status(self, connection, status, now):
        """A status message; what the caller leaves out is as that kind of gateway sends it."""
        out = dict(_STATUS_OF.get(connection.protocol, MQTT_STATUS))
        if connection.protocol == "udp":
            out["time"] = stamp(now // SECOND * SECOND)
            out["boot_time"] = stamp(connection.at // SECOND * SECOND)
        elif connection.protocol != STATION:
            out["time"], out["boot_time"] = stamp(now), stamp(connection.at)
        if connection.protocol != STATION:
            out["ip"] = [connection.ip]
            out["metrics"] = self._metrics(connection)
        out.update(status)
        connection.status = {k: v for k, v in out.items() if v is not None}
        connection.status_at = now
        connection.pushed_at = now

    @staticmethod
    def _metrics(connection):
        up, down, ack = connection.counts
        out = {"rxin": up, "rxok": up, "txin": down, "txok": ack, "temp": 36.5 + connection.serial % 50 / 100}
        if connection.protocol == "udp":
            out.update(rxfw=up, ackr=100 if up else 0)
        else:
            out.update(load_15=0.25, memory_percentage=31.5)
        return out

    def status(self, gateway_id, cluster=None, metrics=None, **fields):
        link, connection = self.live(gateway_id, cluster)
        now = self.clock.now()
        if metrics is not None:
            fields["metrics"] = metrics
        connection.silent_at = None
        self._set_status(connection, fields, now)
        link.tell.status(connection)
        link.touched(connection, now)

    def uplink(self, gateway_id, n=1, cluster=None, server=None, rtt=None, radio=None):
        radio = Radio(radio) if radio else PLAIN
        link, connection = self._count(gateway_id, cluster, UP, n, server)
        self.world.gateways[gateway_id].radio.uplinks(n, radio)
        link.tell.uplinks(connection, n, radio, connection.last[UP])
        if connection.protocol == STATION:
            self._round_trip(connection, rtt)

    def downlink(self, gateway_id, n=1, cluster=None, server=None):
        link, connection = self._count(gateway_id, cluster, DOWN, n, server)
        if not connection.bands:
            connection.set_bands(connection.bands is None)
        self.world.gateways[gateway_id].radio.downlinks(n)
        link.tell.downlinks(connection, n, self.clock.now())

    def unscheduled(self, gateway_id, causes, n=1, cluster=None, server=None):
        link, connection = self.live(gateway_id, cluster, server)
        self.world.gateways[gateway_id].radio.unscheduled(n, last_cause(causes))
        link.tell.unscheduled(connection, n, causes, self.clock.now())

    def tx_ack(self, gateway_id, n=1, cluster=None, server=None, rtt=None, result=RESULTS[0]):
        if result not in RESULTS:
            raise ValueError("a result is %s" % ", ".join(RESULTS))
        link, connection = self._count(gateway_id, cluster, ACK, n, server)
        self.world.gateways[gateway_id].radio.tx_acks(n, result)
        link.tell.tx_acks(connection, n, result, self.clock.now())
        connection.transmit(n, self.clock.now())
        if connection.protocol == "udp":
            self._round_trip(connection, rtt)

    def _count(self, gateway_id, cluster, kind, n, server):
        link, connection = self.live(gateway_id, cluster, server)
        now = self.clock.now()
        connection.silent_at = None
        connection.count(kind, n, now)
        link.touched(connection, now)
        return link, connection

    def _round_trip(self, connection, seconds):
        if seconds is None:
            spread = connection.counts[UP] * 7 + connection.serial
            seconds = 0.030012345 + spread % 50 / 1000
        connection.round_trip(seconds, self.clock.now())

    def round_trip(self, gateway_id, seconds, n=1, cluster=None):
        link, connection = self.live(gateway_id, cluster)
        for _ in range(n):
            connection.round_trip(seconds, self.clock.now())
        link.touched(connection, self.clock.now())

    def sub_bands(self, gateway_id, bands, cluster=None):
        """`bands`: list of {min, max, limit, used}, "unlimited", or null for none."""
        link, connection = self.live(gateway_id, cluster)
        connection.air = []
        if bands == "unlimited":
            connection.set_bands(False)
        else:
            connection.bands = bands
        link.touched(connection, self.clock.now())

    def disconnect(self, gateway_id, cluster=None, at=None, server=None, why=None):
        error = errors.made(why) if why else None
        self.live(gateway_id, cluster, server)[0].disconnect(self.clock.when(at), server, error)

    def silent(self, gateway_id, cluster=None):
        """Neither pushes nor pulls any more; ends by itself when the expiry has passed."""
        self.live(gateway_id, cluster)[1].silent_at = self.clock.now()

    def awake(self, gateway_id, cluster=None):
        """Pulls again."""
        self.live(gateway_id, cluster)[1].silent_at = None

    def forget(self, gateway_id, cluster=None):
        """The cluster forgets the gateway: registry flushed, or the Gateway Server restarted."""
        self.link(gateway_id, cluster).drop()

    # The ledger.

    def sent(self, sights):
        """A whole 200 answer has shown these: [(gateway id, Shown or None, which counts)]."""
        for _, shown, visible in sights:
            if shown is not None:
                self._see(shown, visible)

    @staticmethod
    def _see(shown, visible):
        book = "seen" if shown.disconnected_at is None else "seen_gone"
        for kind, connection in enumerate(shown.owners):
            row = getattr(connection, book)
            if row is None:
                row = [0, 0, 0]
                setattr(connection, book, row)
            if visible[kind] and shown.counts[kind] > row[kind]:
                row[kind] = shown.counts[kind]

    def ledger(self, ids=None):
        return {gateway_id: self._account(self._history.get(gateway_id, []))
                for gateway_id in (ids or list(self._history))}

    def _account(self, history):
        true, announced, rows = [0, 0, 0], [0, 0, 0], []
        for connection in history:
            live = connection.seen or (0, 0, 0)
            gone = connection.seen_gone or (0, 0, 0)
            seen = [max(pair) for pair in zip(live, gone)]
            for kind in (UP, DOWN, ACK):
                true[kind] += connection.counts[kind]
                announced[kind] += seen[kind]
            rows.append({"cluster": connection.cluster, "server": connection.server,
                         "connected_at": stamp(connection.at),
                         "ended_at": stamp(connection.ended_at) if connection.ended_at is not None else None,
                         "true": _named(connection.counts), "announced": _named(seen),
                         "shown_connected": connection.seen and _named(connection.seen),
                         "shown_disconnected": connection.seen_gone and _named(connection.seen_gone),
                         "streamed": connection.streamed and _named(connection.streamed)})
        return {"true": _named(true), "announced": _named(announced), "connections": rows}

    def radio(self, gateway_id, clear):
        book = self.world.gateways[gateway_id].radio
        out = book.describe()
        if clear:
            book.clear()
        return out

    def reset_ledger(self):
        """Starts again at the current connections; their counts so far stay theirs."""
        for gateway_id, history in self._history.items():
            self._history[gateway_id] = [c for c in history if c.ended_at is None]

    def move(self, n=1, share=1.0, ids=None):
        """Traffic on every connected gateway at once, or on about a share of them, another each time."""
        now = self.clock.now()
        self._moves += 1
        moved = 0
        for index, gateway_id in enumerate(ids or self.world.gateways):
            if (index * 37 + self._moves * 61) % 100 >= share * 100:
                continue
            for link in self.world.gateways[gateway_id].links.values():
                link.settle(now)
                connection = link.connection
                if connection is not None:
                    for kind in (UP, DOWN, ACK):
                        connection.count(kind, n, now)
                    self._moved(link, connection, n, now)
                    link.touched(connection, now)
                    moved += 1
        return moved

    @staticmethod
    def _moved(link, connection, n, now):
        radio = link.tell.gateway.radio
        radio.uplinks(n, PLAIN)
        radio.downlinks(n)
        radio.tx_acks(n, RESULTS[0])
        link.tell.uplinks(connection, n, PLAIN, now)
        link.tell.downlinks(connection, n, now)
        link.tell.tx_acks(connection, n, RESULTS[0], now)


def _named(counts):
    return dict(zip(KINDS, counts))
