#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the inputs that the fuzzers begin with, in a directory for each:

    tests/fuzz/seeds.py DIRECTORY

They come from the recorded answers in tests/answers and from
collectd.conf.example. Those that are named seed-… are made up, each for a rule
that could be broken, and stay in the corpus. What the bytes in front of a text
mean stands in the head of each fuzzer."""

import hashlib
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT[^"]*)"')
DURATION = re.compile(rb'"(\d+(?:\.\d+)?s)"')
CUTS = [0, 1, 3, 255]

PUBLIC = "cloud.thethings.network"
TENANTS = "cloud.thethings.industries"
# An account's URL, and an address.
HOSTS = [
    (f"https://eu1.{PUBLIC}", f"nam1.{PUBLIC}"),
    (f"https://eu1.{PUBLIC}:8443", f"nam1.{PUBLIC}"),
    (f"http://eu1.{PUBLIC}", f"nam1.{PUBLIC}"),
    (f"https://eu1.{PUBLIC}", f"nam1.{PUBLIC}."),
    (f"https://eu1.{PUBLIC}", f"NAM1.{PUBLIC}:1700"),
    (f"https://eu1.{PUBLIC}", PUBLIC),
    (f"https://eu1.{PUBLIC}", f"a.b.{PUBLIC}"),
    (f"https://eu1.{PUBLIC}", f"a_b.{PUBLIC}"),
    (f"https://eu1.{PUBLIC}", f"eu1.{PUBLIC}.example.org"),
    (f"https://eu1.{PUBLIC}", f"eu1x{PUBLIC}"),
    (f"https://eu1.{PUBLIC}", f"acme.eu1.{TENANTS}"),
    (f"https://acme.eu1.{TENANTS}", f"acme.nam1.{TENANTS}:1700"),
    (f"https://acme.eu1.{TENANTS}", f"evil.eu1.{TENANTS}"),
    (f"https://acme.eu1.{TENANTS}", f"acme.{TENANTS}"),
    (f"https://acme.eu1.{TENANTS}", f"acme.a.eu1.{TENANTS}"),
    (f"https://a_b.eu1.{TENANTS}", f"a_b.nam1.{TENANTS}"),
    (f"https://eu1.{TENANTS}", f"nam1.{TENANTS}"),
    ("https://stack.example.org:8885/", "mqtts://stack.example.org:8881"),
    ("https://stack.example.org", "other.example.org"),
    ("http://[::1]:1885", "[0:0:0:0:0:0:0:1]:443"),
    ("http://[::1]", "[::ffff:127.0.0.1]"),
    ("http://127.0.0.1", "127.1"),
    ("http://127.0.0.1", "0x7f.1"),
    ("http://127.0.0.1", "2130706433"),
    ("https://the_stack", "http://user@the_stack/path"),
    ("https://example.org/path", ""),
    ("ftp://example.org", ""),
    ("https://example.org?q", ""),
    ("https://example.org", "example.org:65536"),
    ("https://example.org", "example.org:0"),
    ("https://example.org", "a" * 64 + ".org"),
    ("https://example.org", "a." * 126 + "ab"),
]

TIMES = """2016-12-31T23:59:60Z
2016-12-31T23:59:60+00:00
2016-12-31T18:59:60-05:00
2016-12-31T12:59:60Z
2024-02-29T00:00:00Z
2023-02-29T00:00:00Z
2100-02-29T00:00:00Z
2024-04-31T00:00:00Z
2024-05-01T10:00:00.123456789+01:30
2024-05-01T10:00:00.1234567890Z
2024-05-01T10:00:00.Z
2024-05-01T10:00:00-23:59
2024-05-01T24:00:00Z
2024-05-01t10:00:00z
1970-01-01T00:00:00Z
1970-01-01T00:30:00+01:00
1969-12-31T23:59:60Z
0001-01-01T00:00:00Z
0001-01-01T00:00:00.5Z
2262-04-11T23:47:16.854775807Z
2262-04-11T23:47:16.854775808Z
9999-12-31T23:59:59Z
Sun, 06 Nov 1994 08:49:37 GMT
Sat, 29 Feb 2100 08:49:37 GMT
Sun, 31 Nov 1994 08:49:37 GMT
Mon, 01 Jan 0001 00:00:00 GMT
Sunday, 06-Nov-94 08:49:37 GMT
0s
0.050912894s
315576000000s
3155760000000s
1.0000000000s
1.s
-1s
1e3s
""".splitlines()

HEADS = [
    "HTTP/1.1 200 OK\nX-Total-Count: 9223372036854775807\nX-Rate-Limit-Retry: 9223372036854775808\n\n",
    "HTTP/1.1 200 OK\nX-Total-Count: 5\nx-total-count: 6\n\n",
    "HTTP/1.1 200 OK\nX-Total-Count: 5\nX-Total-Count:\t05 \n\n",
    "HTTP/1.1 200 OK\nX-Rate-Limit-Available: -1\nX-Rate-Limit-Reset: 1.5\nX-Rate-Limit-Limit: \n\n",
    "HTTP/1.1 103 Early Hints\nX-Total-Count: 5\n\nHTTP/1.1 200 OK\n\nX-Total-Count: 6\n",
    "HTTP/2 200\nX-Warning: " + "\u00fc" * 100 + "\nX-Warning: second\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n\n",
]

SETTINGS = """
APIKey "NNSXS.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFG.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST
APIKey "two words
APIKey 1
APIKey true
APIKy "NNSXS
StateFile "
Gateway 0123
Gateway "/(/
URL {
URL "http://example.org
URL "https://user:password@example.org
Interval
Interval nan
Interval 0.05
Interval 86401
Timeout 99
Timeout 70000.5
Timeout 70000
MaxConnections 65
Cluster ,,
Cluster "https://nam1.stack.example.org:8885
APIKeyFile "home.key
APIKeyFile "NNSXS.
ClientKey "/x
Shard "2/4
Shard "5/4
Shard "1/10001
Host "\t
AddressFamily "ipv6
AddressFamily "ipv5""".split("\n")

LONG = "x" * 3000
DEEP = "[" * 40
# For each decoder: pieces, and a body.
BODIES = {
    "list": [
        (20, '{"gateways":[{"x":"%s","ids":{"gateway_id":"roof"}}]}' % LONG),
        (1, '{"gateways":[{"name":"%s","ids":{"gateway_id":"roof"}}]}' % LONG[:400]),
        (0, '{"gateways":[{"ids":{"gateway_id":"abc"},"antennas":[{"location":{"latitude":91}}]}]}'),
        (0, '{"gateways":[{"ids":{"gateway_id":"abc","gateway_id":"abd"}},{"ids":{"gateway_id":"A"}}]}'),
        (3, '{"gateways":[{"ids":{"gateway_id":"abc","eui":"00800000C0000001"},"name":"\\u00fc\\ud800\\u0007",'
            '"antennas":[{"location":{"latitude":1.5e1,"longitude":-0.25}}]}]}'),
        (0, '{"x":%s' % DEEP),
    ],
    "stats": [
        (0, '{"entries":{"abc":{},"abd":{},"abc":{}}}'),
        (0, '{"entries":{"abc":{"sub_bands":[{"min_frequency":"5","max_frequency":"5"}]}}}'),
        (0, '{"entries":{"abc":{"sub_bands":[{"max_frequency":"5"},{"max_frequency":"5"}]}}}'),
        (0, '{"entries":{"abc":{"uplink_count":"9223372036854775808"},"abd":{"uplink_count":"9223372036854775807"}}}'),
        (20, '{"entries":{"abc":{"x":"%s","connected_at":"2026-11-22T15:00:00Z","uplink_count":2}}}' % LONG),
        (1, '{"connected_at":"2026-11-22T15:00:00Z","protocol":"udp"}'),
        (1, '{"round_trip_times":{"min":"2s","median":"1s","max":"3s","count":1}}'),
    ],
    "error": [
        (0, '{"code":7,"message":"x","details":[{"attributes":{"missing":[%s]}}]}' % ",".join(['"RIGHT_X"'] * 40)),
        (0, '{"code":7,"message":"%s","details":[{"name":"%s"}]}' % (LONG, LONG)),
        (0, "<html>502</html>"),
        (0, '{"code":7,"message":"\\u0000\\n"} x'),
    ],
    "auth_info": [
        (0, '{"api_key":{"api_key":{"rights":["RIGHT_ALL"]}}}'),
        (0, '{"api_key":{"api_key":{"rights":["RIGHT_USER_GATEWAYS_LIST"]}}}'),
        (0, '{"api_key":{"api_key":{"rights":["RIGHT_ORGANIZATION_GATEWAYS_LIST"]}}}'),
        (0, '{"api_key":{"api_key":{"rights":["RIGHT_GATEWAY_STATUS_READ","RIGHT_ORGANIZATION_ALL"]}}}'),
        (0, '{"api_key":{"api_key":{"rights":["RIGHT_GATEWAY_ALL","RIGHT_USER_ALL"]}},"is_admin":true}'),
        (0, '{"api_key":{"api_key":{"id":"a","id":"b"}}}'),
        (0, '{"user_session":{}}'),
    ],
}

SERVERS = " | 5 6 7 1 120 - 5 2 17 1700000100123456789 43 1700000101000000000 0 1 5 0 0 1 9 1 0"
STATE = """ttn-state 1 %s
account home
url https://eu1.cloud.thethings.network
eui-00800000c0000001 0 1700000000000000000 0 0 0 0%s
roof 1 1700000000000000000 1700000000000000001 17 -9 9223372036854775807%s
"""


def recorded():
    """Each recorded answer with its path below tests/answers."""
    answers = os.path.join(ROOT, "tests", "answers")
    for directory, _, names in sorted(os.walk(answers)):
        for name in sorted(names):
            if name.endswith(".json"):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    answer = json.load(file)
                if "body" in answer:  # not a row of them, and no stream
                    yield answer


def streams():
    """The first bytes of each recorded stream of events."""
    directory = os.path.join(ROOT, "tests", "answers", "events")
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            yield "".join(part["text"] for part in json.load(file)["stream"]).encode()[:6000]


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


def recordings():
    """Pairs: a fuzzer, an input."""
    for n, answer in enumerate(recorded()):
        body = (answer["body"] or "").encode()
        decoder = decoder_of(answer)
        single = decoder == "stats" and answer["request"]["method"] == "GET"
        cut = CUTS[n % 4] | 1 if single else CUTS[n % 4] & ~1
        yield decoder, bytes([cut, n % 256]) + body
        yield "headers", head(answer)
        for text in TIME.findall(body) + DURATION.findall(body):
            yield "times", text
    for n, text in enumerate(streams()):
        yield "events", bytes([CUTS[n % 4], n % 256]) + text
    yield "settings", b"\0" + b"\n".join(option_lines())


def made_up():
    for url, address in HOSTS:
        yield "hosts", f"{url}\n{address}".encode()
    for text in TIMES:
        yield "times", text.encode()
    for text in HEADS:
        yield "headers", text.encode()
    for line in SETTINGS:
        yield "settings", f"\0{line}".encode()
        yield "settings", f"\0APIKeyFile \"/key\n{line}".encode()
        yield "settings", f"\x05APIKeyFile \"/key\n{line}".encode()
    for decoder, bodies in BODIES.items():
        for cut, body in bodies:
            yield decoder, bytes([cut, 0]) + body.encode()
            yield decoder, bytes([cut, 5]) + body.encode()
    for choice in range(0, 14):
        yield "state", bytes([choice]) + (STATE % ("offsets", "", "")).encode()
        yield "state", bytes([choice]) + (STATE % ("values", " 3 120 - 1700000100 0 1", " - - - 0 0 0")).encode()
        yield "state", bytes([choice]) + (STATE % ("offsets", SERVERS, "")).encode()


def write(fuzzer, prefix, text):
    directory = os.path.join(sys.argv[1], fuzzer)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, prefix + hashlib.sha1(text).hexdigest()), "wb") as file:
        file.write(text)


def main():
    for fuzzer, text in recordings():
        write(fuzzer, "", text)
    for fuzzer, text in made_up():
        write(fuzzer, "seed-", text)


if __name__ == "__main__":
    main()
