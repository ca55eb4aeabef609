# SPDX-License-Identifier: MIT
"""contrib's dashboards, and what Grafana and node_exporter would do for them."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading

import command
import paths

CONTRIB = os.path.join(paths.SRCDIR, "contrib")


def load(source):
    """"prometheus" or "influxdb"."""
    with open(os.path.join(CONTRIB, "grafana", "ttn-%s.json" % source), encoding="utf-8") as file:
        return json.load(file)


def panels(document):
    """[(first word of the row's title, panel)], without the rows. A collapsed row has its panels within."""
    out, row = [], None
    for panel in document["panels"]:
        if panel["type"] == "row":
            row = panel["title"].split()[0]
            out += [(row, one) for one in panel["panels"]]
        else:
            out.append((row, panel))
    return out


def query_of(target, gateway, window="10s", interval="1s"):
    """The query, with Grafana's variables filled in: everything is shown, and one gateway. There is little history
    in a test, so rates of Prometheus are of that window; InfluxDB's are of that interval."""
    out = target.get("expr") or target["query"]
    for name, value in (("$__rate_interval", window), ("[10m]", "[%s]" % window), ("[$__interval]", "[%s]" % window),
                        ("$__interval", interval), ("$timeFilter", "time > now() - 1m"), ("$host", ".*"),
                        ("$account", ".*"), ("$gateway", gateway)):
        out = out.replace(name, value)
    return out


def legend(panel, name):
    """What Grafana calls a series: the name that the query gives it, as the panel's transformations change it."""
    for step in panel.get("transformations", ()):
        name = re.sub(step["options"]["regex"], step["options"]["renamePattern"].replace("$", "\\"), name)
    return name


def gateway_names(path, document):
    """contrib's program with that on its standard input: the ended process."""
    return subprocess.run([sys.executable, "-B", os.path.join(CONTRIB, "prometheus", "gateway-names"), path],
                          input=document, stderr=subprocess.PIPE, text=True, check=False)


def names_file(scratch, stack):
    """Its file, of what ttn-check says of the stand-in."""
    path = scratch.file("names.prom")
    done = gateway_names(path, command.run(command.words(stack, scratch) + ["--json"]).out)
    if done.returncode or done.stderr:
        raise AssertionError("gateway-names ended with %d: %s" % (done.returncode, done.stderr))
    return path


class Textfile:
    """A file at /metrics, as node_exporter's textfile collector has it there."""

    def __init__(self, path):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with open(path, "rb") as file:
                    text = file.read()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer((paths.address(), 0), Handler)
        self.exporter = "%s:%d" % self._server.server_address

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
