# SPDX-License-Identifier: MIT
"""An HTTP server that keeps the JSON that is posted to it: the other end of write_http.

    with Receiver() as receiver, Collectd(..., extra=receiver.writer(StoreRates=False)):
        receiver.values()
"""

import http.server
import json
import threading

import paths
from collectd import option


def writer(url, **options):
    """What makes a collectd's write_http send there. By default it does so when it has 4096 bytes."""
    lines = ["    " + option(name, value) for name, value in options.items()]
    return "\n".join(["LoadPlugin write_http", "<Plugin write_http>", '  <Node "receiver">', '    URL "%s"' % url,
                      '    Format "JSON"', "    BufferSize 1024", *lines, "  </Node>", "</Plugin>"])


class Receiver:
    def __init__(self):
        self._bodies = []
        bodies = self._bodies

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((paths.address(), 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def writer(self, **options):
        """What makes a collectd send here."""
        return writer("http://%s:%d/" % self._server.server_address, **options)

    def values(self):
        """All values that were posted, as JSON has them, in their order."""
        return [one for body in list(self._bodies) for one in json.loads(body)]
