#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which of collectd's writers carries which fleet, at an interval of 60 s: see README.md beside this file.

    writers.py [WRITER ...]

`make bench-writers` runs it, for half an hour; with names of writers, only these. It asserts nothing.

A poll's values are carried when collectd is idle again: no thread of it runs or waits for a disk, and its CPU
time stands still. That is seen from outside and costs the writer nothing, as asking it would.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "tests", "lib"))

import bench  # noqa: E402
import carbon  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from influxdb import InfluxDB  # noqa: E402
from standin import Standin  # noqa: E402

INTERVAL = 60
# Series are gone when two intervals have passed without a new value: what takes longer never gets whole.
MOST = 3 * INTERVAL
QUIET = 1.0
COUNTS_AND_STATE = {"Collect" + group: False for group in
                    ("Uptime", "RoundTripTimes", "Ages", "DutyCycle", "Status", "API")}
# Of a gateway, of bench-server and of the stand-in, whose gateways use one sub-band less.
VALUES = {"all": (bench.VALUES, bench.VALUES - 1), "counts and state": (4, 4)}
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """Seconds that a process has used."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def working(pid):
    """Whether a thread of it runs, or waits for a disk."""
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, task), encoding="ascii") as file:
                if file.read().rpartition(")")[2].split()[0] in "RD":
                    return True
        except FileNotFoundError:
            pass
    return False


class Prometheus:
    """Each collectd's own page; a scrape of all of them."""

    name = "write_prometheus"

    def __init__(self, scratch):
        pass

    def options(self, _):
        """Of Collectd, for the one of this number."""
        return {"prometheus": True}

    def reached(self, daemons):
        """How many series of gateways are at the other end."""
        pages = [self._page(daemon) for daemon in daemons]
        return sum(page.count(b"\ncollectd_ttn_") - page.count(b"\ncollectd_ttn_api_") for page in pages)

    def note(self, daemons, _):
        """daemons, and when the later poll was due (UNIX time), or None."""
        start = time.monotonic()
        size = sum(len(self._page(daemon)) for daemon in daemons)
        return "scrape %.2f s, %.1f MB" % (time.monotonic() - start, size / 1e6)

    @staticmethod
    def _page(daemon):
        with urllib.request.urlopen("http://%s/metrics" % daemon.exporter, timeout=MOST) as answer:
            return answer.read()

    def close(self):
        pass


class Csv:
    """A file for each series."""

    name = "csv"

    def __init__(self, scratch):
        self._top = scratch.file(self.name, "")

    def options(self, number):
        directory = os.path.join(self._top, str(number))
        return {"extra": 'LoadPlugin %s\n<Plugin %s>\nDataDir "%s"\n</Plugin>' % (self.name, self.name, directory)}

    def reached(self, _):
        return sum(len(names) for directory, _, names in os.walk(self._top)
                   if os.path.basename(directory).startswith("ttn-"))

    def note(self, *_):
        text = subprocess.run(["du", "-sk", self._top], stdout=subprocess.PIPE, check=True).stdout
        return "%.0f MB on disk" % (int(text.split()[0]) / 1024)

    def close(self):
        pass


class Rrdtool(Csv):
    name = "rrdtool"


class GraphiteListener:
    """What write_graphite sends to: a derived class has read(connection), which runs in a thread for each."""

    def __init__(self):
        self.threads = []
        self._server = socket.create_server((paths.address(), 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.read, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def read(self, connection):
        raise NotImplementedError

    def writer(self):
        return carbon.writer(*self._server.getsockname(), StoreRates=False)

    def close(self):
        self._server.close()


class Graphite(GraphiteListener):
    """To a reader that keeps names only: carbon would be the bottleneck."""

    name = "write_graphite"

    def __init__(self, scratch):
        self._bytes = 0
        self._names = set()
        super().__init__()

    def read(self, connection):
        for line in connection.makefile("rb"):
            self._bytes += len(line)
            if b".ttn-" in line:
                self._names.add(line.partition(b" ")[0])

    def options(self, _):
        return {"extra": self.writer()}

    def reached(self, _):
        return len(self._names)

    def note(self, *_):
        return "%.1f MB sent" % (self._bytes / 1e6)


class Network:
    """Into a real InfluxDB, over UDP: what its listener has no room for is lost."""

    name = "network"
    buffer = 0

    def __init__(self, scratch):
        self._influxdb = InfluxDB(scratch, buffer=self.buffer).start()

    def options(self, _):
        return {"extra": self._influxdb.writer()}

    def reached(self, _):
        # It takes its time to store them.
        time.sleep(3 * QUIET)
        self._lost = self._drops()
        return self._count("SHOW SERIES EXACT CARDINALITY FROM ttn_%s")

    def note(self, _, due):
        time.sleep(3 * QUIET)
        note = "%s, %d datagrams lost" % ("read-buffer %d" % self.buffer if self.buffer else "default buffer",
                                          self._lost)
        if due is not None:
            later = self._count("SELECT count(value) FROM ttn_%%s WHERE time >= %d" % (due * 1e9))
            note += "; later %d, %d values there" % (self._drops() - self._lost, later)
        return note

    def _count(self, query):
        found = [self._influxdb.query(query % end) for end in ("value", "seconds")]
        return sum(row["count"] for series in found for _, _, rows in series for row in rows)

    @staticmethod
    def _drops():
        """The kernel counts datagrams that found no room."""
        address = "%08X:" % int.from_bytes(socket.inet_aton(paths.address()), sys.byteorder)
        with open("/proc/net/udp", encoding="ascii") as file:
            return sum(int(line.split()[-1]) for line in file if line.split()[1].startswith(address))

    def close(self):
        self._influxdb.stop()


class NetworkBuffered(Network):
    """The system has to allow it: see sysctl net.core.rmem_max."""

    buffer = 4 << 20


# (writer, what, collectds, gateways)
CASES = [
    *((Prometheus, "all", 1, gateways) for gateways in (500, 1000, 2000, 4000)),
    *((Prometheus, "counts and state", 1, gateways) for gateways in (2000, 4000, 8000)),
    *((Prometheus, "all", 4, gateways) for gateways in (2000, 4000)),
    *((Graphite, "all", 1, gateways) for gateways in (1000, 10000)),
    *((Network, "all", 1, gateways) for gateways in (100, 500, 2000)),
    *((NetworkBuffered, "all", 1, gateways) for gateways in (500, 2000)),
    (Csv, "all", 1, 500), (Csv, "counts and state", 1, 2000),
    (Rrdtool, "all", 1, 100), (Rrdtool, "counts and state", 1, 500),
]


class Fleet:
    """As many collectds as there are shards, with one writer."""

    def __init__(self, scratch, account_options, writer, what, shards):
        options = {**account_options, "Interval": INTERVAL, "Timeout": 1000 * INTERVAL, "StateFile": "",
                   **(COUNTS_AND_STATE if what != "all" else {})}
        self.daemons = []
        for number in range(1, shards + 1):
            block = account("bench", Shard="%d/%d" % (number, shards), **options)
            self.daemons.append(Collectd(scratch, block, interval=INTERVAL, name="collectd-%d" % number,
                                         port=9102 + number, patience=MOST,
                                         **{"prometheus": False, **writer.options(number)}))
        self.start = 0.0

    def __enter__(self):
        self.start = time.monotonic()
        try:
            for daemon in self.daemons:
                daemon.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            if daemon.process:
                daemon.kill()

    def flush(self):
        """What waits for a whole packet goes out."""
        for daemon in self.daemons:
            daemon.ask("FLUSH timeout=-1")
        time.sleep(QUIET)

    def cpu(self):
        return sum(cpu(daemon.process.pid) for daemon in self.daemons)

    def carry(self, begin, before):
        """Until all are idle: seconds since `begin`, and the CPU time since it was `before`; (None, …) if that
        takes too long. Not before the poll is over, which may be spread over a third of the interval."""
        last, since = before, begin
        while time.monotonic() < begin + MOST:
            now = self.cpu()
            if now > last or any(working(daemon.process.pid) for daemon in self.daemons):
                last, since = now, time.monotonic()
            elif time.monotonic() > since + QUIET and time.monotonic() > begin + INTERVAL / 3 + 2 * QUIET:
                return since - begin, now - before
            time.sleep(0.05)
        return None, self.cpu() - before

    def next_poll(self):
        """A moment before the next poll; when that will be."""
        now = time.monotonic()
        due = self.start + INTERVAL * (int((now + 1 - self.start) / INTERVAL) + 1)
        time.sleep(due - 0.5 - now)
        return due


@contextlib.contextmanager
def whole_fleet(scratch, gateways):
    """The options that lead to a stack."""
    with bench.Server(scratch, gateways) as server:
        yield {"URL": server.url, "CACert": server.ca, "APIKeyFile": scratch.key()}


@contextlib.contextmanager
def divided_fleet(scratch, gateways):
    """The same for shards, whose batches nobody can render ahead: the tests' stand-in, which takes a core for a
    second or two for a poll of thousands."""
    with Standin() as stack:
        stack.fleet(gateways)
        yield stack.options(scratch)


def measure(writer_class, what, shards, gateways):
    """The cells of a row."""
    fleet_of = whole_fleet if shards == 1 else divided_fleet
    values = VALUES[what][shards > 1] * gateways
    with paths.Scratch() as scratch, fleet_of(scratch, gateways) as options:
        writer = writer_class(scratch)
        try:
            with Fleet(scratch, options, writer, what, shards) as fleet:
                first, first_cpu = fleet.carry(fleet.start, 0)
                fleet.flush()
                reached = writer.reached(fleet.daemons)
                later, later_cpu, when = None, None, None
                if first is not None:
                    due = fleet.next_poll()
                    when = time.time() + due - time.monotonic()
                    later, later_cpu = fleet.carry(due, fleet.cpu())
                    fleet.flush()
                rss = sum(daemon.rss() for daemon in fleet.daemons)
                return (writer.name, what, shards, gateways, values,
                        "all" if reached == values else "%.0f %%" % (100 * reached / values), seconds(first),
                        seconds(first_cpu), seconds(later), seconds(later_cpu), bench.mib(rss),
                        writer.note(fleet.daemons, when))
        finally:
            writer.close()


def seconds(number):
    return "-" if number is None else "%.*f" % (0 if number >= 9.95 else 1, number)


def main():
    wanted = sys.argv[1:]
    unknown = set(wanted) - {case[0].name for case in CASES}
    if unknown:
        sys.exit("%s: there are: %s" % (", ".join(unknown), ", ".join(sorted({case[0].name for case in CASES}))))
    print("machine: " + bench.machine())
    # Daemons end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    table = bench.Table("Interval %d: a collectd's first poll, and a later one" % INTERVAL,
                        "          writer", "           values", "collectds", "gateways", "  series", "reached",
                        "first: s", "CPU s", "later: s", "CPU s", "RSS MiB", "                             note")
    for case in CASES:
        if not wanted or case[0].name in wanted:
            table.row(*measure(*case))


if __name__ == "__main__":
    main()
