# SPDX-License-Identifier: MIT
"""The key never goes astray: gateways, redirects and headers that name another host, which is there and waits."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from drive import Drive, FakedNames  # noqa: E402
from paths import Scratch  # noqa: E402
from relay import Listener  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run  # noqa: E402

OWN = "stack.example.org"
ELSEWHERE = "127.0.0.9"
# Names that lead elsewhere.
NAMES = ("evil.test", "%s.evil.test" % OWN, "evil-%s" % OWN, "evil.%s" % OWN, "stack-example.org", "stack.example.orgs",
         "stack.example.net", "example.org", "xstack.example.org", "eu1.cloud.thethings.network",
         "nam1.cloud.thethings.network", "acme.eu1.cloud.thethings.industries", "stack.example.org.evil.test")
# What may stand where a gateway server's address belongs, once for each of {}: own host, other host.
SHAPES = NAMES + (
    "https://evil.test", "http://evil.test:{port}", "evil.test:{port}", "https://evil.test:{port}/",
    "evil.test./", "EVIL.TEST", "evil.test.", "{own}@evil.test", "https://{own}@evil.test", "https://{own}:{port}@evil.test",
    "https://evil.test#{own}", "https://evil.test?{own}", "evil.test/{own}", "evil.test\\{own}", "evil.test\\@{own}",
    "//evil.test", "https:evil.test", "https:/evil.test", "https:///evil.test", "mqtts://evil.test:8881", "udp://evil.test:1700",
    "file://evil.test/etc/passwd", "{own}%00.evil.test", "{own}%2eevil.test", "{own} evil.test", "{own}\tevil.test",
    "{own}\nevil.test", "{own}\r\nHost: evil.test", "{own},evil.test", "{own};evil.test", "{own}:{port}:{port}",
    "{own}:70000", "{own}:-1", "{own}..", ".{own}", "*.example.org", "*", "127.0.0.9", "127.0.0.9:{port}", "127.9", "0x7f.0.0.9",
    "0x7f000009", "2130706441", "0177.0.0.011", "[::ffff:127.0.0.9]", "[::ffff:7f00:9]", "::ffff:127.0.0.9", "[127.0.0.9]",
    "127.0.0.9%lo", "st\u0430ck.example.org", "stack\u3002example.org", "xn--stck-5na.example.org", "evil.test\x00{own}",
    "$(evil.test)", "evil_test", "a" * 300 + ".test", "https://https://{own}")


class Trap(Listener):
    """What listens there, and never answers."""

    def _serve(self, number, sock):
        while sock.recv(65536):
            pass


def test_gateway_server_addresses():
    """No shape of a gateway server's address leads the key to another host"""
    with Scratch() as scratch, Standin() as stack, Trap(ELSEWHERE, stack.port) as trap:
        for number, shape in enumerate(SHAPES):
            address = shape.format(own=OWN, port=stack.port)
            stack.register("gw-%03d" % number, name=address, gateway_server_address=address)
        stack.register("own-1", gateway_server_address="")
        stack.register("own-2", gateway_server_address=OWN)
        stack.register("own-3", gateway_server_address="mqtts://%s:8881" % OWN.upper())
        for number in (1, 2, 3):
            stack.connect("own-%d" % number)
        hosts = {OWN: ["127.0.0.1"], "evil_test": [ELSEWHERE]}
        hosts.update((name, [ELSEWHERE]) for name in NAMES)
        options = dict(stack.options(scratch), URL="http://%s:%d" % (OWN, stack.port), AllowPlainHTTP=True,
                       DiscoveryInterval=0)
        with FakedNames(scratch, hosts, **options) as drive:
            for _ in range(3):
                poll = drive.poll()
                drive.later(60)
            # An entry with a NUL or a name of 300 bytes is none.
            equal([poll.api("count", state) for state in ("connected", "disconnected", "unknown")],
                  [3, 0, len(SHAPES) - 2], "gateways")
        note("%d shapes" % len(SHAPES))
        equal(trap.accepted, 0, "connections elsewhere")
        # It would be noticed: a Cluster line alone is what makes it go there.
        with FakedNames(scratch, hosts, Cluster="evil.test", Timeout=1000, **options) as drive:
            drive.poll()
        equal(trap.accepted > 0, True, "with a Cluster line")


def test_redirects():
    """Redirects and Alt-Svc are not followed: to another host, another scheme, or the same host again"""
    with Scratch() as scratch, Standin(scratch) as stack, Trap(ELSEWHERE) as trap, Trap("127.0.0.1") as plain:
        stack.fleet(3)
        for url in ("https://%s/" % trap.place, "http://%s/" % trap.place, "//%s/" % trap.place,
                    "http://%s/api/v3/gateways" % plain.place, "http://127.0.0.1:%d/" % plain.port):
            for status in (301, 302, 303, 307, 308):
                for kind in ("list", "batch", "auth_info"):
                    stack.fault({"status": status, "body": "", "headers": {
                        "Location": url, "Refresh": "0; url=" + url, "Alt-Svc": 'h2="%s"; ma=3600' % trap.place}},
                        {"kind": kind}, times=1)
        with Drive(scratch, DiscoveryInterval=0, **stack.options(scratch)) as drive:
            polls = 0
            while any(rule["times"] for rule in stack.faults() if rule["match"]["kind"] != "auth_info"):
                drive.poll()
                drive.later(60)
                polls += 1
                equal(polls < 60, True, "polls")
            equal(drive.poll().api("bool", "up"), 1, "afterwards")
        equal((trap.accepted, plain.accepted), (0, 0), "connections elsewhere, and in clear text")


run(globals())
