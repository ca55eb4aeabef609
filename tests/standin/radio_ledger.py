"""What a gateway really received and sent by radio since it was registered, whether or not anybody was told of it."""

import collections

from event_text import TOLD_AT_ONCE

# So many of the latest signals are listed.
_LISTED = 100000


class RadioLedger:
    __slots__ = ("_counts", "_signals")

    def __init__(self):
        self._counts = collections.Counter()
        self._signals = []       # [rssi, snr or None, how often]: what is alike and comes in turn, in one row

    def clear(self):
        self._counts.clear()
        self._signals.clear()

    def uplinks(self, n, radio):
        """radio: a Radio, see uplink_events.py."""
        counts = self._counts
        counts["uplinks", ""] += n
        if radio.short:
            counts["no_event", ""] += n
            return
        counts["data_rates", radio.rate_name] += n
        if radio.frequency:
            counts["frequencies", str(round(radio.frequency / 1000))] += n
        if radio.error:
            counts["drops", radio.error.name] += n
        antenna = radio.strongest()
        self._signal(antenna.rssi, antenna.snr if radio.is_lora else None, min(n, TOLD_AT_ONCE))

    def _signal(self, rssi, snr, n):
        rows = self._signals
        if rows and rows[-1][:2] == [rssi, snr]:
            rows[-1][2] += n
            return
        rows.append([rssi, snr, n])
        if len(rows) > 2 * _LISTED:
            del rows[:-_LISTED]

    def downlinks(self, n):
        self._counts["downlinks", "sent"] += n

    def tx_acks(self, n, result):
        """result: its name in the API."""
        self._counts["downlinks", "ok" if result == "SUCCESS" else result.lower()] += n

    def unscheduled(self, n, cause):
        self._counts["unscheduled", cause] += n

    def _group(self, wanted):
        return {name: n for (group, name), n in self._counts.items() if group == wanted}

    def _listed(self):
        out = []
        for rssi, snr, n in reversed(self._signals):
            out += [(rssi, snr)] * min(n, _LISTED - len(out))
        return out[::-1]

    def describe(self):
        signals = self._listed()
        return {"uplinks": self._counts["uplinks", ""], "data_rates": self._group("data_rates"),
                "frequencies": self._group("frequencies"), "rssi": [rssi for rssi, _ in signals],
                "snr": [snr for _, snr in signals if snr is not None], "drops": self._group("drops"),
                "downlinks": dict({"sent": 0, "ok": 0}, **self._group("downlinks")),
                "unscheduled": self._group("unscheduled"), "no_event": self._counts["no_event", ""]}
