#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""collectd's threshold plugin on ttn's values: what it says of a gateway that goes, comes back or is unknown."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, run, wait_for  # noqa: E402

# Timeout, in intervals: values are missing after 3 s, so that no busy machine makes them so.
THRESHOLD = """Timeout 10
LoadPlugin threshold
<Plugin threshold>
  <Plugin "ttn">
    <Type "bool">
      Instance "connected"
      FailureMin 1
      Interesting %s
    </Type>
    <Type "percent">
      Instance "duty_cycle_868000_868600"
      WarningMax 80
      Interesting false
    </Type>
  </Plugin>
</Plugin>
"""
NOTIFICATION = re.compile(r"^Notification: severity = (\w+), host = testhost, plugin = ttn, plugin_instance = (\w+), "
                          r"type = (\w+), type_instance = (\w+), message = (.*)$")


AT_FIRST = {("FAILURE", "barn", "connected"), ("FAILURE", "lost", "connected"), ("OKAY", "roof", "connected"),
            ("OKAY", "roof", "duty_cycle_868000_868600")}


class Watch:
    """A collectd whose threshold plugin is the only one that notifies."""

    def __init__(self, interesting=True):
        self.interesting = interesting

    def __enter__(self):
        self.scratch = Scratch().__enter__()
        self.stack = Standin().__enter__()
        story.fleet(self.stack)
        block = account("home", **self.stack.options(self.scratch), Interval=0.3, Notifications=False)
        self.daemon = Collectd(self.scratch, block, THRESHOLD % str(self.interesting).lower(), interval=0.3).__enter__()
        return self

    def __exit__(self, *why):
        for one in (self.daemon, self.stack, self.scratch):
            one.__exit__(*why)

    def notified(self):
        """[(severity, gateway, type, type_instance, message)]"""
        rows = [NOTIFICATION.match(text) for _, text in self.daemon.log() if text.startswith("Notification: ")]
        return [row.groups() for row in rows]

    def next(self, seen, wanted, *patterns):
        """What comes after the first `seen`, in any order: {(severity, gateway, type instance)}, with these texts."""
        wait_for(lambda: len(self.notified()) >= seen + len(wanted), "notifications %s" % wanted, story.PATIENCE,
                 self.notified)
        got = self.notified()[seen:]
        equal({(row[0], row[1], row[3]) for row in got}, wanted)
        for row in got:
            for pattern in patterns:
                matches(pattern, row[4])

    def lose(self):
        """All gateways are unknown for so long that collectd calls their values missing."""
        self.stack.fault({"status": 503, "body": ""}, {"kind": "batch"})
        wait_for(lambda: not [key for key in self.daemon.values() if key[0] == "ttn"], "no values", story.PATIENCE)

    def find(self):
        self.stack.unfault()
        wait_for(lambda: [key for key in self.daemon.values() if key[0] == "ttn"], "values", story.PATIENCE)


def test_states():
    """FAILURE while a gateway is away, at the start as well; OKAY; and WARNING when its duty cycle is full"""
    with Watch() as watch:
        watch.next(0, AT_FIRST)
        watch.stack.disconnect("roof")
        watch.next(4, {("FAILURE", "roof", "connected")}, "is currently 0.000000. That is below the failure threshold")
        watch.stack.connect("roof")
        watch.next(5, {("OKAY", "roof", "connected")}, "is 1.000000")
        watch.stack.sub_bands("roof", [{"min": 868000000, "max": 868600000, "limit": 0.01, "used": 0.009}])
        watch.next(6, {("WARNING", "roof", "duty_cycle_868000_868600")}, "is currently 90.000000")


def test_unknown():
    """A gateway that is unknown gives no value: collectd says FAILURE of the series, not of a threshold"""
    with Watch() as watch:
        watch.next(0, AT_FIRST)
        watch.lose()
        watch.next(4, {("FAILURE", gateway, "connected") for gateway in ("roof", "barn", "lost")},
                   "bool-connected has not been updated for ")
        watch.find()
        watch.next(7, AT_FIRST)


def test_not_interesting():
    """Interesting false: nobody hears of an unknown gateway, but afterwards all states are told again"""
    with Watch(False) as watch:
        watch.next(0, AT_FIRST)
        watch.lose()
        equal(watch.notified()[4:], [])
        watch.find()
        watch.next(4, AT_FIRST)


run(globals())
