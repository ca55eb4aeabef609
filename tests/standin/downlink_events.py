"""Downlinks: the text of their events, and why they are not scheduled.

What is not recorded is as pkg/gatewayserver/io/io.go and pkg/gatewayserver/scheduling make it.
"""

from errors import ApiError, dumps, spaced
from event_text import base64_of, message, typed, ulid

# By their numbers.
RESULTS = ("SUCCESS", "UNKNOWN_ERROR", "TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON", "TX_FREQ",
           "TX_POWER", "GPS_UNLOCKED")
_RX1_DELAY = 5
_FREQUENCY, _RX2_FREQUENCY = 868100000, 869525000
_IO, _SCHEDULING = "pkg/gatewayserver/io", "pkg/gatewayserver/scheduling"
_WINDOW = "schedule in Rx window `{window}` failed"
# Why the scheduler refuses a window: code, text, attributes. Durations are in nanoseconds.
_CAUSES = {
    "conflict": (6, "scheduling conflict", None),
    "too_late": (9, "too late to transmission scheduled time", {"delay": -12000000, "min": 300000000}),
    "duty_cycle": (8, "utilization `{used}%` would be higher than the available `{usable}%` for priority `{priority}`",
                   {"used": "1.1", "usable": "1.0", "priority": "HIGHEST"}),
    "blocked": (8, "sub band is blocked for `{duration}`", {"duration": 1500000000}),
    "dwell_time": (9, "packet exceeds dwell time restriction", None),
    "sub_band_not_found": (9, "sub-band not found for frequency `{frequency}` Hz", {"frequency": _FREQUENCY}),
    "no_clock_sync": (14, "no clock sync", None),
    "no_absolute_gateway_time": (10, "no absolute gateway time", None),
    "no_server_time": (10, "no server time", None)}
# Why a window is not even tried, which comes without a cause.
_UNTRIED = {"rx_empty": (9, "settings empty"), "no_gps_sync": (9, "gateway time is not GPS synchronized"),
            "data_rate_rx_window": (3, "invalid data rate in Rx window `{window}`")}
# Why no window is tried.
_WHOLE = {"not_allowed": (9, "downlink not allowed"), "buffer_full": (13, "buffer is full"),
          "no_uplink_token": (3, "no uplink token provided for class A downlink")}


def _rate(spreading_factor):
    return {"lora": {"bandwidth": 125000, "spreading_factor": spreading_factor, "coding_rate": "4/5"}}


class Downlink:
    """An answer to an uplink, for the first window. number: of its frame."""

    __slots__ = ("_raw", "_timestamp", "correlations")

    def __init__(self, number, now):
        address, count = 0x26000000 + number % 8, number % 65536
        mic = (number * 69069 & 0xffffffff).to_bytes(4, "big")
        self._raw = base64_of(b"\x60" + address.to_bytes(4, "little") + b"\xa1" + count.to_bytes(2, "little") + b"\6"
                              + mic)
        self._timestamp = now // 1000 + _RX1_DELAY * 1_000_000 & 0xffffffff
        self.correlations = [name + ulid(now) for name in (
            "gs:uplink:", "ns:downlink:", "ns:transmission:", "rpc:/ttn.lorawan.v3.GsNs/HandleUplink:",
            "rpc:/ttn.lorawan.v3.NsGs/ScheduleDownlink:")]

    def requested(self):
        """The data of gs.down.schedule.attempt."""
        return typed("DownlinkMessage", self._message("request", message((
            ("rx1_delay", "%d" % _RX1_DELAY), ("rx1_data_rate", spaced(_rate(7))),
            ("rx1_frequency", '"%d"' % _FREQUENCY), ("rx2_data_rate", spaced(_rate(12))),
            ("rx2_frequency", '"%d"' % _RX2_FREQUENCY), ("priority", '"HIGHEST"'),
            ("frequency_plan_id", '"EU_863_870"'))), self.correlations))

    def scheduled(self):
        """The data of gs.down.send."""
        return typed("DownlinkMessage", self._scheduled(self.correlations))

    def acknowledged(self, result, correlations):
        """The data of gs.txack.receive."""
        parts = [("correlation_ids", dumps(correlations)), ("downlink_message", self._scheduled(correlations))]
        if result != RESULTS[0]:
            parts.insert(1, ("result", dumps(result)))
        return typed("TxAcknowledgment", message(parts))

    def _scheduled(self, correlations):
        return self._message("scheduled", spaced({
            "data_rate": _rate(7), "frequency": str(_FREQUENCY), "timestamp": self._timestamp,
            "downlink": {"tx_power": 13.15, "invert_polarization": True},
            "concentrator_timestamp": str(self._timestamp * 1000)}), correlations)

    def _message(self, name, settings, correlations):
        return message((("raw_payload", dumps(self._raw)), (name, settings), ("correlation_ids", dumps(correlations))))


def not_scheduled(causes):
    """The error of gs.down.schedule.fail. causes: by window, or one text: why no window was tried."""
    if isinstance(causes, str):
        code, text = _WHOLE.get(causes, (2, causes.replace("_", " ")))
        return ApiError(code, _IO, causes, text)
    windows = [_window(number, name).detail() for number, name in enumerate(causes, 1)]
    return ApiError(10, _IO, "tx_schedule", "schedule", details=[
        {"@type": "type.googleapis.com/ttn.lorawan.v3.ScheduleDownlinkErrorDetails", "path_errors": windows}])


def _window(number, name):
    if name in _UNTRIED:
        code, text = _UNTRIED[name]
        return ApiError(code, _IO, name, text, {"window": number} if "{window}" in text else None)
    code, text, attributes = _CAUSES.get(name, (2, name.replace("_", " "), None))
    cause = ApiError(code, _SCHEDULING, name, text, attributes)
    # Its code is the cause's, as recorded.
    return ApiError(code, _IO, "rx_window_schedule", _WINDOW, {"window": number}, cause)


def last_cause(causes):
    """The name by which such a failure is counted."""
    return causes if isinstance(causes, str) else causes[-1]
