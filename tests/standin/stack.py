#!/usr/bin/python3
"""A stand-in of The Things Stack, for tests: clusters on loopback that answer like recorded ones.

Every cluster has a loopback address of its own (127.0.0.1, 127.0.0.2, ...) and all have the same
port, because clients derive a cluster's URL from a gateway's server address and the port of the
account's URL. As a module: Stack. As a program: see --help; it prints one line of JSON when it is
ready. What can be done to it while it runs is listed in client.py.
"""

import argparse
import collections
import json
import os
import signal
import sys
import threading
import time
import zlib

import keys
import tls
import wire
from api import Api
from clock import Clock
from cluster import Cluster
from control import ControlPort
from demo import Demo
from events import Hub
from faults import Faults, apply
from fleet import Fleet
from operations import Operations
from world import World

_ZIP_FROM = 1024
_REQUEST_LOG = 100000


class Stack(Operations):
    """The stand-in. Its operations (see operations.py) can be called straight or over the control port."""

    def __init__(self, clusters=1, mode="registry", port=0, control_port=None, tls_dir=None, tls_port=0,
                 at=None):
        """`at`: starts with the clock frozen there."""
        self.lock = threading.RLock()
        self.clock = Clock()
        if at is not None:
            self.clock.freeze(at=at)
        self.world = World(self.clock)
        self.hosts = ["127.0.0.%d" % n for n in range(1, clusters + 1)]
        self.clusters = [Cluster(n, host, mode) for n, host in enumerate(self.hosts, 1)]
        self.hub = Hub(self.clock, self.world, self.clusters, self.lock)
        self.fleet_of = Fleet(self.clock, self.world, self.clusters, self.hub)
        self.api = Api(self.clock, self.world, self.fleet_of, self.hub)
        self.fault_rules = Faults()
        self.counted = collections.Counter()
        self.log = collections.deque(maxlen=_REQUEST_LOG)
        self.recording = False
        self.bytes_in = self.bytes_out = 0
        self.stopped = threading.Event()
        self._exchanging = 0
        self._under_way = set()
        self._request_number = 0
        self._held = wire.hold_all(self.hosts, port)
        self.port = self._held[0].getsockname()[1]
        self.url = "http://%s:%d" % (self.hosts[0], self.port)
        self.listeners = [wire.Listener(sock, self._server(cluster))
                          for sock, cluster in zip(wire.listen_all(self.hosts, self.port), self.clusters)]
        self.front = tls.Front(self.hosts, self.port, tls_dir, tls_port) if tls_dir else None
        self.control = ControlPort(self, control_port) if control_port is not None else None

    def start(self):
        for listener in self.listeners:
            listener.start()
        self.hub.start(self.stopped)
        if self.front:
            self.front.start()
        if self.control:
            self.control.start()
        return self

    def stop(self):
        self.stopped.set()
        self.fault_rules.remove()
        for listener in self.listeners:
            listener.stop()
        wire.release(self._held)
        if self.front:
            self.front.stop()
        if self.control:
            self.control.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def describe(self):
        """What a client needs to know: the line the program prints when it is ready."""
        out = {"url": self.url, "hosts": self.hosts, "port": self.port, "pid": os.getpid(),
               "control": self.control.url if self.control else None,
               "keys": {kind: keys.text_of(kind) for kind in keys.all_kinds()}}
        if self.front:
            out.update(tls_url=self.front.url, tls_port=self.front.port, ca=self.front.ca)
        return out

    # Serving.

    def _server(self, cluster):
        return lambda sock: self._serve(cluster, sock)

    def _serve(self, cluster, sock):
        reader = wire.Reader(sock)
        usable = True
        while usable:
            sock.settimeout(cluster.idle_close)
            request = wire.read_request(sock, reader)
            if request is None:
                return
            # Answers may take as long as a test wants.
            sock.settimeout(None)
            usable, stream = self._exchange(cluster, sock, request)
            if stream is not None:
                stream.run(sock)
                return
            usable = usable and not request.close

    def open_now(self):
        """Connections of clients."""
        return sum(one.open_now() for one in self.listeners)

    def at_rest(self):
        """Has it served all that clients sent, also those that are gone?"""
        return self._exchanging == 0 and all(one.at_rest() for one in self.listeners)

    def await_ledger(self, seconds=5):
        """Until the ledger has the answers that clients may have by now; not for a client that reads none of its."""
        end = time.monotonic() + seconds
        with self.lock:
            leaving = {answer for answer in self._under_way if answer.leaving}
        while leaving & self._under_way and time.monotonic() < end:
            time.sleep(0.0005)

    def _exchange(self, cluster, sock, request):
        """One request and its answer: (can the connection be used on?, the Stream that follows, if any)."""
        with self.lock:
            self._exchanging += 1
        try:
            return self._answer(cluster, sock, request)
        finally:
            with self.lock:
                self._exchanging -= 1

    def _answer(self, cluster, sock, request):
        key = self.world.keys.name(request.headers.get("authorization"))
        with self.lock:
            call, answer = self.api.take(cluster, request)
            stream = answer.stream
            rule = self.fault_rules.pick(cluster.number, call, key, request)
            if rule is not None:
                apply(rule, answer)
            self._finish(cluster, request, answer)
            self._count(cluster, request, call, key, answer, rule)
            self._under_way.add(answer)
        whole, usable, size = False, False, 0
        try:
            whole, usable, size = wire.send(sock, answer)
        finally:
            with self.lock:
                self.bytes_in += request.size
                self.bytes_out += size
                if whole and answer.sights:
                    self.fleet_of.sent(answer.sights)
                self._under_way.discard(answer)
            if stream is not None and not (whole and answer.stream):
                stream.leave()
                stream = None
        return usable, stream

    def _finish(self, cluster, request, answer):
        """The headers every answer has, and gzip for who asks for it."""
        self._request_number += 1
        answer.headers += [("Cache-Control", "no-store"), ("Date", self.clock.date()),
                           ("Vary", "Accept-Encoding"),
                           ("X-Request-Id", request.headers.get("x-request-id") or
                            "01STANDIN%017d" % self._request_number)]
        if not cluster.gzip or len(answer.body) < _ZIP_FROM:
            return
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return
        if any(name == "Content-Encoding" for name, _ in answer.headers):
            return
        answer.headers.append(("Content-Encoding", "gzip"))
        answer.body = self._zipped(answer)

    @staticmethod
    def _zipped(answer):
        """A list's pages are the same for many polls, so those keep their zipped form."""
        kept = answer.gzip
        if kept and "body" in kept:
            return kept["body"]
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        out = packer.compress(answer.body) + packer.flush()
        if kept is not None:
            kept["body"] = out
        return out

    def _count(self, cluster, request, call, key, answer, rule):
        kind = call.kind if call else "other"
        self.counted[cluster.number, kind, key, answer.status] += 1
        if call and call.asked:
            self.hub.note(cluster, call, key, answer.status, answer.stream)
        if self.recording:
            row = {"at": self.clock.now() / 1e9, "cluster": cluster.number, "kind": kind, "key": key,
                   "method": request.method, "path": request.path, "query": request.query,
                   "status": answer.status, "rule": rule.number if rule else None,
                   "ids": list(call.ids) if call else [], "mask": list(call.mask or ()) if call else [],
                   "headers": {k: v for k, v in request.headers.items() if k != "authorization"}}
            self.log.append(row)


def _arguments():
    parser = argparse.ArgumentParser(description="A stand-in of The Things Stack, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="of all clusters; 0: one that is free")
    parser.add_argument("--clusters", type=int, default=1, help="127.0.0.1, 127.0.0.2, ...")
    parser.add_argument("--mode", choices=("registry", "live"), default="registry")
    parser.add_argument("--control-port", type=int, help="0: one that is free")
    parser.add_argument("--tls", metavar="DIR", help="also serve TLS with HTTP/2; certificates go to DIR")
    parser.add_argument("--tls-port", type=int, default=0)
    parser.add_argument("--demo", action="store_true", help="a small fleet that moves by itself")
    parser.add_argument("--demo-speed", type=float, default=1, metavar="X", help="times as fast")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin or the parent goes away")
    return parser.parse_args()


def _follow_parent(stack):
    parent = os.getppid()

    def watch_stdin():
        while os.read(0, 4096):
            pass
        stack.stopped.set()

    def watch_parent():
        while not stack.stopped.wait(1):
            if os.getppid() != parent:
                stack.stopped.set()

    for watch in (watch_stdin, watch_parent):
        threading.Thread(target=watch, daemon=True).start()


def main():
    args = _arguments()
    threading.stack_size(512 * 1024)
    stack = Stack(args.clusters, args.mode, args.port, args.control_port, args.tls, args.tls_port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stack.stopped.set())
    stack.start()
    try:
        if args.demo:
            Demo(stack, args.demo_speed).start()
        if args.with_parent:
            _follow_parent(stack)
        print(json.dumps(stack.describe()), flush=True)
        stack.stopped.wait()
    finally:
        stack.stop()


if __name__ == "__main__":
    try:
        main()
    except (OSError, tls.TlsError) as problem:
        sys.exit("stack.py: %s" % problem)
