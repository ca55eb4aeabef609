#!/usr/bin/python3
"""Tests of what the recordings cannot show of the stand-in's streams of events: several at once, resuming, faults.

Output is TAP.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import client  # noqa: E402  (the modules lie beside this program)
import tap  # noqa: E402
from listening import Listening  # noqa: E402
from stack import Stack  # noqa: E402

START, CONNECT, END = "events.stream.start", "gs.gateway.connect", "gs.gateway.disconnect"
STATS, UPLINK = "gs.gateway.connection.stats", "gs.up.receive"
GZIP = {"Accept-Encoding": "gzip"}


def one_gateway(stack):
    stack.register("roof")
    stack.connect("roof")
    return stack


def counts(events, name=UPLINK):
    return [event["data"]["message"]["payload"]["mac_payload"]["f_hdr"]["f_cnt"] for event in events
            if event["name"] == name]


def test_life():
    """Connects, counts of one server, another server, ends: each as it happens"""
    with Stack() as stack:
        stack.register("roof")
        stack.register("attic")
        with Listening(stack, ["roof"], key="user") as stream:
            tap.equal(stream.event()["name"], START)
            begin = stack.connect("roof")
            stack.connect("attic")
            first = stream.events(2)
            tap.equal([one["name"] for one in first], [CONNECT, STATS])
            tap.equal(first[1]["data"]["connected_at"], begin)
            tap.equal("uplink_count" in first[1]["data"], False)
            stack.uplink("roof", 7)
            tap.equal(stream.next(STATS)["data"]["uplink_count"], "7")
            later = stack.connect("roof", server=1)
            tap.equal(stream.next(CONNECT)["data"]["connected_at"], later)
            stream.next(STATS)
            stack.uplink("roof", server=1)
            data = stream.next(STATS)["data"]
            tap.equal((data["connected_at"], data["uplink_count"]), (later, "1"))
            stack.uplink("roof", server=0)
            data = stream.next(STATS)["data"]
            tap.equal((data["connected_at"], data["uplink_count"]), (begin, "8"))
            tap.equal([row["streamed"]["uplink"] for row in stack.ledger()["roof"]["connections"]], [8, 1])
            stack.disconnect("roof", server=1)
            gone = stream.events(2)
            tap.equal(sorted(gone[0]["data"]), ["@type", "disconnected_at"])
            tap.equal((gone[1]["name"], gone[1]["data"]["name"]), (END, "connection_expired"))
            stack.connect("roof")
            tap.equal(stream.next(END)["data"]["name"], "new_connection")
            stack.disconnect("roof", why={"code": 2, "namespace": "pkg/x", "name": "because", "text": "so"})
            tap.equal(stream.next(END)["data"]["name"], "because")


def read(sock):
    """What is there already."""
    try:
        return sock.recv(65536, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def test_told():
    """All is told once the client has read it; a silent stream has nothing to tell"""
    with one_gateway(Stack()) as stack, socket.create_connection((stack.hosts[0], stack.port)) as sock:
        body = json.dumps({"identifiers": [{"gateway_ids": {"gateway_id": "roof"}}]})
        tap.equal(stack.streams_told(), True)
        sock.sendall(("POST /api/v3/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n"
                      "\r\n%s" % (stack.key_text("user"), len(body), body)).encode())
        tap.wait_for(stack.streams, "a stream")
        for _ in range(2):
            tap.equal(stack.streams_told(), False)
            tap.wait_for(lambda: [read(sock), stack.streams_told()][1], "all is read")
            stack.uplink("roof")
        stack.silence_streams()
        tap.equal(stack.streams_told(), True)


def test_time():
    """What is due comes without a poll: an update after the debounce, the same again, an end after the expiry"""
    with Stack(at="2026-01-01T00:00:00Z") as stack:
        one_gateway(stack)
        stack.cluster(1, debounce=30)
        with Listening(stack, ["roof"], names=[STATS, END]) as stream:
            tap.equal(stream.event()["data"]["value"], [STATS, END])
            stack.uplink("roof", 3)
            stack.advance(29)
            tap.equal(stream.quiet(), True)
            stack.advance(1)
            tap.equal(stream.event()["data"]["uplink_count"], "3")
            stack.advance(59)
            tap.equal(stream.quiet(), True)
            stack.advance(1)
            tap.equal(stream.event()["data"]["uplink_count"], "3")
            stack.silent("roof")
            stack.advance(180)
            tap.equal(stream.next(END)["name"], END)
            tap.equal(stream.quiet(), True)


def test_live_mode():
    """Without a registry of statistics the events are the same"""
    with Stack(mode="live") as stack:
        one_gateway(stack)
        with Listening(stack, ["roof"]) as stream:
            stack.uplink("roof", 2)
            tap.equal(stream.next(STATS)["data"]["uplink_count"], "2")
            stack.disconnect("roof")
            stream.next(END)


def test_rights():
    """Uplinks are for a key that may read traffic, other clusters' gateways and other users' for nobody"""
    with Stack(2) as stack:
        one_gateway(stack)
        stack.register("theirs", "bob")
        with Listening(stack, ["roof"]) as all_of_it, Listening(stack, ["roof"], key="user") as status, \
                Listening(stack, ["roof"], key="user-traffic-only") as traffic, \
                Listening(stack, ["roof"], cluster=2) as elsewhere:
            stack.uplink("roof", 2, radio={"spreading_factor": 11, "frequency": 867100000, "rssi": -119, "snr": -12.25})
            stack.uplink("roof", radio={"crc": False, "data_rate": {"fsk": {"bit_rate": 50000}}})
            message = all_of_it.next(UPLINK)["data"]["message"]
            tap.equal(message["settings"]["data_rate"]["lora"]["spreading_factor"], 11)
            tap.equal(message["settings"]["frequency"], "867100000")
            metadata = message["rx_metadata"][0]
            tap.equal([metadata[name] for name in ("rssi", "channel_rssi", "snr")], [-119, -119, -12.25])
            tap.equal(all_of_it.next("gs.up.drop")["data"]["name"], "message_crc")
            tap.equal(all_of_it.next(STATS)["data"]["uplink_count"], "3")
            tap.equal(status.events(2)[1]["name"], STATS)
            tap.equal(counts([traffic.next(UPLINK) for _ in range(3)]), [1, 2, 3])
            tap.equal(elsewhere.event()["name"], START)
            tap.equal(elsewhere.quiet(), True)
        for key, ids, status, name in (
                ("user", ["roof", "theirs"], 403, "no_gateway_rights"),
                ("admin", ["nowhere"], 404, "gateway_not_found"),
                ("gateway", ["roof"], 403, "no_gateway_rights"), ("none", ["roof"], 403, "no_gateway_rights"),
                ("expired", ["roof"], 401, "api_key_expired"), ("deleted", ["roof"], 401, "api_key_not_found")):
            with Listening(stack, ids, key=key) as refused:
                tap.equal((refused.status, refused.event()["error"]["details"][0]["name"]), (status, name), key)
                tap.equal((refused.event(), refused.how), (None, "end"))


def test_resume():
    """A stream that begins after the last event that was seen has all that came since, and each once"""
    with Stack() as stack:
        one_gateway(stack)
        stack.cluster(1, event_store=True)
        seen, after = [], None
        for step in range(8):
            if step:
                stack.uplink("roof", 1)
                time.sleep(0.002)
            more = {} if after is None else {"after": after}
            with Listening(stack, ["roof"], names=[UPLINK], headers=GZIP if step % 2 else None, **more) as stream:
                stream.next(START)
                stack.uplink("roof", 1)
                for _ in range(2 if step else 1):
                    event = stream.event()
                    seen.append(event)
                    after = event["time"]
                tap.equal(stream.quiet(0.05), True)
            time.sleep(0.002)
        tap.equal(counts(seen), list(range(1, 16)))
        tap.equal([row["after"] for row in stack.stream_requests()][1:], [one["time"] for one in seen[0:-1:2]])


def test_store():
    """The store compares milliseconds, gives one gateway after the other, keeps so many events and so long"""
    with Stack(at="2026-01-01T00:00:00.5Z") as stack:
        one_gateway(stack)
        stack.register("attic")
        stack.connect("attic")
        stack.cluster(1, event_store=True)

        def stored(**more):
            with Listening(stack, ["attic", "roof"], names=[UPLINK], **more) as stream:
                stream.next(START)
                return [(event["identifiers"][0]["gateway_ids"]["gateway_id"], counts([event])[0])
                        for event in stream.rest()]

        for name in ("roof", "attic", "roof"):
            stack.uplink(name, 2)
            stack.advance(1)
        # Two of one millisecond: after the first of them the second does not come.
        later = [("attic", 1), ("attic", 2), ("roof", 3), ("roof", 4)]
        tap.equal(stored(after="2026-01-01T00:00:00.500000001Z"), later)
        tap.equal(stored(after="2026-01-01T00:00:00.499Z")[2:], [("roof", n) for n in (1, 2, 3, 4)])
        # Of receive and forward, twice, and then the statistics.
        tap.equal(stored(tail=5), later)
        tap.equal(stored(), [])
        stack.cluster(1, event_after_off=-3600)
        tap.equal(len(stored(after=stack.now())), 6)
        stack.cluster(1, event_after_off=3600)
        tap.equal(stored(after="2026-01-01T00:00:00.499Z"), [])
        stack.cluster(1, event_after_off=0, event_store_time=2)
        tap.equal(stored(tail=100), later)
        stack.cluster(1, event_store_time=600, event_store_count=3)
        stack.uplink("roof")
        tap.equal(stored(tail=100)[-1:], [("roof", 5)])
        tap.equal(len(stored(tail=100)), 3)
        stack.forget_events()
        tap.equal(stored(tail=100), [])
        stack.cluster(1, event_store=False)
        with Listening(stack, ["roof"], after=stack.now()) as stream:
            tap.equal(stream.headers["x-warning"], "Events storage is not enabled")


def test_ends():
    """Streams end in the middle of a line, by RST, between lines, with the error of a stack that ends, or whole"""
    with Stack() as stack:
        one_gateway(stack)
        for headers in (None, GZIP):
            for how, ended in (("cut", "cut"), ("reset", "reset"), ("close", "cut"), ("error", "end"), ("end", "end")):
                tap.wait_for(lambda: not stack.streams(), "no stream is open")
                with Listening(stack, ["roof"], headers=headers) as stream:
                    stream.next(START)
                    tap.equal(stack.end_streams(how), 1)
                    last = stream.line()
                    while stream.how is None:
                        stream.line()
                    tap.equal(stream.how, ended, how)
                    # A reset may take with it what was on its way.
                    if how == "cut":
                        tap.equal((last[:10], last[-1:] == b"\n"), (b'{"result":', False))
                    elif how == "error":
                        tap.equal(json.loads(last)["error"]["message"],
                                  "error:unknown:unknown (grpc: the client connection is closing)")
                    elif how != "reset":
                        tap.equal(last, b"")
        tap.wait_for(lambda: not stack.streams(), "no stream is open")
        tap.wait_for(stack.at_rest, "all are served")


def test_silence():
    """A silent stream sends nothing and stays open, a new one works, and what has waited may come"""
    with Stack() as stack:
        one_gateway(stack)
        with Listening(stack, ["roof"]) as stream:
            stream.next(START)
            stack.silence_streams()
            stack.uplink("roof")
            with Listening(stack, ["roof"]) as other:
                stack.uplink("roof")
                other.next(UPLINK)
            tap.equal((stream.quiet(), stream.how), (True, None))
            tap.equal([one["silent"] for one in stack.streams()][:1], [True])
            stack.silence_streams(False)
            tap.equal(counts([stream.next(UPLINK), stream.next(UPLINK)]), [1, 2])


def test_odd_events():
    """Floods, doubles, disorder, losses, lines that are long or no JSON, and lumps as behind a proxy"""
    with Stack() as stack:
        one_gateway(stack)
        with Listening(stack, ["roof"], headers=GZIP) as stream:
            stream.next(START)
            stack.flood("roof", 3000)
            tap.equal({event["name"] for event in stream.events(3000)}, {STATS})
            tap.note("%d bytes for 3000 events" % stream.bytes)
            tap.at_most(stream.bytes, 300000)
            stack.flood("roof", 10, "uplink")
            tap.equal(counts(stream.events(20)), list(range(1, 11)))
            stack.long_event("roof", 300000)
            tap.at_most(300000, len(stream.line()))
            stack.event("roof", "gs.down.tx.fail", {"@type": "type.googleapis.com/google.protobuf.Value", "value": 2})
            tap.equal(stream.next("gs.down.tx.fail")["data"]["value"], 2)
            stack.send_line("no JSON")
            tap.equal(stream.line(), b"no JSON\n")
        for options, wanted in (({"event_twice": True}, sorted(list(range(1, 41)) * 2)),
                                ({"event_disorder": 0.2}, list(range(1, 41))), ({"event_loss": 0.5}, None)):
            stack.connect("roof")
            stack.cluster(1, event_twice=False, event_disorder=0)
            stack.cluster(1, **options)
            with Listening(stack, ["roof"], names=[UPLINK]) as stream:
                stream.next(START)
                stack.uplink("roof", 40)
                got = counts(stream.rest())
                if wanted is None:
                    tap.equal(0 < len(got) < 40, True, "%d of 40 came" % len(got))
                else:
                    tap.equal(sorted(got), wanted)
                tap.equal(got == sorted(got), "event_disorder" not in options)
        stack.cluster(1, event_loss=0, event_lump=4096)
        with Listening(stack, ["roof"], names=[STATS]) as stream:
            tap.equal(stream.quiet(), True)
            stack.flood("roof", 20)
            stream.events(5)


def test_refusals():
    """New streams are refused while open ones go on; an old stack has no such route; rules of faults work too"""
    with Stack() as stack:
        one_gateway(stack)
        with Listening(stack, ["roof"]) as stream:
            stack.cluster(1, events_refused=True)
            with Listening(stack, ["roof"]) as refused:
                tap.equal((refused.status, refused.event()["error"]["code"]), (403, 7))
            stack.cluster(1, events_refused=False, events=False)
            with Listening(stack, ["roof"]) as refused:
                tap.equal((refused.status, refused.line()), (404, b'{"code":5,"message":"Not Found"}'))
            stack.cluster(1, events=True, limits={"events": {"rate": 1, "burst": 1}})
            tap.equal([Listening(stack, ["roof"]).status for _ in range(2)], [200, 429])
            stack.cluster(1, limits={})
            rule = stack.fault({"status": 502, "body": "x"}, {"kind": "events"})
            with Listening(stack, ["roof"]) as refused:
                tap.equal((refused.status, refused.line()), (502, b"x"))
            stack.unfault(rule)
            stack.fault({"delay": 0.2}, {"kind": "events"})
            start = time.monotonic()
            with Listening(stack, ["roof"]) as late:
                late.next(START)
            tap.at_most(0.2, time.monotonic() - start)
            for body, status in (("x", 400), ({"identifiers": [1]}, 400), ({"identifiers": []}, 400), ({}, 400),
                                 ({"identifiers": [{"gateway_ids": {"gateway_id": "roof"}}], "after": "x"}, 400),
                                 ({"identifiers": [{"gateway_ids": {"gateway_id": "roof"}}], "names": ["/^x/"]}, 400),
                                 ({"identifiers": [{"gateway_ids": {"gateway_id": "roof"}}], "names": ["/(/"]}, 400)):
                with Listening(stack, body=body) as refused:
                    tap.equal(refused.status, status, body)
            stack.uplink("roof")
            stream.next(UPLINK)
            rows = stack.stream_requests()
            tap.equal([row["status"] for row in rows[:2]], [200, 403])


def test_refused_gateway():
    """One of several gateways is refused by name, for its key has no right there or as a cluster's option has it"""
    with Stack() as stack:
        one_gateway(stack)
        stack.register("attic")

        def answer(*ids):
            with Listening(stack, ids) as stream:
                error = stream.event().get("error")
                return (stream.status, error["details"][0]["attributes"]["uid"]) if error else stream.status

        stack.cluster(1, events_refused=["attic", "cellar"])
        tap.equal([answer("roof", "attic"), answer("roof")], [(403, "attic"), 200])
        stack.cluster(1, events_refused=False)
        tap.equal(answer("roof", "attic"), 200)
        for rights, status in (([], (403, "attic")), (["RIGHT_GATEWAY_INFO"], (403, "attic")),
                               (["RIGHT_GATEWAY_STATUS_READ"], 200), (None, (403, "attic"))):
            stack.collaborator("attic", "alice", rights)
            tap.equal([answer("roof", "attic"), answer("roof")], [status, 200], rights)


def test_many():
    """Many streams of many gateways hinder neither polls nor the stand-in's end, and it is known what is open"""
    with Stack() as stack:
        ids = stack.fleet(1000, pattern="idle")
        streams = [Listening(stack, ids, names=[CONNECT]) for _ in range(20)]
        tap.equal([(len(one["ids"]), one["names"]) for one in stack.streams()], [(1000, [CONNECT])] * 20)
        request = urllib.request.Request(stack.url + "/api/v3/gateways?limit=1000",
                                         headers={"Authorization": "Bearer " + stack.key_text("user")})
        start = time.monotonic()
        for _ in range(20):
            urllib.request.urlopen(request, timeout=5).read()
        tap.note("20 lists of 1000 gateways took %.2f s" % (time.monotonic() - start))
        tap.at_most(time.monotonic() - start, 5)
        for stream in streams[:15]:
            stream.close()
        tap.wait_for(lambda: len(stack.streams()) == 5, "five are open", show=lambda: len(stack.streams()))
        stack.connect(ids[-1])
        tap.equal({stream.next(CONNECT)["identifiers"][0]["gateway_ids"]["gateway_id"] for stream in streams[15:]},
                  {ids[-1]})
        tap.wait_for(stack.at_rest, "nothing is left to serve")
        start = time.monotonic()
        stack.stop()
        tap.at_most(time.monotonic() - start, 1)
        tap.wait_for(lambda: threading.active_count() < 10, "the threads end", show=threading.active_count)


def test_tls():
    """Through the front with TLS and HTTP/2 events come at once too, with gzip and without; and the control port"""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, os.path.join(HERE, "stack.py"), "--control-port", "0", "--tls", directory,
                   "--with-parent"]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ready = json.loads(program.stdout.readline())
        told = client.Client(ready["control"])
        told.register("roof")
        for options in (["--http2"], ["--http2", "--compressed"], ["--http1.1"]):
            with subprocess.Popen(
                    ["curl", "-sSN", "--cacert", ready["ca"], "-H", "Authorization: Bearer " + ready["keys"]["user"],
                     "-w", "%{http_version}", "-d", '{"identifiers":[{"gateway_ids":{"gateway_id":"roof"}}]}',
                     ready["tls_url"] + "/api/v3/events"] + options, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE) as curl:
                tap.equal(json.loads(curl.stdout.readline())["result"]["name"], START)
                told.connect("roof")
                names = [json.loads(curl.stdout.readline())["result"]["name"] for _ in range(2)]
                tap.equal([name[:len("gs.gateway.")] for name in names], ["gs.gateway."] * 2)
                tap.equal(len(told.streams()), 1)
                told.end_streams("cut")
                tap.equal(curl.wait(5) != 0, True)
                tap.equal(curl.stdout.read().split(b"}")[-1][-1:], b"2" if options[0] == "--http2" else b"1")
        told.close()
        program.stdin.close()
        tap.equal(program.wait(5), 0)
        program.stdout.close()


if __name__ == "__main__":
    tap.run(globals())
