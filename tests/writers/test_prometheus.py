#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_prometheus, scraped by a real Prometheus: values, and what rate() and increase() make of counts."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import HOST, Collectd, account, identity  # noqa: E402
from place import Scratch  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

UPLINKS = 'collectd_ttn_packets_total{ttn="roof",type="uplink"}'


def newest(prometheus):
    rows = prometheus.query('{__name__=~"collectd_ttn_.*",instance="%s"}' % HOST)
    return {identity(labels["__name__"], labels): number for labels, number in rows}


def uplinks(prometheus):
    (_, samples), = prometheus.samples(UPLINKS)
    return [number for _, number in samples]


def increased(prometheus, number):
    """increase() extends what it saw at both ends, here by half a second or so each of many."""
    got = prometheus.number("increase(%s[1h])" % UPLINKS)
    if not number <= got <= 1.3 * number:
        raise AssertionError("increase() says %r, there were %r" % (got, number))


def test_story():
    """All values are in Prometheus as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block) as daemon, Prometheus(scratch, [daemon.exporter]) as prometheus:
            story.tell(stack, lambda: newest(prometheus))
            story.never_falls(uplinks(prometheus))
            increased(prometheus, 9)
            equal(prometheus.query('collectd_ttn_bool{type="connected"} == 0 and collectd_ttn_packets_total'
                                   '{type="uplink"} > 1000'), [])
            equal(daemon.lines("error") + daemon.lines("warning"), [])


run(globals())
