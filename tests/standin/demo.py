"""The fleet of the demo: six gateways that move by themselves, so that every kind of value shows.

One is busy, one is a Basic Station, one sends MQTT status, one reconnects every 20 s, one goes
offline after two minutes and stays so, and one never connected.
"""

import random
import threading

from demo_radio import Air
from links import STATION

_FLEET = (("town-hall-roof", "Town hall, roof"), ("harbour-crane", "Harbour, crane 3"),
          ("lab-window", "Lab, window sill"), ("bakery-attic", "Bakery, attic"),
          ("forest-tower", "Forest, fire tower"), ("shipped-today", "Shipped today, not yet unpacked"))
_OFFLINE_AFTER = 120
_RECONNECTS = 20


class Demo:
    def __init__(self, stack, speed):
        self._stack = stack
        self._speed = speed
        self._rng = random.Random(7)
        self._air = Air(7)
        self._seconds = 0

    def start(self):
        clusters = len(self._stack.clusters)
        for index, (gateway_id, name) in enumerate(_FLEET):
            self._stack.register(gateway_id, cluster=index % clusters + 1, name=name)
        self._stack.connect("town-hall-roof", at=-93600, status=True)
        self._stack.uplink("town-hall-roof", 5821)
        self._stack.connect("harbour-crane", protocol=STATION, at=-7200)
        self._stack.connect("lab-window", protocol="mqtt", at=-600)
        self._stack.connect("bakery-attic")
        self._stack.connect("forest-tower", at=-1800, status=True)
        self._stack.uplink("forest-tower", 40)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while not self._stack.stopped.wait(1 / self._speed):
            self._seconds += 1
            self._second(self._seconds)

    def _second(self, second):
        """Everything that happens in one second of the demo."""
        stack = self._stack
        self._traffic("town-hall-roof", self._rng.randint(1, 4), second % 3 == 0)
        self._traffic("harbour-crane", second % 2, second % 10 == 0)
        self._traffic("lab-window", int(second % 5 == 0), False)
        if second % 30 == 0:
            stack.status("town-hall-roof")
        if second % 15 == 0:
            stack.status("lab-window", metrics={"load_15": self._rng.random(), "memory_percentage": 31.5,
                                                "temp": 36 + self._rng.random() * 4})
        if second % _RECONNECTS == 0:
            stack.disconnect("bakery-attic")
        elif second % _RECONNECTS == 2 or second == 1:
            stack.connect("bakery-attic")
        elif second % _RECONNECTS > 2:
            self._traffic("bakery-attic", 1, False)
        if second < _OFFLINE_AFTER:
            self._traffic("forest-tower", int(second % 4 == 0), second % 20 == 0)
        elif second == _OFFLINE_AFTER:
            stack.disconnect("forest-tower")

    def _traffic(self, gateway_id, uplinks, answered):
        for _ in range(uplinks):
            self._stack.uplink(gateway_id, radio=self._air.uplink(gateway_id))
        if answered:
            self._stack.downlink(gateway_id)
            self._stack.tx_ack(gateway_id, result=self._air.result())
