"""Uplinks: how they come in by radio, and the text of their events."""

import errors
from clock import stamp
from errors import dumps, spaced
from event_text import base64_of, message, typed, without_zeros

# See the operation uplink.
_OPTIONS = {"spreading_factor": 7, "bandwidth": 125000, "coding_rate": "4/5", "data_rate": None,
            "frequency": 868100000, "rssi": -80, "channel_rssi": None, "snr": None, "antennas": ({},), "crc": True,
            "drop": None, "short": False, "time": False, "confirmed": False, "f_cnt": None}
_LORA_SNR = 7.5
_NO_DOWNLINK = "DOWNLINK_PATH_CONSTRAINT_NEVER"


class Antenna:
    """What one antenna of the gateway heard; snr 0, which the stack leaves out, where the modulation has none."""

    __slots__ = ("rssi", "channel_rssi", "snr")

    def __init__(self, heard, default_snr):
        self.rssi = heard["rssi"]
        self.channel_rssi = self.rssi if heard["channel_rssi"] is None else heard["channel_rssi"]
        self.snr = default_snr if heard["snr"] is None else heard["snr"]


class Radio:
    """How uplinks come in. `error`: why they are dropped, None: they are not; `rate_name`: sf7, fsk, lrfhss."""

    __slots__ = ("rate", "rate_name", "is_lora", "frequency", "antennas", "crc", "error", "short", "time", "confirmed",
                 "f_cnt")

    def __init__(self, options):
        unknown = set(options) - set(_OPTIONS)
        if unknown:
            raise ValueError("an uplink's radio has no %s" % ", ".join(sorted(unknown)))
        options = dict(_OPTIONS, **options)
        rate = options["data_rate"] or {"lora": {name: options[name] for name in (
            "bandwidth", "spreading_factor", "coding_rate")}}
        (modulation, fields), = rate.items()
        self.is_lora = modulation == "lora"
        self.rate = {modulation: without_zeros(fields)}
        self.rate_name = "sf%d" % fields.get("spreading_factor", 0) if self.is_lora else modulation
        self.antennas = [Antenna(dict({name: options[name] for name in ("rssi", "channel_rssi", "snr")}, **one),
                                 _LORA_SNR if self.is_lora else 0) for one in options["antennas"]]
        self.error = _error(options["drop"], options["crc"])
        for name in ("frequency", "crc", "short", "time", "confirmed", "f_cnt"):
            setattr(self, name, options[name])

    def strongest(self):
        """The Antenna that heard it best."""
        return max(self.antennas, key=lambda one: one.rssi)


def _error(drop, crc):
    if drop is None:
        return errors.message_crc() if crc is False else None
    return errors.made(drop) if isinstance(drop, dict) else errors.drop(drop)


PLAIN = Radio({})


def _metadata(ids, index, antenna, radio, now):
    """What the stack tells of one antenna. It sends downlinks through the first one only."""
    out = {"gateway_ids": ids, "antenna_index": index}
    if radio.time:
        out["time"] = stamp(now // 1000 * 1000)
    out.update(timestamp=now // 1000 & 0xffffffff, rssi=antenna.rssi, channel_rssi=antenna.channel_rssi,
               snr=antenna.snr)
    if index:
        out["downlink_path_constraint"] = _NO_DOWNLINK
    else:
        out["uplink_token"] = base64_of(("%s at %d" % (ids["gateway_id"], now)).encode())
    out["received_at"] = stamp(now)
    return without_zeros(out)


def data(ids, number, radio, now, correlation):
    """The message of gs.up.receive. number: of its frame."""
    settings = {"data_rate": radio.rate, "frequency": str(radio.frequency or ""),
                "timestamp": now // 1000 & 0xffffffff}
    if radio.time:
        settings["time"] = stamp(now // 1000 * 1000)
    raw, payload = _frame(number if radio.f_cnt is None else radio.f_cnt, radio.confirmed)
    parts = [("raw_payload", dumps(raw)), ("payload", dumps(payload)), ("settings", spaced(without_zeros(settings))),
             ("rx_metadata", dumps([_metadata(ids, index, antenna, radio, now)
                                    for index, antenna in enumerate(radio.antennas)])),
             ("received_at", dumps(stamp(now))), ("correlation_ids", dumps([correlation]))]
    if radio.crc is not None:
        parts.append(("crc_status", dumps(radio.crc)))
    return typed("GatewayUplinkMessage", '{"message":%s,"band_id":"EU_863_870"}' % message(parts))


def _frame(number, confirmed):
    """(the bytes, what is in them) of a data frame."""
    address, count = 0x26000000 + number % 8, number % 65536
    payload, mic = ((number * factor & 0xffffffff).to_bytes(4, "big") for factor in (40503, 69069))
    raw = ((b"\x80" if confirmed else b"\x40") + address.to_bytes(4, "little") + b"\0" + count.to_bytes(2, "little")
           + b"\1" + payload + mic)
    header = without_zeros({"dev_addr": "%08X" % address, "f_ctrl": {}, "f_cnt": count})
    kind = "CONFIRMED_UP" if confirmed else "UNCONFIRMED_UP"
    return base64_of(raw), {"m_hdr": {"m_type": kind}, "mic": base64_of(mic), "mac_payload": {
        "f_hdr": header, "f_port": 1, "frm_payload": base64_of(payload)}}
