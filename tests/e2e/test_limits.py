# SPDX-License-Identifier: MIT
"""Rate limits: what the headers say is obeyed, waits are taken if the deadline allows, and nobody
is left behind for long."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import tap  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402


def statuses(stack, kind):
    out = {}
    for row in stack.asked()["requests"]:
        if row["kind"] == kind:
            out[row["status"]] = out.get(row["status"], 0) + row["n"]
    stack.reset_asked()
    return out


def test_the_wait_is_taken_within_the_poll():
    """Burst 2, one a second: 5 batches need waits, none is refused once the headers are known"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(500, [1], "idle")
        stack.cluster(1, limits={"batch": {"rate": 60, "burst": 2}})
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 500)
            tap.equal(statuses(stack, "batch"), {200: 5}, "answers to batches")
            tap.equal(poll.api("gauge", "rate_limit_available"), 0)
            tap.equal([text for level, text in poll.log if level != "info"], [])


def test_429_waits_retry_plus_one():
    """Another user of the key took the calls: after a 429 the named time and a second"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(10, [1], "idle")
        stack.cluster(1, limits={"batch": {"rate": 30, "burst": 1}})
        with Drive(scratch, **stack.options(scratch)) as drive:
            drive.poll()
            statuses(stack, "batch")
            rule = stack.fault({"status": 429, "headers": {"X-Rate-Limit-Retry": "1", "X-Rate-Limit-Available": "0",
                                                           "X-Rate-Limit-Limit": "1", "X-Rate-Limit-Reset": "1"},
                                "body": "{}"}, {"kind": "batch"}, times=1)
            poll = drive.poll()
            stack.unfault(rule)
            tap.equal(poll.api("count", "connected"), 10)
            tap.equal(poll.errors(), {"rate_limit": 1})
            seen = statuses(stack, "batch")
            tap.equal((seen[200], seen[429]), (1, 1))
            if poll.ms < 2000:
                raise AssertionError("waited only %s ms" % poll.ms)


def test_429_without_headers():
    """A load balancer's: that poll goes without if the deadline is near, the next is whole"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(10, [1], "idle")
        with Drive(scratch, Timeout=3000, **stack.options(scratch)) as drive:
            drive.poll()
            stack.fault({"transform": [["html", 429]]}, {"kind": "batch"}, times=1)
            poll = drive.poll()
            tap.equal(poll.api("count", "unknown"), 10)
            tap.matches("because of the rate limit some gateways", str(poll.log))
            drive.later(60)
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 10)
            tap.matches("rate limit is sufficient again", str(poll.log))


def test_nobody_is_left_behind():
    """3 of 10 batches a poll: who was left out goes first, all are seen within 4 polls"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(1000, [1], "idle")
        stack.cluster(1, limits={"batch": {"rate": 3, "burst": 3}})
        with Drive(scratch, Timeout=2000, **stack.options(scratch)) as drive:
            seen = set()
            for number in range(4):
                poll = drive.poll()
                now = {key[1] for key in poll.values if key[0] == "ttn"}
                if number < 3:
                    tap.equal(len(now), 300, "gateways of poll %d" % number)
                    tap.equal(now & seen, set(), "seen again in poll %d" % number)
                seen |= now
                tap.equal(poll.api("bool", "up"), 0)
                drive.later(60)
                stack.advance(60)
            tap.equal(len(seen), len(ids))


def test_a_limited_list():
    """The list waits too, page by page"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2500, [1], "idle")
        stack.cluster(1, limits={"list": {"rate": 60, "burst": 1}})
        with Drive(scratch, **stack.options(scratch)) as drive:
            tap.equal(drive.poll().api("count", "connected"), 2500)
            tap.equal(statuses(stack, "list"), {200: 3})


def test_limited_singles():
    """Without the batch each gateway has a limit of its own; one does not affect the others"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, batch=False, limits={"get": {"rate": 6, "burst": 1}})
        stack.fleet(5, [1], "idle")
        with Drive(scratch, Timeout=2000, **stack.options(scratch)) as drive:
            tap.equal(drive.poll().api("count", "connected"), 5)
            poll = drive.poll()
            tap.equal(poll.api("count", "unknown"), 5)
            tap.equal(poll.errors()["rate_limit"], 5)


if __name__ == "__main__":
    tap.run(globals())
