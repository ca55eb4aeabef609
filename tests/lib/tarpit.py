# SPDX-License-Identifier: MIT
"""Servers that never end: sockets that hang where no stand-in could."""

import contextlib
import os
import select
import socket
import subprocess
import threading


class Tarpit:
    """Listens on loopback; what becomes of a connection is one of
    "accept": it is accepted by the kernel, and nothing else ever;
    "hello": TLS that takes the client's greeting and never answers;
    "half": TLS that begins its answer and stops during a record."""

    def __init__(self, how):
        self.how = how
        self.greeted = threading.Event()
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(64)
        self.port = self._sock.getsockname()[1]
        self._open = []

    def __enter__(self):
        if self.how != "accept":
            threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        for sock in self._open:
            sock.close()

    def _serve(self):
        while True:
            try:
                sock, _ = self._sock.accept()
                self._open.append(sock)
                sock.recv(4096)
                if self.how == "half":
                    # A handshake record of 64 bytes, of which four come.
                    sock.sendall(b"\x16\x03\x03\x00\x40\x02\x00\x00\x3c")
            except OSError:
                return
            self.greeted.set()


class SilentNameServer:
    """Takes questions and never answers. `wrapper` is what to put before a program so that it asks here:
    a mount namespace with a resolv.conf of its own. None where this user may do neither (root may)."""

    def __init__(self, scratch):
        self.wrapper = None
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # resolv.conf has no ports, so the address has to be one that nobody else has.
        pid = os.getpid()
        address = "127.%d.%d.%d" % (128 + (pid >> 16) % 64, pid >> 8 & 255, pid & 255)
        try:
            self._sock.bind((address, 53))
        except OSError:
            return
        conf = scratch.write("resolv.conf", "nameserver %s\noptions timeout:30 attempts:5\n" % address, mode=0o644)
        wrapper = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf]
        tried = subprocess.run(wrapper + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if tried.returncode == 0:
            self.wrapper = wrapper

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._sock.close()

    def asked(self):
        """Has a question come?"""
        return bool(select.select([self._sock], [], [], 0)[0])
