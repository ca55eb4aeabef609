#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Events: states and notifications at once, connections between polls, exact counts where two servers hold a gateway;
and all as without them when they break. The poll's interval is so long that it can't be what told."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, note, run, wait_for  # noqa: E402

SLOW = 30
# What an event may take until it is seen at a writer, on a busy machine; else it is a second.
SOON = 6.0
LONG = '{"result":{"name":"%s"}}' % ("x" * 300000)


def block(stack, scratch, interval, **options):
    return account("home", **stack.options(scratch), Interval=interval, Events=True, **options)


def wait_streams(stack, count=1):
    wait_for(lambda: len(stack.streams()) == count, "%d streams" % count)


def told(daemon):
    return [text.split("message = ", 1)[1] for _, text in daemon.log() if text.startswith("Notification: ")]


def soon(what, condition):
    begin = time.monotonic()
    wait_for(condition, what)
    took = time.monotonic() - begin
    note("%s: %.1f s" % (what, took))
    assert took < SOON, "%s took %.1f s" % (what, took)


def test_states():
    """A gateway that goes and comes: connected and the notification, with the stack's reason, long before the next poll"""
    with Scratch() as scratch, Standin() as stack:
        for gateway in ("roof", "barn"):
            stack.register(gateway)
            stack.connect(gateway)
        with Collectd(scratch, block(stack, scratch, SLOW), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            wait_streams(stack)
            wait_for(lambda: daemon.polls() == 1, "the values of the only poll")
            stack.disconnect("roof")
            soon("roof is gone", lambda: daemon.value("ttn", "roof", "bool", "connected") == 0)
            soon("a notification", lambda: len(told(daemon)) == 1)
            matches(r"roof.* has been disconnected since .*Z \(connection expired\)\. Check its power", told(daemon)[0])
            equal(daemon.value("ttn", "barn", "bool", "connected"), 1)
            stack.connect("roof")
            soon("roof is back", lambda: daemon.value("ttn", "roof", "bool", "connected") == 1)
            soon("a second notification", lambda: len(told(daemon)) == 2)
            matches("roof\"? .*has been connected again", told(daemon)[1])
            equal(daemon.polls(), 1, "polls")
            equal(stack.stream_requests()[0]["names"],
                  ["gs.gateway.connect", "gs.gateway.connection.stats", "gs.gateway.disconnect"])
            begin = time.monotonic()
            daemon.stop()
            assert time.monotonic() - begin < 2, "a stop with an open stream takes %.1f s" % (time.monotonic() - begin)


def test_slow_poll():
    """A gateway that goes while a poll waits for answers is told before that poll ends"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Drive(scratch, Events=True, Timeout=2000, **stack.options(scratch)) as drive:
            for _ in range(2):
                drive.poll()
                drive.hear(stack, 1)
            stack.fault({"hang": True}, {"kind": "batch"})
            drive.start_poll()
            time.sleep(0.3)
            stack.disconnect("roof")
            poll = drive.polled()
            equal((poll.connected("roof"), len(poll.notified)), (0, 1))


def test_refused_key():
    """No stream is asked for with a key that the last poll's answers refused"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Drive(scratch, Events=True, **stack.options(scratch)) as drive:
            drive.poll()
            drive.hear(stack, 1)
            stack.delete_key("user")
            for _ in range(3):
                drive.later(61)
                drive.poll()
                drive.follow(100)
            equal(stack.streams(), [])
            equal([request["status"] for request in stack.stream_requests()], [200])


def test_limit():
    """NotificationLimit is of all that goes between two polls, not of what goes at one moment"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(6, [1], "idle")
        with Drive(scratch, Events=True, NotificationLimit=2, **stack.options(scratch)) as drive:
            for _ in range(2):
                drive.poll()
                drive.hear(stack, 1)
            notified = []
            for pair in (ids[:2], ids[2:4]):
                for gateway in pair:
                    stack.disconnect(gateway)
                notified += drive.follow(1200).notified
            equal(len(notified), 2, "notifications: %s" % notified)
            notified = drive.poll().notified
            equal(len(notified), 1, "notifications: %s" % notified)
            matches("4 of 6 gateways of account home disconnected at once, the first is %s" % ids[0], notified[0])
            equal(drive.poll().notified, [])


def test_connects():
    """Connections that begin and end between two polls are counted; a reconnect at once is no news"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, 6), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "total_operations", "connects", 0)
            wait_streams(stack)
            for _ in range(3):
                stack.disconnect("roof")
                stack.connect("roof")
                stack.uplink("roof", 5)
            daemon.wait_value("ttn", "roof", "total_operations", "connects", 3)
            equal(daemon.value("ttn", "roof", "bool", "connected"), 1)
            equal(told(daemon), [])


def test_two_changes():
    """A reconnect at once is no news either when another gateway went just before"""
    with Scratch() as scratch, Standin() as stack:
        for gateway in ("roof", "barn"):
            stack.register(gateway)
            stack.connect(gateway)
        with Drive(scratch, Events=True, **stack.options(scratch)) as drive:
            for _ in range(2):
                drive.poll()
                drive.hear(stack, 1)
            drive.send("follow 2300")
            time.sleep(0.1)
            stack.disconnect("roof")
            time.sleep(0.8)
            stack.disconnect("barn")
            time.sleep(0.4)
            stack.connect("barn")
            poll = drive.polled()
            equal((poll.connected("roof"), poll.connected("barn")), (0, 1))
            equal([line.split()[2] for line in poll.notified], ["roof"])


def test_two_servers():
    """Two servers hold a gateway: every message of both is counted, once"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, debounce=0.2, again=2)
        stack.register("roof")
        with Collectd(scratch, block(stack, scratch, 8), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 0)
            wait_streams(stack)
            time.sleep(1.2)  # the answer's Date has whole seconds: a connection of the same one may be in it
            for server in (1, 2):
                stack.connect("roof", server=server)
            sent = 0
            for turn in range(24):
                stack.uplink("roof", 3 + turn % 5, server=1 + turn % 2)
                sent += 3 + turn % 5
                time.sleep(0.25)
            wait_for(lambda: (daemon.packets("roof")[0] or 0) >= sent, "%d uplinks" % sent, 30)
            time.sleep(9)
            equal(daemon.packets("roof")[0], sent)


def test_breaks():
    """A stream that is cut, refused or silent does not affect polls, and comes back; one line at each end"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, event_store=True)
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, 1), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            wait_streams(stack)
            for how in ("cut", "error"):
                stack.end_streams(how)
                wait_streams(stack, 0)
                wait_streams(stack, 1)
            assert stack.stream_requests()[-1]["after"], "the stream goes on after the latest event"
            rule = stack.fault({"status": 503, "body": ""}, {"kind": "events"})
            stack.end_streams("cut")
            daemon.wait_line("notice", r"events of 1 gateway at 127\.0\.0\.1 do not arrive: .*; polls go on")
            polls = daemon.polls()
            stack.uplink("roof", 4)
            wait_for(lambda: daemon.packets("roof")[0] == 4, "4 uplinks by polls alone")
            assert daemon.polls() > polls
            equal(daemon.value("ttn_api", "home", "bool", "up"), 1)
            stack.unfault(rule)
            wait_for(lambda: len(stack.streams()) == 1, "a stream again", 70)
            daemon.wait_line("notice", "^account \"home\": events arrive again$")


def test_new_gateways():
    """A gateway that discovery finds gets a stream of its own, before the old one ends"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, 1, DiscoveryInterval=1), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            wait_streams(stack)
            stack.register("barn")
            stack.connect("barn")
            wait_for(lambda: [stream["ids"] for stream in stack.streams()] == [["barn", "roof"]],
                     "one stream with both gateways")
            equal([request["ids"] for request in stack.stream_requests()], [["roof"], ["barn", "roof"]])


def test_refused_gateway():
    """A gateway whose events the key may not have is named once, and polls tell of it"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, events_refused=True)
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, 1, DiscoveryInterval=1), csv=True) as daemon:
            daemon.wait_line("warning", "the stack gives no events of gateway roof to this key")
            polls = daemon.polls()
            wait_for(lambda: daemon.polls() > polls + 3, "3 polls")
            # At first, and once after a discovery.
            equal(len(stack.stream_requests()), 2, "requests within a minute")
            equal(daemon.value("ttn", "roof", "bool", "connected"), 1)


def test_gone_gateway():
    """A gateway that is deleted while its stream opens: the stack's 404 says nothing of streams"""
    with Scratch() as scratch, Standin() as stack:
        for gateway in ("roof", "barn"):
            stack.register(gateway)
            stack.connect(gateway)
        options = dict(stack.options(scratch, "admin-status"), Scope="all", DiscoveryInterval=0)
        with Drive(scratch, Events=True, **options) as drive:
            drive.poll()
            drive.hear(stack, 1)
            stack.unregister("barn")
            stack.fault({"delay": 1.0}, {"kind": "events"}, times=1)
            stack.end_streams("error")  # it is asked for again within a second
            lines = drive.follow(1050).lines() + drive.poll().lines() + drive.follow(1000).lines()
            equal([line for line in lines if "has no event stream" in line], [])
            equal([request["status"] for request in stack.stream_requests()], [200, 404])
            drive.later(61)
            drive.hear(stack, 1)
            equal([stream["ids"] for stream in stack.streams()], [["roof"]])


def test_old_stack():
    """A stack without event streams: one line, and all as without the option"""
    with Scratch() as scratch, Standin() as stack:
        for gateway in ("roof", "barn"):
            stack.register(gateway)
            stack.connect(gateway)
        stack.cluster(1, events=False)
        with Collectd(scratch, block(stack, scratch, 1), csv=True) as daemon:
            daemon.wait_line("warning", r"127\.0\.0\.1 has no event stream")
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)


def test_hostile_lines():
    """Lines that are no events, and one of more than 256 KB: they are skipped, and what follows is heard"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, SLOW), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            wait_streams(stack)
            stack.send_line(LONG)
            for line in ("{}", "[]", "nonsense", "", '{"result":7}', '{"result":{"name":"gs.gateway.disconnect"}}'):
                stack.send_line(line)
            stack.flood("roof", 3000)
            stack.disconnect("roof")
            wait_for(stack.streams_told, "all lines are read", 60)
            soon("roof is gone", lambda: daemon.value("ttn", "roof", "bool", "connected") == 0)
            equal(len(stack.streams()), 1)
            equal(len(stack.stream_requests()), 1)


def test_begin_within_a_second():
    """A connection that begins in the second of an answer that has the one before: its messages are all counted"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, again=1)
        stack.freeze()
        stack.set_clock("2026-11-26T13:00:05.4Z")
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 3)
        with Drive(scratch, Events=True, **stack.options(scratch)) as drive:
            drive.poll()
            drive.hear(stack, 1)
            for minute in range(1, 6):
                # Statistics after an answer, then another answer, and in its second a connection with more messages.
                stack.set_clock("2026-11-26T13:%02d:00.5Z" % minute)
                drive.hear(stack)
                stack.set_clock("2026-11-26T13:%02d:10.4Z" % minute)
                drive.poll()
                stack.set_clock("2026-11-26T13:%02d:10.6Z" % minute)
                stack.connect("roof")
                stack.uplink("roof", 4 + minute)
                drive.hear(stack)
                stack.set_clock("2026-11-26T13:%02d:30.4Z" % minute)
                drive.hear(stack)
                equal(drive.poll().packets("roof")[0], stack.true("roof")[0], "uplinks in minute %d" % minute)


def test_silence():
    """A stream that is silent for three minutes while a gateway is connected is opened again; else it stays"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Drive(scratch, Events=True, **stack.options(scratch)) as drive:
            drive.poll()
            drive.hear(stack, 1)
            stack.silence_streams()
            for seconds, requests in ((170, 1), (15, 2)):
                drive.send("later %d" % seconds)
                drive.follow(1500)
                equal(len(stack.stream_requests()), requests, "requests")
            stack.disconnect("roof")
            drive.poll()
            drive.follow(300)
            drive.send("later 600")
            drive.follow(300)
            equal(len(stack.stream_requests()), 2, "requests")


def test_skipped_lines():
    """Each line that was skipped is counted in errors-json"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Drive(scratch, Events=True, **stack.options(scratch)) as drive:
            equal(drive.poll().api("errors", "json"), 0)
            drive.hear(stack, 1)
            stack.send_line(LONG)
            for line in ("[]", "nonsense", '{"result":7}'):
                stack.send_line(line)
            drive.hear(stack)
            equal(drive.poll().api("errors", "json"), 4)
            stack.send_line("nonsense")
            stack.end_streams("error")
            drive.follow_until(lambda: not stack.streams(), "the stream's end")
            drive.hear(stack)
            equal(drive.poll().api("errors", "json"), 5)


run(globals())
