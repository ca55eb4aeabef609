#!/usr/bin/python3
"""Tests of what the recordings cannot show of the stand-in: faults, ledger, clock, control, demo.

Other tests prove the plugin against these, so they have to be right themselves.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]

import client  # noqa: E402  (the modules lie beside this program)
import links  # noqa: E402
import tap  # noqa: E402
import tls  # noqa: E402
import wire  # noqa: E402
from stack import Stack  # noqa: E402

BATCH = "/api/v3/gs/gateways/connection/stats"


def exchange(stack, method, path, body="", cluster=1, headers="", timeout=10):
    """The raw bytes of an answer, and whether the connection ended (or was reset)."""
    sock = socket.create_connection((stack.hosts[cluster - 1], stack.port), timeout)
    sock.sendall(("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s"
                  % (method, path, stack.key_text("user"), headers, len(body), body)).encode())
    out, end = b"", "open"
    try:
        while True:
            # What has come whole is waited on a moment more: does the connection end?
            sock.settimeout(0.03 if complete(out) else 1)
            more = sock.recv(65536)
            if not more:
                end = "closed"
                break
            out += more
    except socket.timeout:
        pass
    except ConnectionResetError:
        end = "reset"
    sock.close()
    return out, end


def complete(data):
    head, _, body = data.partition(b"\r\n\r\n")
    length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
    return bool(length) and len(body) >= int(length)


def batch(stack, *ids, mask=None, **more):
    asked = {"gateway_ids": [{"gateway_id": i} for i in ids]}
    if mask:
        asked["field_mask"] = mask
    return exchange(stack, "POST", BATCH, json.dumps(asked), **more)


def body_of(answer):
    return answer[0].partition(b"\r\n\r\n")[2]


def one_gateway(stack):
    stack.register("roof")
    stack.connect("roof")
    stack.uplink("roof", 7)
    return stack


def test_faults_on_the_wire():
    with Stack() as stack:
        one_gateway(stack)
        whole = batch(stack, "roof")[0]
        head = whole.index(b"\r\n\r\n") + 4
        cases = (({"close": "before"}, 0, "closed"), ({"close": "head"}, head // 2, "closed"),
                 ({"close": 30, "reset": True}, 30, "reset"), ({"raw": "x\r\n", "end": True}, 3, "closed"),
                 ({"end": True}, len(whole), "closed"), ({"length": 10}, len(whole), "closed"),
                 ({"length": -10}, len(whole), "closed"))
        for action, length, end in cases:
            stack.fault(action, times=1)
            got, how = batch(stack, "roof")
            # A reset may take bytes that were already on their way with it.
            assert len(got) == length or end == "reset", (action, len(got), length)
            assert how == end, (action, how)
        stack.fault({"length": None}, times=1)
        assert b"Content-Length" not in batch(stack, "roof")[0]
        assert batch(stack, "roof")[1] == "open"


def test_late_answers():
    with Stack() as stack:
        one_gateway(stack)
        rule = stack.fault({"hang": True}, {"kind": "batch"})
        answers = []
        thread = threading.Thread(target=lambda: answers.append(batch(stack, "roof")))
        thread.start()
        time.sleep(0.15)
        stack.unfault(rule)
        thread.join()
        assert b'"uplink_count":"7"' in answers[0][0], answers
        stack.fault({"trickle": [100, 0.02]}, times=1)
        start = time.monotonic()
        assert b'"uplink_count":"7"' in batch(stack, "roof")[0]
        assert time.monotonic() - start > 0.06
        stack.fault({"delay": 0.2}, times=1)
        start = time.monotonic()
        assert b'"uplink_count":"7"' in batch(stack, "roof")[0]
        assert time.monotonic() - start > 0.2


def test_rules_choose():
    with Stack(2) as stack:
        one_gateway(stack)
        stack.register("attic")
        stack.fault({"status": 500}, {"kind": "batch", "ids": ["attic"], "cluster": 1}, times=1, skip=1)
        assert b" 200 " in batch(stack, "attic")[0]
        assert b" 200 " in batch(stack, "roof")[0]
        assert b" 200 " in batch(stack, "attic", cluster=2)[0]
        assert b" 500 " in batch(stack, "attic")[0]
        assert b" 200 " in batch(stack, "attic")[0]
        assert stack.faults()[0]["hits"] == 1


def test_transforms():
    with Stack() as stack:
        one_gateway(stack)
        stack.register("attic")
        stack.connect("attic")
        stack.uplink("attic", 3)

        def changed(*steps, ask=lambda: batch(stack, "roof", "attic")):
            stack.fault({"transform": list(steps)}, times=1)
            return ask()[0]

        def count(answer, gateway):
            return json.loads(answer.partition(b"\r\n\r\n")[2])["entries"][gateway].get("uplink_count")

        assert count(changed(["swap", "roof", "attic"]), "roof") == "3"
        assert b'"uplink_count":1e400' in changed(["set", "roof", "uplink_count", "1e400"])
        assert count(changed(["unset", "roof", "uplink_count"]), "roof") is None
        assert b'"ghost":' in changed(["extra", "ghost"])
        assert changed(["duplicate", "roof"]).count(b'"roof":') == 2
        assert b'"roof"' not in changed(["drop", "roof"])
        assert b" 502 " in changed(["html"])
        assert b"Location: http://x/" in changed(["redirect", "http://x/"])

        def listing():
            return exchange(stack, "GET", "/api/v3/gateways?limit=10&page=1")
        assert b"X-Total-Count" not in changed(["total", None], ask=listing)
        assert b"X-Total-Count: 99" in changed(["total", "99"], ask=listing)
        assert changed(["duplicate"], ask=listing).count(b'"roof"') == 2
        # A page that is kept must not keep what a fault did to one answer.
        assert b"X-Total-Count: 2" in listing()[0] and listing()[0].count(b'"roof"') == 1


def test_ledger_counts_what_was_shown():
    with Stack() as stack:
        one_gateway(stack)
        assert stack.ledger()["roof"]["announced"]["uplink"] == 0
        stack.fault({"close": "body"}, times=1)
        batch(stack, "roof")
        assert stack.ledger()["roof"]["announced"]["uplink"] == 0
        batch(stack, "roof", mask="connected_at")
        assert stack.ledger()["roof"]["announced"]["uplink"] == 0
        batch(stack, "roof")
        assert stack.ledger()["roof"]["announced"]["uplink"] == 7
        stack.uplink("roof", 3)
        stack.connect("roof")
        stack.uplink("roof", 2)
        batch(stack, "roof")
        book = stack.ledger()["roof"]
        assert book["announced"]["uplink"] == 9 and book["true"]["uplink"] == 12, book
        stack.disconnect("roof")
        stack.fault({"transform": [["set", "roof", "uplink_count", '"4"']]}, times=1)
        batch(stack, "roof")
        batch(stack, "roof")
        assert stack.ledger()["roof"]["announced"]["uplink"] == 9


def test_ledger_has_what_a_client_has():
    """What a client has is in the ledger, however late the thread that sent it goes on."""
    with Stack() as stack:
        one_gateway(stack)
        at_once = wire._at_once
        wire._at_once = lambda *args: (at_once(*args), time.sleep(0.2))[0]
        try:
            batch(stack, "roof")
            assert stack.ledger()["roof"]["announced"]["uplink"] == 7
        finally:
            wire._at_once = at_once


def test_ledger_is_what_clients_have():
    """Clients that note the highest count of each connection in whole answers agree with the ledger."""
    with Stack() as stack:
        stack.fleet(5, pattern="idle")
        ids = ["gw-%05d" % n for n in range(1, 6)]
        for action in ({"close": "body"}, {"close": "before"}, {"status": 500}, {"length": 5}, {"delay": 0.01},
                       {"trickle": [300, 0.001]}, {"transform": [["drop", ids[0]]]}):
            stack.fault(action, p=0.1)
        seen, lock = {}, threading.Lock()

        def poll():
            for _ in range(60):
                answer = batch(stack, *ids, headers="Connection: close\r\n")[0]
                if not answer.startswith(b"HTTP/1.1 200") or not exact(answer):
                    continue
                for gateway, entry in json.loads(body_of((answer,)))["entries"].items():
                    with lock:
                        was = seen.get((gateway, entry["connected_at"]), 0)
                        seen[gateway, entry["connected_at"]] = max(was, int(entry.get("uplink_count", 0)))

        threads = [threading.Thread(target=poll) for _ in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            stack.move(share=0.5)
            stack.connect(ids[int(time.time() * 1000) % 5])
            time.sleep(0.002)
        for gateway, book in stack.ledger().items():
            mine = sum(count for (name, _), count in seen.items() if name == gateway)
            assert mine == book["announced"]["uplink"] > 0, (gateway, mine, book["announced"])


def exact(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]) == len(body)


def test_several_servers():
    """As tests/answers/two-servers has it: a start overwrites all, an update has its own counts and the earlier begin"""
    with Stack(at="2026-01-01T00:00:00Z") as stack:
        def shown():
            answer = json.loads(body_of(batch(stack, "roof")))["entries"]["roof"]
            return [answer.get(name, "")[11:19] for name in ("connected_at", "disconnected_at")] + [
                answer.get(name) for name in ("uplink_count", "downlink_count")]

        stack.freeze()
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 7)
        stack.downlink("roof", 2)
        assert shown() == ["00:00:00", "", "7", "2"]
        stack.advance(10)
        stack.connect("roof", server=1)
        assert shown() == ["00:00:10", "", None, None]
        stack.uplink("roof", 3, server=1)
        assert shown() == ["00:00:10", "", "3", None]
        stack.uplink("roof", server=0)
        assert shown() == ["00:00:00", "", "8", "2"]
        stack.uplink("roof", server=1)
        assert shown() == ["00:00:00", "", "4", "2"]
        stack.disconnect("roof", server=0)
        assert shown() == ["", "00:00:10", "4", "2"]
        stack.advance(59)
        assert shown() == ["", "00:00:10", "4", "2"]
        stack.advance(1)  # without anything new
        assert shown() == ["00:00:10", "", "4", "2"]
        assert stack.ledger()["roof"]["announced"] == {"uplink": 12, "downlink": 2, "tx_ack": 0}


def test_time():
    with Stack(at="2026-01-01T00:00:00Z") as stack:
        one_gateway(stack)
        stack.round_trip("roof", 0.05)
        stack.advance(1800)
        assert b'"median":"0.050s","count":1' in batch(stack, "roof")[0]
        stack.advance(1)
        assert b"round_trip_times" not in batch(stack, "roof")[0]
        stack.set_clock("2026-01-01T00:00:00Z")
        stack.disconnect("roof")
        stack.advance(48 * 3600 - 1)
        assert b'"disconnected_at":"2026-01-01T00:00:00Z"' in batch(stack, "roof")[0]
        stack.advance(1)
        answer = batch(stack, "roof")[0]
        assert answer.endswith(b"\r\n\r\n{}") and b"Date: Sat, 03 Jan 2026 00:00:00 GMT" in answer
        stack.connect("roof")
        stack.silent("roof")
        stack.advance(179)
        assert b"connected_at" in batch(stack, "roof")[0]
        stack.advance(1)
        assert b"disconnected_at" in batch(stack, "roof")[0]
        stack.cluster(1, debounce=30)
        stack.connect("roof")
        stack.uplink("roof")
        stack.advance(29)
        assert b"uplink_count" not in batch(stack, "roof")[0]
        stack.advance(1)
        assert b'"uplink_count":"1"' in batch(stack, "roof")[0]


def test_idle_udp_streams_of_live_mode():
    with Stack(mode="live", at="2026-01-01T00:00:00Z") as stack:
        one_gateway(stack)
        stack.downlink("roof", 4)
        stack.advance(180)
        answer = batch(stack, "roof")[0]
        assert b"uplink_count" not in answer and b'"downlink_count":"4"' in answer
        stack.status("roof")
        assert b'"uplink_count":"7"' in batch(stack, "roof")[0]
        stack.connect("roof", protocol=links.STATION)
        stack.advance(1000)
        assert b"last_status" in batch(stack, "roof")[0]
        stack.disconnect("roof")
        assert batch(stack, "roof")[0].endswith(b"{}")


def test_old_servers():
    with Stack() as stack:
        one_gateway(stack)
        stack.cluster(1, unknown_paths=["tx_acknowledgment_count"])
        answer = batch(stack, "roof", mask="connected_at,tx_acknowledgment_count")[0]
        assert b'"forbidden_paths":["tx_acknowledgment_count"]' in answer and b" 400 " in answer
        stack.cluster(1, batch=False)
        assert body_of(batch(stack, "roof")) == b'{"code":5,"message":"Not Found"}'
        stack.cluster(1, batch=True)
        stack.collaborator("roof", "alice", ["RIGHT_GATEWAY_INFO"])
        assert b"insufficient_rights" in batch(stack, "roof")[0]
        assert b'"roof"' in exchange(stack, "GET", "/api/v3/gateways")[0]


def test_gzip():
    with Stack() as stack:
        stack.fleet(50)
        ids = ["gw-%05d" % n for n in range(1, 51)]
        plain = body_of(batch(stack, *ids))
        packed = batch(stack, *ids, headers="Accept-Encoding: gzip\r\n")
        assert b"Content-Encoding: gzip" in packed[0]
        assert gzip.decompress(body_of(packed)) == plain
        for _ in range(2):
            answer = exchange(stack, "GET", "/api/v3/gateways", headers="Accept-Encoding: gzip\r\n")
            assert len(json.loads(gzip.decompress(body_of(answer)))["gateways"]) == 50


def test_hostile_requests():
    with Stack() as stack:
        for body in ("", "[]", "null", "1", '{"gateway_ids":null}', '{"gateway_ids":[1]}', '{"gateway_ids":[{}]}',
                     '{"gateway_ids":[{"gateway_id":7}]}', '{"gateway_ids":[{"gateway_id":"abc"}],"field_mask":[1]}',
                     '{"gateway_ids":[{"gateway_id":"abc"}],"field_mask":{"paths":[1]}}', "\x00"):
            answer, end = exchange(stack, "POST", BATCH, body)
            assert answer.startswith(b"HTTP/1.1 400 ") and end == "open", (body, answer, end)
        assert exchange(stack, "GET", "/api/v3/gateways?limit=-1&page=%ff")[0].startswith(b"HTTP/1.1 400 ")


def test_refusing():
    with Stack() as stack:
        one_gateway(stack)
        stack.refuse(1)
        try:
            batch(stack, "roof")
            raise AssertionError("it still answers")
        except ConnectionRefusedError:
            pass
        stack.refuse(1, False)
        assert b" 200 " in batch(stack, "roof")[0]


def test_program_and_control_port():
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, os.path.join(HERE, "stack.py"), "--clusters", "2", "--control-port", "0",
                   "--tls", directory, "--demo", "--demo-speed", "50", "--with-parent"]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ready = json.loads(program.stdout.readline())
        told = client.Client(ready["control"])
        told.register("roof", cluster=2)
        told.connect("roof")
        told.many([{"op": "uplink", "id": "roof", "n": 3}, {"op": "uplink", "id": "roof"}])
        assert told.ledger(["roof"])["roof"]["true"]["uplink"] == 4
        try:
            told.uplink("nowhere")
            raise AssertionError("no failure")
        except client.Failed:
            pass
        time.sleep(0.5)
        assert told.ledger(["bakery-attic"])["bakery-attic"]["true"]["uplink"] > 0
        assert told.asked()["tls"]["1"] == {"connections": 0, "requests": 0, "alpn": {}}
        listening = socket.create_connection(("127.0.0.2", ready["tls_port"]), 1)
        listening.close()
        told.close()
        program.stdin.close()
        assert program.wait(5) == 0
        program.stdout.close()


def test_certificates():
    with tempfile.TemporaryDirectory() as directory:
        made = tls.Certificates(directory, ["127.0.0.1"])
        for kind in tls.KINDS:
            cert, _key = made.make(kind)
            done = subprocess.run(["openssl", "verify", "-verify_ip", "127.0.0.1", "-CAfile", made.ca, cert],
                                  capture_output=True, check=False)
            assert (done.returncode == 0) == (kind == "good"), (kind, done)


if __name__ == "__main__":
    tap.run(globals())
