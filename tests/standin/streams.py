"""One open stream of events: its lines, how they travel, and how a test may end them."""

import queue
import random
import socket
import struct
import time
import zlib

import errors
import wire

# How a stream ends when a test wants it to: in the middle of a line, the same with RST, after a line but without the
# last chunk, with the line of a stack that ends, or as if all were well.
ENDS = ("cut", "reset", "close", "error", "end")
_LOOK = 0.05


class Stream:
    """`put` may be called by any thread, `run` is the connection's own."""

    def __init__(self, hub, number, cluster, key, asked, names, packed):
        self.hub = hub
        self.number = number
        self.cluster = cluster
        self.key = key
        self.asked = asked
        self.ids = frozenset(asked.gateways)
        self.names = frozenset(names) if names else None
        self.silent = False
        self.lines = self.bytes = 0
        self._lines = queue.SimpleQueue()
        self._last = ""
        self._held = b""
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 31) if packed else None
        self._rng = random.Random(number)
        self._sock = None

    # What comes in.

    def put(self, text, is_event=True):
        """A line; an event may be doubled or come in another order."""
        self._lines.put((text, is_event))

    def end(self, how):
        if how not in ENDS:
            raise ValueError("a stream ends by %s" % ", ".join(ENDS))
        self._lines.put((None, how))

    def describe(self):
        return {"stream": self.number, "cluster": self.cluster.number, "key": self.key.kind,
                "ids": list(self.asked.gateways), "names": list(self.asked.names), "after": self.asked.after_text,
                "tail": self.asked.tail, "lines": self.lines, "bytes": self.bytes, "silent": self.silent}

    def leave(self):
        self.hub.left(self)

    # What goes out.

    def run(self, sock):
        """Until the client goes, a test ends it or the stand-in stops."""
        self._sock = sock
        try:
            while True:
                item = self._next(None)
                if item is None:
                    return
                text, how = item
                if text is None:
                    self._finish(how)
                    return
                if how:
                    if not self._events(text):
                        return
                else:
                    self._line(text)
        finally:
            self.leave()

    def _next(self, seconds):
        """(text, is it an event?), (None, how it ends), or None: the client has gone, or nothing came in time."""
        until = None if seconds is None else time.monotonic() + seconds
        while not wire.peer_gone(self._sock):
            wait = _LOOK if until is None else min(_LOOK, until - time.monotonic())
            if wait <= 0:
                return None
            try:
                if self.silent:
                    time.sleep(wait)
                else:
                    return self._lines.get(timeout=wait)
            except queue.Empty:
                pass
        return None

    def _events(self, text):
        """Sends an event, and those with which it changes places; False: nothing more may follow."""
        texts, last = [text], None
        if self.cluster.event_disorder:
            until = time.monotonic() + self.cluster.event_disorder
            while last is None:
                item = self._next(until - time.monotonic())
                if item is None:
                    break
                if item[0] is None:
                    last = item[1]
                else:
                    texts.append(item[0])
            before = list(texts)
            self._rng.shuffle(texts)
            if texts == before:
                texts.reverse()
        for one in texts:
            for _ in range(2 if self.cluster.event_twice else 1):
                self._line(one)
        if last is not None:
            self._finish(last)
        return last is None

    def _line(self, text):
        self._last = text
        self.lines += 1
        self._send((text + ("\n\n" if self.asked.sse else "\n")).encode("utf-8", "surrogateescape"))

    def _send(self, data):
        if self._packer:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        self._held += data
        if len(self._held) >= self.cluster.event_lump:
            self._flush()

    def _flush(self):
        if self._held:
            self.bytes += len(self._held)
            self._sock.sendall(wire.chunk(self._held))
            self._held = b""

    def _finish(self, how):
        if how in ("cut", "reset"):
            self._send(self._last[:len(self._last) // 2].encode("utf-8", "surrogateescape"))
        elif how == "error":
            self._line(errors.closing().line())
        if how in ("end", "error") and self._packer:
            self._held += self._packer.flush()
        self._flush()
        if how in ("end", "error"):
            self._sock.sendall(wire.LAST_CHUNK)
        elif how == "reset":
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
