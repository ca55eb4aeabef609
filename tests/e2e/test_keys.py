# SPDX-License-Identifier: MIT
"""What is wrong with a key is named, with the fix, once; nothing is reported as if it were known;
and the key works again as soon as that is fixed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import tap  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, key_text  # noqa: E402

LIST = r'"list gateways the user is a collaborator of" \(RIGHT_USER_GATEWAYS_LIST\)'
STATUS = r'"view gateway status" \(RIGHT_GATEWAY_STATUS_READ\)'

# Kind of key, what the one error line says.
CASES = [
    ("unknown-id", r"the stack does not know this key \(it was deleted"),
    ("deleted", r"the stack does not know this key \(it was deleted"),
    ("wrong-secret", "the secret part of the key is wrong"),
    ("expired", "the key has expired: make a new one"),
    ("not-a-key", "the key is malformed"),
    ("two-parts", "the key is malformed"),
    ("other-prefix", "the key is malformed"),
    ("admin-status", "the key may not list gateways: give it the right " + LIST),
    ("user-no-status", "the key lacks the right " + STATUS),
    ("organization-no-status", "the key lacks the right " + STATUS),
    ("gateway", 'the key is gateway alice-gw-1\'s own and can\'t list gateways: .* add Gateway "alice-gw-1"'),
]


def test_each_trouble_has_its_sentence():
    """Ten kinds of key that don't do, each named once, with nothing reported"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.recorded_world()
        for kind, sentence in CASES:
            with Drive(scratch, Cluster=["127.0.0.2", "localhost"], **stack.options(scratch, kind)) as drive:
                poll = drive.poll()
                errors = poll.lines("error")
                tap.equal(len(errors), 1, "%s: %s" % (kind, poll.log))
                tap.matches(sentence, errors[0])
                tap.equal([key for key in poll.values if key[0] == "ttn"], [], kind)
                tap.equal(poll.api("bool", "up"), 0, kind)
                tap.equal(poll.errors().get("key"), 1, "failures of %s" % kind)
                tap.equal(drive.poll().log, [], "second poll of %s" % kind)


def test_no_right_to_list():
    """The search lists the gateways all the same, where the stack has one; one line says so"""
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        stack.connect("town-gw-1")
        for kind, wanted in (("user-no-list", 5), ("organization-no-list", 1)):
            right = LIST if kind == "user-no-list" else "RIGHT_ORGANIZATION_GATEWAYS_LIST"
            for search in (True, False):
                stack.cluster(1, search=search)
                with Drive(scratch, **stack.options(scratch, kind)) as drive:
                    polls = [drive.poll(), drive.poll()]
                if search:
                    tap.equal(polls[0].lines("error"), [])
                    tap.equal(len([line for line in polls[0].lines("notice") if "search" in line]), 1, kind)
                    tap.equal((polls[1].connected("town-gw-1"), polls[1].errors()), (1, {}), kind)
                    tap.equal(polls[1].api("count", "gateways") >= wanted, True, kind)
                else:
                    tap.equal(len(polls[0].lines("error")), 1, "%s: %s" % (kind, polls[0].log))
                    tap.matches(right, polls[0].lines("error")[0])
                    tap.equal(polls[1].api("bool", "up"), 0, kind)
        stack.cluster(1, search=True)


def test_restricted_accounts():
    """Suspended, pending, rejected: the stack's own warning is in the line; a flagged one works"""
    with Scratch() as scratch, Standin() as stack:
        for state, warning in (("suspended", "Restricted rights after account suspension"),
                               ("requested", "Restricted rights while account pending"),
                               ("rejected", "Restricted rights after account rejection")):
            stack.user("bob", state)
            for extra in ({}, {"Gateway": "alice-gw-1"}):
                with Drive(scratch, **extra, **stack.options(scratch, "user-without-gateways")) as drive:
                    errors = drive.poll().lines("error")
                    tap.equal(len(errors), 1, "%s %s" % (state, extra))
                    if not extra:
                        tap.matches(warning, errors[0])
                    else:
                        tap.matches(r"no rights at all \(its account is suspended", errors[0])
        stack.user("bob", "flagged")
        with Drive(scratch, **stack.options(scratch, "user-without-gateways")) as drive:
            poll = drive.poll()
            tap.equal(poll.lines("error", "warning"), [])
            tap.equal(poll.api("bool", "up"), 1, "an account without gateways is well")


def test_a_refused_key_costs_one_request_a_poll():
    """And works again in the poll after it was fixed, with a notification each"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(250, [1], "full")
        with Drive(scratch, **stack.options(scratch)) as drive:
            tap.equal(drive.poll().api("count", "connected"), 250)
            stack.delete_key("user")
            poll = drive.poll()
            tap.equal(len(poll.lines("error")), 1)
            tap.equal(poll.notified, [], "one refusal may be during a rotation")
            poll = drive.poll()
            tap.equal(poll.lines("error"), [])
            tap.equal([line for line in poll.notified if line.startswith("failure ttn_api home bool up")],
                      poll.notified)
            tap.equal(len(poll.notified), 1)
            stack.reset_asked()
            poll = drive.poll()
            tap.equal(stack.asked()["total"], 1, "requests during trouble")
            tap.equal((poll.log, poll.notified), ([], []))
            stack.key("user")
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 250)
            tap.equal(poll.lines("notice"), ['account "home": the key works again'])
            tap.equal([line[:13] for line in poll.notified], ["okay ttn_api "])


def test_notifications_of_a_key():
    """None of a key that was refused from the start, nor of one poll that was refused"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3, [1], "full")
        stack.delete_key("user")
        with Drive(scratch, **stack.options(scratch)) as drive:
            for _ in range(3):
                tap.equal(drive.poll().notified, [], "at the start")
            stack.key("user")
            tap.equal(drive.poll().notified, [], "nobody was told of it")
            stack.delete_key("user")
            tap.equal(drive.poll().notified, [], "once")
            stack.key("user")
            poll = drive.poll()
            tap.equal((poll.lines("notice"), poll.notified), (['account "home": the key works again'], []))


def test_rotation_costs_no_poll():
    """The file is replaced and the old key deleted, between two polls"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(5, [1], "full")
        options = stack.options(scratch)
        with Drive(scratch, **options) as drive:
            drive.poll()
            scratch.write("key-user", key_text("user-all") + "\n", secret=True)
            stack.delete_key("user")
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 5)
            tap.equal((poll.log, poll.errors()), ([], {}))


def mount_secret(scratch, number, kind):
    """As kubelet puts a secret into its volume: the key's name leads through ..data into a directory, and a new
    key comes with another directory in its place. Size and time of both keys' files are the same."""
    directory = "..%d" % number
    key = scratch.write("volume/%s/home.key" % directory, key_text(kind) + "\n", 0o440, secret=True)
    os.utime(key, (1, 1))
    os.symlink(directory, scratch.file("volume", "..data_tmp"))
    os.rename(scratch.file("volume", "..data_tmp"), scratch.file("volume", "..data"))
    path = scratch.file("volume", "home.key")
    if not os.path.islink(path):
        os.symlink("..data/home.key", path)
    scratch.may_hold(path)
    return path


def test_rotation_by_symlink():
    """The same where the file is reached through symbolic links of which one is replaced, as in Kubernetes"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(5, [1], "full")
        options = dict(stack.options(scratch), APIKeyFile=mount_secret(scratch, 1, "user"))
        with Drive(scratch, **options) as drive:
            drive.poll()
            mount_secret(scratch, 2, "user-all")
            os.unlink(scratch.file("volume", "..1", "home.key"))
            stack.delete_key("user")
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 5)
            tap.equal(poll.errors(), {})
            tap.matches("home.key\" can be read by group: chmod 600 it", str(poll.log))
            tap.equal(stack.count(status=401), 0)


def test_a_list_that_was_not_heard():
    """{} without X-Total-Count: no empty account, but a key that did not arrive"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(5, [1], "full")
        with Drive(scratch, DiscoveryInterval=10, Interval=10, **stack.options(scratch)) as drive:
            drive.poll()
            rule = stack.fault({"status": 200, "body": "{}", "headers": {"X-Total-Count": None}},
                               {"kind": "list"})
            stack.fault({"status": 200, "body": "{}"}, {"kind": "auth_info"})
            drive.later(10)
            poll = drive.poll()
            tap.matches("the key did not reach the stack, or is a gateway", str(poll.lines("error")))
            tap.equal(poll.api("count", "gateways"), 5, "the list is kept")
            stack.unfault(rule)
            drive.later(10)
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 5)
            tap.equal(poll.api("bool", "up"), 1)


if __name__ == "__main__":
    tap.run(globals())
