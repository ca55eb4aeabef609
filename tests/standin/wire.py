"""HTTP/1.1 on sockets, by hand: a request is read, an answer is sent, byte by byte if a test wants.

The standard library's server cannot send a wrong Content-Length, stop during a header or trickle,
and spends more on a request's head than the rest of the stand-in does. One thread a connection.
"""

import fcntl
import select
import socket
import struct
import termios
import threading
import time

_REASONS = {200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect",
            308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
            404: "Not Found", 409: "Conflict", 426: "Upgrade Required", 429: "Too Many Requests",
            499: "Client Closed Request",
            500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
            503: "Service Unavailable", 504: "Gateway Timeout"}
_MAX_HEAD = 65536
LAST_CHUNK = b"0\r\n\r\n"


class Request:
    __slots__ = ("method", "path", "query", "headers", "body", "close", "size")


class Wire:
    """How an answer is sent where that is not simply whole and at once."""

    __slots__ = ("delay", "hang", "cut", "reset", "trickle", "length", "raw", "close")

    def __init__(self):
        self.delay = 0
        self.hang = None          # Event to wait for
        self.cut = None           # "before", "head", "body", or a number of bytes
        self.reset = False        # end the connection with RST instead of FIN
        self.trickle = None       # (bytes, seconds)
        self.length = 0           # added to Content-Length; None: the header is left out
        self.raw = None           # these bytes instead of an answer
        self.close = False


class Reader:
    def __init__(self, sock):
        self._sock = sock
        self._buffer = b""

    def _more(self):
        data = self._sock.recv(65536)
        self._buffer += data
        return bool(data)

    def until(self, mark):
        while True:
            at = self._buffer.find(mark)
            if at >= 0:
                out, self._buffer = self._buffer[:at], self._buffer[at + len(mark):]
                return out
            if len(self._buffer) > _MAX_HEAD or not self._more():
                return None

    def exactly(self, count):
        while len(self._buffer) < count:
            if not self._more():
                return None
        out, self._buffer = self._buffer[:count], self._buffer[count:]
        return out

    def chunks(self):
        body = b""
        while True:
            line = self.until(b"\r\n")
            if line is None:
                return None
            size = int(line.partition(b";")[0], 16)
            if size == 0:
                while line:
                    line = self.until(b"\r\n")
                return body
            part = self.exactly(size + 2)
            if part is None:
                return None
            body += part[:-2]


def read_request(sock, reader):
    """The next Request of a connection; None when the client is done or talks no HTTP."""
    head = reader.until(b"\r\n\r\n")
    if head is None:
        return None
    lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
    except ValueError:
        return None
    out = Request()
    out.method = method
    out.path, _, out.query = target.partition("?")
    out.headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        out.headers[name.lower()] = value.strip()
    connection = out.headers.get("connection", "").lower()
    out.close = "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection)
    if out.headers.get("expect", "").lower() == "100-continue":
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in out.headers.get("transfer-encoding", ""):
        out.body = reader.chunks()
    else:
        out.body = reader.exactly(int(out.headers.get("content-length") or 0))
    if out.body is None:
        return None
    out.size = len(head) + 4 + len(out.body)
    return out


def peer_gone(sock):
    """The client has closed its side, so nothing that is sent now reaches it."""
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _wait(sock, seconds, event):
    """Waits for a time or an event, but not longer than the client does."""
    end = None if seconds is None else time.monotonic() + seconds
    while not peer_gone(sock):
        left = 0.05 if end is None else min(0.05, end - time.monotonic())
        if left <= 0:
            return True
        if event is None:
            select.select([], [], [], left)
        elif event.wait(left):
            return True
    return False


def head_of(status, headers, length):
    lines = ["HTTP/1.1 %d %s" % (status, _REASONS.get(status, "Unknown"))]
    lines += ["%s: %s" % pair for pair in headers]
    if length is not None:
        lines.append("Content-Length: %d" % length)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def _body_of(answer):
    """As it travels. Of a stream: nothing, what follows is its own."""
    if answer.stream is not None:
        return b""
    return chunk(answer.body) + LAST_CHUNK if answer.chunked else answer.body


def send(sock, answer):
    """(the client has a whole, well-formed answer, the connection can be used on, bytes sent)."""
    wire = answer.wire
    body = _body_of(answer)
    if wire is None:
        data = head_of(answer.status, answer.headers, None if answer.chunked else len(body)) + body
        sent = _at_once(sock, data, answer)
        return sent, sent, len(data) if sent else 0
    return _send_oddly(sock, answer, body, wire)


def _send_oddly(sock, answer, body, wire):
    if wire.delay and not _wait(sock, wire.delay, None):
        return False, False, 0
    if wire.hang is not None and not _wait(sock, None, wire.hang):
        return False, False, 0
    length = None if wire.length is None or answer.chunked else len(body) + wire.length
    head = head_of(answer.status, answer.headers, length)
    data = head + body if wire.raw is None else wire.raw
    cut = wire.cut
    if cut is not None:
        places = {"before": 0, "head": len(head) // 2, "body": len(head) + len(body) // 2}
        data = data[:places.get(cut, cut)]
    sent = _trickle(sock, data, answer, *wire.trickle) if wire.trickle else _at_once(sock, data, answer)
    whole = sent and cut is None and wire.raw is None and wire.length in (0, None)
    if wire.reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    usable = whole and not wire.close and not wire.reset and wire.length == 0
    # A raw answer is whole for its connection too, unless the test says that it ends there.
    usable = usable or (sent and wire.raw is not None and cut is None and not wire.close and not wire.reset)
    return whole, usable, len(data)


def _at_once(sock, data, answer):
    if peer_gone(sock):
        return False
    answer.leaving = True
    sock.sendall(data)
    return True


def _trickle(sock, data, answer, count, seconds):
    for at in range(0, len(data), count):
        # Not after the last piece: a client that has all may close at once.
        if peer_gone(sock) or (at and not _wait(sock, seconds, None)):
            return False
        answer.leaving = at + count >= len(data)
        sock.sendall(data[at:at + count])
    return True


def waiting(sock):
    """How many connections a listening socket has yet to accept: tcpi_unacked of tcp(7)'s TCP_INFO."""
    if sock.fileno() < 0:  # closed: refused
        return 0
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


def unread(sock):
    """How many bytes a socket has received that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, b"\0" * 4))[0]


def connections():
    """The rows of the kernel's table of this machine's connections: see /proc/net/tcp in proc(5)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return [line.split() for line in table.readlines()[1:]]


def unread_by_peer(sock):
    """How many bytes the client has not read; of one on this machine."""
    ends = ["%08X:%04X" % (struct.unpack("=I", socket.inet_aton(host))[0], port)
            for host, port in (sock.getpeername(), sock.getsockname())]
    on_the_way = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]
    return on_the_way + sum(int(row[4].partition(":")[2], 16) for row in connections() if row[1:3] == ends)


class Listener:
    """Accepts on one socket; `serve(sock)` runs in a thread for each connection."""

    def __init__(self, sock, serve):
        self.sock = sock
        self._serve = serve
        self._open = set()
        self._lock = threading.Lock()
        self._stopped = False
        self.accepted = 0
        self.address = sock.getsockname()

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def open_now(self):
        return len(self._open)

    def at_rest(self):
        """Is nothing here that a client left behind: no connection to accept, and no byte to read?"""
        with self._lock:
            return waiting(self.sock) == 0 and not any(unread(sock) for sock in self._open)

    def _accept(self):
        listening = self.sock
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                if self._stopped or listening is not self.sock:
                    return
                # Out of descriptors, most likely: that passes.
                time.sleep(0.01)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.accepted += 1
                self._open.add(sock)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        try:
            self._serve(sock)
        except (OSError, ValueError):
            # The client went away, or what it sent was no HTTP: nobody is left to be told.
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def refuse(self, refused):
        """Stops listening and closes what is open, or listens again at the same address."""
        if refused:
            self._stopped = True
            self._close()
        elif self._stopped:
            self._stopped = False
            self.sock = listen_all([self.address[0]], self.address[1])[0]
            self.start()

    def drop_connections(self):
        """Closes what is open, as a server that restarts does."""
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self._stopped = True
        self._close()

    def _close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.drop_connections()


def listen(host, port):
    return socket.create_server((host, port), backlog=512)


def _bind(host, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def listen_all(hosts, port=0):
    """One socket a host, all on the same port: a client derives a cluster's URL from that."""
    return _on_all(hosts, port, listen)


def hold_all(hosts, port=0):
    """The same, but connections are refused. listen() and all who set SO_REUSEADDR may listen there; nobody who
    asks for any port is given this one, while nobody listens. release() ends it."""
    return _on_all(hosts, port, _bind)


def release(socks):
    while socks:
        socks.pop().close()


def _on_all(hosts, port, begin):
    for attempt in range(100):
        socks = []
        try:
            for host in hosts:
                socks.append(begin(host, port or (socks[0].getsockname()[1] if socks else 0)))
            return socks
        except OSError:
            release(socks)
            if port and attempt == 20:
                raise
            time.sleep(0.05 if port else 0)
    raise OSError("no port is free on all of %s" % ", ".join(hosts))
