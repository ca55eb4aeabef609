#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""collectd -T, by which people try a configuration: one poll, in place, and its log."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, run  # noqa: E402


def once(scratch, block, status=0, **options):
    """Returns the daemon, after its end. Its values are lost: -T ends before they are written."""
    with Collectd(scratch, block, arguments=("-T",), **options) as daemon:
        daemon.wait(status)
    return daemon


def test_polls_once():
    """Each account is polled once, whole, before collectd ends; status 0"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(250)
        stack.record()
        options = stack.options(scratch)
        block = account("one", **options) + "\n" + account("two", **options, Gateway="gw-00007", Host="two")
        daemon = once(scratch, block)
        equal(daemon.lines("error") + daemon.lines("warning"), [])
        equal(sorted(line for line in daemon.lines("info") if "to report" in line),
              ['account "one": 250 gateways to report', 'account "two": 1 gateway to report'])
        rows = stack.requests()
        equal(sorted((row["kind"], len(row["ids"]), row["status"]) for row in rows),
              [("batch", 1, 200), ("batch", 50, 200), ("batch", 100, 200), ("batch", 100, 200), ("list", 0, 200)])


def test_says_what_is_wrong():
    """A wrong key: the line that says so, in the log before collectd ends"""
    with Scratch() as scratch, Standin() as stack:
        daemon = once(scratch, account("home", **stack.options(scratch, "wrong-secret")))
        equal(len(daemon.lines("error")), 1, "lines: %s" % daemon.lines())
        equal("the secret part of the key is wrong" in daemon.lines("error")[0], True, "lines: %s" % daemon.lines())


def test_ends_by_its_deadline():
    """A server that hangs: it ends by Timeout"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.fault({"hang": True})
        daemon = once(scratch, account("home", **stack.options(scratch), Timeout=1000, Interval=10))
        at_most(daemon.ended_after, 2.5, "seconds")
        equal(len(daemon.lines("error")) >= 1, True, "lines: %s" % daemon.lines())


run(globals())
