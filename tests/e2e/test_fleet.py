# SPDX-License-Identifier: MIT
"""A fleet over several clusters: how many requests a poll costs, who is asked where, and that one
cluster's trouble is not another's. Request counts are exact."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import tap  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402

CLUSTERS = {"Cluster": ["127.0.0.2", "127.0.0.3"]}


def asked(stack):
    """{(cluster, kind): requests} since the last call."""
    out = {}
    for row in stack.asked()["requests"]:
        at = row["cluster"], row["kind"]
        out[at] = out.get(at, 0) + row["n"]
    stack.reset_asked()
    return out


def batches(n):
    return (n + 99) // 100


def test_requests_of_the_first_second_and_tenth_poll():
    """2,500 gateways over 3 clusters, 7 refused, 3 at the wrong cluster"""
    with Scratch() as scratch, Standin(scratch, clusters=3) as stack:
        ids = stack.fleet(2500, [1, 2, 3], "full")
        homes = [ids[cluster::3] for cluster in range(3)]
        refused = {0: [3, 250, 251], 1: [0, 832], 2: [99, 500]}
        for cluster, positions in refused.items():
            for position in positions:
                stack.collaborator(homes[cluster][position], "alice", ["RIGHT_GATEWAY_INFO"])
        strays = [homes[0][7], homes[1][7], homes[2][7]]
        for gateway, cluster in zip(strays, (2, 3, 1)):
            stack.forget(gateway)
            stack.connect(gateway, cluster=cluster)
            stack.uplink(gateway, 4, cluster=cluster)
        with Drive(scratch, **stack.options(scratch), **CLUSTERS) as drive:
            asked(stack)
            first = drive.poll()
            expected = {(1, "list"): 3, (1, "auth_info"): 1}
            for cluster, positions in refused.items():
                n = len(homes[cluster])
                expected[cluster + 1, "batch"] = batches(n) + 2  # a stray of each of the other two clusters
                expected[cluster + 1, "get"] = sum(min(100, n - p // 100 * 100) for p in
                                                   {p // 100 * 100 for p in positions})
            tap.equal(asked(stack), expected, "first poll")
            tap.equal(first.api("count", "connected"), 2493)
            tap.equal(first.api("count", "unknown"), 7)
            tap.equal(first.api("bool", "up"), 1)
            steady = {(cluster + 1, "batch"): batches(len(homes[cluster])) for cluster in range(3)}
            for number in range(2, 11):
                poll = drive.poll()
                seen = asked(stack)
                if number in (2, 10):
                    tap.equal(seen, steady, "poll %d" % number)
                    tap.equal(poll.log, [], "log of poll %d" % number)
            for gateway in strays:
                tap.equal(poll.packets(gateway)[0], 4, gateway)
            lines = [text for _, text in first.log if "3 gateways are connected at another host than" in text]
            tap.equal(len(lines), 1, "lines about strays")
            lines = [text for _, text in first.log if "refused to this key" in text]
            tap.equal(len(lines), 1, "lines about refusals")
            tap.matches("7 gateways are refused", lines[0])
            tls = stack.asked()["tls"]
            tap.equal({int(c): row["connections"] for c, row in tls.items()}, {1: 0, 2: 0, 3: 0},
                      "new connections since the first poll")


def test_five_requests_for_500():
    """500 gateways: 5 requests and 1 connection a poll, over HTTP/2"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(500, [1], "full")
        with Drive(scratch, **stack.options(scratch)) as drive:
            drive.poll()
            tls = stack.asked()["tls"]["1"] if "1" in stack.asked()["tls"] else stack.asked()["tls"][1]
            tap.equal((tls["connections"], tls["alpn"]), (1, {"h2": 6}), "first poll: 1 list and 5 batches")
            asked(stack)
            poll = drive.poll()
            tap.equal(asked(stack), {(1, "batch"): 5})
            tap.equal(poll.api("count", "connected"), 500)


def test_refused_gateways_get_their_chance_at_discovery():
    """A refused gateway is tried at each discovery and comes back"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(20, [1], "full")
        stack.collaborator(ids[4], "alice", ["RIGHT_GATEWAY_INFO"])
        with Drive(scratch, DiscoveryInterval=10, Interval=10, **stack.options(scratch)) as drive:
            first = drive.poll()
            tap.equal(first.api("count", "unknown"), 1)
            asked(stack)
            drive.poll()
            tap.equal(asked(stack), {(1, "batch"): 1}, "second poll")
            drive.later(11)
            again = drive.poll()
            tap.equal(asked(stack), {(1, "list"): 1, (1, "batch"): 1, (1, "get"): 1}, "at discovery")
            tap.equal(again.log, [], "log when it is still refused")
            stack.collaborator(ids[4], "alice", "all")
            drive.later(11)
            back = drive.poll()
            tap.equal(back.api("count", "unknown"), 0)
            tap.matches("1 gateway is no longer refused: %s$" % ids[4], back.log[0][1])


def test_many_refused_and_some_public_under_a_tight_limit():
    """400 gateways of which 280 are refused and 20 public, 60 calls a minute: all others are reported in each poll"""
    with Scratch() as scratch, Standin() as stack:
        ids = stack.fleet(400, [1], "full")
        public = set(ids[5::20])
        refused = set(ids) - set(ids[0::4]) - public
        for gateway in refused | public:
            stack.collaborator(gateway, "alice", ["RIGHT_GATEWAY_INFO"])
        for gateway in public:
            stack.edit(gateway, status_public=True)
        gone = min(public)
        stack.cluster(1, limits={"any": {"rate": 60}})
        with Drive(scratch, DiscoveryInterval=300, Interval=60, Timeout=20000, **stack.options(scratch)) as drive:
            for number in range(15):
                if number == 8:
                    stack.forget(gone)
                poll = drive.poll()
                what = "poll %d" % number
                shown = {key[1] for key in poll.values if key[0] == "ttn" and key[2:] == ("bool", "connected")}
                tap.equal(sorted(shown), sorted(set(ids) - refused), what)
                tap.equal(poll.api("count", "unknown"), len(refused), what)
                tap.equal(poll.api("bool", "up"), 1, what)
                tap.equal(poll.connected(gone), int(number < 8), what)
                tap.equal(poll.ms < 15000, True, "%s took %d ms" % (what, poll.ms))
                lines = poll.lines("warning", "error")
                tap.equal(["280 gateways are refused" in line for line in lines], [True] if number == 0 else [], what)
                last = asked(stack)
                tap.note("%s: %s, %d ms" % (what, last, poll.ms))
                stack.advance(60)
                drive.later(60)
            tap.equal(last[1, "batch"] <= 4, True, "batches of the last poll: %s" % last)
            tap.equal(last.get((1, "get"), 0) <= 8 * len(public), True, "single requests of the last poll: %s" % last)
            # Their owner gives the right: they go in batches again.
            stack.cluster(1, limits={})
            for gateway in refused | public:
                stack.collaborator(gateway, "alice", "all")
            for _ in range(3):
                stack.advance(301)
                drive.later(301)
                poll = drive.poll()
                asked(stack)
            tap.equal(poll.api("count", "unknown"), 0)
            poll = drive.poll()
            tap.equal(asked(stack), {(1, "batch"): 4}, "when all may be read")


def test_one_slow_and_one_dead_cluster_take_nothing_from_the_third():
    """3 clusters, one hanging, one refusing, one well"""
    with Scratch() as scratch, Standin(scratch, clusters=3) as stack:
        ids = stack.fleet(60, [1, 2, 3], "full")
        with Drive(scratch, Timeout=3000, **stack.options(scratch), **CLUSTERS) as drive:
            tap.equal(drive.poll().api("count", "connected"), 60)
            stack.refuse(2)
            rule = stack.fault({"hang": True}, {"cluster": 3})
            for number in range(3):
                asked(stack)
                poll = drive.poll()
                tap.equal(poll.api("count", "connected"), 20, "connected, poll %d" % number)
                tap.equal(poll.api("count", "unknown"), 40)
                tap.equal(poll.api("bool", "up"), 0)
                tap.equal(poll.of(ids[1]), {}, "values of the dead cluster's")
                tap.equal(poll.of(ids[2]), {}, "values of the hanging cluster's")
                tap.at_most(poll.ms, 3100, "milliseconds")
                if number == 0:
                    tap.equal(len(poll.log), 2, "lines when trouble starts: %s" % poll.log)
                else:
                    tap.equal(poll.log, [], "lines during trouble")
                    tap.equal(asked(stack).get((3, "batch"), 0), 1, "probes of the hanging cluster")
            stack.refuse(2, False)
            stack.unfault(rule)
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 60, "connected in the first poll after")
            tap.equal(len(poll.log), 2, "lines when trouble ends: %s" % poll.log)
            for _, text in poll.log:
                tap.matches("responds again", text)


def test_a_stray_is_never_disconnected_before_all_were_asked():
    """Unknown while the cluster that may have it is away"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        ids = stack.fleet(2, [1, 2], "full")
        stack.forget(ids[0])
        stack.connect(ids[0], cluster=2)
        stack.uplink(ids[0], 3, cluster=2)
        stack.refuse(2)
        with Drive(scratch, Timeout=3000, Cluster="127.0.0.2", **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(poll.of(ids[0]), {}, "while cluster 2 is away")
            stack.refuse(2, False)
            poll = drive.poll()
            tap.equal(poll.packets(ids[0])[0], 3)
            tap.equal(poll.values["ttn", ids[0], "bool", "connected"], 1)
            stack.disconnect(ids[0])
            stack.forget(ids[0])
            poll = drive.poll()
            tap.equal(poll.values["ttn", ids[0], "bool", "connected"], 0, "gone everywhere")
            tap.equal(poll.packets(ids[0])[0], 3, "its count stays")


def test_old_server_without_the_batch():
    """Single GETs, in parallel; the batch is tried again at discovery"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, batch=False)
        stack.fleet(30, [1], "full")
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 30)
            tap.equal(asked(stack), {(1, "list"): 1, (1, "other"): 1, (1, "get"): 30})
            drive.poll()
            tap.equal(asked(stack), {(1, "get"): 30})
            stack.cluster(1, batch=True)
            drive.later(301)
            drive.poll()
            drive.poll()
            asked(stack)
            drive.poll()
            tap.equal(asked(stack), {(1, "batch"): 1}, "after it was renewed")


def test_old_server_that_lacks_mask_paths():
    """Left out from then on, said once"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, unknown_paths=["tx_acknowledgment_count", "last_tx_acknowledgment_received_at"])
        ids = stack.fleet(150, [1], "full")
        with Drive(scratch, **stack.options(scratch)) as drive:
            poll = drive.poll()
            tap.equal(poll.api("count", "connected"), 150)
            tap.equal(poll.packets(ids[0])[2], None, "acknowledgements")
            lines = [text for _, text in poll.log if "too old" in text]
            tap.equal(len(lines), 1, "lines: %s" % poll.log)
            asked(stack)
            tap.equal(drive.poll().log, [])
            tap.equal(asked(stack), {(1, "batch"): 2})


def test_a_gateways_own_key():
    """With its name no list and no batch is needed"""
    with Scratch() as scratch, Standin() as stack:
        stack.recorded_world()
        stack.connect("alice-gw-1")
        stack.uplink("alice-gw-1", 9)
        with Drive(scratch, Gateway="alice-gw-1", **stack.options(scratch, "gateway")) as drive:
            poll = drive.poll()
            tap.equal(poll.packets("alice-gw-1")[0], 9)
            tap.equal(poll.api("bool", "up"), 1)
            asked(stack)
            drive.poll()
            tap.equal(asked(stack), {(1, "get"): 1})


if __name__ == "__main__":
    tap.run(globals())
