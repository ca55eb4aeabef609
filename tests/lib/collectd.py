# SPDX-License-Identifier: MIT
"""The real collectd with the plugin, on a private configuration, and what comes out of it.

    with Scratch() as scratch, Collectd(scratch, account("home", APIKeyFile=...)) as daemon:
        wait_for(lambda: daemon.packets("roof")[0] == 7, "7 uplinks")

Values are read where users read them: write_prometheus (the raw numbers), unixsock (gauges, and
rates of what counts), csv (the raw numbers, every one of them). The log is collectd's own.
"""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import memory
import paths
from tap import wait_for

_PORT = 9103
_LINE = re.compile(r"^\[[^]]*\] \[(\w+)\] (.*)$")
_SERIES = re.compile(r'^(\w+)\{(.*)\} (\S+) (\d+)$')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
HOST = "testhost"


def option(name, value):
    if isinstance(value, bool):
        return "%s %s" % (name, "true" if value else "false")
    if isinstance(value, (int, float)):
        return "%s %s" % (name, value)
    return '%s "%s"' % (name, value.replace("\\", "\\\\").replace('"', '\\"'))


def changed(text, **options):
    """A configuration with other values of these options, each of which it has once."""
    for name, value in options.items():
        text, n = re.subn(r"(?m)^( *)%s .*$" % name, lambda found: found.group(1) + option(name, value), text)
        if n != 1:
            raise AssertionError("%d lines of %s in %s" % (n, name, text))
    return text


def account(name, *lines, **options):
    """An <Account> block. Options as Python has them, a list for several lines; lines as they are."""
    out = ["<Account %s>" % (name if name.startswith('"') else '"%s"' % name)]
    for key, value in options.items():
        out += ["  " + option(key, one) for one in (value if isinstance(value, list) else [value])]
    return "\n".join(out + ["  " + line for line in lines] + ["</Account>"])


def types_db():
    for path in ("/usr/share/collectd/types.db", "/usr/local/share/collectd/types.db"):
        if os.path.exists(path):
            return path
    raise AssertionError("collectd's types.db is not there")


def labels_of(text):
    """{label: value} of what is between the braces of a series, as Prometheus' text format has it."""
    return dict(_LABEL.findall(text))


def samples(text):
    """{(metric, {label: value} as sorted tuple): number} of a page of write_prometheus."""
    rows = (_SERIES.match(line) for line in text.splitlines())
    return {(row.group(1), tuple(sorted(labels_of(row.group(2)).items()))): float(row.group(3)) for row in rows if row}


def identity(metric, labels):
    """(plugin, instance, type, type_instance) of a series of the plugin in write_prometheus; None of another's."""
    for plugin in ("ttn_api", "ttn"):
        if metric.startswith("collectd_%s_" % plugin) and plugin in labels:
            type_ = re.sub("_(total|seconds)$", "", metric[len("collectd_%s_" % plugin):])
            return plugin, labels[plugin], type_, labels["type"]
    return None


class Collectd:
    def __init__(self, scratch, blocks, extra="", interval=0.5, csv=False, prometheus=True, plugin=True,
                 wrapper=(), environment=None, arguments=("-f",), patience=10.0, name="collectd",
                 port=_PORT):
        """blocks: what is in <Plugin ttn>. extra: more configuration. plugin: False leaves ttn out, a path
        loads another file. name: of its directory; with the same again it is the same daemon started
        again, but for its log, which begins again. port: of write_prometheus, another for each of several."""
        self.scratch = scratch
        self.directory = scratch.file(name, "")
        self.patience = patience
        self.process = None
        self.ended_after = None
        self.address = paths.address()
        # Where write_prometheus is to be found.
        self._port = port
        self.exporter = "%s:%d" % (self.address, port)
        self._prometheus = prometheus
        self._csv = csv
        self._arguments = list(wrapper) + [paths.collectd(), *arguments, "-C", self._configure(
            blocks, extra, interval, plugin)]
        self._environment = dict(os.environ, **(environment or {}))

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def _configure(self, blocks, extra, interval, plugin):
        out = ['Hostname "%s"' % HOST, "FQDNLookup false", "Interval %s" % interval, "MaxReadInterval 60",
               'BaseDir "%s"' % self.path("base"), 'PIDFile "%s"' % self.path("pid"),
               'TypesDB "%s"' % types_db(), 'PluginDir "%s"' % paths.plugin_dir(), "LoadPlugin logfile",
               "<Plugin logfile>", "LogLevel info", 'File "%s"' % self.path("log"), "Timestamp true",
               "PrintSeverity true", "</Plugin>", "LoadPlugin unixsock", "<Plugin unixsock>",
               'SocketFile "%s"' % self.path("sock"), "</Plugin>"]
        if self._prometheus:
            out += ["LoadPlugin write_prometheus", "<Plugin write_prometheus>", 'Host "%s"' % self.address,
                    'Port "%d"' % self._port, "</Plugin>"]
        if self._csv:
            out += ["LoadPlugin csv", "<Plugin csv>", 'DataDir "%s"' % self.path("csv"), "StoreRates false",
                    "</Plugin>"]
        out.append(extra)
        if plugin:
            path = paths.plugin() if plugin is True else plugin
            out += ['PluginDir "%s"' % os.path.dirname(path), "LoadPlugin ttn", "<Plugin ttn>", blocks,
                    "</Plugin>"]
        os.makedirs(self.path("base"), exist_ok=True)
        # An APIKey may be in it.
        return self.scratch.write(os.path.relpath(self.path("conf"), self.scratch.path), "\n".join(out) + "\n", secret=True)

    # Life.

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                if self.process.poll() is None:
                    self.stop()
            else:
                print("# " + self.said().replace("\n", "\n# "))
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()

    def start(self):
        for name in ("log", "out"):
            if os.path.exists(self.path(name)):
                os.rename(self.path(name), self.path("%s-%d" % (name, time.monotonic_ns())))
        with open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=self._environment)
        if "-T" not in self._arguments:
            wait_for(self._up, "collectd comes up", 3 * self.patience, self.said)
        return self

    def _up(self):
        self.alive()
        return any("Initialization complete" in text for _, text in self.log())

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("collectd ended with %d: %s" % (self.process.returncode, self.said()))

    def stop(self, status=0):
        """SIGTERM; returns how many seconds it took to end."""
        self.alive()
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self._ended(begin, status)

    def _ended(self, begin, status):
        try:
            got = self.process.wait(4 * self.patience)
        except subprocess.TimeoutExpired:
            raise AssertionError("collectd does not end: %s" % self.said()) from None
        self.ended_after = time.monotonic() - begin
        if got != status:
            raise AssertionError("collectd ended with %d, not %d: %s" % (got, status, self.said()))
        return self.ended_after

    def wait(self, status=0):
        """Until it ends by itself."""
        return self._ended(time.monotonic(), status)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def rss(self):
        """Its resident memory, in bytes."""
        return memory.rss(self.process.pid)

    # What it says.

    def log(self):
        """[(severity, text)], all that collectd and its plugins logged."""
        try:
            with open(self.path("log"), encoding="utf-8", errors="backslashreplace") as file:
                rows = [_LINE.match(line.rstrip("\n")) for line in file]
        except FileNotFoundError:
            return []
        return [(row.group(1), row.group(2)) for row in rows if row]

    def lines(self, severity=None):
        """The plugin's own lines, without its name; of one severity."""
        return [text[len("ttn plugin: "):] for level, text in self.log()
                if text.startswith("ttn plugin: ") and severity in (None, level)]

    def problems(self, plugin=None):
        """Warnings and errors of a plugin; or of all, but for that of unixsock where no group is called collectd."""
        return [text for level, text in self.log() if level in ("error", "warning") and
                (text.startswith(plugin + " plugin") if plugin else "No such group" not in text)]

    def wait_line(self, severity, pattern):
        """The first line of the plugin that matches."""
        def found():
            self.alive()
            return next((line for line in self.lines(severity) if re.search(pattern, line)), None)
        return wait_for(found, "a line (%s) like %r" % (severity, pattern), self.patience,
                        lambda: "\n".join(self.lines()))

    def said(self):
        """The ends of log and output, for a failed test."""
        out = []
        for name in ("log", "out"):
            try:
                with open(self.path(name), encoding="utf-8", errors="backslashreplace") as file:
                    out += ["%s: %s" % (name, line.rstrip("\n")) for line in file.readlines()[-25:]]
            except FileNotFoundError:
                pass
        return "\n".join(out)

    # Values.

    def scrape(self):
        """samples() of write_prometheus."""
        with urllib.request.urlopen("http://%s/metrics" % self.exporter, timeout=10) as answer:
            return samples(answer.read().decode())

    def values(self):
        """{(plugin, instance, type, type_instance): number} of what ttn gave, as Prometheus has it."""
        found = {identity(metric, dict(labels)): number for (metric, labels), number in self.scrape().items()}
        found.pop(None, None)
        return found

    def packets(self, gateway):
        """(uplink, downlink, tx_ack), None for what is not there."""
        values = self.values()
        return tuple(values.get(("ttn", gateway, "packets", kind)) for kind in ("uplink", "downlink", "tx_ack"))

    def value(self, plugin, instance, type_, type_instance):
        return self.values().get((plugin, instance, type_, type_instance))

    def wait_value(self, plugin, instance, type_, type_instance, number):
        key = (plugin, instance, type_, type_instance)
        wait_for(lambda: self.values().get(key) == number, "%s/%s/%s-%s is %r" % (*key, number), self.patience,
                 lambda: self.values().get(key))

    def polls(self):
        """How many polls there were: each tells how long it took. From csv."""
        rows = [self.csv("ttn_api-" + name[len("ttn_api-"):], "duration-poll")
                for name in os.listdir(self.path("csv", HOST)) if name.startswith("ttn_api-")]
        return sum(len(one) for one in rows)

    def ask(self, line):
        """unixsock: the lines of an answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.path("sock"))
            sock.sendall((line + "\n").encode())
            file = sock.makefile(encoding="utf-8")
            status, _, text = file.readline().rstrip("\n").partition(" ")
            if int(status) < 0:
                raise AssertionError("unixsock: %s: %s" % (line, text))
            return [file.readline().rstrip("\n") for _ in range(int(status))]

    def listed(self):
        """The identifiers that unixsock lists, without host, of our two plugins."""
        rows = [line.partition(" ")[2] for line in self.ask("LISTVAL")]
        return {row.partition("/")[2] for row in rows if row.startswith(HOST + "/ttn")}

    def gauge(self, name):
        """A value that unixsock gives."""
        return float(self.ask('GETVAL "%s/%s"' % (HOST, name))[0].partition("=")[2])

    def csv(self, directory, name):
        """[(time, number)], every value that one series ever had."""
        rows = []
        folder = self.path("csv", HOST, directory)
        for file_name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if re.fullmatch(re.escape(name) + r"-\d{4}-\d\d-\d\d", file_name):
                with open(os.path.join(folder, file_name), encoding="ascii") as file:
                    rows += [tuple(float(field) for field in line.split(",")) for line in file
                             if not line.startswith("epoch")]
        return rows
