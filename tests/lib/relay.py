# SPDX-License-Identifier: MIT
"""What stands between a client and its server: a relay that can break in every way a network does, and a
proxy. Both count connections, and understand no more of what passes than they must."""

import base64
import select
import socket
import ssl
import struct
import threading

import paths  # noqa: F401  (brings the stand-in's directory)
import wire

_RST = struct.pack("ii", 1, 0)


def _splice(client, server, passes=lambda from_client: True):
    """Passes bytes on until one end is closed. passes(): True; False: they are lost; None: it ends here."""
    ends = {client: server, server: client}
    while True:
        # TLS may hold bytes that select knows nothing of.
        held = [sock for sock in ends if isinstance(sock, ssl.SSLSocket) and sock.pending()]
        for sock in held or select.select(list(ends), [], [])[0]:
            data = sock.recv(65536)
            passed = passes(sock is client)
            if not data or passed is None:
                return
            if passed:
                ends[sock].sendall(data)


class Listener:
    """Accepts on one address; a thread a connection."""

    def __init__(self, host, port=0):
        self._sock = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
                                          backlog=512)
        self.port = self._sock.getsockname()[1]
        self.place = "%s:%d" % ("[%s]" % host if ":" in host else host, self.port)
        self._lock = threading.Lock()
        self._open = {}
        # How many connections there were, and how many at the same time.
        self.accepted = self.most = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.accepted += 1
                self._open[self.accepted] = sock
                self.most = max(self.most, len(self._open))
            threading.Thread(target=self._run, args=(self.accepted, sock), daemon=True).start()

    def _run(self, number, sock):
        try:
            with sock:
                self._serve(number, sock)
        except OSError:
            # One of the two ends is gone, or never was: that is for the other to notice.
            pass
        finally:
            with self._lock:
                del self._open[number]

    def open_now(self):
        """Connections of clients."""
        return len(self._open)

    def _now(self):
        with self._lock:
            return list(self._open.items())

    def cut(self):
        """Closes all that are open, as a server that restarts does."""
        for _, sock in self._now():
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Relay(Listener):
    """Passes everything on to (host, port). With an SSLContext it is the TLS of a plain server."""

    def __init__(self, target, host="127.0.0.1", port=0, tls=None):
        super().__init__(host, port)
        self.target = target
        self.url = "%s://%s" % ("https" if tls else "http", self.place)
        self._tls = tls
        self._silent = set()
        self._doomed = {}
        self._servers = {}
        # Accepts and closes at once, as a load balancer with nobody behind it does; "reset": with a reset.
        self.closing = False
        # What was agreed on by ALPN in each handshake that succeeded.
        self.protocols = []

    def _serve(self, number, sock):
        if self.closing:
            if self.closing == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            return
        with self._greeted(sock) as client, socket.create_connection(self.target) as server:
            self._open[number] = client
            self._servers[number] = server
            try:
                _splice(client, server, lambda from_client: self._passes(number, client, from_client))
            except ConnectionResetError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
                raise

    def _greeted(self, sock):
        if self._tls is None:
            return sock
        out = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        try:
            out.do_handshake()
        except ssl.SSLError:
            # Its alert is to be read, so the connection ends when the client has done so.
            out.shutdown(socket.SHUT_WR)
            while socket.socket.recv(out, 65536):
                pass
            raise
        self.protocols.append(out.selected_alpn_protocol())
        return out

    def _passes(self, number, client, from_client):
        if number in self._silent:
            return False
        if from_client and number in self._doomed:
            if self._doomed[number]:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            return None
        return True

    def silence(self):
        """Connections that are open now stay so, and nothing passes any more. New ones work."""
        self._silent.update(number for number, _ in self._now())

    def doom(self, reset):
        """Connections that are open now end when the client uses them next: with a reset, or plainly."""
        self._doomed.update((number, reset) for number, _ in self._now())

    def reset(self):
        """Resets those that are open now."""
        for number, sock in self._now():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            # Its end is noticed, and then the client's is closed: shut down, it would end plainly.
            self._servers[number].shutdown(socket.SHUT_RDWR)


class Proxy(Listener):
    """A forward proxy. `status`: what it answers to everything instead of doing it. `login`: "user:password"
    that it asks for."""

    def __init__(self, status=None, login=None):
        super().__init__("127.0.0.1")
        self.url = "http://" + self.place
        self._status = status
        self._login = login and "Basic " + base64.b64encode(login.encode()).decode()
        # (method, target, headers) of all that it was asked, CONNECT and other.
        self.asked = []

    def methods(self):
        return [method for method, _, _ in self.asked]

    def _serve(self, number, sock):
        reader = wire.Reader(sock)
        while True:
            request = wire.read_request(sock, reader)
            if request is None:
                return
            self.asked.append((request.method, request.path, request.headers))
            status = self._status
            if self._login and request.headers.get("proxy-authorization") != self._login:
                status = 407
            if status:
                sock.sendall(wire.head_of(status, [("Proxy-Authenticate", 'Basic realm="x"')], 0))
            elif request.method == "CONNECT":
                self._connect(sock, request)
                return
            else:
                self._forward(sock, request)

    @staticmethod
    def _connect(sock, request):
        host, _, port = request.path.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _splice(sock, server)

    @staticmethod
    def _forward(sock, request):
        """One request over a connection of its own, whose end is the end of the answer."""
        host, _, path = request.path.partition("://")[2].partition("/")
        name, _, port = host.rpartition(":")
        lines = ["%s /%s%s HTTP/1.1" % (request.method, path, "?" + request.query if request.query else "")]
        lines += ["%s: %s" % pair for pair in request.headers.items() if not pair[0].startswith("proxy-")]
        with socket.create_connection((name, int(port))) as server:
            server.sendall("\r\n".join(lines + ["connection: close", "", ""]).encode() + request.body)
            while True:
                data = server.recv(65536)
                if not data:
                    return
                sock.sendall(data)
