#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a poll costs, next to the least that any client could spend: see README.md beside this file.

    bench.py [GATEWAYS ...]

`make bench` runs it; it takes about five minutes. It asserts nothing: that the counts of requests
and connections are right is for test_bench.py, and times are for people.
"""

import collections
import os
import re
import select
import statistics
import subprocess
import sys
import time

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "tests", "lib"))

import memory  # noqa: E402
import paths  # noqa: E402
import keys  # noqa: E402  (the stand-in's)
import tls  # noqa: E402

FLEETS = (1, 100, 250, 500, 1000, 10000, 100000)
LATENCIES = (0, 20)
# Of a gateway as the server has it: with the plugin, and with the keys below.
VALUES = 18
CURL_JSON_VALUES = 17
CURL_JSON_MOST = 500
# What collectd takes for a gateway's values, in two daemons, with some to spare.
MEMORY = 120 * 1024
PATIENCE = 120

Poll = collections.namedtuple("Poll", "wall cpu values held peak requests connections bytes server")


class BenchError(Exception):
    """Something did not work; times would be of something else."""


def built(name):
    top = os.environ.get("TTN_BUILDDIR") or os.path.join(_HERE, "..")
    path = os.path.join(top, "bench", name)
    if not os.path.exists(path):
        raise BenchError("%s is not there: run make bench" % path)
    return os.path.realpath(path)


def rounds(gateways):
    return 31 if gateways <= 1000 else 7 if gateways <= 10000 else 2


def read_line(process, what):
    """A line of its output, in time."""
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline().decode() if ready else ""
    if not line.endswith("\n"):
        raise BenchError("%s said nothing for %d s, or ended" % (what, PATIENCE))
    return line


def numbers(line):
    """{"a": 1} of "a 1 …"."""
    words = line.split()
    return dict(zip(words[::2], map(int, words[1::2])))


class Program:
    """One that make bench-build made, which takes commands line by line."""

    def __init__(self, name, *arguments, errors=None):
        self.name = name
        self.process = subprocess.Popen([built(name), *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=errors, bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def answer(self):
        return numbers(read_line(self.process, self.name))

    def ask(self, line):
        self.tell(line)
        return self.answer()


class Server(Program):
    """bench-server with a fleet."""

    def __init__(self, scratch, gateways):
        self.certificates = tls.Certificates(scratch.file("certificates", ""), ["127.0.0.1"])
        super().__init__("bench-server", *self.certificates.make(), gateways)
        self.ca = self.certificates.ca
        self.url = "https://127.0.0.1:%d" % self.answer()["port"]

    def latency(self, milliseconds):
        self.tell("latency %d" % milliseconds)

    def render(self, streams, seconds, rate, templates):
        """Streams of events: see feed.h."""
        return self.ask("render %d %d %d %s" % (streams, seconds, rate, templates))

    def send(self):
        """The streams that are open go on."""
        self.tell("send")

    def stats(self):
        return self.ask("stats")

    def watch(self, one):
        """What one() did: it returns its own figures."""
        before = self.stats()
        own = one()
        after = self.stats()
        asked = {name: after[name] - before[name] for name in before}
        return Poll(own["wall"], own["cpu"], own.get("values"), own.get("live"), own.get("peak"),
                    asked["requests"], asked["connections"], asked["bytes"], asked["cpu"])


class Alone(Program):
    """bench-poll: polls without collectd. what: ttn or floor."""

    def __init__(self, server, gateways, what):
        self.server = server
        super().__init__("bench-poll", what, server.url, server.ca, gateways, errors=subprocess.DEVNULL)

    def poll(self):
        return self.server.watch(lambda: self.ask("poll"))


class Daemon:
    """collectd with bench.so's writer that only counts, and ttn, the floor, or curl_json."""

    counted = {"ttn": "ttn", "floor": "bench", "curl_json": "curl_json"}

    # module.c's, of each read, in seconds.
    interval = 0.1

    def __init__(self, scratch, server, gateways, what):
        self.server = server
        self.what = what
        # 5 is collectd's default; the others have one read each.
        self.threads = 5 if what == "curl_json" and gateways > 5 else 1
        self.connections = 0
        self._last = 0
        directory = scratch.file("%s-%d" % (what, gateways), "")
        each = CURL_JSON_VALUES if what == "curl_json" else VALUES
        lines = ['Hostname "bench"', "FQDNLookup false", 'BaseDir "%s"' % directory,
                 'PIDFile "%spid"' % directory, 'TypesDB "/usr/share/collectd/types.db"',
                 # collectd's own housekeeping walks all values once an interval: not during a poll.
                 "Interval 3600", "Timeout 1000000", "ReadThreads %d" % self.threads,
                 'PluginDir "%s"' % paths.plugin_dir(),
                 "LoadPlugin logfile", "<Plugin logfile>", 'File "%slog"' % directory, "</Plugin>"]
        lines += ['PluginDir "%s"' % os.path.dirname(built(".libs/bench.so")), "LoadPlugin bench",
                  "<Plugin bench>", 'Count "%s"' % self.counted[what], "Round %d" % (each * gateways),
                  "Gates %d" % self.threads]
        if what == "floor":
            lines.append('Floor "%s" "%s" %d' % (server.url, server.ca, gateways))
        lines.append("</Plugin>")
        if what == "ttn":
            lines += self._ttn()
        if what == "curl_json":
            lines += self._curl_json(gateways)
        conf = scratch.write("%s-%d/conf" % (what, gateways), "\n".join(lines) + "\n", secret=True)
        self.log = directory + "log"
        self.process = subprocess.Popen([paths.collectd(), "-f", "-C", conf], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)

    def _ttn(self):
        return ['PluginDir "%s"' % os.path.dirname(paths.plugin()), "LoadPlugin ttn", "<Plugin ttn>",
                '<Account "bench">', 'URL "%s"' % self.server.url, 'CACert "%s"' % self.server.ca,
                'APIKey "%s"' % keys.text_of("user"), "Interval %s" % self.interval, "Timeout 60000",
                "DiscoveryInterval 86400", "Spread 0", 'StateFile ""', "</Account>", "</Plugin>"]

    def _curl_json(self, gateways):
        """As much of an entry as it can take: times and durations are text to it."""
        lines = ['PluginDir "%s"' % paths.plugin_dir(), "LoadPlugin curl_json", "<Plugin curl_json>"]
        for i in range(gateways):
            lines += ['<URL "%s/api/v3/gs/gateways/bench-%06d/connection/stats">' % (self.server.url, i),
                      'Instance "bench-%06d"' % i, 'CACert "%s"' % self.server.ca, "VerifyPeer true",
                      "VerifyHost true", "Interval %s" % self.interval,
                      'Header "Authorization: Bearer %s"' % keys.text_of("user")]
            for key, kind in (("uplink_count", "packets"), ("downlink_count", "packets"),
                              ("tx_acknowledgment_count", "packets"), ("round_trip_times/count", "count"),
                              ("sub_bands/*/downlink_utilization_limit", "percent"),
                              ("last_status/metrics/*", "gauge")):
                lines += ['<Key "%s">' % key, 'Type "%s"' % kind, "</Key>"]
            lines.append("</URL>")
        return lines + ["</Plugin>"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()

    def _poll(self):
        # The reads behind the gates have to be due again.
        time.sleep(max(0, self._last + self.interval + 0.03 - time.monotonic()))
        self.process.stdin.write(b"b" + b"." * (self.threads - 1))
        line = ""
        while not line.startswith("wall "):
            line = read_line(self.process, "collectd with %s (%s)" % (self.what, self.log))
        self._last = time.monotonic()
        return numbers(line)

    def poll(self):
        out = self.server.watch(self._poll)
        self.connections += out.connections
        return out

    def rss(self):
        return memory.rss(self.process.pid)


# What is measured.

def median(polls):
    return Poll(*(None if column[0] is None else int(statistics.median(column)) for column in zip(*polls)))


def in_turns(server, ours, floor, gateways):
    """{latency: (ours, floor)}, medians; the two take turns, so that a busy machine troubles both."""
    out = {}
    for latency in LATENCIES:
        server.latency(latency)
        both = [(ours.poll(), floor.poll()) for _ in range(rounds(gateways))]
        out[latency] = tuple(median(polls) for polls in zip(*both))
    server.latency(0)
    return out


def alone(server, gateways):
    """(the first poll, {latency: (ours, floor)}) without collectd."""
    with Alone(server, gateways, "ttn") as ours, Alone(server, gateways, "floor") as floor:
        first = ours.poll()
        floor.poll()
        return first, in_turns(server, ours, floor, gateways)


def in_collectd(scratch, server, gateways):
    """Ours' (RSS, connections, {latency: (ours, floor)}), None without enough memory."""
    with open("/proc/meminfo", encoding="ascii") as file:
        available = int(re.search(r"MemAvailable:\s+(\d+) kB", file.read()).group(1)) * 1024
    if available < MEMORY * gateways:
        return None
    with Daemon(scratch, server, gateways, "ttn") as ours, Daemon(scratch, server, gateways, "floor") as floor:
        ours.poll()
        floor.poll()
        out = in_turns(server, ours, floor, gateways)
        return ours.rss(), ours.connections, out


def curl_json(scratch, server, gateways):
    """(RSS, connections, {latency: median round})."""
    out = {}
    with Daemon(scratch, server, gateways, "curl_json") as daemon:
        daemon.poll()  # connects
        for latency in LATENCIES:
            server.latency(latency)
            time.sleep(0.3)
            before = server.stats()
            polls = [daemon.poll() for _ in range(5)]
            time.sleep(0.3)
            after = server.stats()
            # Some reads end after their round, see module.c.
            requests, size = ((after[name] - before[name] + 2) // 5 for name in ("requests", "bytes"))
            out[latency] = median(polls)._replace(requests=requests, bytes=size)
        server.latency(0)
        return daemon.rss(), daemon.connections, out


# What is printed.

class Table:
    """Of Markdown, as rows come. A column is as wide as its name, blanks included."""

    def __init__(self, title, *columns):
        self._widths = [len(name) for name in columns]
        print("\n%s\n" % title)
        self._row([name.strip() for name in columns])
        print("|" + "|".join("-" * (width + 1) + ":" for width in self._widths) + "|", flush=True)

    def _row(self, cells):
        print("|" + "|".join(" %*s " % one for one in zip(self._widths, cells)) + "|", flush=True)

    def row(self, *cells):
        self._row([cell if isinstance(cell, str) else "{:,}".format(cell) for cell in cells])


def ms(microseconds):
    return "%.*f" % (0 if microseconds >= 99500 else 1 if microseconds >= 9950 else 2, microseconds / 1000)


def kib(count):
    return "{:,.1f}".format(count / 1024)


def mib(count):
    return "{:,.1f}".format(count / 1024 / 1024)


def times(ours, floor):
    return "%.2f" % (ours / floor)


def share(poll):
    return "%.0f %%" % (100 * poll.server / poll.wall)


def versions():
    text = subprocess.run([paths.collectd(), "-h"], stdout=subprocess.PIPE, check=False).stdout.decode()
    found = re.search(r"collectd (\d\S*),", text)
    libraries = subprocess.run([built("bench-poll"), "versions"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return "collectd %s, %s" % (found.group(1) if found else "?", libraries.strip())


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        kilobytes = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1))
    return "%d x %s, %.0f GiB; load %.1f" % (os.cpu_count(), model.group(1) if model else os.uname().machine,
                                             kilobytes / 1024 / 1024, os.getloadavg()[0])


class Marks:
    """The marks to reach, and how near the worst figure of each came."""

    def __init__(self):
        self._worst = {}

    def see(self, name, limit, figure, where):
        if name not in self._worst or figure > self._worst[name][1]:
            self._worst[name] = (limit, figure, where)

    def show(self):
        table = Table("Marks", "%47s" % "mark", "at most", "    is", "            where", "       ")
        for name, (limit, figure, where) in self._worst.items():
            table.row(name, "%g" % limit, "%.3g" % figure, where, "reached" if figure <= limit else "MISSED")


def measure(scratch, fleets):
    marks = Marks()
    results = {}
    print("machine: %s\n%s" % (machine(), versions()))
    table = Table("In collectd, with a writer that only counts", "gateways", "latency", "wall ms", " floor", "times",
                  " CPU ms", " floor", "times", "requests", "connections", "      KiB", "   values", "server",
                  "RSS MiB")
    for gateways in fleets:
        with Server(scratch, gateways) as server:
            results[gateways] = result = {"alone": alone(server, gateways)}
            result["collectd"] = found = in_collectd(scratch, server, gateways)
            if gateways <= CURL_JSON_MOST:
                result["curl_json"] = curl_json(scratch, server, gateways)
        if found is None:
            table.row(gateways, "needs %d GiB" % (MEMORY * gateways >> 30), *12 * [""])
        else:
            show_in_collectd(marks, table, gateways, *found)
    show_alone(marks, results)
    show_curl_json(results)
    names = {"alone": "without collectd", "collectd": "in collectd"}
    for level in names:
        if all(results.get(n, {}).get(level) for n in (1000, 100000)):
            ours, floor = (results[100000][level][-1][0][i].cpu / results[1000][level][-1][0][i].cpu / 100
                           for i in range(2))
            marks.see("one in 100,000 / in 1,000, CPU " + names[level], 1.2, ours, "floor: %.3g" % floor)
    marks.show()


def show_in_collectd(marks, table, gateways, rss, connections, found):
    for latency, (ours, floor) in found.items():
        table.row(gateways, latency, ms(ours.wall), ms(floor.wall), times(ours.wall, floor.wall), ms(ours.cpu),
                  ms(floor.cpu), times(ours.cpu, floor.cpu), ours.requests, connections, kib(ours.bytes),
                  VALUES * gateways, share(ours), mib(rss))
        where = "{:,} at {} ms".format(gateways, latency)
        of_what = " of one gateway" if gateways == 1 else ""
        marks.see("wall / floor" + of_what, 1.3, ours.wall / floor.wall, where)
        marks.see("CPU / floor" + of_what, 1.5, ours.cpu / floor.cpu, where)
        if gateways == 500:
            marks.see("requests of 500", 5, ours.requests, where)
            marks.see("connections of 500", 1, connections, where)
            marks.see("seconds of 500", 0.15, ours.wall / 1e6, where)


def show_alone(marks, results):
    table = Table("Without collectd: the poll itself, values only counted; the floor without values", "gateways",
                  "latency", "wall ms", "  floor", "times", "CPU ms", "  floor", "times", "server", "held B/gw",
                  "peak B/gw", "1st: ms", "requests")
    for gateways, result in results.items():
        first, found = result["alone"]
        for latency, (ours, floor) in found.items():
            table.row(gateways, latency, ms(ours.wall), ms(floor.wall), times(ours.wall, floor.wall), ms(ours.cpu),
                      ms(floor.cpu), times(ours.cpu, floor.cpu), share(ours), ours.held // gateways,
                      ours.peak // gateways, ms(first.wall), first.requests)
        if gateways >= 500:
            marks.see("KiB a gateway without collectd", 1, ours.held / gateways / 1024, "{:,}".format(gateways))


def show_curl_json(results):
    table = Table("collectd's curl_json with a block a gateway, next to ttn in the same collectd", "gateways",
                  "latency", "wall ms", "    ttn", "CPU ms", "    ttn", "requests", "ttn", "connections", "ttn",
                  "  KiB", " ttn", "values", "   ttn", "RSS MiB", "   ttn")
    for gateways, result in results.items():
        if "curl_json" not in result or not result["collectd"]:
            continue
        rss, connections, found = result["curl_json"]
        our_rss, our_connections, our_polls = result["collectd"]
        for latency, one in found.items():
            ours = our_polls[latency][0]
            table.row(gateways, latency, ms(one.wall), ms(ours.wall), ms(one.cpu), ms(ours.cpu), one.requests,
                      ours.requests, connections, our_connections, kib(one.bytes), kib(ours.bytes),
                      CURL_JSON_VALUES * gateways, VALUES * gateways, mib(rss), mib(our_rss))


def main():
    fleets = [int(word) for word in sys.argv[1:]] or FLEETS
    start = time.monotonic()
    with paths.Scratch() as scratch:
        measure(scratch, fleets)
    print("\n%.0f s" % (time.monotonic() - start))


if __name__ == "__main__":
    main()
