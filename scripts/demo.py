#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What ./demo does: installs what is missing, builds, starts the stand-in of The Things Stack and a
collectd of its own with the plugin, and shows what that collectd hands to Prometheus as a table.

The table comes from write_prometheus and nowhere else, so it shows what a user would get. A value
counts only if it is of the last poll or newer: write_prometheus goes on showing older ones for a
while, and the plugin says nothing of a gateway that it knows nothing of.

Nothing outlives this program. Its children have sessions of their own, so that Ctrl-C reaches only
this process, which ends them; and the kernel ends them should this process be killed (setpriv)."""

import argparse
import collections
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request

import demo_container as container

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ACCOUNT = "demo"
INTERVAL = 2        # s; with a real account, what the plugin's default is
REAL_INTERVAL = 60
SPEED = 4           # of the stand-in's fleet: one gateway goes offline after half a minute
FIRST_POLL = 50     # s until it must be there: a poll may take 45
KINDS = ("uplink", "downlink", "tx_ack")
# The values that every poll ends with; without a list of gateways there are no counts.
LAST = [("bool", "up"), ("duration", "poll")]
COUNTS = [("count", "gateways"), ("count", "connected"), ("count", "disconnected"), ("count", "unknown")]
SERIES = re.compile(r'^collectd_(ttn_api|ttn)_([a-z_]+)\{(?:ttn_api|ttn)="([^"]*)",type="([^"]*)",[^}]*\} '
                    r'(\S+) (\d+)$')
LOG_LINE = re.compile(r"^\[[^]]*\] \[(error|warning|notice)\] ttn plugin: (.*)$")


class Trouble(Exception):
    """Ends the demo with a sentence for the user."""


class Signalled(Exception):
    """A signal asks for the end."""


def say(text):
    """Progress, apart from the table."""
    print("demo: " + text, file=sys.stderr, flush=True)


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(collections.deque(file, lines)).rstrip("\n")
    except FileNotFoundError:
        return ""


# Installing and building.


def build():
    """Installs and builds what is missing; the build directory."""
    if subprocess.run([os.path.join(ROOT, "scripts", "install-packages"), "demo"],
                      stdout=sys.stderr, check=False).returncode != 0:
        raise Trouble("not all packages could be installed")
    private = os.path.join(ROOT, "build", "demo")
    os.makedirs(private, exist_ok=True)
    # Automake refuses a second build directory once the source tree itself is one.
    tree = ROOT if os.path.exists(os.path.join(ROOT, "config.status")) else os.path.join(private, "tree")
    os.makedirs(tree, exist_ok=True)
    with open(os.path.join(private, "build.lock"), "w", encoding="ascii") as lock, \
            open(os.path.join(private, "build.log"), "w", encoding="ascii") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        say("building, see " + os.path.relpath(log.name))
        if not os.path.exists(os.path.join(ROOT, "configure")):
            build_step(["autoreconf", "-i"], ROOT, log)
        if not os.path.exists(os.path.join(tree, "Makefile")):
            build_step([os.path.join(ROOT, "configure")], tree, log)
        build_step(["make", "-j%d" % (os.cpu_count() or 1), "src/ttn.la"], tree, log)
    return tree


def build_step(command, directory, log):
    process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               start_new_session=True)
    try:
        status = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    if status != 0:
        raise Trouble("%s failed; the end of %s:\n%s" % (command[0], log.name, tail(log.name, 30)))


def found_by_configure(tree):
    """COLLECTD and COLLECTD_PLUGINDIR."""
    with open(os.path.join(tree, "Makefile"), encoding="utf-8") as file:
        found = dict(re.findall(r"^(COLLECTD\w*) = (.+)$", file.read(), re.MULTILINE))
    if "COLLECTD" not in found or "COLLECTD_PLUGINDIR" not in found:
        raise Trouble("configure found no collectd; is collectd-core installed? Then remove %s" % tree)
    return found["COLLECTD"], found["COLLECTD_PLUGINDIR"]


# What runs.


class Child:
    def __init__(self, name, command, log, **pipes):
        self.name = name
        self.log = log
        with open(log, "ab") as out:
            pipes = dict({"stdin": subprocess.DEVNULL, "stdout": out}, **pipes)
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM"] + command, stderr=out,
                                            start_new_session=True, **pipes)

    def must_run(self):
        status = self.process.poll()
        if status is None:
            return
        how = "by signal %d" % -status if status < 0 else "with status %d" % status
        raise Trouble("%s ended by itself, %s; the end of its log:\n%s" % (self.name, how, tail(self.log)))

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # What a child that was killed may have left: its session has nobody else.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def start_standin(directory, *more):
    command = [sys.executable, "-B", os.path.join(ROOT, "tests", "standin", "stack.py"), "--with-parent", "--demo",
               "--demo-speed", str(SPEED), *more]
    return Child("the stand-in", command, os.path.join(directory, "standin.log"), stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE)


def quoted(text):
    """As collectd.conf has it."""
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def configuration(directory, plugin, plugin_dir, port, account):
    lines = ["Hostname %s" % quoted(ACCOUNT), "FQDNLookup false",
             "BaseDir %s" % quoted(directory), "PIDFile %s" % quoted(os.path.join(directory, "collectd.pid")),
             "PluginDir %s" % quoted(plugin_dir),
             "LoadPlugin logfile", "<Plugin logfile>", "  LogLevel info",
             "  File %s" % quoted(os.path.join(directory, "collectd.log")), "  Timestamp true",
             "  PrintSeverity true", "</Plugin>",
             "LoadPlugin write_prometheus", "PluginDir %s" % quoted(os.path.dirname(plugin))]
    return "\n".join(lines) + "\n" + account_and_writer(port, account)


def account_and_writer(port, account):
    """What the container's configuration needs, too."""
    lines = ["Interval 10",
             # One writer, so that values arrive in the order in which they were sent.
             "WriteThreads 1",
             "<Plugin write_prometheus>", '  Host "127.0.0.1"', '  Port "%d"' % port, "</Plugin>",
             "LoadPlugin ttn", "<Plugin ttn>", "  <Account %s>" % quoted(ACCOUNT)]
    lines += ["    " + line for line in account]
    return "\n".join(lines + ["  </Account>", "</Plugin>", ""])


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# What is seen.


class Poll:
    """One poll's values, from write_prometheus' text. interval: seconds. time: of its end, None when there was none
    yet."""

    def __init__(self, text, interval):
        self.values = {}
        for line in text.splitlines():
            found = SERIES.match(line)
            if found:
                plugin, metric, instance, type_instance, number, ms = found.groups()
                for end in ("_total", "_seconds"):
                    metric = metric[:-len(end)] if metric.endswith(end) else metric
                self.values[plugin, instance, metric, type_instance] = (float(number), int(ms))
        last, counts = ([self.values.get(("ttn_api", ACCOUNT) + name) for name in names] for names in (LAST, COUNTS))
        whole = all(last) and (all(counts) or not any(counts) and last[0][0] == 0)
        self.time = min(row[1] for row in last + counts if row) if whole else None
        # The poll before ended an interval earlier, and each value has the time of its answer.
        self.begin = None if self.time is None else self.time - 900 * interval

    def timed(self, instance, *name, plugin="ttn"):
        """(a value, its time in ms), if this poll gave it, or an event after it."""
        number, ms = self.values.get((plugin, instance) + name, (None, None))
        return (number, ms) if ms is not None and ms > self.begin else (None, None)

    def get(self, instance, *name, plugin="ttn"):
        return self.timed(instance, *name, plugin=plugin)[0]

    def api(self, *name):
        return self.get(ACCOUNT, *name, plugin="ttn_api")

    def gateways(self):
        """All that were ever heard of, also by earlier polls."""
        return sorted({key[1] for key in self.values if key[0] == "ttn"})

    def state(self, gateway):
        connected = self.get(gateway, "bool", "connected")
        return {None: "unknown", 0: "disconnected"}.get(connected, "connected")


def short(text, width):
    """Cut in the middle: ids often differ at their ends."""
    if len(text) <= width:
        return text
    back = (width - 1) // 2
    return text[:width - 1 - back] + "~" + text[-back:]


def number(value, width):
    if value is None:
        return "-".rjust(width)
    out = "%.0f" % value
    unit = iter("kMGTPE")
    while len(out) > width:
        value /= 1000
        out = "%.0f%s" % (value, next(unit))
    return out.rjust(width)


def rate(polls, gateway, kind):
    """Per minute, since the earliest of these polls that knows it."""
    known = [one.timed(gateway, "packets", kind) for one in polls]
    known = [row for row in known if row[0] is not None]
    if polls[-1].get(gateway, "packets", kind) is None or len(known) < 2 or known[-1][0] < known[0][0]:
        return None
    return (known[-1][0] - known[0][0]) * 60000 / (known[-1][1] - known[0][1])


def heard(polls, gateway, *name):
    """How well its uplinks were heard in the latest interval that had some."""
    known = [one.get(gateway, *name) for one in reversed(polls)]
    return next((level for level in known if level is not None), None)


def levels(polls, gateway):
    rssi = heard(polls, gateway, "signal_power", "rssi_median")
    snr = heard(polls, gateway, "gauge", "snr_median")
    return ["-" if rssi is None else "%.0f" % rssi, "-" if snr is None else "%.1f" % snr]


# With a radio: in place of some room, and of the rate of acknowledgements.
HEADS = {False: ("%65s%s" % ("", "per minute"), "%-20s %-12s %9s %9s %7s %5s %5s %5s" % (
             "gateway", "state", "uplinks", "downlinks", "acks", "up", "down", "ack")),
         True: ("%56s%-11s %5s %5s" % ("", "per minute", "dBm", "dB"), "%-18s %-12s %7s %9s %5s %5s %5s %5s %5s" % (
             "gateway", "state", "uplinks", "downlinks", "acks", "up", "down", "RSSI", "SNR"))}


def table(polls, radio, most=None):
    """Lines of 79 characters, of at most so many gateways. radio: events of traffic are there."""
    last = polls[-1]
    gateways = last.gateways()
    if not gateways:
        return ["There are no gateways to show."]
    lines = list(HEADS[radio])
    room, widths = (18, (7, 9, 5)) if radio else (20, (9, 9, 7))
    for gateway in gateways[:most]:
        cells = [short(gateway, room).ljust(room), last.state(gateway).ljust(12)]
        cells += [number(last.get(gateway, "packets", kind), width) for kind, width in zip(KINDS, widths)]
        cells += [number(rate(polls, gateway, kind), 5) for kind in (KINDS[:2] if radio else KINDS)]
        cells += [level.rjust(5) for level in levels(polls, gateway)] if radio else []
        lines.append(" ".join(cells))
    if most is not None and len(gateways) > most:
        lines.append("... and %d more" % (len(gateways) - most))
    return lines


def summary(last):
    poll = "The last poll was %s and took %.0f ms." % (
        "complete" if last.api("bool", "up") else "not complete", last.api("duration", "poll") * 1000)
    if last.api("count", "gateways") is None:
        return [poll]
    states = ["%.0f %s" % (last.api("count", one), one) for one in ("connected", "disconnected", "unknown")]
    return ["%.0f gateways: %s." % (last.api("count", "gateways"), ", ".join(states)), poll]


class Demo:
    def __init__(self, options):
        self.options = options
        self.children = []
        self.directory = None
        self.interval = REAL_INTERVAL if options.key_file else INTERVAL
        # A key of one's own seldom has the right for it.
        self.radio = not options.key_file
        self.polls = collections.deque(maxlen=2 if options.key_file else 6)
        self.seen = 0
        self.started = None
        self.metrics = None
        self.collectd_log = None
        self.container = None

    def start(self):
        if self.options.container:
            self.start_container()
        else:
            self.start_build()
        self.started = time.monotonic()

    def start_build(self):
        tree = os.path.abspath(self.options.build) if self.options.build else build()
        collectd, plugin_dir = found_by_configure(tree)
        private = tree if self.options.build else os.path.join(ROOT, "build", "demo")
        self.directory = tempfile.mkdtemp(prefix="run.", dir=private)
        self.collectd_log = os.path.join(self.directory, "collectd.log")
        account = self.real_account() if self.options.key_file else self.demo_account()
        port = free_port()
        self.metrics = "http://127.0.0.1:%d/metrics" % port
        path = write_private(os.path.join(self.directory, "collectd.conf"), configuration(
            self.directory, os.path.join(tree, "src", ".libs", "ttn.so"), plugin_dir, port, account))
        say("starting collectd")
        self.children.append(Child("collectd", [collectd, "-f", "-C", path], self.collectd_log))

    def start_container(self):
        """It has this machine's network, where the stand-in and the port of the values are."""
        private = os.path.join(ROOT, "build", "demo")
        os.makedirs(private, exist_ok=True)
        self.directory = tempfile.mkdtemp(prefix="run.", dir=private)
        self.collectd_log = os.path.join(self.directory, "collectd.log")
        log = os.path.join(private, "image.log")
        engine = container.find()
        if engine is None:
            raise Trouble("--container needs podman, docker or buildah, and none of them works here")
        say("building the image by %s, see %s" % (engine, os.path.relpath(log)))
        with open(log, "w", encoding="utf-8") as out:
            build_step(container.build(engine, ROOT, self.options.base), ROOT, out)
        standin = self.start_stack()
        port = free_port()
        self.metrics = "http://127.0.0.1:%d/metrics" % port
        key_file = os.path.join(container.SECRETS, "key")
        container.prepare(self.directory, standin["keys"]["user-traffic"], account_and_writer(port, [
            "APIKeyFile %s" % quoted(key_file), "URL %s" % quoted(standin["url"]), "Interval %d" % INTERVAL,
            "Traffic true"]))
        say("starting the container")
        self.container = container.Container(engine, self.directory)
        self.children.append(Child("the container", self.container.command, self.collectd_log))

    def real_account(self):
        lines = ["APIKeyFile %s" % quoted(os.path.abspath(self.options.key_file)), "Interval %d" % REAL_INTERVAL]
        return lines + (["URL %s" % quoted(self.options.url)] if self.options.url else [])

    def start_stack(self, *more):
        """What the stand-in says of itself."""
        say("starting the stand-in of The Things Stack")
        child = start_standin(self.directory, *more)
        self.children.append(child)
        line = child.process.stdout.readline()
        if not line:
            child.process.wait()
            child.must_run()
        return json.loads(line)

    def demo_account(self):
        standin = self.start_stack("--tls", os.path.join(self.directory, "tls"))
        key_file = write_private(os.path.join(self.directory, "key"), standin["keys"]["user-traffic"] + "\n")
        return ["APIKeyFile %s" % quoted(key_file), "URL %s" % quoted(standin["tls_url"]),
                "CACert %s" % quoted(standin["ca"]), "Interval %d" % INTERVAL,
                "Traffic true"]

    def stop(self):
        # The reader of the values first.
        for child in reversed(self.children):
            child.end()
        if self.container:
            self.container.remove()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    # Looking.

    def look(self):
        """True: there is a new poll."""
        for child in self.children:
            child.must_run()
        try:
            with urllib.request.urlopen(self.metrics, timeout=5) as answer:
                poll = Poll(answer.read().decode(), self.interval)
        except OSError:
            poll = None
        if poll is None or poll.time is None:
            self.must_begin()
            return False
        if self.polls and self.polls[-1].time == poll.time:
            return False
        self.polls.append(poll)
        self.seen += 1
        return True

    def must_begin(self):
        """As long as there was no poll, there must be one to wait for."""
        said = self.said()
        if any("no account is left" in line for line in said):
            raise Trouble("the plugin can't use these options:\n" + "\n".join(self.wrapped(said)))
        if not self.polls and time.monotonic() > self.started + FIRST_POLL:
            raise Trouble("nothing came from collectd in %d s; the end of its log:\n%s"
                          % (FIRST_POLL, tail(self.collectd_log)))

    def said(self):
        """What the plugin had to say, but for what is only information."""
        try:
            with open(self.collectd_log, encoding="utf-8", errors="replace") as file:
                found = [LOG_LINE.match(line) for line in file]
        except FileNotFoundError:
            return []
        return ["%s: %s" % row.groups() for row in found if row]

    def wrapped(self, said, width=79):
        return [part for line in said for part in textwrap.wrap(line, width, subsequent_indent="    ")]

    def page(self, width=79, most=None, said=3):
        """All that there is to be seen now."""
        lines = (table(self.polls, self.radio, most) + [""] + summary(self.polls[-1]) if self.polls
                 else ["The first poll is under way."])
        log = self.wrapped(self.said()[-said:], width)
        if log:
            lines += ["", "collectd's log says:"] + log
        return lines

    def once(self):
        """Two polls, since rates need two."""
        while self.seen < 2:
            if self.look() and self.seen == 1:
                if not self.polls[-1].api("bool", "up") and not self.polls[-1].gateways():
                    print("\n".join(self.page(said=100)))
                    return 1
                say("the first poll is done, the second comes after %d s" % self.interval)
            time.sleep(0.1)
        print("\n".join(self.page(said=100)))
        return 0

    def watch(self):
        terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        while True:
            new = self.look()
            if terminal:
                self.draw()
            elif new:
                print("\n".join(self.page() + ["For Prometheus: " + self.metrics, ""]), flush=True)
            time.sleep(0.5)

    def draw(self):
        size = shutil.get_terminal_size((80, 24))
        width = max(20, min(size.columns - 1, 100))
        lines = self.page(width, max(1, size.lines - 16))
        if self.polls:
            wait = self.polls[-1].time / 1000 + self.interval - time.time()
            lines += ["", "The next poll is %s." % ("due" if wait < 1 else "in %.0f s" % wait)]
        lines += ["For Prometheus: " + self.metrics, "Ctrl-C ends all."]
        sys.stdout.write("\x1b[H\x1b[2J" + "\n".join(line[:size.columns] for line in lines) + "\n")
        sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(
        prog="./demo", description="Shows live counters of gateways as a table that refreshes: those of a stand-in "
        "of The Things Stack, or with --key-file your own. Installs the Debian packages that are missing (through "
        "sudo, unless you are root) and builds the plugin; else it touches nothing outside this directory.",
        epilog="Exit status: 0 all well, 1 trouble, which it names, 2 wrong usage.")
    parser.add_argument("--once", action="store_true", help="print the table after two polls and end")
    parser.add_argument("--key-file", metavar="FILE", help="an API key of The Things Stack: show its gateways, "
                        "polled every %d s" % REAL_INTERVAL)
    parser.add_argument("--url", help="the stack of that key, if not https://eu1.cloud.thethings.network")
    parser.add_argument("--container", action="store_true", help="build the image of Containerfile and run it against "
                        "the stand-in, by podman, docker or buildah; nothing is installed here")
    parser.add_argument("--base", metavar="IMAGE", help="what that image is made from, if not debian:stable-slim")
    parser.add_argument("--build", metavar="DIR", help="a directory where configure and make ran: nothing is "
                        "installed or built, and private files go there")
    options = parser.parse_args()
    if options.url and not options.key_file:
        parser.error("--url goes with --key-file")
    if options.container and (options.key_file or options.build):
        parser.error("--container goes with neither --key-file nor --build: doc/containers.md has the commands for "
                     "a key of your own")
    if options.base and not options.container:
        parser.error("--base goes with --container")
    if any(ord(c) < 32 for c in (options.key_file or "") + (options.url or "")):
        parser.error("a control character in --key-file or --url")
    return options


def on_signal(signum, _):
    raise Signalled(signum)


def main():
    demo = Demo(arguments())
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for signum in signals:
        signal.signal(signum, on_signal)
    try:
        demo.start()
        return demo.once() if demo.options.once else demo.watch()
    except Trouble as trouble:
        say(str(trouble))
        return 1
    except BrokenPipeError:
        # The program that read the table has ended; Python would say so once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Signalled as signalled:
        # Ctrl-C is how one ends a table that refreshes.
        asked = signalled.args[0] == signal.SIGINT and demo.seen > 0 and not demo.options.once
        return 0 if asked else 128 + signalled.args[0]
    finally:
        for signum in signals:
            signal.signal(signum, signal.SIG_IGN)
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())
