#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_http and write_kafka, which send the same JSON, with meta data and without."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from kafka import Kafka  # noqa: E402
from paths import Scratch  # noqa: E402
from receiver import Receiver  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, run, wait_for  # noqa: E402

UPLINKS = ("ttn", "roof", "packets", "uplink")


def key(one):
    return one["plugin"], one["plugin_instance"], one["type"], one["type_instance"]


def of(other_end, wanted):
    return [one for one in other_end.values() if key(one) == wanted]


def newest(other_end):
    return {key(one): one["values"][0] for one in other_end.values()}


def whole_story(scratch, other_end):
    with Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block, extra=other_end.writer(StoreRates=False), prometheus=False) as daemon:
            story.tell(stack, lambda _: newest(other_end))
            equal(daemon.lines("error") + daemon.lines("warning"), [])
    uplinks = of(other_end, UPLINKS)
    story.never_falls([one["values"][0] for one in uplinks])
    equal((uplinks[0]["host"], uplinks[0]["dstypes"], uplinks[0]["dsnames"], uplinks[0]["interval"]),
          (HOST, ["derive"], ["value"], 0.5))
    equal([one for one in other_end.values() if one.get("meta")], [], "meta data")


def test_http():
    """All values are posted as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Receiver() as receiver:
        whole_story(scratch, receiver)


def test_kafka():
    """All values are in the topic as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Kafka(scratch) as kafka:
        whole_story(scratch, kafka)


def test_meta_data():
    """MetaData: the gateway's name and more is beside each value of it; the first rate is null"""
    meta = {"gateway_name": "On the roof", "gateway_eui": "00800000C1000000", "gateway_protocol": "udp",
            "gateway_remote_address": "127.0.0.1", "gateway_server_address": "127.0.0.1",
            "gateway_version_hal": "5.0.1", "gateway_version_fpga": "48", "gateway_version_dsp": "27"}
    with Scratch() as scratch, Standin() as stack, Receiver() as receiver:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5, MetaData=True)
        with Collectd(scratch, block, extra=receiver.writer(StoreRates=True), prometheus=False):
            wait_for(lambda: of(receiver, UPLINKS), "uplinks", story.PATIENCE)
        mine = [one for one in receiver.values() if one["plugin_instance"] == "roof"]
        for one in mine:
            matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", one["meta"].pop("gateway_boot_time"))
        equal([one for one in mine if one["meta"] != meta], [], "meta data of roof's values")
        equal([one for one in receiver.values() if one["plugin"] == "ttn_api" and one.get("meta")], [],
              "meta data of the account")
        equal(of(receiver, UPLINKS)[0]["values"], [None], "the first rate")


run(globals())
