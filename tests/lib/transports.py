# SPDX-License-Identifier: MIT
"""The ways to a stand-in on which faults are staged. What can go wrong on each is in network_faults.py.

    with transports.TRANSPORTS["raw"](directory, Standin) as transport:
        transport.stack.register("roof", gateway_server_address="")
        FakedDrive(scratch, transport.fake, APIKeyFile=..., **transport.options())

Hosts have other names and ports here than at the stand-in, so gateways have no gateway server address.
"""

import contextlib
import os
import time

import paths  # noqa: F401  (brings the stand-in's directory)
from http2 import Http2Server
from relay import Relay
from fake_clock_dns import FakeClockDns
from tls import Certificates
import wire

_NAME = "stack.test"


def connections(port, states=("01", "08"), remote=False):
    """How many connections of this machine's have that port at their own end, or at the other one. 01: established, 08:
    the other end has closed it, this one not."""
    return sum(row[3] in states and int(row[2 if remote else 1].split(":")[1], 16) == port
               for row in wire.connections())


class Plain:
    """Plain HTTP/1.1. The stand-in is written byte by byte, so it misbehaves by itself."""

    title = "plain"
    tls = False
    # Is there somebody who takes answers from the stand-in though the client is gone?
    proxied = False

    def __init__(self, directory, make, **options):
        """make: Standin, or another class of stack."""
        self.directory = directory
        if self.tls:
            options["tls_dir"] = os.path.join(directory, "tls")
        self.stack = make(**options)
        self.fake = FakeClockDns(os.path.join(directory, "fake"), {_NAME: ["127.0.0.1"]})
        self.door = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(self.stack)
        if self.door is not None:
            self._stack.enter_context(self.door)
        return self

    def __exit__(self, *why):
        self._stack.__exit__(*why)

    def rest(self):
        """After the end of a client: until all that it sent is served. Else a test would take a late request of this
        client for one of the next."""
        self._quiet(lambda: self._behind() == 0, "the stand-in has served what a client left behind")

    def settle(self):
        """After the end of a fault: until who is between knows which connections are gone. Else it would send the next
        request over one of them, and answer 502."""
        self._quiet(lambda: True, "the ways between know which connections are gone")

    def _quiet(self, condition, what):
        quiet = 0
        deadline = time.monotonic() + 10
        # Twice: between reading a request and serving it there is an instant in which nothing is seen of it.
        while quiet < 2:
            if time.monotonic() > deadline:
                raise AssertionError("waited 10 s for: " + what)
            quiet = quiet + 1 if condition() and self._half_closed() == 0 and self.stack.at_rest() else 0
            time.sleep(0.005)

    def _half_closed(self):
        """How many connections the stand-in has closed, and its client on this machine not."""
        return 0

    def _behind(self):
        """How many connections of clients there are still, here or at who is between."""
        return (self.door or self.stack).open_now()

    def options(self):
        """Of an account, but for its key."""
        return {"URL": self.stack.url}

    def options_real(self):
        """The same for a program that has the real clock and names."""
        return self.options()


class Tls(Plain):
    """TLS with HTTP/2, by nghttpx."""

    title = "TLS"
    tls = proxied = True

    def _half_closed(self):
        return connections(self.stack.port, "08", remote=True)

    def _behind(self):
        """nghttpx keeps connections to the stand-in, so those of clients to nghttpx count."""
        return connections(self.stack.front.port)

    def options(self):
        return {"URL": self.stack.front.url, "CACert": self.stack.front.ca}


class Raw(Plain):
    """A socket in between that misbehaves."""

    title = "raw"

    def __init__(self, directory, make, **options):
        super().__init__(directory, make, **options)
        self.door = Relay((self.stack.hosts[0], self.stack.port))

    def options(self):
        return {"URL": self.door.url}


class RawHttp2(Plain):
    """An HTTP/2 server that misbehaves, at a host that has a name."""

    title = "raw HTTP/2"
    proxied = True

    def __init__(self, directory, make, **options):
        super().__init__(directory, make, **options)
        certificates = Certificates(os.path.join(directory, "tls"), self.stack.hosts, [_NAME])
        self._ca = certificates.ca
        self.door = Http2Server((self.stack.hosts[0], self.stack.port), certificates.make(), _NAME)

    def _behind(self):
        return super()._behind() + self.door.busy()

    def options(self):
        """Its name is known to the fake DNS only."""
        return {"URL": self.door.url, "CACert": self._ca}

    def options_real(self):
        return {"URL": "https://" + self.door.place, "CACert": self._ca}

    def lose_name(self, lost=True):
        """Its name is none any more."""
        self.fake.resolve({_NAME: [] if lost else ["127.0.0.1"]})
        if lost:
            self.door.cut()


TRANSPORTS = {one.title: one for one in (Plain, Tls, Raw, RawHttp2)}
