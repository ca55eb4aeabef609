#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Events over TLS with HTTP/2, and behind Debian's nginx: with its defaults it holds them back, and polls tell all."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from proxies import Nginx  # noqa: E402
from standin import Standin  # noqa: E402
from tap import run, wait_for  # noqa: E402
from tls import Certificates  # noqa: E402

SLOW = 30
SOON = 6.0


def goes_and_comes(stack, daemon):
    """Seconds until each of two changes is seen."""
    out = []
    for change, shown in ((stack.disconnect, 0), (stack.connect, 1)):
        change("roof")
        begin = time.monotonic()
        daemon.wait_value("ttn", "roof", "bool", "connected", shown)
        out.append(time.monotonic() - begin)
    return out


def test_http2():
    """Over TLS, with HTTP/2 and with HTTP/1.1 and one connection for polls: events at once, and polls beside them"""
    for version in ("2", "1.1"):
        with Scratch() as scratch, Standin(scratch) as stack:
            stack.register("roof")
            stack.connect("roof")
            block = account("home", **stack.options(scratch), Interval=SLOW, Events=True, HTTPVersion=version,
                            MaxConnections=1)
            with Collectd(scratch, block, csv=True) as daemon:
                daemon.wait_value("ttn", "roof", "bool", "connected", 1)
                wait_for(lambda: len(stack.streams()) == 1, "a stream")
                for took in goes_and_comes(stack, daemon):
                    assert took < SOON, "HTTP/%s: %.1f s" % (version, took)
        with Scratch() as scratch, Standin(scratch) as stack:
            stack.register("roof")
            stack.connect("roof")
            block = account("home", **stack.options(scratch), Interval=0.5, Events=True, HTTPVersion=version,
                            MaxConnections=1)
            with Collectd(scratch, block, csv=True) as daemon:
                daemon.wait_value("ttn", "roof", "bool", "connected", 1)
                wait_for(lambda: len(stack.streams()) == 1, "a stream")
                polls = daemon.polls()
                stack.uplink("roof", 7)
                wait_for(lambda: daemon.packets("roof")[0] == 7 and daemon.polls() > polls + 3, "polls go on")


def test_nginx():
    """nginx with proxy_buffering off: events at once. With its defaults: none, and all comes from polls"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        certificates = Certificates(scratch.file("tls", ""), {"127.0.0.1": "127.0.0.1"})
        for options, interval in (("proxy_buffering off;", SLOW), ("", 0.5)):
            with Nginx(scratch, certificates.make("good"),
                       "location / { proxy_pass %s; %s }" % (stack.url, options), http2=True) as nginx:
                block = account("home", **dict(stack.options(scratch), URL=nginx.url, CACert=certificates.ca),
                                Interval=interval, Events=True)
                with Collectd(scratch, block, csv=True) as daemon:
                    daemon.wait_value("ttn", "roof", "bool", "connected", 1)
                    wait_for(lambda: len(stack.streams()) == 1, "a stream")
                    for took in goes_and_comes(stack, daemon):
                        assert took < SOON, "%r: %.1f s" % (options, took)
                    count = stack.true("roof")[0]
                    stack.uplink("roof", 3)
                    if not options:
                        wait_for(lambda: daemon.packets("roof")[0] >= 3, "3 uplinks, after %d" % count)
                        assert daemon.value("ttn_api", "home", "bool", "up") == 1
            wait_for(lambda: not stack.streams(), "no stream")


run(globals())
