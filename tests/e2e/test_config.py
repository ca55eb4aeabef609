#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Mistakes in the configuration: the line that a user sees, and that all else goes on.

One daemon holds many accounts that are wrong in one way each, beside one that is right.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

OTHER_PLUGIN = "LoadPlugin uptime\n"


def one_gateway(stack):
    stack.register("roof")
    stack.connect("roof")
    stack.uplink("roof", 3)


def others_go_on(daemon):
    wait_for(lambda: any(metric == "collectd_uptime" for metric, _ in daemon.scrape()), "the uptime plugin's value")


def check(accounts, expected, blocks="", dropped=()):
    """accounts: blocks beside the good one. expected: [(severity, pattern)], each of which is logged once,
    and nothing else but of the severity info; dropped: accounts that are left out."""
    with Scratch() as scratch, Standin() as stack:
        one_gateway(stack)
        to_here = stack.options(scratch)
        good = account("good", **to_here, Interval=0.2)
        wrong = "\n".join(make(scratch, to_here) for make in accounts)
        with Collectd(scratch, "\n".join((wrong, blocks, good)), extra=OTHER_PLUGIN, csv=True) as daemon:
            for severity, pattern in expected:
                daemon.wait_line(severity, pattern)
            wait_for(lambda: daemon.packets("roof")[0] == 3, "the good account's count")
            daemon.wait_value("ttn_api", "good", "bool", "up", 1)
            others_go_on(daemon)
            wait_for(lambda: len(daemon.csv("ttn_api-good", "bool-up")) >= 4, "some polls, that could say it again")
            left = [(level, line) for level in ("error", "warning", "notice") for line in daemon.lines(level)]
            for name in dropped:
                pattern = r'^account "%s" is left out: nothing of it will be polled$' % name
                expected = list(expected) + [("error", pattern)]
                equal([key for key in daemon.values() if key[1] == name], [], "values of a dropped account")
            for severity, pattern in expected:
                found = [one for one in left if one[0] == severity and re.search(pattern, one[1])]
                equal(len(found), 1, "lines (%s) like %r in %r" % (severity, pattern, left))
                left.remove(found[0])
            equal(left, [], "further lines")


def with_options(name, *lines, **changes):
    """An account to the stand-in, with changes; None takes an option out."""
    def make(_scratch, to_here):
        options = {key: value for key, value in dict(to_here, Interval=0.2, **changes).items()
                   if value is not None}
        return account(name, *lines, **options)
    return make


def test_no_key():
    """No key, no key file, two keys"""
    check([with_options("none", APIKeyFile=None),
           with_options("both", APIKey=key_text())],
          [("error", r'^account "none": APIKeyFile \(or APIKey\) is missing: make a personal API key .*'
                     r'RIGHT_USER_GATEWAYS_LIST.*RIGHT_GATEWAY_STATUS_READ'),
           ("error", r'^account "both": APIKey and APIKeyFile don\'t go together: keep one of them$')],
          dropped=("none", "both"))


def test_key_file_not_readable():
    """Key files that are missing, a directory, a FIFO, empty, two lines, a wrong text, open to others"""
    def file(name, text):
        def make(scratch, to_here):
            return with_options(name, APIKeyFile=scratch.write(name + ".key", text, secret=True))(scratch, to_here)
        return make

    def fifo(scratch, to_here):
        path = scratch.file("a-fifo")
        os.mkfifo(path)
        return with_options("fifo", APIKeyFile=path)(scratch, to_here)

    def directory(scratch, to_here):
        return with_options("directory", APIKeyFile=scratch.file("a-directory", "").rstrip("/"))(scratch, to_here)

    def open_to_others(scratch, to_here):
        path = scratch.write("open.key", key_text(), mode=0o644, secret=True)
        # The good account has this gateway already, so this one would say that it keeps out.
        return with_options("open", APIKeyFile=path, Host="other")(scratch, to_here)

    check([with_options("missing", APIKeyFile="/nonexistent/ttn.key"), directory, fifo, file("empty", " \n"),
           file("two-lines", key_text() + "\n" + key_text("admin") + "\n"), file("bearer", "Bearer " + key_text()),
           open_to_others],
          [("error", r'^account "missing": APIKeyFile "/nonexistent/ttn.key": can\'t be read: No such file'),
           ("error", r'^account "directory": APIKeyFile ".*a-directory": is a directory; name the file in it'),
           ("error", r'^account "fifo": APIKeyFile ".*a-fifo": is a FIFO; the key must be in a regular file'),
           ("error", r'^account "empty": APIKeyFile .*: is empty; put the key into it'),
           ("error", r'^account "two-lines": APIKeyFile .*: has two lines; it must hold the key alone'),
           ("error", r'^account "bearer": APIKeyFile .*: starts with "Bearer"; leave that out'),
           ("warning", r'^account "open": APIKeyFile ".*open.key" can be read by others: chmod 600 it')])


def test_key_file_not_permitted():
    """A key file that collectd's user may not read"""
    if os.geteuid() == 0:
        # Nothing is forbidden to root; a directory during the path that is none is, too.
        with Scratch() as scratch, Standin() as stack:
            path = scratch.key() + "/key"
            with Collectd(scratch, account("home", **dict(stack.options(scratch), APIKeyFile=path))) as daemon:
                daemon.wait_line("error", r'^account "home": APIKeyFile ".*/key": can\'t be read: Not a directory')
        return
    with Scratch() as scratch, Standin() as stack:
        options = stack.options(scratch)
        os.chmod(options["APIKeyFile"], 0)
        with Collectd(scratch, account("home", **options)) as daemon:
            daemon.wait_line("error", r'^account "home": APIKeyFile ".*": can\'t be read: Permission denied')


def test_key_comes_later():
    """A key file that is put there later is read without a restart"""
    with Scratch() as scratch, Standin() as stack:
        one_gateway(stack)
        options = dict(stack.options(scratch), APIKeyFile=scratch.file("late.key"))
        with Collectd(scratch, account("home", **options, Interval=0.3)) as daemon:
            daemon.wait_line("error", r'APIKeyFile ".*late.key": can\'t be read: No such file')
            daemon.wait_value("ttn_api", "home", "bool", "up", 0)
            scratch.key(name="late.key")
            daemon.wait_line("notice", r'^account "home": APIKeyFile ".*late.key" can be read now$')
            wait_for(lambda: daemon.packets("roof")[0] == 3, "counts")
            equal(len(daemon.lines("error")), 1, "errors")


def test_wrong_key():
    """Keys that the stack refuses: one error each that says why, and no value"""
    kinds = {
        "wrong-secret": r"the secret part of the key is wrong: paste all of it again",
        "deleted": r"the stack does not know this key \(it was deleted",
        "expired": r"the key has expired: make a new one",
        "not-a-key": r"the key is malformed",
        "admin-status": r'the key may not list gateways: give it the right .*RIGHT_USER_GATEWAYS_LIST',
        "user-no-status": r'the key lacks the right .*RIGHT_GATEWAY_STATUS_READ',
        "gateway": r"the key is gateway alice-gw-1's own and can't list gateways: .*add Gateway \"alice-gw-1\"",
    }
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        stack.connect("alice-gw-1")
        stack.uplink("alice-gw-1", 3)
        stack.delete_key("deleted")
        blocks = "\n".join(account(kind, **stack.options(scratch, kind), Interval=0.4)
                           for kind in kinds)
        with Collectd(scratch, blocks, extra=OTHER_PLUGIN, csv=True) as daemon:
            for kind, pattern in kinds.items():
                daemon.wait_line("error", '^account "%s": .*%s' % (kind, pattern))
            wait_for(lambda: all(len(daemon.csv("ttn_api-" + kind, "bool-up")) >= 4 for kind in kinds), "four polls each")
            others_go_on(daemon)
            for kind in kinds:
                equal(set(number for _, number in daemon.csv("ttn_api-" + kind, "bool-up")), {0.0}, kind)
                equal(len([line for line in daemon.lines("error") if line.startswith('account "%s"' % kind)]), 1, kind)
            equal([name for name in daemon.listed() if name.startswith("ttn-")], [], "values of gateways")


def test_gateway_key():
    """A gateway's own key works when the gateway is named"""
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        stack.connect("alice-gw-1")
        stack.uplink("alice-gw-1", 3)
        block = account("home", **stack.options(scratch, "gateway"), Interval=0.4, Gateway="alice-gw-1")
        with Collectd(scratch, block) as daemon:
            wait_for(lambda: daemon.packets("alice-gw-1")[0] == 3, "counts")
            daemon.wait_value("ttn_api", "home", "bool", "up", 1)
        equal(stack.count(kind="list"), 0, "lists")


def test_typo():
    """A misspelt option: a warning that names it, its account, and the nearest; the account works"""
    check([with_options("typo", 'Intervall 5', 'Hots "other"', 'Xyzzy 1', Host="other")],
          [("warning", r'^account "typo": there is no option Intervall, it is ignored; did you mean Interval\?$'),
           ("warning", r'^account "typo": there is no option Hots, it is ignored; did you mean Host\?$'),
           ("warning", r'^account "typo": there is no option Xyzzy, it is ignored$')])


def test_wrong_values():
    """Wrong values: an error that names option, value and fix; that account is left out"""
    cases = (
        ("text", ['Timeout "soon"'], r'Timeout wants a number without quotes: Timeout 45000$'),
        ("range", ["Timeout 5"], r"Timeout 5 is out of range: it can be 100 to 3600000 milliseconds$"),
        ("switch", ["VerifyPeer 1"], r"VerifyPeer wants true or false, without quotes: VerifyPeer true$"),
        ("number", ["Gateway 0123"], r"Gateway 123 must be in quotes, else collectd reads it as a number"),
        ("blank", ["Gateway my gw"], r"Gateway has 2 values where one belongs: a text must be in quotes$"),
        ("id", ['Gateway "My Roof"'], r'Gateway "My Roof" is not an id: 3 to 36 lower-case letters'),
        ("regex", ['Gateway "/("'], r'Gateway "/\(" is not a regular expression'),
        ("scheme", ['URL "eu1.cloud.thethings.network"'], r'URL "eu1.cloud.thethings.network" .*https://'),
        ("empty", ['Host ""'], r"Host is empty: give it a value or take the line out$"),
        ("shard", ['Shard "5/4"'], r'Shard "5/4" is not a shard: "2/4" is the second of four'),
        ("family", ['AddressFamily "ipx"'], r'AddressFamily "ipx" is none of any\|ipv4\|ipv6$'),
    )
    check([lambda scratch, to_here, name=name, lines=lines: account(name, *lines, APIKeyFile=to_here["APIKeyFile"])
           for name, lines, _ in cases],
          [("error", '^account "%s": %s' % (name, pattern)) for name, _, pattern in cases],
          dropped=[name for name, _, _ in cases])


def test_bad_expression():
    """An expression that can't be compiled is named, and that account is left out"""
    check([with_options("regex", Gateway="/^[lab-/")],
          [("error", r'^account "regex": Gateway "/\^\[lab-/".*'), ("error", r'^account "regex" is left out$')])


def test_misplaced():
    """Options outside of <Account>, an account without a name, two of one name"""
    check([with_options("twice", Host="other"), with_options("twice", Host="third")],
          [("warning", r'^option APIKeyFile is ignored: options belong into an <Account "name"> block$'),
           ("error", r'^an <Account> block is left out: it needs one name, in quotes'),
           ("error", r'^account "twice" is there twice, the second is left out: give it a name of its own$')],
          blocks='APIKeyFile "/nowhere"\n<Account>\nInterval 5\n</Account>\n')


def test_several_blocks():
    """All <Plugin ttn> blocks count"""
    with Scratch() as scratch, Standin() as stack:
        one_gateway(stack)
        options = stack.options(scratch)
        blocks = "%s\n</Plugin>\n<Plugin ttn>\n%s" % (account("one", **options, Interval=0.5),
                                                     account("two", **options, Interval=0.5, Host="two"))
        with Collectd(scratch, blocks) as daemon:
            for name in ("one", "two"):
                daemon.wait_value("ttn_api", name, "bool", "up", 1)
            equal({dict(labels)["instance"] for metric, labels in daemon.scrape()
                   if metric == "collectd_ttn_packets_total"}, {"testhost", "two"}, "hosts")


def test_no_account():
    """No account is left: one error; the daemon and its other plugins go on"""
    for blocks in ("", account("none")):
        with Scratch() as scratch:
            with Collectd(scratch, blocks, extra=OTHER_PLUGIN) as daemon:
                daemon.wait_line("error", r"^no account is left, nothing will be polled: .*<Account \"name\"> with "
                                          r"an APIKeyFile$")
                others_go_on(daemon)
                equal(len(daemon.lines("error")), 1 if blocks == "" else 3, "errors")


def test_inline_key():
    """APIKey in the configuration works"""
    with Scratch() as scratch, Standin() as stack:
        one_gateway(stack)
        options = dict(stack.options(scratch), APIKey=key_text())
        del options["APIKeyFile"]
        with Collectd(scratch, account("home", **options, Interval=0.5)) as daemon:
            wait_for(lambda: daemon.packets("roof")[0] == 3, "counts")
            equal(daemon.lines("warning") + daemon.lines("error"), [], "log")


run(globals())
