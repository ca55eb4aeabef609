# SPDX-License-Identifier: MIT
"""A key's secret is gone from memory when the key was rotated, and when its account ends: looked for in all
of the process's memory, freed or not."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import memory  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402

OLD, NEW = paths.keys.secret("user"), paths.keys.secret("user-all")
# Requests that are under way at once, each of which nghttp2 may leave a copy of.
STREAMS = 32
# What an answer may do to a request. The last leave requests behind that have to be cancelled.
FAULTS = ({"status": 503}, {"status": 401}, {"close": "head"}, {"close": "body"}, {"transform": [["html", 502]]},
          {"status": 429}, {"close": "body", "reset": True}, {"hang": True})


def copies(process, secret):
    """[(where, what is in front)] of either end of a secret: the other may be overwritten."""
    return memory.found(process.pid, secret[:20]) + memory.found(process.pid, secret[-20:])


def polls_through_all(drive, stack, faults):
    """Polls in which all that can happen to a request happens."""
    drive.poll()
    for action in faults:
        rule = stack.fault(action, {"kind": "batch"})
        drive.poll()
        stack.unfault(rule)
    drive.later(3600)
    drive.poll()


def story(scratch, stack, check):
    """check(process, secret) once that key is gone."""
    stack.fleet(250)
    options = dict(stack.options(scratch), Timeout=500, DiscoveryInterval=0)
    with Drive(scratch, **options) as drive:
        polls_through_all(drive, stack, FAULTS)
        equal(bool(copies(drive.process, OLD)), True, "the key in use is found")
        scratch.write("key-user", paths.keys.text_of("user-all") + "\n", secret=True)
        drive.poll()
        equal(stack.count(key="user-all") > 0, True, "the new key is used")
        check(drive.process, OLD)
        polls_through_all(drive, stack, FAULTS[-2:])
        drive.end()
        check(drive.process, OLD)
        check(drive.process, NEW)


def none(process, secret):
    equal(copies(process, secret), [])


def test_http():
    """HTTP/1.1: nothing is left of a key that was rotated or whose account has ended"""
    with Scratch() as scratch, Standin() as stack:
        story(scratch, stack, none)


def test_http2():
    """HTTP/2: nothing but what nghttp2 copied for itself, which SECURITY.md tells of"""
    left = []

    def of_nghttp2(process, secret):
        found = memory.found(process.pid, secret[:20], before=128)
        equal([hit for hit in found if b"uthorization: " in hit[1]], [], "copies of the plugin's or of libcurl's")
        at_most(len(found), STREAMS, "copies")
        left.append(len(found))

    with Scratch() as scratch, Standin(scratch) as stack:
        story(scratch, stack, of_nghttp2)
    note("copies that nghttp2 left: %d after rotation, %d after the account's end" % (left[0], left[1] + left[2]))


def test_collectd():
    """The real collectd, with its threads: nothing is left of a key that was rotated"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(150)
        options = dict(stack.options(scratch), APIKeyFile=scratch.key("user", "the.key"), Interval=0.3)
        with Collectd(scratch, account("home", **options)) as daemon:
            wait_for(lambda: stack.count(key="user") >= 6, "polls", daemon.patience)
            equal(bool(copies(daemon.process, OLD)), True, "the key in use is found")
            scratch.key("user-all", "the.key")
            wait_for(lambda: stack.count(key="user-all") >= 6, "polls with the new key", daemon.patience)
            none(daemon.process, OLD)


run(globals())
