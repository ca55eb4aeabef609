#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""write_prometheus, scraped by a real Prometheus: values, and what rate() and increase() make of counts."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import story  # noqa: E402
from collectd import HOST, Collectd, account, identity  # noqa: E402
from paths import Scratch  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, run, wait_for  # noqa: E402

UPLINKS = 'collectd_ttn_packets_total{ttn="roof",type="uplink"}'


def newest(prometheus):
    rows = prometheus.query('{__name__=~"collectd_ttn_.*",instance="%s"}' % HOST)
    return {identity(labels["__name__"], labels): number for labels, number in rows}


def uplinks(prometheus):
    (_, samples), = prometheus.samples(UPLINKS)
    return [number for _, number in samples]


def increased(prometheus, number, what):
    """increase() extends what it saw by up to a sample at both ends, which of some ten samples is much. But what
    a false reset adds is a thousand."""
    got = prometheus.number("increase(%s[1h])" % UPLINKS)
    if not number <= got <= 2 * number:
        raise AssertionError("increase() %s says %r, there were %r" % (what, got, number))


def tells_story(server):
    """server: the class of what scrapes."""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=0.5)
        with Collectd(scratch, block) as daemon, server(scratch, [daemon.exporter]) as prometheus:
            story.tell(stack, lambda _: newest(prometheus))
            story.never_falls(uplinks(prometheus))
            increased(prometheus, 9, "over a reconnect")
            equal([(labels["ttn"], number) for labels, number in prometheus.query(
                'collectd_ttn_bool{type="connected"} == 0')], [("lost", 0), ("roof", 0)], "gateways that are down")
            equal(daemon.lines("error") + daemon.lines("warning"), [])


def test_story():
    """All values are in Prometheus as they are; counts go on over a reconnect"""
    tells_story(Prometheus)


def latin1(scratch, options):
    """A file with an account whose Host is Latin-1, and one whose name is."""
    blocks = [account(name, Host=host, **options) for name, host in (("old", "B\xfcro"), ("gr\xfcn", "gruen"))]
    path = scratch.file("latin1.conf")
    with open(path, "wb") as file:
        file.write("\n".join(["<Plugin ttn>", *blocks, "</Plugin>", ""]).encode("latin-1"))
    return path


def test_bytes():
    """An umlaut in UTF-8 is a label; in Latin-1, which would cost the whole scrape, it is refused, and no more"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 5)
        options = stack.options(scratch)
        block = account("B\xfcro \u2192 Dach", **options, Interval=0.5, Host="H\xfctte")
        block += '\n</Plugin>\nInclude "%s"\n<Plugin ttn>' % latin1(scratch, options)
        with Collectd(scratch, block) as daemon, Prometheus(scratch, [daemon.exporter]) as prometheus:
            prometheus.wait_number('collectd_ttn_packets_total{ttn="roof",type="uplink",instance="H\xfctte"}', 5)
            prometheus.wait_number('collectd_ttn_api_bool{ttn_api="B\xfcro \u2192 Dach",type="up"}', 1)
            daemon.wait_line("error", '^account "old": Host is not UTF-8, and Prometheus would drop the whole scrape')
            daemon.wait_line("error", r'^<Account "gr.*n"> is left out: an account needs a name')
            equal(prometheus.number('count(collectd_ttn_packets_total{type="uplink"})'), 1, "series")


def restarts(server):
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        daemon = Collectd(scratch, account("home", **stack.options(scratch), Interval=0.5))

        def follows(number, what):
            prometheus.wait_number(UPLINKS, number)
            increased(prometheus, stack.true("roof")[0] - 1000, what)
        with daemon, server(scratch, [daemon.exporter]) as prometheus:
            prometheus.wait_number(UPLINKS, 1000)
            stack.connect("roof")
            stack.uplink("roof", 20)
            follows(1020, "over a reconnect")
            daemon.stop()
            stack.uplink("roof", 5)
            daemon.start()
            follows(1025, "over a restart")
            daemon.stop()
            stack.connect("roof")
            stack.uplink("roof", 4)
            daemon.start()
            follows(1029, "over a restart with a reconnect")
            equal(prometheus.number("resets(%s[1h])" % UPLINKS), 0, "resets")
            daemon.kill()
            stack.connect("roof")
            stack.uplink("roof", 7)
            daemon.start()
            # One reset, which is how Prometheus learns that these 7 are new.
            follows(7, "over a kill with a reconnect")
            equal(prometheus.number("resets(%s[1h])" % UPLINKS), 1, "resets")


def test_restarts():
    """increase() and resets() over a reconnect, a restart of collectd, and a kill with a reconnect meanwhile"""
    restarts(Prometheus)


def test_rate():
    """rate() of a steady stream stays as it is over reconnects and a restart of collectd"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.5)) as daemon:
            stack.script([{"at": 0.1, "op": "uplink", "id": "roof", "n": 10}], loop=True)
            with Prometheus(scratch, [daemon.exporter]) as prometheus:
                prometheus.wait("rate(%s[5s])" % UPLINKS, lambda rows: [one for _, one in rows if 50 < one < 150])
                for change in (lambda: stack.connect("roof"), daemon.stop, lambda: stack.connect("roof")):
                    before = prometheus.number(UPLINKS)
                    change()
                    if daemon.process.poll() is not None:
                        daemon.start()
                    prometheus.wait("%s > %d" % (UPLINKS, before + 200))
                # What is lost is what no poll saw before a reconnect; 1000 were there before.
                at_most(prometheus.number("max_over_time(rate(%s[5s])[5m:1s])" % UPLINKS), 250, "the highest rate")
                equal(prometheus.number("resets(%s[5m])" % UPLINKS), 0, "resets")


def test_unknown():
    """A gateway that is unknown: its last sample stays as it was, and there is none after it"""
    with Scratch() as scratch, Standin() as stack:
        story.fleet(stack)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.5)) as daemon:
            with Prometheus(scratch, [daemon.exporter]) as prometheus:
                prometheus.wait_number(UPLINKS, 1000)
                stack.fault({"status": 503, "body": ""}, {"kind": "batch"})
                stack.uplink("roof", 3)
                wait_for(lambda: daemon.packets("roof") == (None, None, None), "silence", story.PATIENCE)
                prometheus.wait_number('collectd_ttn_api_count{type="unknown"}', 3)
                equal(uplinks(prometheus)[-1], 1000)
                # Timestamps are collectd's, so for five minutes a query takes the old one for the newest.
                prometheus.wait("time() - timestamp(%s) > 3" % UPLINKS)
                equal(prometheus.number(UPLINKS), 1000)
                stack.unfault()
                prometheus.wait_number(UPLINKS, 1003)
                increased(prometheus, 3, "over a time unknown")


if __name__ == "__main__":
    run(globals())
