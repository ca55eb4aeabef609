#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_http: JSON, with and without meta data."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from place import Scratch  # noqa: E402
from receiver import Receiver  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

# By default a node sends when it has 4096 bytes.
WRITER = """LoadPlugin write_http
<Plugin write_http>
  <Node "test">
    URL "%s"
    Format "JSON"
    StoreRates %s
    BufferSize 1024
  </Node>
</Plugin>
"""


def posted(receiver):
    """All that came, in its order."""
    return [one for body in list(receiver.bodies) for one in json.loads(body) if one["plugin"].startswith("ttn")]


def key(one):
    return one["plugin"], one["plugin_instance"], one["type"], one["type_instance"]


def newest(receiver):
    return {key(one): one["values"][0] for one in posted(receiver)}


def test_story():
    """All values are posted as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack, Receiver() as receiver:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block, extra=WRITER % (receiver.url, "false"), prometheus=False) as daemon:
            story.tell(stack, lambda _: newest(receiver))
            equal(daemon.lines("error") + daemon.lines("warning"), [])
        story.never_falls([one["values"][0] for one in posted(receiver) if key(one) ==
                           ("ttn", "roof", "packets", "uplink")])
        one = next(one for one in posted(receiver) if key(one) == ("ttn", "roof", "packets", "uplink"))
        equal((one["host"], one["dstypes"], one["dsnames"], one["interval"]), (HOST, ["derive"], ["value"], 0.5))
        equal([one for one in posted(receiver) if one.get("meta")], [], "meta data")


def test_meta_data():
    """MetaData: the gateway's name and more is beside each value of it; the first rate is null"""
    with Scratch() as scratch, Standin() as stack, Receiver() as receiver:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5, MetaData=True)
        with Collectd(scratch, block, extra=WRITER % (receiver.url, "true"), prometheus=False):
            wait_for(lambda: ("ttn", "roof", "packets", "uplink") in newest(receiver), "uplinks", story.PATIENCE)
        values = posted(receiver)
        meta = {"gateway_name": "On the roof", "gateway_eui": "00800000C1000000", "gateway_protocol": "udp",
                "gateway_remote_address": "127.0.0.1", "gateway_server_address": "127.0.0.1"}
        mine = [one for one in values if one["plugin_instance"] == "roof"]
        equal([one for one in mine if one["meta"] != meta], [], "meta data of roof's values")
        equal([one for one in values if one["plugin"] == "ttn_api" and one.get("meta")], [], "meta data of the account")
        equal([one["values"] for one in mine if key(one) == ("ttn", "roof", "packets", "uplink")][0], [None], "rate")


run(globals())
