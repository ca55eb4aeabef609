#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Traffic: what the radio heard and sent, against what the gateways really received and sent; events that are lost and
repeated; a key without the right; and that no payload and no device is in anything that comes out."""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, matches, note, run, wait_for  # noqa: E402

RIGHT = "user-traffic"
RATES = ({"spreading_factor": 7}, {"spreading_factor": 9}, {"spreading_factor": 12, "frequency": 869525000},
         {"data_rate": {"fsk": {"bit_rate": 50000}}, "frequency": 868800000},
         {"data_rate": {"lrfhss": {"operating_channel_width": 137000, "coding_rate": "1/3"}}})


def block(stack, scratch, interval, kind=RIGHT, **options):
    return account("home", **stack.options(scratch, kind), Interval=interval, Traffic=True, **options)


def wait_streams(stack):
    wait_for(stack.streams, "a stream")


def traffic(daemon, gateway):
    """{type instance: value} of the counts, and of the levels."""
    values = daemon.values()
    return ({key[3]: number for key, number in values.items() if key[1:3] == (gateway, "total_operations")},
            {key[3]: number for key, number in values.items() if key[1] == gateway
             and (key[2] == "signal_power" or key[3].startswith("snr_"))})


def expected(radio):
    """The counts, as the gateways' own books have them."""
    out = {"up_" + name: n for name, n in radio["data_rates"].items()}
    out.update({"up_" + khz: n for khz, n in radio["frequencies"].items()})
    out.update({"drop_" + name: n for name, n in radio["drops"].items()})
    out.update({"down_" + name: n for name, n in radio["downlinks"].items()})
    out.update({"down_unscheduled_" + name: n for name, n in radio["unscheduled"].items()})
    return {name: n for name, n in out.items() if n}


def some_traffic(stack, gateway):
    for number in range(40):
        stack.uplink(gateway, radio=dict(RATES[number % len(RATES)], rssi=-120 + number, snr=number / 4 - 15,
                                         crc=number % 8 != 0))
    stack.uplink(gateway, radio={"drop": "host_handle"})
    stack.downlink(gateway, 7)
    for result in ("SUCCESS", "SUCCESS", "TOO_LATE", "COLLISION_PACKET", "GPS_UNLOCKED"):
        stack.tx_ack(gateway, result=result)
    stack.unscheduled(gateway, ["too_late", "conflict"])
    stack.unscheduled(gateway, ["conflict", "duty_cycle"])


def rank(levels, share):
    """By the nearest rank."""
    return sorted(levels)[max(0, -int(-share * len(levels) // 1) - 1)]


def test_values():
    """Each count and level is what the gateway received and sent; a count begins at 0"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, 3), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            wait_streams(stack)
            some_traffic(stack, "roof")
            radio = stack.radio("roof")
            want = expected(radio)
            wait_for(lambda: "snr_max" in traffic(daemon, "roof")[1], "levels")
            levels = traffic(daemon, "roof")[1]
            # The events may have come before and after a poll.
            wait_for(lambda: {name: n for name, n in traffic(daemon, "roof")[0].items()
                              if name not in ("connects", "events_missed")} == want, "all counts", 15)
            for name in want:
                equal(daemon.csv("ttn-roof", "total_operations-" + name)[0][1], 0, name)
            equal(sum(n for name, n in want.items() if name.startswith("up_8")), len(radio["rssi"]))
            if len({row for row in daemon.csv("ttn-roof", "signal_power-rssi_min")}) == 1:
                equal(levels["rssi_min"], min(radio["rssi"]))
                equal(levels["rssi_max"], max(radio["rssi"]))
                equal(levels["rssi_median"], rank(radio["rssi"], 0.5))
                equal(levels["snr_median"], rank(radio["snr"], 0.5))
                equal(levels["snr_p5"], rank(radio["snr"], 0.05))
                equal(levels["snr_min"], min(radio["snr"]))
            # An interval in which nothing was heard has no levels.
            count = len(daemon.csv("ttn-roof", "signal_power-rssi_min"))
            polls = daemon.polls()
            wait_for(lambda: daemon.polls() >= polls + 2, "two more polls", 15)
            equal(len(daemon.csv("ttn-roof", "signal_power-rssi_min")), count, "intervals with levels")


def test_levels():
    """The levels of an interval, of which all uplinks are known"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Drive(scratch, Traffic=True, **stack.options(scratch, RIGHT)) as drive:
            drive.poll()
            drive.hear(stack, 1)
            for turn in range(3):
                for number in range(30 + turn):
                    stack.uplink("roof", radio={"rssi": -60 - (number * 7 + turn) % 50, "snr": (number * 5) % 60 / 4 - 9})
                drive.hear(stack)
                radio = stack.radio("roof", clear=True)
                got = {(type_, name): number for _, gateway, type_, name, number in rows(drive.poll())
                       if type_ in ("signal_power", "gauge")}
                equal(got, {
                    ("signal_power", "rssi_min"): min(radio["rssi"]), ("signal_power", "rssi_max"): max(radio["rssi"]),
                    ("signal_power", "rssi_median"): rank(radio["rssi"], 0.5), ("gauge", "snr_min"): min(radio["snr"]),
                    ("gauge", "snr_p5"): rank(radio["snr"], 0.05), ("gauge", "snr_median"): rank(radio["snr"], 0.5),
                    ("gauge", "snr_max"): max(radio["snr"])})
            equal([row for row in rows(drive.poll()) if row[2] == "signal_power"], [])


def rows(poll):
    """[(plugin, gateway, type, type instance, number)]"""
    return [key + (number,) for key, number in poll.values.items()]


def counts(poll, gateway="roof"):
    return {name: number for _, of, type_, name, number in rows(poll) if (of, type_) == (gateway, "total_operations")}


def test_lost_events():
    """Events that the stack loses are counted as missing, and uplinks stay those of the statistics"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, debounce=5)
        stack.register("roof")
        stack.connect("roof")
        stack.freeze()
        with Drive(scratch, Traffic=True, **stack.options(scratch, RIGHT)) as drive:
            drive.poll()
            drive.hear(stack, 1)
            stack.uplink("roof")
            settle(stack, drive)
            stack.cluster(1, event_loss=0.2)
            for _ in range(20):
                stack.uplink("roof", 20)
                drive.hear(stack)
            stack.uplink("roof", 3, radio={"short": True})
            stack.cluster(1, event_loss=0)
            settle(stack, drive)
            poll = drive.poll()
            missed, seen, uplinks = counts(poll)["events_missed"], counts(poll)["up_sf7"], poll.packets("roof")[0]
            note("%d uplinks, %d seen, %d missed" % (uplinks, seen, missed))
            equal(uplinks, 404)
            equal(seen + missed, uplinks)
            assert 40 < missed < 140, missed


def settle(stack, drive):
    """The statistics tell all, twice."""
    for _ in range(3):
        stack.advance(70)
        drive.hear(stack)
        drive.poll()


def test_repeated_events():
    """Events that come twice, again after a break, or by the stream that takes another's place, count once"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, event_store=True, event_twice=True)
        stack.register("roof")
        stack.connect("roof")
        options = dict(stack.options(scratch, RIGHT), DiscoveryInterval=0)
        with Drive(scratch, Traffic=True, **options) as drive:
            drive.poll()
            drive.hear(stack, 1)
            for turn in range(12):
                stack.uplink("roof", 5)
                drive.hear(stack)
                requests = len(stack.stream_requests())
                if turn % 3 == 0:
                    stack.end_streams("cut")
                    stack.uplink("roof", 3)
                elif turn % 3 == 1:
                    stack.register("gw-%d" % turn)
                    drive.poll()
                    stack.uplink("roof", 2)
                if turn % 3 < 2:
                    drive.follow_until(lambda asked=requests: len(stack.stream_requests()) > asked, "a new stream")
                    drive.hear(stack, 1)
            for _ in range(2):
                poll = drive.poll()
                drive.hear(stack, 1)
            equal(counts(poll)["up_sf7"], stack.radio("roof")["data_rates"]["sf7"])
            equal(counts(poll)["up_sf7"], 12 * 5 + 4 * 3 + 4 * 2)
            asked = [len(request["ids"]) for request in stack.stream_requests()]
            assert len(asked) >= 5 and len(set(asked)) >= 3, "breaks and new streams: %s" % asked


def test_new_key():
    """A stream that is opened again with a new key goes on where the last one ended: nothing counts twice"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, event_store=True)
        stack.register("roof")
        stack.connect("roof")
        options = stack.options(scratch, RIGHT)
        with Drive(scratch, Traffic=True, **options) as drive:
            drive.poll()
            drive.hear(stack, 1)
            stack.end_streams("cut")
            stack.uplink("roof", 5)
            drive.hear(stack, 1)
            for _ in range(3):
                stack.uplink("roof", 5)
                drive.hear(stack)
                stack.advance(60)
                drive.later(60)
            drive.poll()
            os.utime(options["APIKeyFile"], (1, 1))
            drive.poll()
            drive.follow_until(lambda: len(stack.stream_requests()) == 3, "a stream with the new key")
            drive.hear(stack, 1)
            drive.poll()
            equal(counts(drive.poll())["up_sf7"], 5 + 3 * 5)
            equal(len(stack.stream_requests()), 3)


def test_refused_gateway():
    """Gateways whose events the key may not have do not affect the others"""
    gateways = ("barn", "mill", "roof", "shed")
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, events_refused=["barn", "mill"])
        for gateway in gateways:
            stack.register(gateway)
            stack.connect(gateway)
        with Drive(scratch, Traffic=True, **stack.options(scratch, RIGHT)) as drive:
            drive.poll()
            drive.hear(stack, 1)
            equal([request["status"] for request in stack.stream_requests()], [403, 403, 200])
            equal([stream["ids"] for stream in stack.streams()], [["roof", "shed"]])
            for gateway in gateways:
                stack.uplink(gateway, 4)
            drive.hear(stack)
            drive.poll()
            poll = drive.poll()
            equal([counts(poll, gateway).get("up_sf7") for gateway in gateways], [None, None, 4, 4])
            equal([poll.packets(gateway)[0] for gateway in gateways], [4, 4, 4, 4])


def test_key_without_right():
    """A key without the right: one line that names it, and all else as with Events; when it comes, a second one"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        with Collectd(scratch, block(stack, scratch, 1, kind="user"), csv=True) as daemon:
            daemon.wait_line("warning", r"^account \"home\": Traffic does nothing: the API key lacks the right "
                                        r"\"read gateway traffic\" \(RIGHT_GATEWAY_TRAFFIC_READ; Console: API keys\)")
            wait_streams(stack)
            some_traffic(stack, "roof")
            wait_for(lambda: daemon.packets("roof")[0] == 41, "41 uplinks")
            stack.disconnect("roof")
            daemon.wait_value("ttn", "roof", "bool", "connected", 0)
            equal(traffic(daemon, "roof")[1], {})
            equal(set(traffic(daemon, "roof")[0]) - {"events_missed"}, {"connects"})
            equal(len([line for line in daemon.lines("warning") if "raffic" in line]), 1)
            stack.connect("roof")
            stack.key("user", rights=["RIGHT_USER_GATEWAYS_LIST", "RIGHT_GATEWAY_STATUS_READ",
                                      "RIGHT_GATEWAY_TRAFFIC_READ"])
            stack.end_streams("error")
            wait_for(lambda: [stack.uplink("roof"), traffic(daemon, "roof")[1]][1], "levels", 20)
            daemon.wait_line("notice", "events of traffic arrive$")


def test_lost_right():
    """A new key without the right, after events came: one line that names it; one with the right: a second one"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        options = stack.options(scratch, RIGHT)
        with Drive(scratch, Traffic=True, **options) as drive:
            said = []
            for kind in (RIGHT, "user", RIGHT):
                with open(options["APIKeyFile"], "w", encoding="utf-8") as file:
                    file.write(key_text(kind) + "\n")
                os.utime(options["APIKeyFile"], (len(said), 1))
                for _ in range(3):
                    said += drive.poll().lines("warning", "notice")
                    drive.hear(stack, 1)
                    stack.uplink("roof")
                    drive.hear(stack, 1)
            said += drive.poll().lines("warning", "notice")
            equal(len(said), 2, said)
            matches("Traffic does nothing: the API key lacks the right", said[0])
            matches("events of traffic arrive", said[1])


def test_owner_without_right():
    """The key has the right, its owner lacks it at the gateways: one line, once uplinks are counted"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, debounce=1)
        stack.register("roof")
        stack.collaborator("roof", "alice", ["RIGHT_GATEWAY_STATUS_READ"])
        stack.connect("roof")
        stack.freeze()
        with Drive(scratch, Traffic=True, **stack.options(scratch, RIGHT)) as drive:
            said = []
            for _ in range(8):
                said += drive.poll().lines("warning")
                drive.hear(stack, 1)
                stack.uplink("roof", 10)
                stack.advance(60)
            equal(len([line for line in said if "the key's owner may lack the right" in line]), 1, said)


def everything(scratch):
    """The contents of all files below a folder."""
    out = {}
    for folder, _, names in os.walk(scratch.path):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    out[path] = file.read()
    return out


def secrets_of(stack, key):
    """What the stack's events say of frames and devices, in each writing: payloads, addresses, codes, tokens."""
    request = urllib.request.Request("http://%s:%d/api/v3/events" % (stack.hosts[0], stack.port), headers={
        "Authorization": "Bearer " + key}, data=json.dumps({
            "identifiers": [{"gateway_ids": {"gateway_id": "roof"}}], "names": ["gs.up.receive", "gs.down.send"],
            "tail": 1000}).encode())
    out = set()
    with urllib.request.urlopen(request, timeout=10) as stream:
        for _ in range(60):
            line = stream.readline().decode()
            found = re.findall(r'"(raw_payload|mic|frm_payload|uplink_token|dev_addr)": ?"([^"]+)"', line)
            for name, text in found:
                out.add(text)
                data = bytes.fromhex(text) if name == "dev_addr" else base64.b64decode(text)
                out |= {data.hex(), data.hex().upper(), data[::-1].hex(), base64.b64encode(data).decode()}
            if '"name":"gs.down.send"' in line:
                return out
    raise AssertionError("no downlink came")


def test_no_payload():
    """No payload and no device's address is in values, meta data, log, notifications, state file or ttn-check"""
    with Scratch() as scratch, Standin() as stack:
        stack.cluster(1, event_store=True)
        stack.register("roof")
        stack.connect("roof")
        options = {"MetaData": True, "StateFile": scratch.file("state")}
        with Collectd(scratch, block(stack, scratch, 1, **options), csv=True) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            wait_streams(stack)
            some_traffic(stack, "roof")
            wait_for(lambda: traffic(daemon, "roof")[0].get("up_sf7"), "uplinks")
            stack.send_line('{"result":{"name":"gs.up.receive","data":{"message":{"raw_payload":"QAEAACY="')
            stack.disconnect("roof")
            daemon.wait_value("ttn", "roof", "bool", "connected", 0)
            texts = {"metrics": "\n".join(map(str, daemon.values())).encode(),
                     "list": "\n".join(daemon.listed()).encode()}
            daemon.stop()
        texts.update(everything(scratch))
        for arguments in ([], ["--json"]):
            texts["ttn-check %s" % arguments] = subprocess.run(
                [paths.check(), *arguments, "--config", scratch.file("collectd.conf")],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60).stdout
        secrets = secrets_of(stack, key_text(RIGHT))
        assert len(secrets) > 50, secrets
        found = [(path, secret) for path, text in texts.items() for secret in secrets if secret.encode() in text]
        equal(found, [])
        assert any(b"up_sf7" in text for text in texts.values()), json.dumps(sorted(texts))


run(globals())
