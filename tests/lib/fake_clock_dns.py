# SPDX-License-Identifier: MIT
"""A world for ttn-drive-faked: names have the addresses that a test gives them, and time passes when it says
so, for libcurl and OpenSSL, too. See tests/tools/fake_clock_dns.c."""

import os


class FakeClockDns:
    def __init__(self, path, hosts=None):
        """hosts: {name: [address]}; other names are asked for as usual. No address: there is no such name."""
        self._path = path
        self._hosts = dict(hosts or {})
        self._later = self._wall = 0
        # What to put before the program.
        self.wrapper = ("env", "TTN_FAKE_CLOCK_DNS=" + path)
        self._write()

    def _write(self):
        lines = ["later %d" % self._later, "wall %d" % self._wall]
        lines += ["host %s %s" % (name, address) for name, some in self._hosts.items() for address in some or ["none"]]
        with open(self._path + ".part", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        os.rename(self._path + ".part", self._path)

    def resolve(self, hosts):
        """Names get other addresses."""
        self._hosts.update(hosts)
        self._write()

    def later(self, seconds):
        """So much time passes."""
        self._later += seconds
        self._write()

    def set_wall(self, seconds):
        """The wall clock is wrong by so much."""
        self._wall = seconds
        self._write()
