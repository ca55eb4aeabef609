"""A client of the stand-in's streams of events, for tests.

    with Listening(stack, ["roof"], names=["gs.gateway.connect"]) as stream:
        stream.next("gs.gateway.connect")["data"]["connected_at"]
"""

import json
import select
import socket
import time
import zlib

import keys


class Late(AssertionError):
    """What was waited for did not come."""


class Listening:
    """One request. `status` and `headers` (in lower case) are the answer's; `how` is how it ended: None (it has not),
    "end", "cut" or "reset"."""

    def __init__(self, stack, ids=(), key="user-traffic", cluster=1, headers=None, body=None, path="/api/v3/events",
                 timeout=5, **more):
        """more: names, after, tail. body: instead of all that."""
        if body is None:
            body = dict(more, identifiers=[{"gateway_ids": {"gateway_id": name}} for name in ids])
        self._stack = stack
        self._sock = socket.create_connection((stack.hosts[cluster - 1], stack.port), timeout)
        sent = {"Host": "x"}
        if key != "none":
            sent["Authorization"] = "Bearer " + keys.text_of(key)
        data = json.dumps(body).encode()
        sent.update(headers or {}, **{"Content-Length": len(data)})
        head = ["POST %s HTTP/1.1" % path] + ["%s: %s" % pair for pair in sent.items()]
        self._sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + data)
        self._raw = b""
        while b"\r\n\r\n" not in self._raw:
            more = self._sock.recv(65536)
            if not more:
                raise Late("no answer")
            self._raw += more
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.how = None
        self.bytes = 0
        self._chunked = "transfer-encoding" in self.headers
        self._unpacker = zlib.decompressobj(31) if self.headers.get("content-encoding") == "gzip" else None
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._sock.close()

    def line(self, seconds=5):
        """The next line, with its end, as bytes; what there is of it when the stream ends before, b"" after its end."""
        until = time.monotonic() + seconds
        while b"\n" not in self._rest and self.how is None:
            self._more(until - time.monotonic())
        line, end, self._rest = self._rest.partition(b"\n")
        return line + end

    def _more(self, seconds):
        """One more chunk, or the whole body where there are none."""
        if not self._chunked and len(self._raw) >= int(self.headers["content-length"]):
            self._rest, self.how = self._raw, "end"
            return
        head, mark, rest = self._raw.partition(b"\r\n")
        size = int(head, 16) if mark and self._chunked else 0
        if mark and self._chunked and len(rest) >= size + 2:
            self._raw = rest[size + 2:]
            if size == 0:
                self.how = "end"
            self.bytes += size
            self._rest += self._unpacker.decompress(rest[:size]) if self._unpacker else rest[:size]
        elif seconds <= 0 or not select.select([self._sock], [], [], seconds)[0]:
            raise Late("no line")
        else:
            self._read()

    def _read(self):
        try:
            data = self._sock.recv(65536)
        except ConnectionResetError:
            data = b""
            self.how = "reset"
        if not data:
            self.how = self.how or "cut"
        self._raw += data

    def event(self, seconds=5):
        """The next line's result; {"error": ...} is given as it is, None: the stream has ended."""
        line = self.line(seconds)
        while line == b"\n":
            line = self.line(seconds)
        if not line.endswith(b"\n"):
            return None
        value = json.loads(line)
        return value.get("result", value)

    def next(self, name, seconds=5):
        """The next event of that name; others before it are left out."""
        until = time.monotonic() + seconds
        while True:
            event = self.event(until - time.monotonic())
            if event is None:
                raise Late("the stream ended without a %s" % name)
            if event.get("name") == name:
                return event

    def events(self, n, seconds=5):
        return [self.event(seconds) for _ in range(n)]

    def rest(self):
        """All events that are due by now; of the only stream."""
        out = []
        while True:
            told = self._stack.streams_told()
            if not self.quiet(0.01):
                out.append(self.event())
            elif told:
                return out

    def quiet(self, seconds=0.3):
        """Does nothing come for so long?"""
        try:
            self._rest = self.line(seconds) + self._rest
            return False
        except Late:
            return True
