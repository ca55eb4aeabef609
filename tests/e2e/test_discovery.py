# SPDX-License-Identifier: MIT
"""Which gateways there are: pages, a list that changes or lies, selection, organizations, shards,
and hosts that may not have the key."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import tap  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, churn  # noqa: E402

SOON = {"Interval": 10, "DiscoveryInterval": 10}


def gateways(poll):
    return sorted({key[1] for key in poll.values if key[0] == "ttn"})


def lists(stack):
    n = stack.count(kind="list")
    stack.reset_asked()
    return n


def test_gateways_come_and_go():
    """Picked up and dropped at discovery, and not before"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(3, [1], "full")
        with Drive(scratch, DiscoveryInterval=100, Interval=10, **stack.options(scratch)) as drive:
            tap.equal(gateways(drive.poll()), sorted(ids))
            stack.register("new-gw")
            stack.connect("new-gw")
            stack.unregister(ids[0])
            drive.later(50)
            poll = drive.poll()
            tap.equal(poll.api("count", "gateways"), 3, "before discovery")
            drive.later(50)
            poll = drive.poll()
            tap.equal(gateways(poll), sorted(ids[1:] + ["new-gw"]))
            tap.matches("3 gateways to report: 1 new, 1 no longer listed", str(poll.log))


def test_pages():
    """3,500 gateways: 4 pages, none twice"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3500, [1], "idle")
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(lists(stack), 4)
            tap.equal(poll.api("count", "connected"), 3500)


def test_a_failed_discovery_keeps_the_list():
    """503, HTML and a cut list: one line each at start and end, no gateway lost"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(5, [1], "full")
        with Drive(scratch, **SOON, **stack.options(scratch)) as drive:
            drive.poll()
            for action in ({"status": 503}, {"transform": [["html", 502]]}, {"close": 100}):
                rule = stack.fault(action, {"kind": "list"})
                drive.later(10)
                poll = drive.poll()
                tap.equal(poll.api("count", "connected"), 5, action)
                tap.equal(len(poll.log), 1, "lines: %s" % poll.log)
                drive.later(10)
                tap.equal(drive.poll().log, [], "during trouble")
                stack.unfault(rule)
                drive.later(10)
                tap.equal(len(drive.poll().log), 1, "at the end")


def test_totals_that_lie():
    """Too small, too large, negative, text, none: bounded, and no gateway is dropped"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(1200, [1], "idle")
        with Drive(scratch, **SOON, **stack.options(scratch)) as drive:
            drive.poll()
            stack.unregister(ids[-1])
            for total in ("1", "999999999", "-5", "many", "99999999999999999999"):
                rule = stack.fault({"transform": [["total", total]]}, {"kind": "list"})
                lists(stack)
                drive.later(10)
                poll = drive.poll()
                tap.equal(poll.api("count", "gateways"), 1200, "total %s" % total)
                tap.at_most(lists(stack), 34, "pages with total %s" % total)
                stack.unfault(rule)


def test_a_page_that_repeats_for_ever():
    """Ends, and adds each gateway once"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1000, [1], "idle")
        page = json.dumps({"gateways": [{"ids": {"gateway_id": "gw-%05d" % n}} for n in range(1, 1001)]})
        stack.fault({"status": 200, "headers": {"X-Total-Count": None}, "body": page}, {"kind": "list"})
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(poll.api("count", "gateways"), 1000)
            tap.at_most(lists(stack), 4, "pages")


def test_a_list_that_lacks_one():
    """A gateway that is missing in a page that is shorter than it should be is kept; in a whole list it is gone"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(1500, [1], "idle")
        with Drive(scratch, **SOON, **stack.options(scratch)) as drive:
            drive.poll()
            rule = stack.fault({"transform": [["drop", ids[3]]]}, {"kind": "list"}, times=1)
            drive.later(10)
            tap.equal(drive.poll().api("count", "gateways"), 1500, "lacking in a page")
            stack.unfault(rule)
            stack.unregister(ids[3])
            drive.later(10)
            tap.equal(drive.poll().api("count", "gateways"), 1499, "lacking in the list")


def test_a_list_that_changes_while_it_is_read():
    """Gateways come and go with each page: no other one is lost, in no list, and none comes twice"""
    for n, most in ((1, 5), (9, 5), (40, 20)):
        with Scratch() as scratch, Standin() as stack:
            ids = set(stack.fleet(4500, [1], "idle"))
            stack.at_pages(churn(100, n))
            with Drive(scratch, **SOON, **stack.options(scratch)) as drive:
                for number in range(4):
                    tap.equal(sorted(ids - set(gateways(drive.poll()))), [], "lost in list %d, with %d" % (number, n))
                    tap.at_most(lists(stack), most, "pages with %d" % n)
                    drive.later(10)
                stack.at_pages([])
                tap.equal(drive.poll().api("count", "gateways"), 4500 + n, "at the end")


def test_hostile_lists():
    """An id of 10 KB, ids with slashes and capitals, one twice"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(2, [1], "full")
        body = ('{"gateways":[{"ids":{"gateway_id":"%s"}},{"ids":{"gateway_id":"../x"}},'
                '{"ids":{"gateway_id":"UPPER-gw"}},{"ids":{"gateway_id":"%s"}},'
                '{"ids":{"gateway_id":"%s"}},{"ids":{"gateway_id":"%s"}}]}'
                % ("a" * 10240, ids[0], ids[0], ids[1]))
        stack.fault({"status": 200, "headers": {"X-Total-Count": "6"}, "body": body}, {"kind": "list"})
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(gateways(poll), ids)
            tap.equal(poll.api("count", "gateways"), 2)


def test_selection():
    """Gateway exact and /regex/, IgnoreSelected, and an expression that is none"""
    with Scratch() as scratch, Standin() as stack:
        for name in ("roof", "lab-one", "lab-two", "cellar"):
            stack.register(name)
            stack.connect(name)
        for lines, ignore, expected, n_lists in (
                (["roof", "cellar"], False, ["cellar", "roof"], 0),
                (["/^lab-/"], False, ["lab-one", "lab-two"], 1),
                (["/^lab-/", "roof"], False, ["lab-one", "lab-two", "roof"], 1),
                (["/^lab-(one|x)$/"], True, ["cellar", "lab-two", "roof"], 1),
                (["roof"], True, ["cellar", "lab-one", "lab-two"], 1)):
            lists(stack)
            with Drive(scratch, Gateway=lines, IgnoreSelected=str(ignore).lower(),
                       **stack.options(scratch)) as drive:
                tap.equal(gateways(drive.poll()), expected, lines)
                tap.equal(lists(stack), n_lists, "lists for %s" % lines)


def test_organizations():
    """Organization lines take their gateways, and just these"""
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        with Drive(scratch, Organization="town", Cluster="localhost",
                   **stack.options(scratch, "organization")) as drive:
            poll = drive.poll()
            tap.equal(gateways(poll), ["town-gw-1"])


def test_a_refused_organization_alone():
    """An Organization line that the key may not list is named, once; when all are, nothing is known"""
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        with Drive(scratch, Organization=["nowhere", "town"], Cluster="localhost", DiscoveryInterval=0,
                   **stack.options(scratch, "organization")) as drive:
            poll = drive.poll()
            tap.equal(gateways(poll), ["town-gw-1"])
            tap.equal(poll.api("bool", "up"), 0)
            errors = [text for level, text in poll.log if level == "error"]
            tap.equal(len(errors), 1, errors)
            tap.matches(r'Organization "nowhere": the key has no rights on this Organization', errors[0])
            tap.equal(drive.poll().log, [])
        with Drive(scratch, Organization=["nowhere", "elsewhere"], Cluster="localhost",
                   **stack.options(scratch, "organization")) as drive:
            poll = drive.poll()
            tap.equal(gateways(poll), [])
            tap.equal(poll.api("count", "gateways"), None)
            tap.equal(len([text for level, text in poll.log if level == "error"]), 3, poll.log)
            tap.equal(drive.poll().log, [])


def test_a_refused_organization_comes_back():
    """Once the key may list an Organization again, its gateways are there, and that is said"""
    rights = ["RIGHT_ORGANIZATION_GATEWAYS_LIST", "RIGHT_GATEWAY_STATUS_READ"]
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        with Drive(scratch, Organization=["other", "town"], Cluster="localhost", DiscoveryInterval=0,
                   **stack.options(scratch, "user")) as drive:
            stack.key("user", rights=rights)
            stack.member("town", "alice", rights)
            tap.equal(gateways(drive.poll()), ["town-gw-1"])
            stack.member("other", "alice", rights)
            stack.register("other-gw", owner="organization:other", gateway_server_address="localhost")
            stack.connect("other-gw")
            poll = drive.poll()
            tap.equal(gateways(poll), ["other-gw", "town-gw-1"])
            tap.equal(poll.api("bool", "up"), 1)
            tap.matches(r'Organization "other": the key may list it again', str(poll.log))
            # Refused again: what is known of its gateways is not taken back.
            stack.member("other", "alice", rights[1:])
            for _ in range(3):
                poll = drive.poll()
                tap.equal(gateways(poll), ["other-gw", "town-gw-1"])
                tap.equal(poll.api("bool", "up"), 0)


def test_shards_take_each_gateway_once():
    """4 shards together have all of 400 gateways, each once"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(400, [1], "idle")
        seen = []
        for shard in range(1, 5):
            with Drive(scratch, Shard='"%d/4"' % shard, **stack.options(scratch)) as drive:
                part = gateways(drive.poll())
                tap.at_most(abs(len(part) - 100), 40, "size of shard %d away from 100" % shard)
                seen += part
        tap.equal(sorted(seen), sorted(ids))


def test_no_key_for_untrusted_hosts():
    """Addresses of hosts that may not have it: nothing is sent there, the own host is asked, one line each, bounded"""
    addresses = ["127.0.0.2", "https://127.0.0.2:443", "user@127.0.0.2", "127.0.0.2/x", "localhost",
                 "127.0.0.2\n", "127.0.0.1@127.0.0.2", "[::1]:1700", "169.254.0.1", "127.0.0.2:99999",
                 "127.0.0.1.evil.example", "еu1.cloud.thethings.network"]
    with Scratch() as scratch, Standin(clusters=2) as stack:
        for number, address in enumerate(addresses):
            stack.register("gw-%02d" % number, gateway_server_address=address)
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(stack.count(cluster=2), 0, "requests to the untrusted host")
            tap.equal(stack.count(cluster=1, kind="batch"), 1)
            tap.equal(poll.api("count", "unknown"), len(addresses))
            tap.equal(poll.api("bool", "up"), 1)
            lines = [text for level, text in poll.log if level == "warning"]
            tap.matches(r'Cluster "http://127\.0\.0\.2:%d"' % stack.port, str(lines))
            tap.at_most(len(lines), 16, "lines")
            tap.equal(drive.poll().log, [])


def test_many_untrusted_hosts():
    """A list full of foreign hosts takes bounded memory and log"""
    with Scratch() as scratch, Standin() as stack:
        for number in range(300):
            stack.register("gw-%03d" % number, gateway_server_address="h%d.example" % number)
        stack.register("mine")
        stack.connect("mine")
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(gateways(poll), ["mine"])
            tap.at_most(len(poll.log), 18, "lines")


if __name__ == "__main__":
    tap.run(globals())
