#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A poll that is spread over a part of the interval: each gateway at the same place, and what may come between."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402

# Only what tells the time of an answer.
FEW = {"Collect" + group: False for group in
       ("Packets", "Uptime", "RoundTripTimes", "Ages", "DutyCycle", "Status")}
# How far from its place an answer may be on a busy machine.
NEAR = 0.45


def fleet(scratch, stack, gateways, interval, **options):
    """(ids, block)"""
    ids = stack.fleet(gateways, pattern="idle")
    return ids, account("home", **stack.options(scratch), **FEW, Interval=interval, **options)


def when(daemon, gateway):
    """The times of its values, one a poll."""
    return [at for at, _ in daemon.csv("ttn-" + gateway, "bool-connected")]


def wait_polls(daemon, gateway, polls):
    """Until it was answered so often."""
    wait_for(lambda: len(when(daemon, gateway)) >= polls, "%d answers of %s" % (polls, gateway), 60)


def test_same_place():
    """From the first poll on each gateway has its place, with the time of its answer"""
    with Scratch() as scratch, Standin() as stack:
        ids, block = fleet(scratch, stack, 300, 6)
        with Collectd(scratch, block, csv=True, prometheus=False) as daemon:
            wait_polls(daemon, ids[299], 4)
            times = [when(daemon, ids[i]) for i in (0, 24, 25, 100, 299)]
            equal(daemon.lines("warning") + daemon.lines("error") + daemon.lines("notice"), [])
            took = [number for _, number in daemon.csv("ttn_api-home", "duration-poll")]
    for poll, (first, same, *others) in enumerate(zip(*times)):
        note("poll %d: %s s after the first value" % (poll, ", ".join("%.2f" % (at - first) for at in others)))
        equal(same, first, "times of one portion")
        # A portion is a quarter of a batch; of the last one it is the last.
        for at, place in zip(others, (1 / 6, 2 / 3, 4 / 3 + 1 / 2)):
            at_most(abs(at - first - place), NEAR, "s beside the place in poll %d" % poll)
    at_most(max(took), 2 / 3, "s that a poll takes without the time between its batches")


def test_at_once():
    """Spread 0: all at once"""
    with Scratch() as scratch, Standin() as stack:
        ids, block = fleet(scratch, stack, 300, 2, Spread=0)
        with Collectd(scratch, block, csv=True, prometheus=False) as daemon:
            wait_polls(daemon, ids[299], 3)
            for first, last in zip(when(daemon, ids[0]), when(daemon, ids[299])):
                at_most(last - first, NEAR, "s from the first to the last answer")


def test_single_polls():
    """collectd -T and ttn-check: somebody waits for the end, and the last place would be 16 s after the start"""
    with Scratch() as scratch, Standin() as stack:
        ids, block = fleet(scratch, stack, 250, 60)
        with Collectd(scratch, block, arguments=("-T",)) as daemon:
            daemon.wait(0)
        equal(stack.count(kind="batch", status=200), 3, "batches")
        at_most(daemon.ended_after, 8, "s of collectd -T")
        begin = time.monotonic()
        ran = command.run(command.words(stack, scratch) + ["-o", "Interval=60", "--json"])
        at_most(time.monotonic() - begin, 8, "s of ttn-check")
        equal(sorted(row["id"] for row in ran.json()["gateways"] if row["state"] == "connected"), sorted(ids))


def test_stop():
    """SIGTERM while a poll, the first or another one, waits for a place"""
    for polls in (1, 2):
        with Scratch() as scratch, Standin() as stack:
            ids, block = fleet(scratch, stack, 300, 8, Spread=4)
            with Collectd(scratch, block, csv=True, prometheus=False) as daemon:
                wait_polls(daemon, ids[0], polls)
                at_most(daemon.stop(), 1.0, "seconds to end")
            equal(len(when(daemon, ids[299])), polls - 1, "answers of the last gateway")


def test_host_fails():
    """A host that fails for less than the poll lasts: only the batches of that time are unknown"""
    with Scratch() as scratch, Standin() as stack:
        ids, block = fleet(scratch, stack, 400, 12, Spread=6)
        with Collectd(scratch, block, csv=True) as daemon:
            wait_polls(daemon, ids[0], 2)
            # Places: 0, 1.5, 3 and 4.5 s.
            stack.refuse(1)
            time.sleep(2.2)
            stack.refuse(1, False)
            wait_polls(daemon, ids[399], 2)
            daemon.wait_value("ttn_api", "home", "count", "unknown", 100)
            daemon.wait_line("error", "statistics: .*; gateways there are reported as unknown until it responds")
            equal([len(when(daemon, ids[i])) for i in (0, 100, 200, 300)], [2, 1, 2, 2])
            wait_polls(daemon, ids[399], 3)
            daemon.wait_value("ttn_api", "home", "count", "unknown", 0)
            daemon.wait_line("notice", "responds again")
            equal([len(when(daemon, ids[i])) for i in (0, 100, 200, 300)], [3, 2, 3, 3])
            # Each has its place again.
            at_most(abs(when(daemon, ids[300])[-1] - when(daemon, ids[0])[-1] - 4.5), NEAR, "s beside the place")
            equal(len(daemon.lines("error")), 1)


def test_hanging_cluster():
    """One of two clusters hangs, with a gateway that moved there: the poll ends by Timeout, and the other cluster's
    gateways are known"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        ids = stack.fleet(300, [1, 2], "idle")
        moved = ids[0]
        with Drive(scratch, **stack.options(scratch), Cluster="127.0.0.2", Spread=1.2, Timeout=2400) as drive:
            equal(drive.poll().api("count", "connected"), 300)
            stack.forget(moved)
            stack.connect(moved, cluster=2)
            rule = stack.fault({"hang": True}, {"cluster": 2})
            poll = drive.poll()
            at_most(poll.ms, 2500, "ms")
            equal((poll.api("count", "connected"), poll.api("count", "unknown")), (149, 151))
            equal(poll.of(moved), {})
            stack.unfault(rule)
            poll = drive.poll()
            equal((poll.api("count", "connected"), poll.connected(moved)), (300, 1))
            # The last place is 1 s after the start.
            equal(900 < poll.ms < 2300, True, "%d ms" % poll.ms)
            equal(len(poll.lines("error")), 0)


def test_events():
    """An event is told while a poll waits for its next batch, not at the poll's end"""
    with Scratch() as scratch, Standin() as stack:
        ids, block = fleet(scratch, stack, 300, 24, Spread=12, Events=True)
        with Collectd(scratch, block, csv=True) as daemon:
            wait_for(lambda: len(stack.streams()) == 1, "a stream", 20)
            wait_polls(daemon, ids[0], 2)
            # The next batch goes out 4 s later, the last one 8 s later.
            begin = time.monotonic()
            polls = daemon.polls()
            stack.disconnect(ids[0])
            daemon.wait_value("ttn", ids[0], "bool", "connected", 0)
            took = time.monotonic() - begin
            equal(daemon.polls(), polls, "polls that ended meanwhile")
            note("told after %.1f s" % took)
            at_most(took, 3.5, "s until it is told")
            wait_for(lambda: any("gateway" in text.lower() and ids[0] in text for _, text in daemon.log()
                                 if text.startswith("Notification: ")), "a notification", 3.0)
            wait_polls(daemon, ids[299], 2)
            daemon.wait_value("ttn_api", "home", "count", "connected", 299)


run(globals())
