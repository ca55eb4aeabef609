#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ttn-check: what it shows of keys, clusters and gateways, against the stand-in's truth, and what it says when
something is wrong."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd  # noqa: E402
from paths import Scratch  # noqa: E402
from schema import SCHEMA  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, near, note, run, wait_for  # noqa: E402

STATUS = "RIGHT_GATEWAY_STATUS_READ"
LIST = "RIGHT_USER_GATEWAYS_LIST"


def check(scratch, stack, *more, kind="user", env=None):
    return command.run(command.words(stack, scratch, kind) + list(more), env=env)


def problem(ran, kind):
    """The one problem of that kind."""
    found = [one for one in ran.json()["problems"] if one["kind"] == kind]
    equal(len(found), 1, "problems of kind %s among %s" % (kind, ran.kinds()))
    return found[0]


def three(stack):
    """A gateway that is busy, one that is gone, one that never was there."""
    for gateway in ("busy", "gone", "never"):
        stack.register(gateway, name="The %s one" % gateway)
    stack.connect("busy", at=-7300)
    stack.uplink("busy", 12)
    stack.downlink("busy", 3)
    stack.tx_ack("busy", 2)
    stack.connect("gone", at=-90000)
    stack.uplink("gone", 5)
    stack.disconnect("gone", at=-60)


# What it shows.


def test_table():
    """A table in a pipe: nothing cut, no colours, states, ages and counts as they are"""
    with Scratch() as scratch, Standin() as stack:
        three(stack)
        ran = check(scratch, stack)
        equal(ran.status, 3)
        equal(ran.err, "")
        equal("\x1b" in ran.out, False, "colours")
        rows = {line.split()[0]: re.split("  +", line) for line in ran.out.splitlines() if line[:1].isalnum()}
        equal(rows["GATEWAY"], ["GATEWAY", "NAME", "CLUSTER", "STATE", "SINCE", "LAST UPLINK", "UPLINKS", "DOWNLINKS",
                                "TX ACKS"])
        equal(rows["busy"][:5], ["busy", "The busy one", "127.0.0.1", "connected", "2 hours"])
        equal(rows["busy"][6:], ["12", "3", "2"])
        matches(r"^[0-9]+ s$", rows["busy"][5])
        equal(rows["gone"][:4], ["gone", "The gone one", "127.0.0.1", "disconnected"])
        matches(r"^(6\d|7\d|8\d|9\d|11\d) s$|^2 min$", rows["gone"][4])
        equal(rows["gone"][6:], ["5", "-", "-"])
        equal(rows["never"][3:], ["disconnected", "-", "-", "-", "-", "-"])
        matches(r"\n3 gateways: 1 connected, 2 disconnected, 0 unknown\.\n", ran.out)
        matches(r"down: 2 gateways are not connected: gone, never\.\n  Fix: check their power", ran.out)


def test_all_well():
    """Status 0 and no problem when every gateway is connected"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        ran = check(scratch, stack)
        equal((ran.status, ran.err), (0, ""))
        equal("Fix" in ran.out, False)
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.json()["status"], ran.kinds()), (0, 0, []))


def fits(value, schema, where):
    """value has exactly the shape of schema."""
    if isinstance(schema, dict):
        equal(sorted(value), sorted(schema), "members of " + where)
        for name, part in schema.items():
            fits(value[name], part, where + "." + name)
    elif isinstance(schema, list):
        equal(type(value), list, where)
        for one in value:
            fits(one, schema[0], where + "[]")
    elif isinstance(schema, tuple):
        if value is not None:
            fits(value, schema[0], where)
    elif isinstance(schema, set):
        equal(value in schema, True, "%s %r" % (where, value))
    elif isinstance(schema, type):
        equal(type(value), schema, where)
    else:
        matches("^(%s)$" % schema.pattern, value)


def test_json():
    """--json has the promised shape, and the stand-in's truth"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        three(stack)
        stack.register("far", cluster=2, name='Far "away" \\ Zürich', eui="00800000C00000FF",
                       antennas=[{"location": {"latitude": 47.3769123, "longitude": -8.5, "altitude": 408}}])
        stack.connect("far", at=-100)
        stack.register("foreign", gateway_server_address="gs.example")
        ran = check(scratch, stack, "--cluster", "127.0.0.2", "--json")
        out = ran.json()
        fits(out, SCHEMA, "it")
        equal((ran.status, out["status"]), (1, 1))
        equal(out["account"], {"url": stack.url, "kind": "user", "id": "alice", "rights": [LIST, STATUS]})
        equal(out["clusters"], [
            {"host": "127.0.0.1", "url": stack.url, "state": "ok", "gateways": 3},
            {"host": "127.0.0.2", "url": "http://127.0.0.2:%d" % stack.port, "state": "ok", "gateways": 1},
            {"host": "gs.example", "url": "http://gs.example:%d" % stack.port, "state": "not_allowed", "gateways": 1}])
        rows = {row["id"]: row for row in out["gateways"]}
        equal(list(rows), ["busy", "far", "foreign", "gone", "never"])
        for gateway in ("busy", "gone"):
            row = rows[gateway]
            truth = stack.true(gateway)
            equal((row["uplink"], row["downlink"] or 0, row["tx_ack"] or 0), truth, gateway)
        equal(rows["busy"]["state"], "connected")
        equal(rows["busy"]["connected_at"][:19], stack.ledger(["busy"])["busy"]["connections"][0]["connected_at"][:19])
        equal(rows["busy"]["disconnected_at"], None)
        near(rows["busy"]["last_uplink_age"], 30, 30)
        equal(rows["gone"]["disconnected_at"][:19], stack.ledger(["gone"])["gone"]["connections"][0]["ended_at"][:19])
        equal((rows["far"]["name"], rows["far"]["eui"]), ('Far "away" \\ Zürich', "00800000C00000FF"))
        equal((rows["far"]["cluster"], rows["far"]["uplink"]), ("127.0.0.2", None))
        equal([rows["far"][name] for name in ("latitude", "longitude", "altitude")], [47.376912, -8.5, 408])
        equal([rows["busy"][name] for name in ("latitude", "longitude", "altitude")], [None] * 3)
        equal({name: rows["foreign"][name] for name in ("state", "cluster", "registered_cluster", "address", "uplink")},
              {"state": "unknown", "cluster": None, "registered_cluster": None, "address": "gs.example", "uplink": None})
        equal({name: rows["never"][name] for name in ("state", "disconnected_at", "last_uplink_age", "tx_ack")},
              {"state": "disconnected", "disconnected_at": None, "last_uplink_age": None, "tx_ack": None})
        equal(ran.kinds(), [("error", "cluster"), ("down", "disconnected")])


def test_same_as_the_plugin():
    """Names that are anything: JSON has them whole"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof", name="日本語 \u202eabc\x07 e\u0301 🛰")
        stack.connect("roof")
        row = check(scratch, stack, "--json").json()["gateways"][0]
        equal(row["name"], "日本語 \u202eabc? e\u0301 🛰")
        line = [line for line in check(scratch, stack).out.splitlines() if line.startswith("roof")][0]
        matches("日本語 [?]abc[?] e\u0301 🛰  127", line)


# Keys.

LIST_RIGHT = '"list gateways the user is a collaborator of" \\(RIGHT_USER_GATEWAYS_LIST\\)'
STATUS_RIGHT = '"view gateway status" \\(RIGHT_GATEWAY_STATUS_READ\\)'
# kind: (status, whose it is, what is wrong, the fix)
KEYS = {
    "user": (0, "user alice", None, None),
    "user-all": (0, "user alice", None, None),
    "user-no-list": (0, "user alice", None, None),
    "admin-status": (1, "user admin", "may not list gateways", LIST_RIGHT + ", or name the gateways with --gateway"),
    "user-no-status": (1, "user alice", "lacks the right " + STATUS_RIGHT, "add it to the key in the Console"),
    "user-without-gateways": (1, "user bob", "owner has no gateways", "register one in the Console"),
    "organization": (0, "organization town", None, None),
    "organization-no-list": (0, "organization town", None, None),
    "gateway": (0, "gateway alice-gw-1", None, None),
    "gateway-no-status": (1, "gateway alice-gw-1", "lacks the right " + STATUS_RIGHT, "add it to the key"),
    "expired": (1, None, "the key has expired", "make a new one"),
    "deleted": (1, None, r"does not know this key \(it was deleted, or belongs to another stack or tenant\)",
                "make a new one, or set --url to the stack that made it"),
    "wrong-secret": (1, None, "secret part of the key is wrong", "paste all of it again"),
    "two-parts": (1, None, "the key is malformed", "with two dots"),
    "not-a-key": (1, None, "the key is malformed", "with two dots"),
}


def test_keys():
    """Each kind of key: whose it is, which right is missing, the fix; the status with it"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("alice-gw-1")
        stack.register("town-gw-1", owner="organization:town")
        for gateway in ("alice-gw-1", "town-gw-1"):
            stack.connect(gateway)
            stack.uplink(gateway, 4)
        for kind, (status, whose, what, fix) in KEYS.items():
            note(kind)
            ran = check(scratch, stack, "--json", kind=kind)
            out = ran.json()
            fits(out, SCHEMA, kind)
            equal(ran.status, status, kind)
            account = out["account"]
            equal(whose, account["kind"] and "%s %s" % (account["kind"], account["id"]), kind)
            errors = [one for one in out["problems"] if one["severity"] == "error"]
            equal(len(errors), 0 if what is None else 1, "%s: %s" % (kind, errors))
            if what is not None:
                matches(what, errors[0]["message"])
                matches(fix, errors[0]["fix"])
            if status == 0:
                equal({row["uplink"] for row in out["gateways"]}, {4}, kind)
            text = check(scratch, stack, kind=kind)
            equal(text.status, status, kind)
            if whose:
                matches("The key is %s's, at %s" % (whose, stack.url), text.out)
            if what:
                matches(what, text.out)


def test_rights_besides():
    """A key with too many rights is noted, and works"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        ran = check(scratch, stack, "--json", kind="user-info")
        equal((ran.status, ran.kinds()), (0, [("note", "rights")]))
        matches("has 2 rights more than needed", problem(ran, "rights")["message"])


def test_traffic_right():
    """What the right to see traffic would show is said where the key is, of a key that works and lacks it; no problem"""
    hint = (r'(?s)^The key is .*\.\nIf you give the key the right "read gateway traffic" \(RIGHT_GATEWAY_TRAFFIC_READ; '
            r"Console: API keys\) and set Traffic true, collectd also gets data rates, RSSI, SNR and why downlinks "
            r"fail\.\n\nGATEWAY")
    with Scratch() as scratch, Standin() as stack:
        stack.register("alice-gw-1")
        stack.connect("alice-gw-1")
        for kind in ("user", "gateway"):
            ran = check(scratch, stack, kind=kind)
            equal(ran.status, 0)
            matches(hint, ran.out)
        for kind in ("user-traffic", "user-no-status", "expired"):
            equal("Traffic true" in check(scratch, stack, kind=kind).out, False, kind)
        ran = check(scratch, stack, "--json", kind="user-traffic")
        equal((ran.status, ran.kinds()), (0, []))


def test_scope():
    """All of a stack: an admin's key with one right is what it needs; others are refused, with what to do"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(2, [1], "idle") + stack.fleet(1, [1], "idle", owner="bob", prefix="bob")
        ran = check(scratch, stack, "--json", "-o", "Scope=all", kind="admin-status")
        equal((ran.status, ran.kinds()), (0, []))
        equal([one["id"] for one in ran.json()["gateways"]], sorted(ids))
        matches('    Scope "all"\n', ran.json()["collectd_conf"])
        ran = check(scratch, stack, "--json", "-o", "Scope=all", kind="admin-list-status")
        equal((ran.status, ran.kinds()), (0, [("note", "rights")]))
        matches("has 1 right more than needed", problem(ran, "rights")["message"])
        matches('make one with only the right "view gateway status"', problem(ran, "rights")["fix"])
        # Traffic needs one more.
        for kind, more, wanted in (
                ("admin-traffic", [], "only the right \"view gateway status\""),
                ("admin-traffic", ["-o", "Traffic=true"],
                 'only the rights "view gateway status" and "read gateway traffic"')):
            ran = check(scratch, stack, "--json", "-o", "Scope=all", *more, kind=kind)
            matches("has %d right" % (1 if more else 2), problem(ran, "rights")["message"])
            matches(wanted, problem(ran, "rights")["fix"])
        for kind, scope, message, fix in (
                ("user", "all", 'the key is not an admin\'s, and Scope "all" needs one$',
                 "^let an admin .* make a personal key"),
                ("admin-list", "all", "the key lacks the right", "add it to the key"),
                ("admin-status", "mine", "the key may not list gateways$",
                 'give it the right .*, or report all gateways of the stack with Scope "all"')):
            ran = check(scratch, stack, "--json", "-o", "Scope=" + scope, kind=kind)
            equal((ran.status, ran.kinds()), (1, [("error", "key")]), kind)
            matches(message, problem(ran, "key")["message"])
            matches(fix, problem(ran, "key")["fix"])


def test_key_not_heard():
    """A proxy that takes the Authorization header away"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        for kind in ("list", "auth_info"):
            stack.fault({"status": 200, "body": "{}", "headers": {"X-Total-Count": None}}, {"kind": kind})
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.json()["account"]["kind"], ran.json()["account"]["rights"]), (1, None, None))
        matches("the key did not reach the stack", problem(ran, "key")["message"])


def test_suspended():
    """The stack's own warning is passed on"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        stack.user("alice", "suspended")
        ran = check(scratch, stack, "--json")
        equal(ran.status, 1)
        one = problem(ran, "key")
        matches(r"no rights at all \(its account is suspended", one["message"])
        matches("^ask the operator about the account", one["fix"])


def test_organization():
    """--organization picks one; one that the key may not list is named"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("mine")
        stack.register("ours", owner="organization:town")
        for gateway in ("mine", "ours"):
            stack.connect(gateway)
        ran = check(scratch, stack, "--organization", "town", "--json", kind="organization")
        equal([row["id"] for row in ran.json()["gateways"]], ["ours"])
        matches('\n    Organization "town"\n', ran.json()["collectd_conf"])
        ran = check(scratch, stack, "--organization", "town", "--organization", "village", "--json",
                    kind="organization")
        equal((ran.status, ran.kinds()), (1, [("error", "key")]))
        matches("may not list gateways of organization village", problem(ran, "key")["message"])
        equal([row["id"] for row in ran.json()["gateways"]], ["ours"])
        ran = check(scratch, stack, "--organization", "hamlet", "--organization", "village", "--json",
                    kind="organization")
        equal((ran.status, ran.kinds()), (1, [("error", "key")] * 2))
        for one, name in zip(ran.json()["problems"], ("hamlet", "village")):
            matches("may not list gateways of organization %s$" % name, one["message"])
            matches("check that the id is right", one["fix"])


# Clusters.


def test_unnamed_cluster():
    """A cluster that needs a Cluster line: named, the line offered as a comment, and it works"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        ids = stack.fleet(4, [1, 2])
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "cluster")]))
        equal(stack.count(cluster=2), 0, "requests to the untrusted host")
        one = problem(ran, "cluster")
        matches("2 gateways are unknown, because 127.0.0.2 may not have the key: %s, %s" % (ids[1], ids[3]),
                one["message"])
        url = re.search(r"--cluster (\S+),", one["fix"]).group(1)
        equal(url, "http://127.0.0.2:%d" % stack.port)
        matches('\n    # Cluster "%s" ' % url, ran.json()["collectd_conf"])
        ran = check(scratch, stack, "--cluster", url, "--json")
        equal((ran.status, ran.kinds()), (0, []))
        matches('\n    Cluster "%s"\n' % url, ran.json()["collectd_conf"])


def test_connected_elsewhere():
    """Registered at one cluster, connected to another: shown where it is, noted, and no problem"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.register("stray", cluster=1)
        stack.connect("stray", cluster=2)
        stack.uplink("stray", 7, cluster=2)
        ran = check(scratch, stack, "--cluster", "127.0.0.2", "--json")
        equal((ran.status, ran.kinds()), (0, [("note", "elsewhere")]))
        row = ran.json()["gateways"][0]
        equal((row["registered_cluster"], row["cluster"], row["uplink"]), ("127.0.0.1", "127.0.0.2", 7))
        matches("gateway stray is registered at 127.0.0.1 but connected at 127.0.0.2",
                problem(ran, "elsewhere")["message"])


def test_named_one_by_one():
    """Gateways that are named are not looked up in the list: no list right is needed, and other clusters not known"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.fleet(2, [1, 2])
        named = ["--gateway", "gw-00001", "--gateway", "gw-00002", "--json"]
        ran = check(scratch, stack, *named, kind="user-no-list")
        equal((ran.status, ran.kinds()), (3, [("down", "disconnected")]))
        matches("name that with --cluster", problem(ran, "disconnected")["fix"])
        ran = check(scratch, stack, "--cluster", "127.0.0.2", *named, kind="user-no-list")
        equal((ran.status, ran.kinds()), (0, []))


def test_no_identity_server():
    """--url leads to a cluster that has no list"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.fleet(1)
        ran = command.run(["--key-file", scratch.key(), "--url", "http://127.0.0.2:%d" % stack.port, "--json"])
        equal((ran.status, ran.kinds()), (1, [("error", "list")]))
        matches("^http://127.0.0.2:%d has no list of gateways: answered 404" % stack.port,
                problem(ran, "list")["message"])
        matches("check that --url is the cluster with the Identity Server", problem(ran, "list")["fix"])


def test_a_dead_cluster():
    """One cluster is down: its gateways are unknown, the others are shown"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.fleet(4, [1, 2])
        stack.refuse(2)
        ran = check(scratch, stack, "--cluster", "127.0.0.2", "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "connect")]))
        equal([row["state"] for row in ran.json()["gateways"]], ["connected", "unknown"] * 2)
        equal([one["state"] for one in ran.json()["clusters"]], ["ok", "failed"])
        matches("^http://127.0.0.2:%d: could not connect" % stack.port, problem(ran, "connect")["message"])


def test_addresses():
    """A gateway server address that is no host"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("typo", gateway_server_address="eu1 cloud")
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "address")]))
        matches("correct it in the Console", problem(ran, "address")["fix"])


def test_refused():
    """A gateway of somebody else's without the status right"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(5)
        stack.collaborator(ids[2], "alice", ["RIGHT_GATEWAY_INFO"])
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "refused")]))
        matches("1 gateway is unknown, because this key may not read them: %s$" % ids[2], problem(ran, "refused")["message"])
        equal([row["state"] for row in ran.json()["gateways"]].count("connected"), 4)


# The stack and the network.


def test_rate_limit():
    """What the limit leaves unknown is said to be that"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(250, pattern="idle")
        stack.cluster(1, limits={"batch": {"rate": 1, "burst": 1}})
        ran = check(scratch, stack, "--timeout", "20", "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "rate_limit")]))
        matches("because of the rate limit of 127.0.0.1 some gateways are unknown", problem(ran, "rate_limit")["message"])
        states = [row["state"] for row in ran.json()["gateways"]]
        equal((states.count("connected"), states.count("unknown")), (100, 150))


def test_list_limit():
    """A limit that leaves no room for the list: the fix is the limit's"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2500, pattern="idle")
        stack.cluster(1, limits={"list": {"rate": 1, "burst": 1}})
        ran = check(scratch, stack, "--timeout", "5", "--json")
        equal(ran.status, 1)
        matches("^%s has no list of gateways: the rate limit leaves no room for it$" % stack.url,
                problem(ran, "list")["message"])
        matches("^raise DiscoveryInterval, or ask the operator for a higher limit$", problem(ran, "list")["fix"])


def test_clock():
    """A clock that is off against the stack's, ahead and behind; ages are right all the same"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        for seconds, words in ((600, "10 min behind"), (-1200, "10 min ahead of")):
            stack.advance(seconds)
            stack.connect("roof", at=-7300)
            ran = check(scratch, stack, "--json")
            equal((ran.status, ran.kinds()), (1, [("error", "clock")]))
            matches("clock is %s the stack's" % words.replace("10 min", "(9|10) min"), problem(ran, "clock")["message"])
            matches("connected +2 hours ", check(scratch, stack).out)


def test_no_api_there():
    """A web server that is no stack, a list that fails, statistics that fail"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2)
        rule = stack.fault({"status": 404, "body": "<html>no</html>", "headers": {"Content-Type": "text/html"}})
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.json()["gateways"]), (1, None))
        matches("answered 404 without JSON", str(ran.json()["problems"]))
        stack.unfault(rule)
        rule = stack.fault({"status": 503}, {"kind": "list"})
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "list")]))
        stack.unfault(rule)
        stack.fault({"status": 503}, {"kind": "batch"})
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "http")]))
        equal([row["state"] for row in ran.json()["gateways"]], ["unknown"] * 2)


def test_unbelievable():
    """An entry that says the impossible"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(3)
        stack.fault({"transform": [["set", ids[1], "uplink_count", '"-1"']]}, {"kind": "batch"})
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "answer")]))
        matches("of 1 gateway, first %s: uplink_count" % ids[1], problem(ran, "answer")["message"])


def test_nothing_chosen():
    """--gateway that fits nothing, and one that does"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(3)
        ran = check(scratch, stack, "--gateway", "/^x/", "--json")
        equal((ran.status, ran.kinds()), (1, [("error", "none")]))
        ran = check(scratch, stack, "--gateway", "/1$/", "--gateway", ids[2], "--json")
        equal([row["id"] for row in ran.json()["gateways"]], [ids[0], ids[2]])
        equal(ran.status, 0)


def test_tls():
    """A CA of one's own, a certificate that nobody trusts, --insecure with its warning"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(2)
        options = stack.options(scratch)
        ran = check(scratch, stack, "--json")
        equal((ran.status, ran.err), (0, ""))
        matches('\n    CACert "/', ran.json()["collectd_conf"])
        plain = ["--key-file", options["APIKeyFile"], "--url", options["URL"], "--json"]
        ran = command.run(plain)
        equal((ran.status, ran.kinds()), (1, [("error", "tls")]))
        matches("^if its CA is your own, name it with --cacert$", problem(ran, "tls")["fix"])
        ran = command.run(plain + ["--insecure"])
        equal(ran.status, 0)
        matches("^ttn-check: warning: VerifyPeer false: anybody between", ran.err)
        matches("\n    VerifyPeer false\n    VerifyHost false\n", ran.json()["collectd_conf"])


# collectd.conf.


def test_options_of_the_plugin():
    """-o: what the command sets itself goes to the block alone, without a word; the rest works here, too"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        ran = check(scratch, stack, "--json", "-o", "MetaData=false", "-o", "interval=120", "-o", "CollectAges=false",
                    "-o", 'Host=a "b" \\', "-o", "Timeout=9000")
        equal((ran.status, ran.err), (0, ""))
        row = ran.json()["gateways"][0]
        equal((row["name"], row["last_uplink_age"]), ("gw-00001", None))
        matches(r'\n    MetaData false\n    Interval 120\n    CollectAges false\n    Host "a \\"b\\" \\\\"\n    '
                r"Timeout 9000\n", ran.json()["collectd_conf"])
        ran = check(scratch, stack, "--json", "--timeout", "20")
        equal("Timeout" in ran.json()["collectd_conf"], False, "--timeout in the block")


def test_header():
    """The value of a Header is sent, and not shown"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        for more in ([], ["--json"]):
            ran = check(scratch, stack, "-o", "Header=X-Door: sesame", *more)
            equal((ran.status, "sesame" in ran.out), (0, False))
        matches('\n    Header "X-Door: …"   # put its value in\n', ran.json()["collectd_conf"])


def test_paths():
    """A file that is named from here is named as a whole to collectd, which runs elsewhere; not StateFile"""
    with Scratch() as scratch, Standin() as stack:
        scratch.write("proxy.user", "mole:burrow7\n", secret=True)
        ran = command.run(command.words(stack, scratch) + ["--json", "--cacert", "ca", "-o", "ProxyUserFile=proxy.user",
                                                           "-o", "StateFile=ttn.state", "-o", "ClientCert=a.pem",
                                                           "-o", "ClientKey=/b.pem"], cwd=scratch.path)
        equal(ran.err, "")
        matches('\n    CACert "{0}/ca"\n    ProxyUserFile "{0}/proxy.user"\n    StateFile "ttn.state"\n'
                '    ClientCert "{0}/a.pem"\n    ClientKey "/b.pem"\n'.format(scratch.path), ran.json()["collectd_conf"])


def test_slow_stack():
    """--watch and Interval do not shorten what a poll may take, and a longer one is no problem"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        stack.fault({"delay": 1.3}, {"kind": "batch"})
        for more in (["--watch=1"], ["--watch=1", "--timeout=10"], ["-o", "Interval=1", "--timeout=10"]):
            with open(scratch.file("out"), "w+b") as out:
                process = command.start(command.words(stack, scratch) + ["--json"] + more, stdout=out)
                try:
                    wait_for(lambda: b'"problems"' in command.read(out), "a look", 30)
                finally:
                    process.kill()
                    process.wait()
                    equal(process.stderr.read(), b"", more)
                    process.stderr.close()
                matches(b'"state": ?"connected"', command.read(out))


def conf_works(scratch, stack, ran, ids):
    """The block, put into a real collectd's configuration, reports these gateways."""
    found = re.fullmatch(r"LoadPlugin ttn\n<Plugin ttn>\n(.*)</Plugin>\n", ran.json()["collectd_conf"], re.DOTALL)
    with Collectd(scratch, found.group(1)) as daemon:
        for gateway in ids:
            daemon.wait_value("ttn", gateway, "bool", "connected", 1)
        daemon.stop()


def test_conf():
    """The block that it prints is taken by collectd as it is: clusters, a gateway's own key"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.register("alice-gw-1")
        stack.register("far-gw", cluster=2)
        for gateway in ("alice-gw-1", "far-gw"):
            stack.connect(gateway)
        ran = check(scratch, stack, "--cluster", "127.0.0.2", "--gateway", "/^(alice-gw-\\d|alice.*|far)/", "--json",
                    "-o", "CollectAges=false", "-o", "MaxConnections=2")
        equal(ran.status, 0)
        conf_works(scratch, stack, ran, ["alice-gw-1", "far-gw"])
        ran = check(scratch, stack, "--json", kind="gateway")
        matches('\n    Gateway "alice-gw-1"\n', ran.json()["collectd_conf"])
        conf_works(scratch, stack, ran, ["alice-gw-1"])


def test_conf_of_a_shell():
    """The key from the environment, a proxy of the environment: the block says what is still to be done"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(1)
        options = stack.options(scratch)
        ran = command.run(["--url", options["URL"], "--cacert", options["CACert"], "--json"],
                          env={"TTN_API_KEY": paths.keys.text_of("user"), "https_proxy": "http://u:secret@127.0.0.1:1",
                               "no_proxy": "127.0.0.1"})
        equal(ran.status, 0)
        conf = ran.json()["collectd_conf"]
        matches('\n    APIKeyFile "/etc/collectd/ttn-home.key"\n', conf)
        matches(r"\n    # Proxy .*\$https_proxy", conf)
        equal("secret" in ran.out, False, "the proxy's password is shown")


run(globals())
