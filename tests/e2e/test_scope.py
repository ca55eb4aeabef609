#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scope "all": an admin's key, whose only right is to read statistics, reports all gateways of a stack; any other
key is refused with one sentence, and nothing is reported as if it were all."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import tap  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, churn  # noqa: E402

ALL = {"Scope": '"all"', "Interval": 10, "DiscoveryInterval": 20}
NO_ADMIN = r'the key is not an admin\'s, and Scope "all" needs one: let an admin .* "view gateway status"'


def gateways(poll):
    return sorted({key[1] for key in poll.values if key[0] == "ttn"})


def of_several(stack):
    """Of two users and an organization."""
    return (stack.fleet(3, [1], "full", prefix="alice") + stack.fleet(2, [1], "full", owner="bob", prefix="bob")
            + stack.fleet(2, [1], "full", owner="organization:town", prefix="town"))


def test_all():
    """Gateways of all owners, with one auth_info and one search for each discovery, and no list"""
    with Scratch() as scratch, Standin() as stack:
        ids = of_several(stack)
        with Drive(scratch, **ALL, **stack.options(scratch, "admin-status")) as drive:
            for number in range(4):
                stack.reset_asked()
                poll = drive.poll()
                tap.equal(gateways(poll), ids)
                tap.equal((poll.api("bool", "up"), poll.lines("error", "warning", "notice")), (1, []))
                found = number % 2 == 0
                tap.equal([stack.count(kind=kind) for kind in ("auth_info", "search", "list", "batch")],
                          [found, found, 0, 1], "requests of poll %d" % number)
                drive.later(10)


def test_mine():
    """Without Scope, the same key may not list; with the right to list it reports the admin's own"""
    with Scratch() as scratch, Standin() as stack:
        of_several(stack)
        stack.register("own", owner="admin")
        stack.connect("own")
        with Drive(scratch, **stack.options(scratch, "admin-status")) as drive:
            tap.matches('the key may not list gateways: .*, or report all gateways of the stack with Scope "all"',
                        str(drive.poll().lines("error")))
        for scope in ({}, {"Scope": '"mine"'}):
            with Drive(scratch, **scope, **stack.options(scratch, "admin-list-status")) as drive:
                tap.equal(gateways(drive.poll()), ["own"])


def test_keys_that_are_no_admins():
    """One error that says what is needed; nothing is reported or searched for; then one request a poll"""
    with Scratch() as scratch, Standin() as stack:
        of_several(stack)
        for kind, said in (("user", NO_ADMIN), ("user-no-list", NO_ADMIN), ("organization", NO_ADMIN),
                           ("user-no-status", NO_ADMIN), ("gateway", NO_ADMIN),
                           ("admin-list", "the key lacks the right \"view gateway status\""),
                           ("unknown-id", "the stack does not know this key"),
                           ("expired", "the key has expired")):
            with Drive(scratch, **ALL, **stack.options(scratch, kind)) as drive:
                for number in range(3):
                    stack.reset_asked()
                    poll = drive.poll()
                    tap.equal(gateways(poll), [], kind)
                    tap.equal((poll.api("bool", "up"), poll.api("count", "gateways")), (0, None), kind)
                    tap.equal(len(poll.lines()), number == 0, "%s: %s" % (kind, poll.log))
                    if number == 0:
                        tap.matches(said, poll.lines("error")[0])
                    tap.equal((stack.asked()["total"], stack.count(kind="auth_info")), (1, 1), "requests of " + kind)
                    drive.later(10)


def test_no_longer_an_admin():
    """What the search then lists is not taken for all, nor is anything reported, until the user is an admin again"""
    with Scratch() as scratch, Standin() as stack:
        ids = of_several(stack)
        for interval in (10, 100):
            stack.admin("alice")
            with Drive(scratch, **dict(ALL, DiscoveryInterval=interval), **stack.options(scratch, "user-no-list")) as drive:
                tap.equal(gateways(drive.poll()), ids)
                drive.later(10)
                stack.admin("alice", False)
                poll = drive.poll()
                tap.equal(len(poll.lines("error")), 1, str(poll.log))
                tap.matches(NO_ADMIN, poll.lines("error")[0])
                tap.equal(stack.count(kind="search"), 1, "searches")
                for _ in range(3):
                    drive.later(10)
                    stack.reset_asked()
                    poll = drive.poll()
                    tap.equal((gateways(poll), poll.lines()), ([], []))
                    tap.equal((stack.asked()["total"], stack.count(kind="auth_info")), (1, 1), "requests")
                stack.admin("alice")
                drive.later(10)
                poll = drive.poll()
                tap.equal(gateways(poll), ids, "again")
                tap.equal(poll.lines(), ['account "home": the key works again'])
                stack.reset_asked()


def test_deleted_meanwhile():
    """A batch with a gateway that is no longer there is refused by 404: the others of it are reported in that poll"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(150, [1], "idle", owner="bob")
        with Drive(scratch, **ALL, **stack.options(scratch, "admin-status")) as drive:
            tap.equal(drive.poll().api("count", "connected"), 150)
            stack.unregister(ids[7])
            drive.later(10)
            poll = drive.poll()
            tap.equal(stack.count(kind="batch", status=404), 1)
            tap.equal(sorted(set(ids) - set(gateways(poll))), [ids[7]])
            tap.equal(poll.lines(), ['account "home": 1 gateway is no longer registered: ' + ids[7]])
            tap.equal([poll.api("count", state) for state in ("gateways", "unknown")], [150, 1])
            tap.equal(poll.api("bool", "up"), 1)
            drive.later(10)
            poll = drive.poll()
            tap.equal(poll.api("count", "gateways"), 149)
            tap.matches("149 gateways to report: 0 new, 1 no longer listed", str(poll.lines()))
            drive.later(10)
            stack.reset_asked()
            tap.equal(drive.poll().api("count", "connected"), 149)
            tap.equal((stack.count(kind="batch"), stack.asked()["total"]), (2, 2), "requests")


def test_selection():
    """Gateway, IgnoreSelected and Shard choose from all; with ids alone any key will do"""
    with Scratch() as scratch, Standin() as stack:
        ids = of_several(stack)
        for options, wanted in (({"Gateway": "/^(bob|town)-/"}, ids[3:]),
                                ({"Gateway": ["/^bob-/", ids[0]], "IgnoreSelected": True}, ids[1:3] + ids[5:]),
                                ({"Gateway": ids[4]}, [ids[4]])):
            with Drive(scratch, **options, **ALL, **stack.options(scratch, "admin-status")) as drive:
                tap.equal(gateways(drive.poll()), wanted, options)
        with Drive(scratch, Gateway=ids[0], **ALL, **stack.options(scratch, "user")) as drive:
            tap.equal(gateways(drive.poll()), ids[:1])
        seen = []
        for number in (1, 2, 3):
            with Drive(scratch, Shard='"%d/3"' % number, **ALL, **stack.options(scratch, "admin-status")) as drive:
                seen += gateways(drive.poll())
        tap.equal(sorted(seen), ids)


def test_churn():
    """Gateways are created and deleted with every page: no other is dropped or doubled, whatever comes and goes"""
    for n in (1, 40):
        with Scratch() as scratch, Standin() as stack:
            ids = set(stack.fleet(3500, [1], "idle", owner="bob"))
            stack.at_pages(churn(200, n))
            with Drive(scratch, **dict(ALL, DiscoveryInterval=10), **stack.options(scratch, "admin-status")) as drive:
                for number in range(5):
                    poll = drive.poll()
                    tap.equal(sorted(ids - set(gateways(poll))), [], "lost in list %d, with %d" % (number, n))
                    tap.equal(poll.api("count", "connected"), 3500, "connected in list %d, with %d" % (number, n))
                    drive.later(10)
                stack.at_pages([])
                tap.equal(drive.poll().api("count", "gateways"), 3500 + n)


def test_no_answer_about_the_key():
    """auth_info fails, is limited or is not there: no search, one line, and what is known goes on"""
    with Scratch() as scratch, Standin() as stack:
        ids = of_several(stack)
        cases = (({"status": 503}, "answered 503"), ({"status": 200, "body": "{}"}, "did not reach the stack"),
                 ({"status": 429, "headers": {"X-Rate-Limit-Retry": "3600"}}, "the rate limit leaves no room"),
                 ({"error": {"code": 5, "namespace": None, "name": None, "text": "Not Found"}},
                  "auth_info does not tell whether the key is an admin's"))
        for action, said in cases:
            with Drive(scratch, **ALL, **stack.options(scratch, "admin-status")) as drive:
                rule = stack.fault(action, {"kind": "auth_info"})
                stack.reset_asked()
                poll = drive.poll()
                tap.equal((gateways(poll), stack.count(kind="search")), ([], 0), said)
                tap.equal(len(poll.lines("error")), 1, "%s: %s" % (said, poll.log))
                tap.matches(said, poll.lines("error")[0])
                stack.unfault(rule)
                drive.later(3600)
                tap.equal(gateways(drive.poll()), ids, said)
                rule = stack.fault(action, {"kind": "auth_info"})
                drive.later(3600)
                poll = drive.poll()
                if "heard" not in said:
                    tap.equal(gateways(poll), ids, said)
                tap.equal(len(poll.lines("error")), 1, "%s: %s" % (said, poll.log))
                stack.unfault(rule)


def test_no_search():
    """A stack too old for it: one line"""
    with Scratch() as scratch, Standin() as stack:
        of_several(stack)
        stack.cluster(1, search=False)
        with Drive(scratch, **ALL, **stack.options(scratch, "admin-status")) as drive:
            for number in range(2):
                poll = drive.poll()
                tap.equal((gateways(poll), len(poll.lines("error"))), ([], number == 0), poll.log)
                if number == 0:
                    tap.matches("the list of gateways can't be read: .*answered 404", poll.lines("error")[0])


def test_with_organization():
    """Scope "all" and Organization exclude each other: the account is left out, which is said"""
    with Scratch() as scratch, Standin() as stack:
        drive = Drive(scratch, Organization="town", **ALL, **stack.options(scratch, "admin-status"))
        said = drive.process.stdout.read().decode()
        drive.process.wait()
        tap.matches('Scope "all" and Organization don\'t go together', said)


if __name__ == "__main__":
    tap.run(globals())
