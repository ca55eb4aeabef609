"""The control port: a POST of {"op": "...", ...} does one operation of the stand-in, JSON both ways."""

import json

import wire
from api import Answer


class ControlPort:
    def __init__(self, stack, port):
        self._stack = stack
        sock = wire.listen("127.0.0.1", port)
        self.url = "http://127.0.0.1:%d/" % sock.getsockname()[1]
        self._listener = wire.Listener(sock, self._serve)

    def start(self):
        self._listener.start()

    def stop(self):
        self._listener.stop()

    def _serve(self, sock):
        reader = wire.Reader(sock)
        while True:
            request = wire.read_request(sock, reader)
            if request is None:
                return
            answer = self._answer(request)
            wire.send(sock, answer)
            if request.close:
                return

    def _answer(self, request):
        try:
            if request.method != "POST":
                raise ValueError("POST a JSON object with an op")
            asked = json.loads(request.body)
            status, out = 200, {"ok": True, "result": self._stack.do(asked)}
        except Exception as problem:
            # Whatever went wrong in an operation is for the test that asked for it to see.
            status, out = 400, {"ok": False, "error": "%s: %s" % (type(problem).__name__, problem)}
        return Answer(status, json.dumps(out).encode())
