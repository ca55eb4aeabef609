#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No memory error and no leak of the plugin's, from start to shutdown: under valgrind, or, when the
plugin was built with sanitizers, under those."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import checker  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run, wait_for  # noqa: E402

# What is wrong meanwhile, one after the other.
FAULTS = ({"status": 503, "body": "upstream connect error"}, {"transform": [["cut_json", 30]]}, {"close": "body"},
          {"transform": [["extra", "nobody"]]}, {"error": {"code": 7, "namespace": "x", "name": "y", "text": "z"}},
          {"transform": [["set", "gw-00001", "uplink_count", '"-1"']]}, {"raw": "no HTTP", "end": True},
          {"transform": [["gzip_garbage"]]})


def checked(scratch, blocks, **options):
    check = checker.of(paths.plugin(), scratch)
    note(check.name)
    return check, Collectd(scratch, blocks, wrapper=check.wrapper, environment=check.environment, prometheus=False,
                           csv=True, patience=60, **options)


def polls(stack, count):
    before = stack.count(kind="batch")
    wait_for(lambda: stack.count(kind="batch") >= before + count, "%d batches" % count, 60)


def test_twenty_polls():
    """Start, 20 polls with faults, reconnects and a rotated key, SIGTERM during a poll"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(12)
        options = stack.options(scratch)
        blocks = "\n".join((
            account("home", **dict(options, APIKeyFile=scratch.key("user", "the.key")), Interval=0.25, Timeout=4000,
                    DiscoveryInterval=1, MetaData=True, Gateway="/^gw-/"),
            account("second", **options, Interval=0.5, Host="second", Gateway=["gw-00001", "gw-00002"]),
            account("refused", **stack.options(scratch, "wrong-secret"), Interval=0.5),
            account("dropped", **options, Timeout="wrong")))
        check, daemon = checked(scratch, blocks)
        with daemon:
            daemon.wait_line("error", 'account "refused": the secret part of the key is wrong')
            polls(stack, 6)
            for action in FAULTS:
                rule = stack.fault(action, {"kind": "batch"}, times=2)
                wait_for(lambda: stack.faults()[0]["hits"] == 2, "a fault is met", 60, stack.faults)
                stack.unfault(rule)
                stack.move(2)
            # What no answer had shown before a reconnect would rightly be missing.
            polls(stack, 8)
            stack.connect("gw-00002")
            stack.uplink("gw-00002", 3)
            stack.disconnect("gw-00003")
            stack.unregister("gw-00004")
            scratch.key("user-all", "the.key")
            wait_for(lambda: len(daemon.csv("ttn_api-home", "bool-up")) >= 20, "20 polls", 60)
            polls(stack, 8)
            equal(stack.count(key="user-all") > 0, True, "the new key is used")
            wait_for(lambda: daemon.csv("ttn-gw-00002", "packets-uplink")[-1][1] == stack.true("gw-00002")[0],
                     "the reconnected gateway's count", 60)
            stack.fault({"hang": True}, {"kind": "batch"})
            wait_for(lambda: stack.faults()[0]["hits"], "a poll hangs", 60)
            daemon.stop()
        equal(check.findings(), [])


def test_oneshot():
    """collectd -T"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(5)
        check, daemon = checked(scratch, account("home", **stack.options(scratch)), arguments=("-T",))
        with daemon:
            daemon.wait()
        equal(stack.count(kind="batch"), 1, "batches")
        equal(check.findings(), [])


run(globals())
