# SPDX-License-Identifier: MIT
"""What can go wrong between an account and its servers: one table, for all tests that ask what becomes of it.

Each is begun on a transport (transports.py) and ended again. Kinds are those of ttn_api's errors.
"""

import paths  # noqa: F401  (brings the stand-in's directory)
from tls import KINDS as CERTIFICATES

PLAIN, TLS, RAW, HTTP2 = "plain", "TLS", "raw", "raw HTTP/2"
DIRECT = (PLAIN, RAW)
ALL = (PLAIN, TLS, RAW, HTTP2)

_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + "Transfer-Encoding: chunked\r\n\r\n"


class NetworkFault:
    """name: what it is. transports: where it can be.

    action: what the stand-in does to an answer (faults.py there); way: what else is done, a name of a method
    of NetworkFault's below and its arguments. kinds: the failures that ttn_api may count of it, and proxied: those
    when nghttpx makes something else of it. status: the HTTP status that it counts, too.
    unknown: a gateway that is asked for meanwhile stays unknown; False: it is made good, or harmless.
    lists: the list of gateways can have it, too. slow: it takes a poll up to its deadline. spares: so many
    requests are needed for it to begin."""

    def __init__(self, name, transports, action=None, way=(), kinds=(), proxied=None, status=None, unknown=True,
                 lists=True, slow=False, spares=0):
        self.name = name
        self.transports = transports
        self.action = action
        self.way = way
        self._kinds = set(kinds)
        self._proxied = set(kinds if proxied is None else proxied)
        self.status = status
        self.unknown = unknown
        self.lists = lists and action is not None
        self.slow = slow
        self.spares = spares

    def kinds(self, transport):
        return self._proxied if transport.title == TLS else self._kinds

    def begin(self, transport, match=None, p=1.0):
        return _Begun(self, transport, match, p)


class _Begun:
    """One that is going on."""

    def __init__(self, fault, transport, match, p):
        self.fault = fault
        self.transport = transport
        self.match = match or {}
        # Does every request have it?
        self.sure = p == 1.0
        self._rule = None
        if fault.action:
            self._rule = transport.stack.fault(fault.action, match, p=p)
        if fault.way:
            getattr(self, "_" + fault.way[0])(True, *fault.way[1:])

    def hits(self):
        """How many requests or connections met it so far; None: nobody can tell."""
        if self._rule is not None:
            return next(rule["hits"] for rule in self.transport.stack.faults() if rule["rule"] == self._rule)
        return self.transport.door.refused if self.fault.way[0] == "turn_away" else None

    def end(self):
        if self._rule is not None:
            self.transport.stack.unfault(self._rule)
        if self.fault.way:
            getattr(self, "_" + self.fault.way[0])(False, *self.fault.way[1:])
        self.transport.settle()

    # The ways.

    def _refuse(self, begin):
        self.transport.stack.refuse(1, begin)

    def _certificate(self, begin, kind):
        self.transport.stack.certificate(1, kind if begin else "good")

    def _name(self, begin):
        self.transport.lose_name(begin)

    def _close(self, begin, how):
        """Connections end as soon as they were accepted."""
        self.transport.door.closing = begin and how
        if begin:
            self.transport.door.cut()

    def _die(self, begin, how):
        """Those that are open do."""
        if begin:
            getattr(self.transport.door, how)()

    def _doom(self, begin, reset):
        """Those that are open do when they are used next."""
        if begin:
            self.transport.door.doom(reset)

    def _break(self, begin, how):
        self.transport.door.broken = how if begin else "reset"

    def _turn_away(self, begin, how):
        self.transport.door.refused = 0
        self.transport.door.refuse(how if begin else None)


def _answer(name, action, kinds, transports=ALL, **more):
    return NetworkFault(name, transports, action, kinds=kinds, **more)


def _batch(name, transform, kinds, transports=ALL, **more):
    """Of statistics alone."""
    return NetworkFault(name, transports, {"transform": [transform]}, kinds=kinds, lists=False, **more)


# nghttpx answers 502 when there is no head of an answer, and ends the stream when it breaks off later.
_NO_HEAD = {"proxied": {"http"}}

NETWORK_FAULTS = (
    # No connection, or none that lasts.
    NetworkFault("connection refused", (PLAIN, TLS), way=("refuse",), kinds={"connect"}),
    NetworkFault("connection closed at once", (RAW,), way=("close", True), kinds={"transfer"}),
    NetworkFault("connection reset at once", (RAW,), way=("close", "reset"), kinds={"connect", "transfer"}),
    NetworkFault("connection closed when used again", (RAW,), way=("doom", False), unknown=False),
    NetworkFault("connection reset when used again", (RAW,), way=("doom", True), unknown=False),
    NetworkFault("connection goes silent", (RAW, HTTP2), way=("die", "silence"), kinds={"timeout"}, unknown=False, slow=True),
    NetworkFault("name not resolved", (HTTP2,), way=("name",), kinds={"dns"}),
    # Answers that do not come, or not whole.
    _answer("closed before the headers", {"close": "before"}, {"transfer"}, **_NO_HEAD),
    _answer("reset before the headers", {"close": "before", "reset": True}, {"transfer"}, **_NO_HEAD),
    _answer("reset during the headers", {"close": "head", "reset": True}, {"transfer"}, **_NO_HEAD),
    # Of a refusal what is left says enough: http.
    _answer("closed during the headers", {"close": "head"}, {"transfer", "json", "http"}, DIRECT),
    _answer("reset after the headers", {"close": "body", "reset": True}, {"transfer"}),
    _answer("body cut, with its length", {"close": "body"}, {"transfer"}),
    _answer("body cut, without its length", {"length": None, "transform": [["cut_json", 7]]}, {"json", "http"}),
    _answer("length too small", {"length": -60}, {"json", "transfer", "http"}),
    _answer("length too large", {"length": 9}, {"transfer"}),
    _answer("chunk without a size", {"raw": _CHUNKED + "zz\r\n{}\r\n0\r\n\r\n", "end": True}, {"transfer"},
            proxied={"http", "transfer"}),
    _answer("chunks without end", {"raw": _CHUNKED + "9\r\n{\"entries\r\n", "end": True}, {"transfer"}),
    _answer("hang", {"hang": True}, {"timeout"}, slow=True),
    _answer("hang during the headers", {"raw": _HEAD}, {"timeout"}, DIRECT, slow=True),
    _answer("hang during the body", {"raw": _HEAD + "Content-Length: 99\r\n\r\n{"}, {"timeout"}, slow=True),
    _answer("hang during a chunk", {"raw": _CHUNKED + "40\r\n{\"entr"}, {"timeout"}, slow=True),
    _answer("one byte a second", {"trickle": [1, 1.0]}, {"timeout"}, slow=True),
    _answer("no HTTP", {"raw": "\x16\x03\x01 not HTTP\r\n\r\n", "end": True}, {"transfer"}, **_NO_HEAD),
    _answer("headers without end", {"raw": _HEAD + "X-A: b\r\n" * 60000, "end": True}, {"too_large", "transfer"},
            **_NO_HEAD),
    # Whole answers that are none.
    _answer("503", {"status": 503, "body": "{}"}, {"http"}, status=503),
    _answer("502 in HTML", {"transform": [["html", 502]]}, {"http"}, status=502),
    _answer("HTML", {"transform": [["html", 200]]}, {"json"}),
    _answer("204", {"status": 204, "body": ""}, {"http"}, status=204),
    _answer("redirect", {"transform": [["redirect", "http://127.0.0.1:1/"]]}, {"http"}, status=302),
    _answer("429", {"status": 429, "body": "{}", "headers": {"X-Rate-Limit-Retry": "30"}}, {"rate_limit"},
            status=429),
    _answer("429 without headers", {"status": 429, "body": ""}, {"rate_limit"}, status=429),
    _answer("key refused", {"error": {"code": 16, "namespace": "pkg/auth", "name": "api_key_not_found",
                                      "text": "not found"}}, {"key"}, status=401),
    _answer("empty body", {"body": ""}, {"json", "http"}),
    _answer("JSON cut short", {"transform": [["cut_json", 1]]}, {"json", "http"}),
    _answer("gzip garbage", {"transform": [["gzip_garbage"]]}, {"transfer", "http"}),
    _answer("gzip cut", {"transform": [["gzip_cut"]]}, {"transfer", "json", "http"}),
    _answer("gzip bomb", {"transform": [["gzip_bomb", 20]]}, {"too_large", "json"}),
    # Statistics that are wrong.
    _batch("two batches' answers swapped", ["exchange"], {"answer", "http", "json"}, (PLAIN,), spares=1),
    _batch("another account's answer", ["another"], {"answer"}),
    _batch("one gateway too many", ["extra", "nobody-asked"], {"answer", "too_large"}),
    _batch("each gateway twice", ["duplicate"], {"json"}),
    _batch("counts of a wrong type", ["set", "*", "uplink_count", "true"], {"json"}),
    _batch("times of a wrong type", ["set", "*", "connected_at", "[0]"], {"json"}),
    # TLS and HTTP/2.
    *(NetworkFault("certificate: " + kind, (TLS,), way=("certificate", kind), kinds={"tls"})
      for kind in CERTIFICATES if kind != "good"),
    NetworkFault("closed during the TLS handshake", (HTTP2,), way=("turn_away", "greeting"), kinds={"tls", "transfer"}),
    NetworkFault("TLS closed during an answer", (HTTP2,), {"close": "body"}, ("break", "close"), {"transfer"}),
    NetworkFault("GOAWAY during an answer", (HTTP2,), {"close": "body"}, ("break", "goaway"), {"transfer"}),
    NetworkFault("GOAWAY instead of an answer", (HTTP2,), way=("turn_away", "leave"), kinds={"transfer"}),
    NetworkFault("RST_STREAM during an answer", (HTTP2,), {"close": "body"}, ("break", "reset"), {"transfer"}),
    # libcurl tries a refused stream again, on several new connections, which may take longer than a poll has.
    NetworkFault("RST_STREAM instead of an answer", (HTTP2,), way=("turn_away", "refuse"), kinds={"transfer", "timeout"}),
    NetworkFault("stalled during an answer", (HTTP2,), {"close": "body"}, ("break", "stall"), {"timeout"}, slow=True),
    NetworkFault("flow control stalled", (HTTP2,), way=("turn_away", "window"), kinds={"timeout"}, slow=True),
    # Odd, but all right.
    _answer("late", {"delay": 0.05}, (), unknown=False),
    _answer("in small pieces", {"trickle": [500, 0.001]}, (), unknown=False),
    # nghttpx may have taken the connection for the next request by then.
    _answer("closed afterwards", {"end": True}, (), proxied={"http"}, unknown=False),
    _answer("indented", {"transform": [["indent"]]}, (), unknown=False),
)


def of(transport):
    """Those that can be on a transport."""
    return [one for one in NETWORK_FAULTS if transport.title in one.transports]
