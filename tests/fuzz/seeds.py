#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the inputs that the fuzzers begin with, in a directory for each:

    tests/fuzz/seeds.py DIRECTORY

They come from the recorded answers in tests/answers and from
collectd.conf.example; a few lines are made up where nothing was recorded.
What the bytes in front of a text mean stands in the head of each fuzzer."""

import hashlib
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT[^"]*)"')
DURATION = re.compile(rb'"(\d+(?:\.\d+)?s)"')
CUTS = [0, 1, 3, 255]

HOSTS = b"""https://eu1.cloud.thethings.network\nnam1.cloud.thethings.network
https://acme.eu1.cloud.thethings.industries\nacme.nam1.cloud.thethings.industries:1700
https://acme.eu1.cloud.thethings.industries\nother.eu1.cloud.thethings.industries
https://stack.example.org:8885/\nmqtts://stack.example.org:8881
http://[::1]:1885\n[0:0:0:0:0:0:0:1]:443
http://127.0.0.1\n127.1
https://the_stack\nhttp://user@the_stack/path
https://eu1.cloud.thethings.network.\nhttps://EU1.cloud.thethings.network.example.org:443""".split(b"\nhttp")

SETTINGS = b"""
APIKey "NNSXS.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFG.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST
StateFile "
APIKy "NNSXS
Gateway 0123
URL {
Interval
Cluster ,,
Cluster "https://nam1.stack.example.org:8885
APIKeyFile "home.key
Timeout 70000.5
ClientKey "/x
Shard "2/4
Interval nan
AddressFamily "ipv6"""

STATE = b"""ttn-state 1 %s
account home
url https://eu1.cloud.thethings.network
eui-00800000c0000001 0 1700000000000000000 0 0 0 0%s
roof 1 1700000000000000000 1700000000000000001 17 0 9223372036854775807%s
"""


def recorded():
    """Each recorded answer with its path below tests/answers."""
    answers = os.path.join(ROOT, "tests", "answers")
    for directory, _, names in sorted(os.walk(answers)):
        for name in sorted(names):
            if name.endswith(".json"):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    yield json.load(file)


def decoder_of(answer):
    path = answer["request"]["path"].split("?")[0]
    if answer["status"] != 200:
        return "error"
    if path.endswith("/auth_info"):
        return "auth_info"
    if path.endswith("/connection/stats"):
        return "stats"
    return "list"


def head(answer):
    lines = [f"HTTP/1.1 {answer['status']} OK"]
    lines += [f"{name}: {value}" for name, value in answer["headers"].items()]
    lines += ["Date: Sun, 22 Nov 2026 16:00:00 GMT", "X-Warning: use the other", ""]
    return "\n".join(lines).encode()


def option_lines():
    with open(os.path.join(ROOT, "collectd.conf.example"), encoding="utf-8") as file:
        found = re.findall(r'^\s*#?(\w+ (?:".*|[\w./]+))$', file.read(), re.M)
    return [line.rstrip('"').encode() for line in found]


def seeds():
    """Pairs: a fuzzer, an input."""
    n = 0
    for answer in recorded():
        body = (answer["body"] or "").encode()
        decoder = decoder_of(answer)
        single = decoder == "stats" and answer["request"]["method"] == "GET"
        cut = CUTS[n % 4] | 1 if single else CUTS[n % 4] & ~1
        n += 1
        yield decoder, bytes([cut, n % 256]) + body
        yield "headers", head(answer)
        for text in TIME.findall(body) + DURATION.findall(body):
            yield "times", text
    yield "times", b"Sun, 06 Nov 1994 08:49:37 GMT"
    yield "times", b"2016-12-31T23:59:60+00:00"
    for pair in HOSTS:
        yield "hosts", pair if pair.startswith(b"http") else b"http" + pair
    lines = option_lines()
    yield "settings", b"\0" + b"\n".join(lines)
    for line in lines + SETTINGS.split(b"\n"):
        yield "settings", b"\0" + line
        yield "settings", b"\x09APIKeyFile \"/key\n" + line
    for choice in range(0, 20):
        yield "state", bytes([choice]) + STATE % (b"offsets", b"", b"")
        yield "state", bytes([choice]) + STATE % (b"values", b" 3 120 -", b" - - -")


def main():
    for fuzzer, text in seeds():
        directory = os.path.join(sys.argv[1], fuzzer)
        os.makedirs(directory, exist_ok=True)
        name = hashlib.sha1(text).hexdigest()
        with open(os.path.join(directory, name), "wb") as file:
            file.write(text)


if __name__ == "__main__":
    main()
