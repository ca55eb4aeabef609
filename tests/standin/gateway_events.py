"""The events of gateways, as recorded: their names, who may see them, and their text.

A Teller is what the Gateway Servers of one cluster tell of one gateway. It builds nothing that nobody wants to have:
neither a stream nor the store of past events.
"""

import base64
import random

import errors
import keys
import stats
from clock import stamp
from errors import dumps, spaced
from stats import GET

# The Gateway Server's, all of them, as the answer to /^gs\..+/ has them.
NAMES = ("gs.down.schedule.attempt", "gs.down.schedule.fail", "gs.down.send", "gs.down.tx.fail", "gs.down.tx.success",
         "gs.gateway.connect", "gs.gateway.connection.stats", "gs.gateway.disconnect", "gs.io.status.drop",
         "gs.io.tx.ack.drop", "gs.io.up.drop", "gs.io.up.repeat", "gs.status.drop", "gs.status.receive",
         "gs.txack.drop", "gs.txack.forward", "gs.txack.receive", "gs.up.drop", "gs.up.forward", "gs.up.receive")
_CONNECT, _STATS, _DISCONNECT = "gs.gateway.connect", "gs.gateway.connection.stats", "gs.gateway.disconnect"
_STATUS_RECEIVE = "gs.status.receive"
_RECEIVE, _DROP, _FORWARD = "gs.up.receive", "gs.up.drop", "gs.up.forward"
# An operation that counts more uplinks than this at once tells only of so many.
UPLINKS_AT_ONCE = 1000
_TYPE = "type.googleapis.com/ttn.lorawan.v3."
_VALUE = "type.googleapis.com/google.protobuf.Value"
_LINK = ("RIGHT_GATEWAY_LINK", keys.STATUS)
_STATUS = (keys.STATUS,)
_TRAFFIC = (keys.TRAFFIC,)
_EVERYTHING = stats.Mask(())
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RADIO = {"spreading_factor": 7, "bandwidth": 125000, "coding_rate": "4/5", "frequency": 868100000, "rssi": -80,
         "channel_rssi": None, "snr": 7.5, "crc": True, "data_rate": None}


def ulid(at):
    """26 letters and digits: 48 bits of milliseconds, then 80 random ones."""
    number = (at // 1_000_000) << 80 | random.getrandbits(80)
    return "".join(_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))


def line(name, at, identifiers, data=None, correlation=None, rights=None):
    """One line of a stream. identifiers and data: JSON."""
    parts = ['"name":"%s","time":"%s","identifiers":%s' % (name, stamp(at), identifiers)]
    if data is not None:
        parts.append('"data":' + data)
    if correlation:
        parts.append('"correlation_ids":["%s"]' % correlation)
    parts.append('"origin":"vm"')
    if rights:
        parts.append('"visibility":' + dumps({"rights": rights}))
    parts.append('"unique_id":"%s"' % ulid(at))
    return '{"result":{%s}}' % ",".join(parts)


def start(at, identifiers, names):
    """The first line of every stream. names: sorted, None where the request had none."""
    return line("events.stream.start", at, dumps(identifiers), _value(names) if names else None,
                "rpc:/ttn.lorawan.v3.Events/Stream:" + ulid(at))


def _value(value):
    return '{"@type":"%s","value":%s}' % (_VALUE, spaced(value))


def _typed(kind, text):
    """A message with its type before its fields; text: an object in JSON."""
    return '{"@type":"%s%s"%s' % (_TYPE, kind, text.replace("{", ",", 1) if text != "{}" else "}")


def _base64(data):
    return base64.b64encode(data).decode()


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

    def _tell(self, name, data, rights, correlation=None, shown=None):
        identifiers = dumps([{"gateway_ids": self.ids()}])
        self.hub.publish(self.cluster, self.gateway.id, name, rights,
                         lambda at: line(name, at, identifiers, data, correlation, rights), shown)

    def connected(self, connection):
        if self.wanted(_CONNECT, _STATS):
            data = _typed("GatewayConnectionStats", stats.Shown(connection).text(GET, _EVERYTHING))
            self._tell(_CONNECT, data, _LINK)
            self._tell(_STATS, data, _LINK)

    def stats(self, connection, flags):
        """flags: are its uplinks and its downlinks still there to see?"""
        if self.wanted(_STATS):
            shown = connection.shown(*flags)
            data = _typed("GatewayConnectionStats", shown.text(GET, _EVERYTHING))
            self._tell(_STATS, data, _LINK, shown=shown)

    def ended(self, at, error):
        if self.wanted(_STATS, _DISCONNECT):
            data = _typed("GatewayConnectionStats", dumps({"disconnected_at": stamp(at)}))
            self._tell(_STATS, data, _LINK)
            self._tell(_DISCONNECT, spaced(error.typed_detail()), _LINK)

    def status(self, connection):
        if self.wanted(_STATUS_RECEIVE):
            data = _typed("GatewayStatus", stats.status_text(connection.status, GET))
            self._tell(_STATUS_RECEIVE, data, _STATUS, "gs:status:" + ulid(connection.status_at))

    def other(self, name, data, rights):
        if self.wanted(name):
            self._tell(name, dumps(data), rights)

    def long_status(self, connection, size, now):
        text = stats.status_text({"time": stamp(now), "versions": {"firmware": "x" * size}, "ip": [connection.ip]}, GET)
        self._tell(_STATUS_RECEIVE, _typed("GatewayStatus", text), _STATUS, "gs:status:" + ulid(now))

    def uplinks(self, connection, n, radio, now):
        """The last n that it has counted."""
        if not self.wanted(_RECEIVE, _DROP, _FORWARD):
            return
        for number in range(connection.counts[0] - min(n, UPLINKS_AT_ONCE), connection.counts[0]):
            self.uplink(number + 1, radio, now)

    def uplink(self, number, radio, now):
        radio = dict(RADIO, **(radio or {}))
        correlation = "gs:uplink:" + ulid(now)
        self._tell(_RECEIVE, self._message(number, radio, now, correlation), _TRAFFIC, correlation)
        if radio["crc"] is False:
            self._tell(_DROP, spaced(errors.message_crc().typed_detail()), _TRAFFIC, correlation)
        else:
            self._tell(_FORWARD, _value("cluster"), _TRAFFIC, correlation)

    def _message(self, number, radio, now, correlation):
        metadata = {"gateway_ids": self.ids(), "timestamp": now // 1000 & 0xffffffff, "rssi": radio["rssi"],
                    "channel_rssi": radio["rssi"] if radio["channel_rssi"] is None else radio["channel_rssi"],
                    "snr": radio["snr"], "uplink_token": _base64(("%s at %d" % (self.gateway.id, now)).encode()),
                    "received_at": stamp(now)}
        rate = radio["data_rate"] or {"lora": {name: radio[name] for name in (
            "bandwidth", "spreading_factor", "coding_rate")}}
        settings = {"data_rate": rate, "frequency": str(radio["frequency"]), "timestamp": metadata["timestamp"]}
        message = self._frame(number)
        parts = ["%s:%s" % (dumps(name), text) for name, text in (
            ("raw_payload", dumps(message[0])), ("payload", dumps(message[1])), ("settings", spaced(settings)),
            ("rx_metadata", dumps([{name: value for name, value in metadata.items() if value != 0}])),
            ("received_at", dumps(stamp(now))), ("correlation_ids", dumps([correlation])))]
        if radio["crc"] is not None:
            parts.append('"crc_status":%s' % dumps(radio["crc"]))
        return _typed("GatewayUplinkMessage", '{"message":{%s},"band_id":"EU_863_870"}' % ",".join(parts))

    @staticmethod
    def _frame(number):
        """(the bytes, what is in them) of a data frame."""
        address, count = 0x26000000 + number % 8, number % 65536
        payload, mic = ((number * factor & 0xffffffff).to_bytes(4, "big") for factor in (40503, 69069))
        raw = b"\x40" + address.to_bytes(4, "little") + b"\0" + count.to_bytes(2, "little") + b"\1" + payload + mic
        header = {"dev_addr": "%08X" % address, "f_ctrl": {}, "f_cnt": count}
        if count == 0:
            del header["f_cnt"]
        return _base64(raw), {"m_hdr": {"m_type": "UNCONFIRMED_UP"}, "mic": _base64(mic), "mac_payload": {
            "f_hdr": header, "f_port": 1, "frm_payload": _base64(payload)}}
