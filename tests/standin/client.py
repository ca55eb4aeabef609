"""Client of the stand-in's control port, for tests; and the list of what it can be told.

    stack = Client("http://127.0.0.1:PORT/")      # "control" in the line stack.py prints
    stack.register("roof"); stack.connect("roof", protocol="udp"); stack.uplink("roof", 5)

Every operation takes its parameters by name or in the order given; over HTTP it is
POST / {"op": "uplink", "id": "roof", "n": 5} -> {"ok": true, "result": ...}. A Stack in the same
process has the same operations as methods. A failed operation raises Failed (in a Stack: the
exception itself). `at`: seconds from now if below 1e8, else since 1970, or an RFC 3339 string.
`cluster`: 1, 2, ...; left out, it is where the gateway is connected, else its home.

OPERATIONS
"""

import http.client
import json
import urllib.parse

import operations

__doc__ = __doc__.replace("OPERATIONS\n", operations.table())


class Failed(Exception):
    """The stand-in refused an operation."""


class Client:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def do(self, op, *args, **parameters):
        body = json.dumps(dict(parameters, op=op, **({"args": args} if args else {})))
        self._connection.request("POST", "/", body)
        out = json.loads(self._connection.getresponse().read())
        if not out["ok"]:
            raise Failed(out["error"])
        return out["result"]

    def __getattr__(self, op):
        if op.startswith("_"):
            raise AttributeError(op)
        return lambda *args, **parameters: self.do(op, *args, **parameters)

    def close(self):
        self._connection.close()


if __name__ == "__main__":
    print(__doc__)
