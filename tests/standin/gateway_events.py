"""The events of gateways, as recorded: their names, and who may see them.

A Teller is what the Gateway Servers of one cluster tell of one gateway. It builds nothing that nobody wants to have:
neither a stream nor the store of past events.
"""

import downlink_events
import keys
import stats
import uplink_events
from clock import stamp
from downlink_events import RESULTS, Downlink
from errors import dumps, spaced
from event_text import TOLD_AT_ONCE, line, typed, ulid, value
from links import ACK, DOWN, UP
from stats import EVENT

# The Gateway Server's, all of them, as the answer to /^gs\..+/ has them.
NAMES = ("gs.down.schedule.attempt", "gs.down.schedule.fail", "gs.down.send", "gs.down.tx.fail", "gs.down.tx.success",
         "gs.gateway.connect", "gs.gateway.connection.stats", "gs.gateway.disconnect", "gs.io.status.drop",
         "gs.io.tx.ack.drop", "gs.io.up.drop", "gs.io.up.repeat", "gs.status.drop", "gs.status.receive",
         "gs.txack.drop", "gs.txack.forward", "gs.txack.receive", "gs.up.drop", "gs.up.forward", "gs.up.receive")
_CONNECT, _STATS, _DISCONNECT = "gs.gateway.connect", "gs.gateway.connection.stats", "gs.gateway.disconnect"
_STATUS_RECEIVE = "gs.status.receive"
_RECEIVE, _DROP, _FORWARD = "gs.up.receive", "gs.up.drop", "gs.up.forward"
_ATTEMPT, _SCHEDULE_FAIL, _SEND = "gs.down.schedule.attempt", "gs.down.schedule.fail", "gs.down.send"
_ACK_RECEIVE, _ACK_FORWARD = "gs.txack.receive", "gs.txack.forward"
_TX_SUCCESS, _TX_FAIL = "gs.down.tx.success", "gs.down.tx.fail"
_LINK = ("RIGHT_GATEWAY_LINK", keys.STATUS)
_STATUS = (keys.STATUS,)
_EVERYTHING = stats.Mask(())


def start(at, identifiers, names):
    """The first line of every stream. names: sorted, None where the request had none."""
    return line("events.stream.start", at, dumps(identifiers), value(names) if names else None,
                ["rpc:/ttn.lorawan.v3.Events/Stream:" + ulid(at)])


class Teller:
    __slots__ = ("hub", "cluster", "gateway")

    def __init__(self, hub, cluster, gateway):
        self.hub = hub
        self.cluster = cluster
        self.gateway = gateway

    def ids(self):
        out = {"gateway_id": self.gateway.id}
        if self.gateway.eui:
            out["eui"] = self.gateway.eui
        return out

    def wanted(self, *names):
        return self.hub.wants(self.cluster, self.gateway.id, names)

    def _tell(self, name, data, rights, correlations=None, shown=None):
        identifiers = dumps([{"gateway_ids": self.ids()}])
        self.hub.publish(self.cluster, self.gateway.id, name, rights,
                         lambda at: line(name, at, identifiers, data, correlations, rights), shown)

    def connected(self, connection):
        if self.wanted(_CONNECT, _STATS):
            data = typed("GatewayConnectionStats", stats.Shown(connection).text(EVENT, _EVERYTHING))
            self._tell(_CONNECT, data, _LINK)
            self._tell(_STATS, data, _LINK)

    def stats(self, connection, flags):
        """flags: are its uplinks and its downlinks still there to see?"""
        if self.wanted(_STATS):
            shown = connection.shown(*flags)
            data = typed("GatewayConnectionStats", shown.text(EVENT, _EVERYTHING))
            self._tell(_STATS, data, _LINK, shown=shown)

    def ended(self, at, error):
        if self.wanted(_STATS, _DISCONNECT):
            data = typed("GatewayConnectionStats", dumps({"disconnected_at": stamp(at)}))
            self._tell(_STATS, data, _LINK)
            self._tell(_DISCONNECT, spaced(error.typed_detail()), _LINK)

    def status(self, connection):
        if self.wanted(_STATUS_RECEIVE):
            data = typed("GatewayStatus", stats.status_text(connection.status, EVENT))
            self._tell(_STATUS_RECEIVE, data, _STATUS, ["gs:status:" + ulid(connection.status_at)])

    def other(self, name, data, rights):
        if self.wanted(name):
            self._tell(name, dumps(data), rights)

    def long_status(self, connection, size, now):
        status = {"time": stamp(now), "versions": {"firmware": "x" * size}, "ip": [connection.ip]}
        text = stats.status_text(status, EVENT)
        self._tell(_STATUS_RECEIVE, typed("GatewayStatus", text), _STATUS, ["gs:status:" + ulid(now)])

    def uplinks(self, connection, n, radio, now):
        """The last n that it has counted. radio: a Radio."""
        if not radio.short and self.wanted(_RECEIVE, _DROP, _FORWARD):
            for number in _last(connection.counts[UP], n):
                self.uplink(number, radio, now)

    def uplink(self, number, radio, now):
        correlation = "gs:uplink:" + ulid(now)
        self._traffic(_RECEIVE, uplink_events.data(self.ids(), number, radio, now, correlation), [correlation])
        if radio.error:
            self._traffic(_DROP, spaced(radio.error.typed_detail()), [correlation])
        else:
            self._traffic(_FORWARD, value("cluster"), [correlation])

    def downlinks(self, connection, n, now):
        """The last n that it has counted."""
        if self.wanted(_ATTEMPT, _SEND):
            for number in _last(connection.counts[DOWN], n):
                downlink = self._attempt(number, now)
                self._traffic(_SEND, downlink.scheduled(), downlink.correlations)
                connection.sent.append(downlink)
            del connection.sent[:-TOLD_AT_ONCE]

    def unscheduled(self, connection, n, causes, now):
        if self.wanted(_ATTEMPT, _SCHEDULE_FAIL):
            for _ in range(min(n, TOLD_AT_ONCE)):
                downlink = self._attempt(connection.counts[DOWN] + 1, now)
                error = downlink_events.not_scheduled(causes)
                self._traffic(_SCHEDULE_FAIL, spaced(error.typed_detail()), downlink.correlations)

    def _attempt(self, number, now):
        downlink = Downlink(number, now)
        self._traffic(_ATTEMPT, downlink.requested(), downlink.correlations)
        return downlink

    def tx_acks(self, connection, n, result, now):
        """Of the downlinks that were told first; of others if there are none."""
        if self.wanted(_ACK_RECEIVE, _TX_SUCCESS, _TX_FAIL, _ACK_FORWARD):
            for number in _last(connection.counts[ACK], n):
                self._tx_ack(connection.sent.pop(0) if connection.sent else Downlink(number, now), result, now)

    def _tx_ack(self, downlink, result, now):
        correlations = ["gs:tx_ack:" + ulid(now)] + downlink.correlations
        self._traffic(_ACK_RECEIVE, downlink.acknowledged(result, correlations), correlations)
        number = RESULTS.index(result)
        if number:
            self._traffic(_TX_FAIL, value(number), correlations)
        else:
            self._traffic(_TX_SUCCESS, None, correlations)
        self._traffic(_ACK_FORWARD, value("cluster"), correlations)

    def _traffic(self, name, data, correlations):
        self._tell(name, data, (keys.TRAFFIC,), correlations)


def _last(counted, n):
    """The numbers of the last n of those that were counted, or of as many as are told."""
    return range(counted - min(n, TOLD_AT_ONCE) + 1, counted + 1)
