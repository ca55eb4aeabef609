#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Notifications through collectd, as its logfile plugin writes them down; and a key that rotates."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import HOST, Collectd, account  # noqa: E402
from paths import Scratch, keys  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, run, wait_for  # noqa: E402

HEAD = "Notification: severity = %s, host = " + HOST + ", plugin = %s, plugin_instance = %s, type = bool, " \
    "type_instance = %s, message = "


def notifications(daemon):
    return [text for _, text in daemon.log() if text.startswith("Notification: ")]


def polls(daemon, count):
    seen = len(daemon.csv("ttn_api-home", "bool-up"))
    wait_for(lambda: len(daemon.csv("ttn_api-home", "bool-up")) >= seen + count, "%d polls" % count)


def next_one(daemon, seen, head, pattern):
    """One more notification than the `seen` so far; it is like this."""
    wait_for(lambda: len(notifications(daemon)) > seen, "a notification")
    polls(daemon, 3)
    equal(len(notifications(daemon)), seen + 1, "notifications: %s" % notifications(daemon)[seen:])
    text = notifications(daemon)[seen]
    equal(text[:len(head)], head)
    matches(pattern, text[len(head):])


def test_gateway():
    """A gateway that goes and comes back: a WARNING, an OKAY, and nothing at start-up"""
    with Scratch() as scratch, Standin() as stack:
        for gateway in ("roof", "barn", "lost"):
            stack.register(gateway, name="On the %s" % gateway)
        stack.connect("roof")
        stack.connect("barn")
        stack.disconnect("barn")
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.2), csv=True) as daemon:
            polls(daemon, 4)
            equal(notifications(daemon), [])
            gone = stack.disconnect("roof") or stack.now()
            next_one(daemon, 0, HEAD % ("WARNING", "ttn", "roof", "connected"),
                     r'^Gateway "On the roof" \(roof\) has been disconnected since %s.*Z\. Check its power' % gone[:16])
            stack.connect("roof")
            next_one(daemon, 1, HEAD % ("OKAY", "ttn", "roof", "connected"),
                     r'^Gateway "On the roof" \(roof\) has been connected again')
            # Nothing is known: nobody is called.
            stack.fault({"status": 503, "body": ""}, {"kind": "batch"})
            daemon.wait_value("ttn_api", "home", "count", "unknown", 3)
            polls(daemon, 4)
            stack.unfault()
            daemon.wait_value("ttn_api", "home", "count", "unknown", 0)
            polls(daemon, 3)
            equal(len(notifications(daemon)), 2, "after an outage")
            # Nobody was told that it was gone, so nobody is told that it is back.
            stack.connect("barn")
            daemon.wait_value("ttn", "barn", "bool", "connected", 1)
            polls(daemon, 4)
            equal(len(notifications(daemon)), 2, "a gateway that was away at start-up comes")


def test_switched_off():
    """Notifications false: none"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        block = account("home", **stack.options(scratch), Interval=0.2, Notifications=False)
        with Collectd(scratch, block, csv=True) as daemon:
            polls(daemon, 2)
            stack.disconnect("roof")
            daemon.wait_value("ttn", "roof", "bool", "connected", 0)
            polls(daemon, 4)
            equal(notifications(daemon), [])


def test_key():
    """A key that is refused: FAILURE; when it works again: OKAY"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.2), csv=True) as daemon:
            polls(daemon, 2)
            stack.delete_key("user")
            next_one(daemon, 0, HEAD % ("FAILURE", "ttn_api", "home", "up"),
                     r"^Account home: the stack does not know this key \(it was deleted")
            stack.key("user")
            next_one(daemon, 1, HEAD % ("OKAY", "ttn_api", "home", "up"), r"^Account home: the key works again")
            daemon.wait_value("ttn_api", "home", "bool", "up", 1)


def test_rotation():
    """The key file is replaced while collectd runs, then the old key deleted: no poll fails"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 3)
        options = dict(stack.options(scratch), APIKeyFile=scratch.key("user", "the.key"))
        with Collectd(scratch, account("home", **options, Interval=0.2), csv=True) as daemon:
            polls(daemon, 2)
            scratch.key("user-all", "the.key")
            stack.delete_key("user")
            polls(daemon, 4)
            equal(stack.count(key="user-all") > 0, True, "requests with the new key")
            # The other way round: deleted first, as people do it.
            stack.delete_key("user-all")
            scratch.key("user-info", "the.key")
            polls(daemon, 4)
            equal(stack.count(key="user-info") > 0, True, "requests with the newer key")
        failed = [number for _, number in daemon.csv("ttn_api-home", "bool-up")].count(0.0)
        equal(failed <= 1, True, "%d polls failed" % failed)
        for kind in ("user", "user-all", "user-info"):
            equal(keys.text_of(kind) in "".join(text for _, text in daemon.log()), False, "key in the log")


run(globals())
