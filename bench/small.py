#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a small machine needs for the plugin: collectd with a few gateways, beside the same collectd without them.

    make bench-small

Each collectd polls once in the minute that is measured, over TLS and HTTP/2. Memory is what is resident at the end.
A wake-up is a thread that had to wait and goes on; CPU is that of all threads, as the kernel counts it. The stand-in
and its TLS front are processes of their own."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402

GATEWAYS = 5
UPLINKS = 12  # of each gateway
ROWS = (("without the plugin", None), ("polls", {}), ("and events, with Traffic", {"Traffic": True}))


def of_threads(pid, name):
    """The contents of a file of each thread."""
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/%s" % (pid, thread, name), encoding="ascii") as file:
                yield file.read()
        except OSError:
            pass  # it has ended


def used(pid):
    """(CPU in ms, wake-ups) so far."""
    cpu = sum(int(text.split()[0]) for text in of_threads(pid, "schedstat"))
    waits = sum(int(line.split()[1]) for text in of_threads(pid, "status") for line in text.splitlines()
                if line.startswith("voluntary_ctxt_switches:"))
    return cpu / 1e6, waits


def measure(daemons, stack, gateways):
    """[(resident MB, wake-ups, CPU in ms)] of a minute."""
    before = [used(daemon.process.pid) for daemon in daemons]
    begin = time.monotonic()
    for number in range(UPLINKS):
        for gateway in gateways:
            stack.uplink(gateway, radio={"rssi": -80 - number, "snr": 7 - number})
        time.sleep(max(0.0, begin + (number + 1) * 60 / UPLINKS - time.monotonic()))
    after = [used(daemon.process.pid) for daemon in daemons]
    return [(daemon.rss() / 1e6, now[1] - then[1], now[0] - then[0])
            for daemon, then, now in zip(daemons, before, after)]


def daemon_of(scratch, stack, number, options):
    block = "" if options is None else account(
        "home", **stack.options(scratch, "user-traffic"), Interval=60, **options)
    return Collectd(scratch, block, plugin=options is not None, interval=60, name="small-%d" % number,
                    port=9103 + number)


def main():
    with Scratch() as scratch, Standin(scratch) as stack:
        gateways = stack.fleet(GATEWAYS)
        daemons = [daemon_of(scratch, stack, number, options) for number, (_, options) in enumerate(ROWS)]
        try:
            for daemon in daemons:
                daemon.start()
            time.sleep(10)  # the first poll is longer than others
            rows = measure(daemons, stack, gateways)
        finally:
            for daemon in daemons:
                if daemon.process is not None:
                    daemon.stop()
    print("| collectd with %d gateways | resident MB | wake-ups a minute | CPU ms a minute |" % GATEWAYS)
    print("|---|---:|---:|---:|")
    for (name, _), row in zip(ROWS, rows):
        print("| %s | %.1f | %d | %.1f |" % (name, *row))


if __name__ == "__main__":
    main()
