# SPDX-License-Identifier: MIT
"""A server of HTTP/2 over TLS that breaks as HTTP/2 can: nghttpx never would.

It gets its answers from the stand-in over plain HTTP, so that what the stand-in is told to do happens here,
too. An answer that breaks off there breaks off here in the manner that is set. The frames are python3-h2's.
"""

import http.client
import select
import socket
import ssl
import sys
import threading

from relay import Listener

try:
    import h2.connection
except ImportError:
    # Where Debian's packages are, if this is another Python.
    sys.path.append("/usr/lib/python3/dist-packages")
    import h2.connection
import h2.config  # noqa: E402
import h2.errors  # noqa: E402
import h2.events  # noqa: E402
import h2.exceptions  # noqa: E402
import h2.settings  # noqa: E402

# What becomes of all requests: no stream is accepted, all go elsewhere, or no window is given to send a body.
# "greeting": the connection ends during the TLS handshake.
REFUSALS = ("refuse", "leave", "window", "greeting")

# What the library raises when the client has ended the stream or the connection.
_GONE = (h2.exceptions.ProtocolError, KeyError)
_NOT_PASSED_ON = ("connection", "keep-alive", "transfer-encoding")


class Http2Server(Listener):
    """`target`: (host, port) of the stand-in. certificate: files of a certificate and its key."""

    def __init__(self, target, certificate, name="127.0.0.1", host="127.0.0.1"):
        super().__init__(host)
        self.target = target
        self.url = "https://%s:%d" % (name, self.port)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*certificate)
        self._tls.set_alpn_protocols(["h2"])
        # How an answer breaks off: "reset": that stream alone; "goaway", "close": the connection, with a farewell or
        # without one; "stall": not at all, it stays open for ever.
        self.broken = "reset"
        self._refusal = None
        self._connections = {}
        # How many requests or connections met a refusal.
        self.refused = 0
        # One for each request that is under way.
        self.answering = []

    @property
    def refusal(self):
        return self._refusal

    def refuse(self, how):
        """One of REFUSALS, from now on, None: none. Connections go on, but for "greeting"."""
        self._refusal = how
        if how == "greeting":
            self.cut()
        for connection in list(self._connections.values()):
            connection.narrow(how == "window")

    def busy(self):
        """Is anything asked of the stand-in, or could it be?"""
        return bool(self._connections or self.answering)

    def silence(self):
        """Connections that are open now stay so, and nothing is heard or answered any more. New ones work."""
        for connection in list(self._connections.values()):
            connection.silent = True

    def _serve(self, number, sock):
        if self._refusal == "greeting":
            sock.recv(4096)
            self.refused += 1
            return
        with self._tls.wrap_socket(sock, server_side=True) as client:
            # So that cut() finds what has taken the socket over.
            self._open[number] = client
            self._connections[number] = connection = _Connection(self, client)
            try:
                connection.run()
            finally:
                del self._connections[number]
                connection.end()


class _Connection:
    """Trap: OpenSSL's connections are for one thread at a time, so both reading and writing take the lock, and
    waiting is done without it."""

    def __init__(self, server, sock):
        self._server = server
        self._sock = sock
        sock.setblocking(False)
        self._lock = threading.RLock()
        self._room = threading.Condition(self._lock)
        self._requests = {}
        self._upstream = {}
        self._ended = False
        self.silent = False
        # Is the window of new streams to be closed; does the client know that, as far as it was told; is it still
        # to say that it has heard?
        self._closed = self._told = False
        self._unheard = True
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def run(self):
        with self._lock:
            self._h2.initiate_connection()
            self._flush()
        self.narrow(self._server.refusal == "window")
        while not self._ended:
            if not self._sock.pending():
                select.select([self._sock], [], [])
            with self._lock:
                try:
                    data = self._sock.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                if not data:
                    return
                if not self.silent:
                    self._heard(data)

    def _heard(self, data):
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._ended = True
            events = []
        for event in events:
            self._take(event)
        self._flush()
        self._room.notify_all()

    def narrow(self, closed):
        """Takes the window away that new streams have to send in, or gives it back."""
        with self._lock:
            self._closed = closed
            self._tell_window()

    def _tell_window(self):
        """Trap: the library takes an acknowledgement of earlier settings for one of the latest, and then the data of a
        client that has not heard of these for an error of the whole connection. So one follows the other."""
        if self._unheard or self._told == self._closed:
            return
        code = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
        try:
            self._h2.update_settings({code: 0 if self._closed else 65535})
        except _GONE:
            return
        self._told = self._closed
        self._unheard = True
        self._flush()

    def end(self):
        with self._lock:
            self._ended = True
            for stream in list(self._upstream):
                self._drop(stream)
            self._room.notify_all()

    def _flush(self):
        data = self._h2.data_to_send()
        while data:
            try:
                data = data[self._sock.send(data):]
            except ssl.SSLWantWriteError:
                select.select([], [self._sock], [], 1)
            except OSError:
                self._ended = True
                return

    def _take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self._requests[event.stream_id] = (dict(event.headers), bytearray())
            self._meet(event.stream_id)
        elif isinstance(event, h2.events.DataReceived):
            if event.stream_id in self._requests:
                self._requests[event.stream_id][1].extend(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            request = self._requests.pop(event.stream_id, None)
            # A first request comes before it could hear that it has no window.
            if request and not self._ended and not (self._server.refusal == "window" and request[1]):
                self._upstream[event.stream_id] = http.client.HTTPConnection(*self._server.target)
                # Before the thread runs: until then nothing else tells that something is to be asked.
                self._server.answering.append(self)
                threading.Thread(target=self._answer, args=(event.stream_id, *request), daemon=True).start()
        elif isinstance(event, h2.events.SettingsAcknowledged):
            self._unheard = False
            self._tell_window()
        elif isinstance(event, h2.events.StreamReset):
            self._drop(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._ended = True

    def _meet(self, stream):
        refusal = self._server.refusal
        if refusal:
            self._server.refused += 1
        if refusal == "refuse":
            del self._requests[stream]
            self._h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif refusal == "leave":
            del self._requests[stream]
            self._goodbye(0)

    def _goodbye(self, last):
        self._h2.close_connection(last_stream_id=last)
        self._flush()
        self._close()

    def _close(self):
        self._ended = True
        try:
            # Without TLS's own farewell.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            pass

    def _drop(self, stream):
        """The client has left: so does what asks for it."""
        upstream = self._upstream.pop(stream, None)
        if upstream and upstream.sock:
            try:
                upstream.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _answer(self, *request):
        try:
            self._ask(*request)
        finally:
            self._server.answering.remove(self)

    def _ask(self, stream, headers, body):
        with self._lock:
            upstream = self._upstream.get(stream)
            if self._ended or upstream is None:
                return
        try:
            whole = self._pass_on(stream, upstream, headers, bytes(body))
        except (OSError, http.client.HTTPException, ValueError):
            whole = False
        except _GONE:
            whole = True
        with self._lock:
            self._drop(stream)
            upstream.close()
            self._room.notify_all()
            # What the stand-in takes for answered must not be lost with the connection.
            while not whole and self._upstream and self._server.broken in ("goaway", "close"):
                self._room.wait(1)
            if not whole and not self._ended:
                self._break_off(stream)

    def _pass_on(self, stream, upstream, headers, body):
        """True: the answer was whole."""
        passed = {name: value for name, value in headers.items() if not name.startswith(":")}
        upstream.request(headers[":method"], headers[":path"], body or None, passed)
        answer = upstream.getresponse()
        out = [(":status", str(answer.status))]
        out += [(name.lower(), value) for name, value in answer.getheaders() if name.lower() not in _NOT_PASSED_ON]
        with self._lock:
            self._h2.send_headers(stream, out)
            self._flush()
        # http.client takes a body that ends too early for whole.
        due = answer.getheader("Content-Length")
        got = 0
        while True:
            data = answer.read1(65536)
            got += len(data)
            if not data:
                break
            self._send(stream, data)
        if due is not None and got < int(due):
            return False
        with self._lock:
            self._h2.end_stream(stream)
            self._flush()
        return True

    def _send(self, stream, data):
        with self._lock:
            while data:
                room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                if self._ended:
                    raise h2.exceptions.ProtocolError
                if room <= 0:
                    self._room.wait(1)
                    continue
                self._h2.send_data(stream, data[:room])
                data = data[room:]
                self._flush()

    def _break_off(self, stream):
        how = self._server.broken
        try:
            if how == "reset":
                self._h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
                self._flush()
            elif how == "goaway":
                self._goodbye(stream)
            elif how == "close":
                self._close()
        except _GONE:
            pass
