#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Lists as large as a server cares to make them: memory, time and requests stay within bounds, and what was
known goes on. The pages are made on the fly, for the stand-in would need all those gateways to be there."""

import os
import re
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, note, run  # noqa: E402
import wire  # noqa: E402  (the stand-in's)

MOST = 1000000
KIB = 1024
MIB = 1024 * KIB


class Lister:
    """Answers lists with pages of so many gateways and a total of its own choice, and refuses statistics by its
    rate limit, so that they are asked for once."""

    def __init__(self, gateways, total=None):
        self.gateways = gateways
        self.total = total
        self.pages = 0
        self.prefix = "gw"
        # Stand in each entry behind its id, and in the page behind its gateways.
        self.entry = ',"gateway_server_address":"elsewhere.example"'
        self.more = ""
        self._listener = wire.Listener(wire.listen("127.0.0.1", 0), self._serve)
        self.url = "http://127.0.0.1:%d" % self._listener.address[1]

    def __enter__(self):
        self._listener.start()
        return self

    def __exit__(self, *_):
        self._listener.stop()

    def options(self, scratch):
        return {"APIKeyFile": scratch.key(), "URL": self.url}

    def _serve(self, sock):
        reader = wire.Reader(sock)
        while True:
            request = wire.read_request(sock, reader)
            if request is None:
                return
            if request.method == "POST":
                sock.sendall(wire.head_of(429, [("X-Rate-Limit-Retry", 10 ** 6)], 2) + b"{}")
                continue
            self.pages += 1
            query = urllib.parse.parse_qs(request.query)
            body = self._page(int(query["page"][0]), int(query["limit"][0]))
            headers = [("X-Total-Count", self.gateways if self.total is None else self.total)]
            sock.sendall(wire.head_of(200, headers, len(body)) + body)

    def _page(self, page, limit):
        first = (page - 1) * limit
        entry = '{"ids":{"gateway_id":"%s-%%07d"}%s}' % (self.prefix, self.entry)
        rows = [entry % number for number in range(first, min(first + limit, self.gateways))]
        return ('{"gateways":[' + ",".join(rows) + "]" + self.more + "}").encode()


def hwm(drive):
    """The most memory it had, in bytes."""
    with open("/proc/%d/status" % drive.process.pid, encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * 1024


def at_most_memory(drive, most):
    """Address sanitizers put as much again between allocations, so with them the figure means nothing."""
    with open(paths.drive(), "rb") as file:
        if b"__asan_init" not in file.read():
            at_most(hwm(drive), most, "bytes")


def test_a_million():
    """A list of 1,000,000 gateways, and one without end whose total is 10^18: memory, time and pages are bounded"""
    with Scratch() as scratch:
        for gateways, total, pages in ((MOST, None, 1052), (10 ** 9, 10 ** 18, 1200)):
            with Lister(gateways, total) as lister, Drive(scratch, Timeout=45000, **lister.options(scratch)) as drive:
                for number in range(2):
                    poll = drive.poll()
                    equal(lister.pages, pages * (number + 1), "pages")
                    equal(poll.api("count", "gateways"), MOST, "gateways")
                    said = "more than 1000000 gateways: .* Shard" if gateways > MOST else "rate limit"
                    if number == 0:
                        matches(said, str(poll.lines("warning")))
                    else:
                        equal(poll.log, [], "log")
                    at_most(poll.ms, 45000, "ms")
                    note("%d pages, total %s: %.1f s, at most %.0f bytes a gateway"
                         % (pages, total, poll.ms / 1000, hwm(drive) / MOST))
                    drive.later(300)
                at_most_memory(drive, MOST * KIB)


def test_others_each_time():
    """A list that names others each time, and is never whole so that none is removed: not beyond the bound"""
    with Scratch() as scratch, Lister(600000, 10 ** 18) as lister, Drive(scratch, **lister.options(scratch)) as drive:
        for prefix, expected in (("bb", 600000), ("cc", MOST), ("aa", MOST)):
            lister.prefix = prefix
            poll = drive.poll()
            equal(poll.api("count", "gateways"), expected, "gateways, " + prefix)
            equal(len([text for text in poll.lines("warning") if "more than 1000000 gateways" in text]),
                  1 if prefix == "cc" else 0, "warnings, " + prefix)
            drive.later(300)


def test_long_texts():
    """The longest names and addresses that are kept, for meta data"""
    count = 100000
    with Scratch() as scratch, Lister(count) as lister:
        lister.entry = ',"name":"%s","gateway_server_address":"%s"' % ("n" * 256, "h" * 256)
        with Drive(scratch, MetaData=True, **lister.options(scratch)) as drive:
            for number in range(2):
                poll = drive.poll()
                equal(poll.api("count", "gateways"), count, "gateways")
                note("at most %.0f bytes a gateway" % (hwm(drive) / count))
                drive.later(300)
            # Twice: what is known, and the list that is being read.
            at_most_memory(drive, count * 3 * KIB // 2 + 16 * MIB)


def test_a_page_too_large():
    """Pages beyond 16 MiB, or with a word of many: given up at once, and the gateways known so far are kept"""
    with Scratch() as scratch, Lister(500) as lister, Drive(scratch, **lister.options(scratch)) as drive:
        equal(drive.poll().api("count", "gateways"), 500)
        before = hwm(drive)
        failures = 0
        word = ',"more":"%s"' % ("x" * 15 * MIB)
        for more, said in ((" " * 17 * MIB, "is beyond 16 MiB"), (word, "too long|too large")):
            lister.more, lister.gateways, lister.pages = more, 100, 0
            drive.later(300)
            poll = drive.poll()
            failures += 1
            equal((poll.errors().get("too_large"), lister.pages), (failures, 1), "failures, pages")
            equal(poll.api("count", "gateways"), 500, "gateways")
            equal(len(poll.lines("error")), 1, "lines: %s" % poll.log)
            matches(said, poll.lines("error")[0])
            # As large, but within the bound.
            lister.more, lister.gateways = " " * 15 * MIB, 500
            drive.later(300)
            poll = drive.poll()
            equal((poll.api("count", "gateways"), len(poll.lines("notice"))), (500, 1), "gateways; log: %s" % poll.log)
        note("%.1f MB more" % ((hwm(drive) - before) / 1e6))
        at_most(hwm(drive) - before, 10 * MIB, "bytes more")


def test_slow_pages():
    """Pages that are slow, and too slow: what is known goes on in the same poll"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2500, pattern="idle")
        with Drive(scratch, Timeout=3000, **stack.options(scratch)) as drive:
            stack.fault({"delay": 0.7}, {"kind": "list"})
            poll = drive.poll()
            equal((poll.api("count", "connected"), poll.lines("error", "warning")), (2500, []), "slow")
            # The first page tells how many there are; the others go in parallel.
            at_most(poll.ms, 2 * 700 + 600, "ms")
            stack.unfault()
            stack.register("new-gw")
            rule = stack.fault({"delay": 5}, {"kind": "list"}, skip=1)
            drive.later(300)
            poll = drive.poll()
            equal((poll.api("count", "connected"), poll.api("bool", "up")), (2500, 1), "too slow")
            equal(len(poll.lines("error")), 1, "lines: %s" % poll.log)
            matches("list of gateways: no answer from .* within 1.0 s", poll.lines("error")[0])
            stack.unfault(rule)
            drive.later(60)
            poll = drive.poll()
            equal(poll.api("count", "gateways"), 2501, "the poll after")
            equal(len(poll.lines("notice")), 1, "lines: %s" % poll.log)


if __name__ == "__main__":
    run(globals())
