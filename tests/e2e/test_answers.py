#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Bad answers: nothing is reported that isn't known, one line at the start of trouble, one at its end.

The matrix is driven poll by poll (ttn-drive); some of it again with the real collectd.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import at_most, equal, note, run, wait_for  # noqa: E402

HTML = "<!DOCTYPE html><html><body>Sign in to the WLAN</body></html>"
ENVOY = {"status": 503, "body": "upstream connect error", "headers": {"Content-Type": "text/plain"}}


def error(code, name, space="pkg/auth/rights"):
    """An answer of the stack's own, by gRPC code: 16 is 401, 7 is 403."""
    return {"error": {"code": code, "namespace": space, "name": name, "text": name}}


# What a batch may answer instead: (name, action, kinds of failures of which one is counted).
BATCH = (
    ("401", error(16, "api_key_not_found", "pkg/auth"), {"key"}),
    ("404 of a proxy", {"status": 404, "body": HTML}, {"http"}),
    ("429", {"status": 429, "body": "{}", "headers": {"X-Rate-Limit-Retry": "60"}}, {"rate_limit"}),
    ("429 without headers", {"status": 429, "body": ""}, {"rate_limit"}),
    ("500", {"status": 500, "body": ""}, {"http"}),
    ("502 in HTML", {"transform": [["html", 502]]}, {"http"}),
    ("503 of a load balancer", ENVOY, {"http"}),
    ("redirect", {"transform": [["redirect", "http://127.0.0.1:1/"]]}, {"http"}),
    ("204", {"status": 204, "body": ""}, {"http"}),
    ("HTML with 200", {"body": HTML}, {"json"}),
    ("empty body", {"body": ""}, {"json"}),
    ("no JSON at all", {"body": "OK"}, {"json"}),
    ("a list", {"body": "[]"}, {"json"}),
    ("cut short, right length", {"transform": [["cut_json", 30]]}, {"json"}),
    ("cut short, too large a length", {"close": "body"}, {"transfer"}),
    ("cut short, too small a length", {"length": -30}, {"json", "transfer"}),
    ("cut during the headers", {"close": "head"}, {"transfer", "json"}),
    ("closed without an answer", {"close": "before"}, {"transfer"}),
    ("reset during the body", {"close": "body", "reset": True}, {"transfer"}),
    ("bytes that are no HTTP", {"raw": "\x16\x03\x01 not HTTP\r\n\r\n", "end": True}, {"transfer"}),
    ("gzip garbage", {"transform": [["gzip_garbage"]]}, {"transfer"}),
    ("gzip cut", {"transform": [["gzip_cut"]]}, {"transfer", "json"}),
    ("gzip bomb", {"transform": [["gzip_bomb", 20]]}, {"too_large", "json"}),
    ("more behind the JSON", {"body": '{"entries":{}} {}'}, {"json"}),
    ("another gateway's entry", {"transform": [["extra", "nobody-asked"]]}, {"answer"}),
    ("the same gateway twice", {"transform": [["duplicate", "roof"]]}, {"json"}),
    ("entries of a wrong type", {"body": '{"entries":[]}'}, {"json"}),
)

# What a count may be instead.
COUNTS = ('"12x"', '"-1"', "-1", '"9223372036854775808"', '"99999999999999999999999"', "1.5", "true", "{}", "[1]",
          '""', '"0x10"', '"+5"', '" 5"')

LIST = (
    ("403", error(7, "no_user_rights"), {"key"}),
    ("404", {"status": 404, "body": "{}"}, {"http"}),
    ("500", {"status": 500, "body": ""}, {"http"}),
    ("HTML with 200", {"body": HTML}, {"json"}),
    ("empty body", {"body": ""}, {"json"}),
    ("cut short, right length", {"transform": [["cut_json", 10]]}, {"json"}),
    ("cut short, too small a length", {"length": -10}, {"json", "transfer"}),
    ("closed during the body", {"close": "body"}, {"transfer"}),
    ("{} without X-Total-Count", {"body": "{}", "headers": {"X-Total-Count": None}}, {"key"}),
)


def fleet(stack):
    stack.register("roof")
    stack.register("barn")
    for gateway in ("roof", "barn"):
        stack.connect(gateway)
        stack.uplink(gateway, 7)
        stack.downlink(gateway, 3)


def new_failures(before, after):
    return {kind for kind, number in after.errors().items() if number > before.errors().get(kind, 0)}


def all_is_known(poll, stack):
    for gateway in ("roof", "barn"):
        equal(poll.packets(gateway)[:2], stack.true(gateway)[:2], gateway)
        equal(poll.connected(gateway), 1, gateway)
    equal(poll.api("bool", "up"), 1, "up")


def lines_of_trouble(polls):
    return [line for poll in polls for line in poll.lines("error", "warning", "notice")]


def test_batch():
    """Statistics that are wrong in many ways: gateways become unknown, and nothing else"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        for name, action, kinds in BATCH:
            try:
                bad_batch(scratch, stack, action, kinds)
            except AssertionError as problem:
                raise AssertionError("%s: %s" % (name, problem)) from problem


def bad_batch(scratch, stack, action, kinds):
    with Drive(scratch, **stack.options(scratch), Timeout=9000, Interval=10) as drive:
        good = drive.poll()
        all_is_known(good, stack)
        stack.fault(action, {"kind": "batch"})
        stack.move(5)
        bad = [drive.poll(), drive.poll(), drive.poll(), drive.poll()]
        for poll in bad:
            equal(poll.of("roof"), {}, "values")
            equal(poll.of("barn"), {}, "values")
            equal(poll.api("bool", "up"), 0, "up")
            equal(poll.api("count", "unknown"), 2, "unknown")
            equal(poll.api("count", "gateways"), 2, "gateways")
        seen = new_failures(good, bad[0])
        equal(bool(seen & kinds) and seen <= kinds, True, "failures %s instead of %s" % (seen, kinds))
        equal(len(lines_of_trouble(bad)), 1, "lines: %s" % lines_of_trouble(bad))
        stack.unfault()
        # A limit has its time to pass.
        drive.later(120)
        after = [drive.poll(), drive.poll()]
        all_is_known(after[-1], stack)
        all_is_known(after[0], stack)
        equal(len(lines_of_trouble(after)), 1, "lines afterwards: %s" % lines_of_trouble(after))


def test_counts():
    """Counts that are none: that gateway is unknown, the other goes on"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        for text in COUNTS:
            with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
                good = drive.poll()
                all_is_known(good, stack)
                stack.fault({"transform": [["set", "roof", "uplink_count", text]]}, {"kind": "batch"})
                stack.move(1)
                bad = [drive.poll(), drive.poll(), drive.poll()]
                for poll in bad:
                    equal(poll.of("roof"), {}, "roof, with %s" % text)
                    equal(poll.packets("barn")[:2], stack.true("barn")[:2], "barn, with %s" % text)
                    equal(poll.api("count", "unknown"), 1, "unknown, with %s" % text)
                lines = lines_of_trouble(bad)
                equal(len(lines), 1, "lines, with %s: %s" % (text, lines))
                equal("roof" in lines[0] and "uplink_count" in lines[0], True, "line, with %s: %s" % (text, lines))
                stack.unfault()
                after = [drive.poll(), drive.poll()]
                all_is_known(after[0], stack)
                equal(len(lines_of_trouble(after)), 1, "lines afterwards, with %s: %s" % (text, lines_of_trouble(after)))


def test_largest_count():
    """The largest count that a series holds is right, and one more than that is none"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
            stack.fault({"transform": [["set", "roof", "uplink_count", '"9223372036854775807"']]}, {"kind": "batch"})
            equal(drive.poll().packets("roof")[0], 2 ** 63 - 1)


def test_list():
    """Lists that are wrong in many ways: the gateways known so far are kept and go on"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        for name, action, kinds in LIST:
            try:
                bad_list(scratch, stack, action, kinds)
            except AssertionError as problem:
                raise AssertionError("%s: %s" % (name, problem)) from problem


def bad_list(scratch, stack, action, kinds):
    # From the start: nothing is known, and nothing is said but that.
    stack.fault(action, {"kind": "list"})
    with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
        bad = [drive.poll(), drive.poll(), drive.poll()]
        for poll in bad:
            equal([key for key in poll.values if key[0] == "ttn"], [], "values")
            equal(poll.api("bool", "up"), 0, "up")
        seen = set(bad[0].errors())
        equal(bool(seen & kinds) and seen <= kinds, True, "failures %s instead of %s" % (seen, kinds))
        equal(1 <= len(lines_of_trouble(bad)) <= 2, True, "lines: %s" % lines_of_trouble(bad))
        equal(lines_of_trouble(bad[1:]), [], "lines after the first poll")
        stack.unfault()
        all_is_known(drive.poll(), stack)
        equal(lines_of_trouble([drive.poll()]), [], "lines when all is well")
    # Later: what is known is kept.
    with Drive(scratch, **stack.options(scratch), Interval=10, DiscoveryInterval=10) as drive:
        all_is_known(drive.poll(), stack)
        stack.fault(action, {"kind": "list"})
        drive.later(10)
        poll = drive.poll()
        at_most(stack.faults()[0]["hits"], 2, "lists in that poll")
        equal(poll.api("count", "gateways"), 2, "gateways")
        if kinds != {"key"}:
            for gateway in ("roof", "barn"):
                equal(poll.packets(gateway)[:2], stack.true(gateway)[:2], gateway)
        stack.unfault()
        drive.later(10)
        drive.poll()
        all_is_known(drive.poll(), stack)


def test_listed_twice():
    """A list that names a gateway twice: it is reported once"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        stack.fault({"transform": [["duplicate", "roof"]]}, {"kind": "list"})
        with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
            # ttn-drive's reader refuses a value that comes twice.
            poll = drive.poll()
            equal(poll.packets("roof")[:2], (7, 3))
            equal(poll.api("count", "gateways"), 2, "gateways")
            equal(lines_of_trouble([poll]), [])


def test_not_heard():
    """{} without X-Total-Count: an error that says what key is needed; with it, an empty account"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        stack.fault({"body": "{}", "headers": {"X-Total-Count": None}}, {"kind": "list"})
        with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
            poll = drive.poll()
            equal([line for line in poll.lines("error") if "the key did not reach the stack, or is a gateway's own" in
                   line and "RIGHT_USER_GATEWAYS_LIST" in line and "RIGHT_GATEWAY_STATUS_READ" in line] != [], True,
                  "lines: %s" % poll.log)
            equal(poll.api("bool", "up"), 0)
        stack.unfault()
        with Drive(scratch, **stack.options(scratch, "user-without-gateways"), Interval=10) as drive:
            poll = drive.poll()
            equal(lines_of_trouble([poll]), [])
            equal((poll.api("bool", "up"), poll.api("count", "gateways")), (1, 0))


def test_echoed_key():
    """An answer that holds the key itself: no line shows it"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        text = key_text()
        for kind in ("list", "batch"):
            for action in ({"body": "Bearer " + text}, {"body": '{"entries":{"%s":{}}}' % text},
                           {"body": '{"%s":' % text}, {"status": 403, "body": '{"code":7,"message":"%s","details":[]}' % text},
                           error(16, text.lower(), text), {"status": 500, "body": text},
                           {"status": 403, "body": '{"code":7,"message":"x"}', "headers": {"X-Warning": text}}):
                stack.fault(action, {"kind": kind})
                with Drive(scratch, **stack.options(scratch), Interval=10) as drive:
                    # Both the reader of ttn-drive and the end of scratch look for secrets.
                    drive.poll()
                    drive.poll()
                stack.unfault()


def answers_again(daemon):
    """A machine that is slow gets notices of its own."""
    return [line for line in daemon.lines("notice") if "responds again" in line]


def test_with_collectd():
    """The same through the real collectd: series stand still or end, and go on from where they were"""
    with Scratch() as scratch, Standin() as stack:
        fleet(stack)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.3), interval=0.3, csv=True) as daemon:
            for action in ({"transform": [["html", 502]]}, {"transform": [["cut_json", 30]]}, {"length": -30}):
                truth = stack.true("roof")[0]
                wait_for(lambda: daemon.packets("roof")[0] == truth, "counts")
                lines, ends = len(daemon.lines("error")), len(answers_again(daemon))
                stack.fault(action, {"kind": "batch"})
                stack.move(5)
                daemon.wait_value("ttn_api", "home", "bool", "up", 0)
                before = len(daemon.csv("ttn-roof", "packets-uplink"))
                # write_prometheus drops what isn't reported any more.
                wait_for(lambda: daemon.packets("roof") == (None, None, None), "no series of roof")
                equal(len(daemon.csv("ttn-roof", "packets-uplink")), before, "values while unknown")
                equal(len(daemon.lines("error")), lines + 1, "errors: %s" % daemon.lines())
                stack.unfault()
                wait_for(lambda: daemon.packets("roof")[0] == truth + 5, "counts after the trouble")
                wait_for(lambda: len(answers_again(daemon)) == ends + 1, "one notice at its end")
        numbers = [number for _, number in daemon.csv("ttn-roof", "packets-uplink")]
        equal(sorted(set(numbers)), [7, 12, 17, 22])
        equal(numbers, sorted(numbers))
        note("%d values written" % len(numbers))


run(globals())
