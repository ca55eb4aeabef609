#!/usr/bin/python3
"""Tests of what the recordings cannot show of the stand-in's uplinks and downlinks: other radio, other failures, and
what really happened.

Output is TAP.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import tap  # noqa: E402  (the module lies in ../lib)
from demo import Demo  # noqa: E402
from demo_radio import Air  # noqa: E402
from listening import Listening  # noqa: E402
from stack import Stack  # noqa: E402

RECEIVE, FORWARD, DROP = "gs.up.receive", "gs.up.forward", "gs.up.drop"
ATTEMPT, SEND, FAIL = "gs.down.schedule.attempt", "gs.down.send", "gs.down.schedule.fail"
ACK, SUCCESS, TX_FAIL, ACK_FORWARD = "gs.txack.receive", "gs.down.tx.success", "gs.down.tx.fail", "gs.txack.forward"
FSK = {"fsk": {"bit_rate": 50000}}
LRFHSS = {"lrfhss": {"modulation_type": 0, "operating_channel_width": 137000, "coding_rate": "2/3"}}


def one_gateway(stack):
    stack.register("roof")
    stack.connect("roof")
    return stack


def listening(stack, **more):
    stream = Listening(stack, ["roof"], **more)
    stream.next("events.stream.start")
    return stream


def received(stack, stream, **radio):
    stack.uplink("roof", radio=radio)
    return stream.next(RECEIVE)["data"]["message"]


def test_modulations():
    """LoRa, FSK and LR-FHSS, without what is 0"""
    with Stack() as stack, listening(one_gateway(stack)) as stream:
        settings = received(stack, stream, spreading_factor=12, bandwidth=250000, frequency=0, snr=0)["settings"]
        tap.equal(settings["data_rate"],
                  {"lora": {"bandwidth": 250000, "spreading_factor": 12, "coding_rate": "4/5"}})
        tap.equal("frequency" in settings, False)
        message = received(stack, stream, data_rate=FSK, rssi=-50)
        tap.equal(message["settings"]["data_rate"], FSK)
        tap.equal([message["rx_metadata"][0].get(name) for name in ("rssi", "channel_rssi", "snr")], [-50, -50, None])
        message = received(stack, stream, data_rate=LRFHSS, rssi=0)
        tap.equal(message["settings"]["data_rate"],
                  {"lrfhss": {"operating_channel_width": 137000, "coding_rate": "2/3"}})
        tap.equal("rssi" in message["rx_metadata"][0], False)


def test_antennas():
    """Each antenna has its own entry; the stack sends downlinks through the first one only"""
    with Stack() as stack, listening(one_gateway(stack)) as stream:
        first, second = received(stack, stream, rssi=-100, snr=-2.5,
                                 antennas=[{}, {"rssi": -90, "snr": 4}])["rx_metadata"]
        tap.equal([first.get(name) for name in ("antenna_index", "rssi", "snr", "downlink_path_constraint")],
                  [None, -100, -2.5, None])
        tap.equal([second.get(name) for name in ("antenna_index", "rssi", "channel_rssi", "snr", "uplink_token",
                                                 "downlink_path_constraint")],
                  [1, -90, -90, 4, None, "DOWNLINK_PATH_CONSTRAINT_NEVER"])


def test_drops():
    """Uplinks are dropped for their CRC, by the upstream, for what a test says; one that is too short has no event"""
    own = {"code": 9, "namespace": "pkg/x", "name": "because", "text": "so",
           "cause": {"code": 2, "namespace": "pkg/y", "name": "deeper", "text": "so, too"}}
    with Stack() as stack, listening(one_gateway(stack), names=[RECEIVE, DROP, FORWARD]) as stream:
        for radio, name, code in (({"crc": False}, "message_crc", 3), ({"drop": "host_handle"}, "host_handle", 4),
                                  ({"drop": "pool_full"}, "pool_full", 8), ({"drop": "validation"}, "validation", 3),
                                  ({"drop": own}, "because", 9)):
            stack.uplink("roof", radio=radio)
            events = stream.events(2)
            tap.equal([event["name"] for event in events], [RECEIVE, DROP])
            data = events[1]["data"]
            tap.equal((data["name"], data["code"]), (name, code))
            tap.equal(data.get("cause", {}).get("code"), {"host_handle": 4, "because": 2}.get(name))
        stack.uplink("roof", 3, radio={"short": True})
        tap.equal(stream.quiet(), True)
        tap.equal(stack.ledger()["roof"]["true"]["uplink"], 8)
        for radio in ({"snrr": 1}, {"drop": "nothing"}):
            try:
                stack.uplink("roof", radio=radio)
            except ValueError:
                continue
            raise AssertionError("%r is taken" % radio)


def test_downlinks():
    """Each is attempted and sent, and acknowledged with its result; a key that may not read traffic sees nothing"""
    with Stack() as stack, listening(one_gateway(stack)) as stream, listening(stack, key="user") as status:
        stack.downlink("roof", 2)
        names = [ATTEMPT, SEND] * 2
        sent = []
        for name in names:
            event = stream.next(name)
            sent.append(event["correlation_ids"])
        tap.equal(sent[0] == sent[1] != sent[2] == sent[3], True)
        stack.tx_ack("roof")
        acknowledged = stream.next(ACK)
        tap.equal("result" in acknowledged["data"], False)
        tap.equal(acknowledged["correlation_ids"][1:], sent[0])
        tap.equal("data" in stream.next(SUCCESS), False)
        stream.next(ACK_FORWARD)
        stack.tx_ack("roof", result="COLLISION_PACKET")
        acknowledged = stream.next(ACK)
        tap.equal((acknowledged["data"]["result"], acknowledged["correlation_ids"][1:]), ("COLLISION_PACKET", sent[2]))
        tap.equal(stream.next(TX_FAIL)["data"]["value"], 4)
        stream.next(ACK_FORWARD)
        # Of one that nobody was told of.
        stack.tx_ack("roof", result="GPS_UNLOCKED")
        tap.equal(stream.next(TX_FAIL)["data"]["value"], 8)
        stack.downlink("roof", 1500)
        tap.equal(len([stream.next(SEND) for _ in range(1000)]), 1000)
        stream.next("gs.gateway.connection.stats")
        while not status.quiet():
            tap.equal(status.event()["name"], "gs.gateway.connection.stats")


def test_unscheduled():
    """A window's failure has its cause unless it is not tried; a whole failure has no windows; none is counted"""
    with Stack() as stack, listening(one_gateway(stack)) as stream:
        for causes, seen in ((["conflict", "duty_cycle"], [("conflict", 6), ("duty_cycle", 8)]),
                             (["too_late", "blocked"], [("too_late", 9), ("blocked", 8)]),
                             (["rx_empty", "dwell_time"], [(None, 9), ("dwell_time", 9)]),
                             (["another_one"], [("another_one", 2)]), ("not_allowed", [])):
            stack.unscheduled("roof", causes)
            attempt = stream.next(ATTEMPT)
            fail = stream.next(FAIL)
            tap.equal(fail["correlation_ids"], attempt["correlation_ids"])
            data = fail["data"]
            tap.equal(data["name"], "tx_schedule" if seen else causes)
            errors = data["details"][0]["path_errors"] if seen else []
            tap.equal([(error.get("cause", {}).get("name"), error["code"]) for error in errors], seen)
            tap.equal("details" in data, bool(seen))
        tap.equal(stack.ledger()["roof"]["true"]["downlink"], 0)


def test_ledger():
    """What really happened is known, with and without listeners, since the registration or since it was last cleared"""
    with Stack() as stack:
        one_gateway(stack)
        stack.uplink("roof", 2)
        stack.uplink("roof", radio={"spreading_factor": 12, "frequency": 868300000, "rssi": -110, "snr": -8.5,
                                    "antennas": [{}, {"rssi": -105, "snr": -6}]})
        stack.uplink("roof", radio={"data_rate": FSK, "rssi": -50, "crc": False})
        stack.uplink("roof", radio={"data_rate": LRFHSS, "rssi": -120, "drop": "host_handle"})
        stack.uplink("roof", 3, radio={"short": True})
        stack.downlink("roof", 4)
        stack.tx_ack("roof", 2)
        stack.tx_ack("roof", result="TOO_LATE")
        stack.unscheduled("roof", ["conflict", "duty_cycle"], 2)
        stack.unscheduled("roof", "not_allowed")
        seen = stack.radio("roof", clear=True)
        tap.equal(seen, {
            "uplinks": 8, "data_rates": {"sf7": 2, "sf12": 1, "fsk": 1, "lrfhss": 1},
            "frequencies": {"868100": 4, "868300": 1}, "rssi": [-80, -80, -105, -50, -120], "snr": [7.5, 7.5, -6],
            "drops": {"message_crc": 1, "host_handle": 1}, "downlinks": {"sent": 4, "ok": 2, "too_late": 1},
            "unscheduled": {"duty_cycle": 2, "not_allowed": 1}, "no_event": 3})
        nothing = stack.radio("roof")
        tap.equal((nothing["uplinks"], nothing["rssi"], nothing["downlinks"]), (0, [], {"sent": 0, "ok": 0}))
        stack.connect("roof")
        stack.move(2)
        stack.flood("roof", 5, "uplink")
        tap.equal((stack.radio("roof")["uplinks"], stack.radio("roof")["downlinks"]), (2, {"sent": 2, "ok": 2}))
        stack.uplink("roof", 2000000)
        many = stack.radio("roof")
        tap.equal((many["uplinks"], many["data_rates"], len(many["rssi"])), (2000002, {"sf7": 2000002}, 1002))
        stack.unregister("roof")
        one_gateway(stack)
        tap.equal(stack.radio("roof")["uplinks"], 0)


def test_times():
    """The last uplink of statistics has the time of its event, by which a client knows what they count"""
    with Stack() as stack, listening(one_gateway(stack)) as stream:
        event = received(stack, stream)["received_at"]
        statistics = {}
        while "last_uplink_received_at" not in statistics:
            statistics = stream.next("gs.gateway.connection.stats")["data"]
        tap.equal(statistics["last_uplink_received_at"], event)


def test_told_and_true():
    """The events of a gateway and what really happened are the same"""
    with Stack() as stack, listening(one_gateway(stack)) as stream:
        for number in range(30):
            stack.uplink("roof", radio={"spreading_factor": 7 + number % 6, "rssi": -60 - number, "snr": 9 - number / 2,
                                        "crc": number % 5 != 0})
            stack.downlink("roof")
            stack.tx_ack("roof", result="SUCCESS" if number % 3 else "TX_POWER")
        true = stack.radio("roof")
        events = stream.rest()
        names = [event["name"] for event in events]
        tap.equal([event["data"]["message"]["rx_metadata"][0]["rssi"] for event in events if event["name"] == RECEIVE],
                  true["rssi"])
        tap.equal([names.count(name) for name in (DROP, FORWARD, ATTEMPT, SEND, ACK, SUCCESS, TX_FAIL)],
                  [true["drops"]["message_crc"], 24, 30, 30, 30, true["downlinks"]["ok"], 10])
        tap.equal(true["downlinks"], {"sent": 30, "ok": 20, "tx_power": 10})


def test_demo():
    """The demo's uplinks are plausible, and the same in every run; some downlinks are too late"""
    with Stack() as stack:
        Demo(stack, 2000).start()
        stack.radio("town-hall-roof", clear=True)
        tap.wait_for(lambda: stack.radio("town-hall-roof")["uplinks"] > 1500, "1500 uplinks", 30)
        seen = stack.radio("town-hall-roof")
        tap.equal(sorted(seen["frequencies"]), ["868100", "868300", "868500"])
        tap.equal(set(seen["data_rates"]) <= {"sf%d" % number for number in range(7, 13)}, True)
        tap.equal({"sf7", "sf12"} <= set(seen["data_rates"]), True)
        tap.near(seen["drops"]["message_crc"] / seen["uplinks"], 0.03, 0.02)
        tap.equal(0 < seen["downlinks"]["too_late"] < seen["downlinks"]["ok"] / 5, True)
        tap.equal((min(seen["rssi"]) >= -120, max(seen["rssi"]) <= -60), (True, True))
        tap.equal((min(seen["snr"]) >= -15, max(seen["snr"]) <= 10), (True, True))
        weak = [snr for rssi, snr in zip(seen["rssi"], seen["snr"]) if rssi < -105]
        strong = [snr for rssi, snr in zip(seen["rssi"], seen["snr"]) if rssi > -90]
        tap.at_most(max(weak), min(strong))
    first, second = Air(1), Air(1)
    tap.equal([first.uplink(name) for name in "ab" * 20], [second.uplink(name) for name in "ab" * 20])


if __name__ == "__main__":
    tap.run(globals())
