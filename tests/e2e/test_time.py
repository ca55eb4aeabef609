#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Time that is not as it should be: clocks that jump, also during a poll, a machine or a process that sleeps, and
polls that take longer than the interval."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from drive import FakedDrive  # noqa: E402
from transports import TRANSPORTS  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, near, run, wait_for  # noqa: E402

HOUR = 3600
DAY = 24 * HOUR
YEAR = 365 * DAY
TIMEOUT = 3000
JUMPS = {"an hour back": -HOUR, "an hour ahead": HOUR, "a year ahead": YEAR, "a year back": -YEAR}


class Scene:
    """A stand-in whose clock stands still, with a gateway that has been connected for a minute, and an account."""

    def __init__(self, title):
        self._title = title

    def __enter__(self):
        self._scratch = Scratch().__enter__()
        self.transport = TRANSPORTS[self._title](self._scratch.file("transport", ""), Standin).__enter__()
        self.stack = self.transport.stack
        self.stack.freeze()
        self.stack.register("roof", gateway_server_address="")
        self.stack.connect("roof")
        self.stack.uplink("roof", 7)
        self.stack.advance(60)
        self.drive = FakedDrive(self._scratch, self.transport.fake, APIKeyFile=self._scratch.key(), Timeout=TIMEOUT,
                             **self.transport.options())
        self.drive.__enter__()
        return self

    def __exit__(self, *why):
        for one in (self.drive, self.transport, self._scratch):
            one.__exit__(*why)

    def well(self, poll, what):
        """All is known, and told by the stack's clock."""
        equal((poll.packets("roof")[0], poll.api("bool", "up")), (7, 1), what)
        near(poll.values["ttn", "roof", "uptime", "connection"], 60, 1, "uptime, " + what)
        near(poll.values["ttn", "roof", "duration", "since_uplink"], 60, 1, "age, " + what)
        return poll

    def quiet(self, poll, what):
        """And nothing is said of it, but that the clock is wrong."""
        equal([line for line in self.well(poll, what).lines("error", "warning", "notice") if "clock" not in line], [],
              what)

    def unknown(self, poll, kind, what):
        equal((poll.of("roof"), poll.api("bool", "up")), ({}, 0), what)
        equal(kind in poll.errors(), True, "%s is counted, %s: %s" % (kind, what, poll.errors()))
        return poll

    def during(self):
        """Starts a poll; returns when a batch is under way, whose answer waits for unfault()."""
        rule = self.stack.fault({"hang": True}, {"kind": "batch"})
        self.drive.start_poll()
        wait_for(lambda: self.stack.faults()[0]["hits"], "a batch", 10)
        return rule


def test_jumps():
    """The wall clock jumps between two polls"""
    for title in ("plain", "TLS"):
        with Scene(title) as scene:
            scene.quiet(scene.drive.poll(), "first")
            for what, jump in JUMPS.items():
                scene.transport.fake.set_wall(jump)
                scene.quiet(scene.drive.poll(), what)
                scene.transport.fake.set_wall(0)
                scene.quiet(scene.drive.poll(), "right again after " + what)


def test_jumps_during():
    """The wall clock jumps during a poll"""
    for title in ("plain", "TLS"):
        with Scene(title) as scene:
            scene.drive.poll()
            for what, jump in JUMPS.items():
                begin = time.monotonic()
                rule = scene.during()
                scene.transport.fake.set_wall(jump)
                scene.stack.unfault(rule)
                poll = scene.drive.polled()
                # On a busy machine the call may have taken its second try.
                if time.monotonic() - begin < 1:
                    scene.quiet(poll, what)
                scene.transport.fake.set_wall(0)
                scene.well(scene.drive.poll(), "right again after " + what)


def test_before_ntp():
    """A start in 1970: certificates are not yet valid, one line asks for the clock, and NTP corrects it"""
    with Scene("TLS") as scene:
        scene.transport.fake.set_wall(-int(time.time()))
        poll = scene.unknown(scene.drive.poll(), "tls", "in 1970")
        matches("is this machine's clock right", "\n".join(poll.lines("error")))
        poll = scene.unknown(scene.drive.poll(), "tls", "still in 1970")
        equal(poll.lines("error", "warning", "notice"), [], "lines")
        scene.transport.fake.set_wall(0)
        poll = scene.well(scene.drive.poll(), "after NTP")
        equal(len([line for line in poll.lines("notice") if "responds again" in line]), 1, str(poll.log))


def test_stopped_for_an_hour():
    """The process is stopped for an hour: during a poll this ends at once when it goes on, and the next is right"""
    for title in ("plain", "TLS", "raw", "raw HTTP/2"):
        with Scene(title) as scene:
            scene.quiet(scene.drive.poll(), "first")
            scene.during()
            scene.drive.process.send_signal(signal.SIGSTOP)
            scene.drive.later(HOUR)
            begin = time.monotonic()
            scene.drive.process.send_signal(signal.SIGCONT)
            scene.unknown(scene.drive.polled(), "timeout", "during")
            at_most(time.monotonic() - begin, TIMEOUT / 1000, "seconds after it went on, " + title)
            scene.stack.unfault()
            scene.well(scene.drive.poll(), "after an hour, " + title)
            scene.drive.later(HOUR)
            scene.quiet(scene.drive.poll(), "an hour between two polls, " + title)


def test_machine_sleeps():
    """A machine sleeps: the wall clock alone goes on, and the other ends have forgotten its connections"""
    with Scene("raw") as scene:
        scene.quiet(scene.drive.poll(), "first")
        scene.transport.door.silence()
        scene.transport.fake.set_wall(8 * HOUR)
        poll = scene.well(scene.drive.poll(), "awake")
        equal(poll.errors(), {"timeout": 1}, "failures")
        at_most(poll.ms, TIMEOUT, "ms")
        scene.quiet(scene.drive.poll(), "the next")


def test_collectd_stopped():
    """collectd is stopped for a while, also during a poll: it goes on as before"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 7)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.2, Timeout=60000), csv=True,
                      prometheus=False) as daemon:
            def polls():
                return len(daemon.csv("ttn_api-home", "bool-up"))
            wait_for(polls, "a poll", 20)
            for during in (False, True):
                if during:
                    stack.fault({"delay": 0.5}, {"kind": "batch"}, times=1)
                    wait_for(lambda: stack.faults()[0]["hits"], "a batch", 20)
                daemon.process.send_signal(signal.SIGSTOP)
                time.sleep(1.2)
                daemon.process.send_signal(signal.SIGCONT)
                before = polls()
                wait_for(lambda: polls() >= before + 4, "polls after a stop", 20)
                daemon.alive()
            equal({number for _, number in daemon.csv("ttn-roof", "packets-uplink")}, {7.0})
            equal({number for _, number in daemon.csv("ttn_api-home", "bool-up")}, {1.0})
            equal([line for line in daemon.lines() if "the interval" not in line and "to report" not in line], [])


def test_short_interval():
    """An interval shorter than a poll: whole polls one after the other, and few words"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        stack.fault({"delay": 0.3}, {"kind": "batch"})
        block = account("home", **stack.options(scratch), Interval=0.1, Timeout=60000)
        with Collectd(scratch, block, csv=True, prometheus=False) as daemon:
            def up():
                return [number for _, number in daemon.csv("ttn_api-home", "bool-up")]
            wait_for(lambda: len(up()) >= 5, "polls", 40)
            # Each poll needs a batch, and none was for nothing.
            batches = stack.count(kind="batch")
            wait_for(lambda: len(up()) >= batches, "as many polls as were asked for", 40)
            equal(set(up()), {1.0}, "up")
            said = [line for line in daemon.lines() if "takes longer than the interval" in line]
            equal(bool(said), True, "it is said")
            at_most(len(said), 10, "lines")


if __name__ == "__main__":
    run(globals())
