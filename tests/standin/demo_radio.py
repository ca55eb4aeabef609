"""The radio of the demo: each gateway hears devices at distances of their own, the same ones in every run."""

import math
import random

_DEVICES = 30
_CHANNELS = (868100000, 868300000, 868500000)
_CRC_BAD, _TOO_LATE = 0.03, 0.05
# At 100 m, in dBm, and how much each tenfold distance takes away.
_NEAR, _PER_DECADE = -62, 37
_NOISE = -105
# The least SNR that is needed for SF7 to SF11, with a margin of 10 dB.
_NEEDED = (2.5, 0, -2.5, -5, -7.5)


def _within(low, value, high):
    return min(high, max(low, value))


class Device:
    __slots__ = ("rssi", "spreading_factor")

    def __init__(self, kilometres):
        self.rssi = _NEAR - _PER_DECADE * math.log10(kilometres / 0.1)
        snr = self.rssi - _NOISE
        self.spreading_factor = 7 + sum(snr < needed for needed in _NEEDED)


class Air:
    def __init__(self, seed):
        self._rng = random.Random(seed)
        self._devices = {}

    def uplink(self, gateway_id):
        """One uplink's radio, as the operation uplink takes it."""
        rng = self._rng
        if gateway_id not in self._devices:
            self._devices[gateway_id] = [Device(0.1 * 10 ** rng.uniform(0, 1.5)) for _ in range(_DEVICES)]
        device = rng.choice(self._devices[gateway_id])
        rssi = round(_within(-120, rng.gauss(device.rssi, 3), -60))
        snr = _within(-15, rssi - _NOISE, 10 - abs(rng.gauss(0, 1))) + rng.uniform(-1, 0)
        return {"spreading_factor": device.spreading_factor, "frequency": rng.choice(_CHANNELS), "rssi": rssi,
                "snr": _within(-15, round(4 * snr) / 4, 10), "crc": rng.random() >= _CRC_BAD}

    def result(self):
        """Of one downlink."""
        return "TOO_LATE" if self._rng.random() < _TOO_LATE else "SUCCESS"
