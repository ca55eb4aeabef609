#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""./demo: what it shows, how it ends, and that nothing is left of it.

With --build, so that it neither installs nor builds: make did."""

import glob
import os
import pty
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside this program)
import standin  # noqa: E402
import tap  # noqa: E402

BUILD = os.path.dirname(os.path.dirname(os.path.dirname(paths.plugin())))
COMMAND = [os.path.join(paths.SRCDIR, "demo"), "--build", BUILD]
NUMBER = r"\d+[kMG]?|-"
LEVEL = r"-?\d+(?:\.\d)?|-"
# Without and with columns of what the radio hears.
ROW = re.compile(r"^(\S+) +(connected|disconnected|unknown) +(?:%s|%s)$" % (
    " +".join(["(%s)" % NUMBER] * 6), " +".join(["(%s)" % NUMBER] * 5 + ["(%s)" % LEVEL] * 2)))
FLEET = ["bakery-attic", "forest-tower", "harbour-crane", "lab-window", "shipped-today", "town-hall-roof"]
ENOUGH = 60  # s


def rows(text):
    """{gateway: (state, uplinks, downlinks, acks, rates or levels)} of the last table in it."""
    found = [ROW.match(line.rstrip()) for line in text.rpartition("gateway  ")[2].split("\n")]
    return {row.group(1): tuple(cell for cell in row.groups()[1:] if cell is not None) for row in found if row}


def descendants(pid):
    out = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            child = int(path.split("/")[2])
            out += [child] + descendants(child)
    return out


def program_of(pid):
    """Its command line; "" when it is gone, which a short-lived one may be by now, or a zombie."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid):
    return program_of(pid) != ""


def private():
    return set(glob.glob(os.path.join(BUILD, "run.*")))


class Demo:
    """./demo in the background, writing into pipes."""

    def __init__(self, *arguments):
        self.before = private()
        self.process = subprocess.Popen(COMMAND + list(arguments), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.out = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()

    def read_tables(self, n):
        while self.out.count("For Prometheus: ") < n:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("./demo ended: " + self.process.stderr.read())
            self.out += line

    def ends(self, status):
        """What it wrote to standard error."""
        pids = self.pids
        out, errors = self.process.communicate(timeout=ENOUGH)
        self.out += out
        tap.equal(self.process.returncode, status, "exit status, with %r" % errors)
        tap.equal([pid for pid in pids if alive(pid)], [], "left running")
        tap.equal(private() - self.before, set(), "left behind")
        return errors

    def remember(self):
        self.pids = descendants(self.process.pid)
        for word in ("stack.py", "nghttpx", "collectd.conf"):
            self.child(word)

    def child(self, word):
        return next(pid for pid in self.pids if word in program_of(pid))


def test_oneshot():
    """--once prints all gateways after two polls, and ends well"""
    before = private()
    done = subprocess.run(COMMAND + ["--once"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=ENOUGH, check=False)
    tap.note(done.stdout)
    tap.equal(done.returncode, 0, done.stderr)
    table = rows(done.stdout)
    tap.equal(sorted(table), FLEET)
    tap.equal(table["shipped-today"], ("disconnected",) + ("-",) * 7)
    for level in table["town-hall-roof"][6:]:
        tap.matches(r"\d", level)
    for gateway in ("forest-tower", "harbour-crane", "lab-window", "town-hall-roof"):
        tap.equal(table[gateway][0], "connected", gateway)
    if int(table["town-hall-roof"][1]) <= 5821 or int(table["town-hall-roof"][4]) <= 0:
        raise AssertionError("nothing moves: %r" % (table["town-hall-roof"],))
    tap.matches(r"(?m)^6 gateways: \d connected, \d disconnected, 0 unknown\.\nThe last poll was complete", done.stdout)
    tap.equal([line for line in done.stdout.split("\n") if len(line) > 80 or "\x1b" in line], [])
    tap.equal(private(), before, "left behind")


def test_moves():
    """the table goes on, one gateway goes offline, another loses no count as it reconnects"""
    with Demo() as demo:
        end = time.monotonic() + ENOUGH
        seen = []
        tables = 0
        while not seen or seen[-1]["forest-tower"][0] == "connected":
            tables += 1
            demo.read_tables(tables)
            seen.append(rows(demo.out))
            if time.monotonic() > end:
                raise AssertionError("it never goes offline")
        demo.remember()
        demo.process.send_signal(signal.SIGTERM)
        demo.ends(128 + signal.SIGTERM)
    counts = [table["bakery-attic"][1] for table in seen if "bakery-attic" in table]
    counts = [int(count) for count in counts if count != "-"]
    tap.note(counts)
    tap.equal(counts, sorted(counts), "uplinks over reconnects only grow")
    if counts[-1] < 40:
        raise AssertionError("few uplinks: %r" % counts)
    tap.equal("\x1b" in demo.out, False, "escape codes")


def test_signals():
    """Ctrl-C and a hangup end all that was started"""
    for signum, status in ((signal.SIGINT, 0), (signal.SIGHUP, 128 + signal.SIGHUP)):
        with Demo() as demo:
            demo.read_tables(1)
            demo.remember()
            demo.process.send_signal(signum)
            demo.ends(status)


def test_kill():
    """even when it is killed, nothing goes on"""
    with Demo() as demo:
        demo.read_tables(1)
        demo.remember()
        demo.process.kill()
        tap.wait_for(lambda: not any(alive(pid) for pid in demo.pids), "all ends",
                     show=lambda: demo.pids)
    for path in private() - demo.before:
        subprocess.run(["rm", "-r", path], check=True)


def test_child_dies():
    """when a child dies, it says which, shows its log and ends the other"""
    for word, name in (("collectd.conf", "collectd"), ("stack.py", "the stand-in")):
        with Demo() as demo:
            demo.read_tables(1)
            demo.remember()
            os.kill(demo.child(word), signal.SIGKILL)
            errors = demo.ends(1)
        tap.matches(r"demo: %s ended by itself, by signal 9; the end of its log:" % name, errors)
        if name == "collectd":
            tap.matches(r'ttn plugin: account "demo": 6 gateways to report', errors)


def test_real_account():
    """--key-file shows another account's gateways, with its URL"""
    with paths.Scratch() as scratch, standin.Standin() as stack:
        stack.register("roof-of-the-very-long-town-hall-east")
        stack.connect("roof-of-the-very-long-town-hall-east")
        stack.uplink("roof-of-the-very-long-town-hall-east", 12345678901)
        options = stack.options(scratch)
        with Demo("--key-file", options["APIKeyFile"], "--url", options["URL"]) as demo:
            demo.read_tables(1)
            demo.pids = descendants(demo.process.pid)
            demo.process.send_signal(signal.SIGINT)
            demo.ends(0)
        tap.equal(rows(demo.out), {"roof-of-th~hall-east": ("connected", "12345679k", "-", "-", "-", "-", "-")})


def test_wrong_key():
    """a wrong key, a missing file and a wrong URL are told in the plugin's own words"""
    with paths.Scratch() as scratch, standin.Standin() as stack:
        url = stack.options(scratch)["URL"]
        wrong = scratch.write("wrong", "NNSXS." + 39 * "A" + "." + 52 * "B")
        polled = "There are no gateways to show. The last poll was not complete"
        for arguments, said, end in (
                (["--key-file", wrong, "--url", url], "the stack does not know this key", polled),
                (["--key-file", scratch.file("missing"), "--url", url], "can't be read: No such file", polled),
                (["--key-file", wrong, "--url", "no url"], 'URL "no url"', "the plugin can't use these options")):
            done = subprocess.run(COMMAND + ["--once"] + arguments, stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=ENOUGH, check=False)
            tap.equal(done.returncode, 1, done.stdout)
            text = re.sub(r"\s+", " ", done.stdout)
            tap.matches(re.escape(said), text)
            tap.matches(re.escape(end), text)


def test_terminal():
    """on a terminal of 80 columns it redraws, and no line is longer"""
    master, slave = pty.openpty()
    subprocess.run(["stty", "rows", "24", "cols", "80"], stdin=slave, check=True)
    process = subprocess.Popen(COMMAND, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, TERM="xterm"))
    os.close(slave)
    text = ""
    while text.count("The next poll is") < 4:
        text += os.read(master, 65536).decode()
    process.send_signal(signal.SIGINT)
    tap.equal(process.wait(ENOUGH), 0)
    os.close(master)
    pages = text.split("\x1b[H\x1b[2J")
    tap.matches("town-hall-roof +connected", pages[-2])
    for page in pages[1:-1]:
        lines = page.replace("\r", "").split("\n")
        tap.equal([line for line in lines if len(line) > 80 or "\x1b" in line], [])
        tap.at_most(len(lines), 24, "lines")


def test_usage():
    """what can't be meant is refused"""
    for arguments, said in ((["--url", "https://x.example.org"], "--url goes with --key-file"),
                            (["--container"], "--container goes with neither --key-file nor --build"),
                            (["--base", "debian:bookworm-slim"], "--base goes with --container"),
                            (["--twice"], "unrecognized arguments: --twice")):
        done = subprocess.run(COMMAND + arguments, stderr=subprocess.PIPE, text=True, check=False)
        tap.equal(done.returncode, 2)
        tap.matches(said, done.stderr)


if __name__ == "__main__":
    tap.run(globals())
