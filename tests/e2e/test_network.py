#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Networks that fail and certificates that don't fit: what a user reads, and where no key may go."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402


def trouble(daemon, name, pattern, kind):
    """One error that says what is wrong, a count of that kind of failure, and nothing more."""
    daemon.wait_line("error", '^account "%s": .*%s' % (name, pattern))
    wait_for(lambda: (daemon.value("ttn_api", name, "errors", kind) or 0) >= 3, "three %s failures of %s" % (kind, name),
             daemon.patience, lambda: daemon.value("ttn_api", name, "errors", kind))
    equal(daemon.value("ttn_api", name, "bool", "up"), 0, name)
    lines = [line for line in daemon.lines("error") if line.startswith('account "%s":' % name)]
    # The host and the list of gateways are in trouble, and both say so once.
    equal([bool("list of gateways can't be read" in line) for line in lines].count(False), 1, "lines: %s" % lines)
    equal(len(lines) <= 2, True, "lines: %s" % lines)
    equal([key for key in daemon.values() if key[0] == "ttn" and key[1].startswith(name)], [], name)


def test_no_host():
    """A host that refuses, and names that are none"""
    with Scratch() as scratch, socket.socket() as closed:
        # Nobody listens there, and nobody else is given it.
        closed.bind(("127.0.0.1", 0))
        key = scratch.key()
        blocks = "\n".join((
            account("refuses", APIKeyFile=key, URL="http://127.0.0.1:%d" % closed.getsockname()[1], Interval=0.3),
            account("nowhere", APIKeyFile=key, URL="https://stack.invalid", Interval=0.3)))
        with Collectd(scratch, blocks) as daemon:
            trouble(daemon, "refuses", "could not connect to 127.0.0.1", "connect")
            trouble(daemon, "nowhere", "could not resolve the host name stack.invalid|"
                                       "no name server told the address of stack.invalid", "dns")


def test_comes_back():
    """A stack that goes and comes back: one line at the start of trouble, one at its end"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.register("roof")
        stack.connect("roof")
        stack.uplink("roof", 3)
        with Collectd(scratch, account("home", **stack.options(scratch), Interval=0.3), csv=True) as daemon:
            wait_for(lambda: daemon.packets("roof")[0] == 3, "counts")
            equal(daemon.lines("error"), [])
            stack.refuse(1)
            daemon.wait_line("error", r'^account "home": https://127.0.0.1:\d+: statistics: .*; gateways there are '
                                      r'reported as unknown until it responds; it is tried again$')
            daemon.wait_value("ttn_api", "home", "count", "unknown", 1)
            before = len(daemon.csv("ttn-roof", "bool-connected"))
            stack.uplink("roof", 4)
            # Neither 0 nor the last value: nothing is written while nothing is known.
            polls = len(daemon.csv("ttn_api-home", "bool-up"))
            wait_for(lambda: len(daemon.csv("ttn_api-home", "bool-up")) >= polls + 4, "four polls")
            equal(len(daemon.csv("ttn-roof", "bool-connected")), before, "values while unknown")
            stack.refuse(1, False)
            wait_for(lambda: daemon.packets("roof")[0] == 7, "counts after the trouble")
            daemon.wait_line("notice", r'^account "home": https://127.0.0.1:\d+: responds again, after \d+ seconds?$')
            equal(len(daemon.lines("error")), 1, "errors")
            equal(len(daemon.lines("notice")), 1, "notices")
        equal({number for _, number in daemon.csv("ttn-roof", "bool-connected")}, {1.0})
        equal({number for _, number in daemon.csv("ttn-roof", "packets-uplink")}, {3.0, 7.0})


BAD = ("self-signed", "unknown-ca", "expired", "not-yet-valid", "wrong-host", "no-intermediate")
SAID = {
    "self-signed": r"no secure connection to 127.0.0.2:\d+.*; if its CA is your own, name it with CACert",
    "unknown-ca": r"no secure connection to 127.0.0.3:\d+.*; if its CA is your own, name it with CACert",
    "expired": r"no secure connection to 127.0.0.4:\d+.*expired.*; is this machine's clock right\?",
    "not-yet-valid": r"no secure connection to 127.0.0.5:\d+.*not yet valid.*; is this machine's clock right\?",
    "wrong-host": r"no secure connection to 127.0.0.6:\d+.*; use the name that is in its certificate",
    "no-intermediate": r"no secure connection to 127.0.0.7:\d+.*issuer.*; if its CA is your own, name it with CACert",
}


def test_certificates():
    """Certificates that don't fit: no request, no key, an error that says why; unless told otherwise"""
    with Scratch() as scratch, Standin(scratch, clusters=7) as stack:
        for cluster, kind in enumerate(BAD, 2):
            stack.certificate(cluster, kind)
            # A client that reaches it after all is to find a whole stack.
            stack.cluster(cluster, identity=True)
            stack.register(kind, gateway_server_address=stack.hosts[cluster - 1], cluster=cluster)
            stack.connect(kind, cluster=cluster)
        blocks = "\n".join(account(kind, **stack.options(scratch, cluster=cluster), Interval=0.4)
                           for cluster, kind in enumerate(BAD, 2))
        with Collectd(scratch, blocks) as daemon:
            for kind in BAD:
                trouble(daemon, kind, SAID[kind], "tls")
            equal(daemon.lines("warning"), [])
        equal(stack.asked()["total"], 0, "requests")

        lax = [("self-signed", "unverified", {"VerifyPeer": False, "VerifyHost": False}),
               ("expired", "peer", {"VerifyPeer": False}), ("wrong-host", "host", {"VerifyHost": False})]
        blocks = "\n".join(account(name, **stack.options(scratch, cluster=BAD.index(kind) + 2), Gateway=kind, Host=name,
                                   Interval=0.4, **options) for kind, name, options in lax)
        with Collectd(scratch, blocks, name="lax") as daemon:
            for kind, name, options in lax:
                # VerifyPeer is the worse of the two, and named first.
                option = "VerifyPeer" if "VerifyPeer" in options else "VerifyHost"
                daemon.wait_line("warning", '^account "%s": %s false: anybody between' % (name, option))
                daemon.wait_value("ttn", kind, "bool", "connected", 1)
            equal(len(daemon.lines("warning")), 3, "warnings")
            equal(daemon.lines("error"), [])


def test_verify_host_alone():
    """VerifyHost false alone still wants a certificate of a known CA"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.certificate(1, "unknown-ca")
        with Collectd(scratch, account("home", **stack.options(scratch), VerifyHost=False, Interval=0.4)) as daemon:
            trouble(daemon, "home", "no secure connection to", "tls")
        equal(stack.asked()["total"], 0, "requests")


def test_plain_http():
    """Plain http:// to a host beyond loopback: an error; a warning with AllowPlainHTTP true"""
    options = {"URL": "http://stack.invalid", "Interval": 0.3}
    with Scratch() as scratch:
        options["APIKeyFile"] = scratch.key()
        blocks = "\n".join((account("home", **options), account("open", AllowPlainHTTP=True, **options)))
        with Collectd(scratch, blocks) as daemon:
            daemon.wait_line("error", r'^account "home": URL http://stack.invalid is not used: the API key would go '
                                      r'over the network in clear text; .* AllowPlainHTTP true$')
            daemon.wait_line("error", r'^account "home" is left out: nothing of it will be polled$')
            daemon.wait_line("warning", r'^account "open": URL http://stack.invalid: the API key goes over the network '
                                        r'in clear text; use https://$')
            trouble(daemon, "open", "could not resolve the host name|no name server told the address", "dns")


run(globals())
