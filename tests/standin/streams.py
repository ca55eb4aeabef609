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


class _Line:
    __slots__ = ("text", "shown", "is_event")

    def __init__(self, text, shown, is_event):
        self.text = text
        self.shown = shown
        self.is_event = is_event


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
        self._lines = queue.Queue()
        self._last = ""
        self._held = b""
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 31) if packed else None
        self._rng = random.Random(number)
        self._sock = None

    # What comes in.

    def put(self, text, shown=None, is_event=True):
        """A line; an event may be doubled or come in another order. shown: the statistics in it."""
        self._lines.put(_Line(text, shown, is_event))

    def end(self, how):
        """Behind what still waits, also when it is silent."""
        if how not in ENDS:
            raise ValueError("a stream ends by %s" % ", ".join(ENDS))
        self._lines.put(how)
        self.silent = False

    def describe(self):
        return {"stream": self.number, "cluster": self.cluster.number, "key": self.key.kind,
                "ids": list(self.asked.gateways), "names": list(self.asked.names), "after": self.asked.after_text,
                "tail": self.asked.tail, "lines": self.lines, "bytes": self.bytes, "silent": self.silent}

    def told(self):
        """Has it sent all that it has to tell, and has the client read it? Not when it has yet to end."""
        if self.silent:
            return True
        try:
            return self._sock is not None and self._lines.unfinished_tasks == 0 and wire.unread_by_peer(self._sock) == 0
        except OSError:  # ended meanwhile
            return False

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
                if isinstance(item, _Line) and item.is_event:
                    item = self._events(item)
                elif isinstance(item, _Line):
                    item = self._line(item.text)
                    self._lines.task_done()
                if item is not None:
                    self._finish(item)
                    return
        finally:
            self.leave()

    def _next(self, seconds):
        """A _Line or how it ends; None: the client has gone, or nothing came in time."""
        until = None if seconds is None else time.monotonic() + seconds
        item = None
        while not wire.peer_gone(self._sock):
            wait = _LOOK if until is None else min(_LOOK, until - time.monotonic())
            if item is not None and not self.silent:
                return item
            if item is not None or self.silent:
                time.sleep(_LOOK)
            elif wait <= 0:
                return None
            else:
                item = self._get(wait)
        return None

    def _get(self, seconds):
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def _events(self, first):
        """Sends an event, and those with which it changes places. Returns how the stream ends, None: it goes on."""
        lines, how = [first], None
        if self.cluster.event_disorder:
            until = time.monotonic() + self.cluster.event_disorder
            while how is None:
                item = self._next(until - time.monotonic())
                if item is None:
                    break
                if isinstance(item, _Line):
                    lines.append(item)
                else:
                    how = item
            before = list(lines)
            self._rng.shuffle(lines)
            if lines == before:
                lines.reverse()
        for one in lines:
            # Before it is sent, so that no client knows more than the ledger.
            if one.shown is not None:
                self.hub.sent(one.shown)
            for _ in range(2 if self.cluster.event_twice else 1):
                self._line(one.text)
            self._lines.task_done()
        return how

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
