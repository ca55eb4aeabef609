# SPDX-License-Identifier: MIT
"""The stand-in and ttn-drive from a test: start, poll on command, read values.

    with Standin("--clusters", "2") as stack, Drive("home", URL=stack.url, …) as drive:
        stack.do("uplink", "roof", 5)
        poll = drive.poll()
        poll.value("ttn", "roof", "packets", "uplink")   # 5, or None
"""

import json
import os
import select
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STANDIN = os.path.join(os.path.dirname(HERE), "standin")
sys.path.insert(0, STANDIN)

import client  # noqa: E402  (the stand-in's, on the path just added)


def find_drive():
    """ttn-drive: named by the Makefile, else the one of a build beside the sources."""
    named = os.environ.get("TTN_DRIVE")
    if named:
        return named
    top = os.path.dirname(os.path.dirname(HERE))
    for place in ("tests/tools", "build/gcc/tests/tools", "build/tests/tools"):
        path = os.path.join(top, place, "ttn-drive")
        if os.path.exists(path):
            return path
    raise SystemExit("ttn-drive is not built: make check builds it, or set TTN_DRIVE")


class Standin:
    """stack.py as a program of its own; `do` is its control port."""

    def __init__(self, *arguments):
        command = [sys.executable, "-B", "stack.py", "--with-parent", "--control-port", "0"]
        self._process = subprocess.Popen(
            command + [str(a) for a in arguments], cwd=STANDIN, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.info = json.loads(self._process.stdout.readline())
        self.url = self.info.get("tls_url") or self.info["url"]
        self.plain_url = self.info["url"]
        self._client = client.Client(self.info["control"])

    def do(self, op, *args, **parameters):
        return self._client.do(op, *args, **parameters)

    def key(self, kind="user"):
        return self._client.do("key_text", kind)

    def counts(self):
        """{(cluster, kind, status): requests} since the last reset_asked."""
        out = {}
        for row in self.do("asked")["requests"]:
            at = (row["cluster"], row["kind"], row["status"])
            out[at] = out.get(at, 0) + row["n"]
        return out

    def close(self):
        self._client.close()
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Poll:
    """What one poll printed."""

    def __init__(self, lines, milliseconds):
        self.lines = lines
        self.milliseconds = milliseconds
        self.values, self.logs, self.notifications, self.meta = {}, [], [], {}
        for line in lines:
            word, rest = line.split(" ", 1)
            if word == "value":
                plugin, instance, kind, type_instance, ds, number = rest.split(" ")
                value = int(number) if ds == "d" else float(number)
                self.values[plugin, instance, kind, type_instance] = value
            elif word == "log":
                self.logs.append(tuple(rest.split(" ", 1)))
            elif word == "notify":
                self.notifications.append(tuple(rest.split(" ", 5)))
            elif word == "meta":
                instance, key, text = rest.split(" ", 2)
                self.meta[instance, key] = text

    def value(self, *name):
        return self.values.get(name)

    def packets(self, gateway, kind="uplink"):
        return self.value("ttn", gateway, "packets", kind)

    def connected(self, gateway):
        """1, 0, or None: unknown."""
        return self.value("ttn", gateway, "bool", "connected")

    def api(self, kind, type_instance, account="home"):
        return self.value("ttn_api", account, kind, type_instance)

    def logged(self, *levels):
        return [text for level, text in self.logs if not levels or level in levels]


class Drive:
    """A ttn-drive process. Options as in collectd.conf; a list: several lines."""

    def __init__(self, account="home", key=None, command=None, preexec_fn=None, **options):
        self._dir = tempfile.TemporaryDirectory(prefix="ttn-drive-")
        words = [find_drive(), account]
        if key is not None:
            options["APIKeyFile"] = os.path.join(self._dir.name, "key")
            self.set_key(key)
        options.setdefault("StateFile", '""')
        for name, value in options.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                words.append("%s=%s" % (name, str(one).lower() if isinstance(one, bool) else one))
        self._process = subprocess.Popen(
            (command or []) + words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=preexec_fn)
        self.pid = self._process.pid

    def set_key(self, key):
        path = os.path.join(self._dir.name, "key")
        with open(path + ".new", "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(key + "\n")
        os.rename(path + ".new", path)

    def send(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def read_poll(self, timeout=120):
        lines = []
        while True:
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                raise TimeoutError("no answer of ttn-drive in %s s; so far: %s" % (timeout, lines))
            line = self._process.stdout.readline()
            if not line:
                raise EOFError("ttn-drive ended with %s after: %s"
                               % (self._process.wait(), lines[-5:]))
            line = line.rstrip("\n")
            if line.startswith("done "):
                return Poll(lines, float(line.split()[1]))
            lines.append(line)

    def poll(self, timeout=120):
        self.send("poll")
        return self.read_poll(timeout)

    def rest(self):
        """What it prints until it ends, and its exit status."""
        out, _ = self._process.communicate()
        return out.splitlines(), self._process.returncode

    def stop(self):
        """A clean end. Returns the lines printed."""
        self.send("stop")
        lines, status = self.rest()
        assert status == 0, "ttn-drive ended with %s: %s" % (status, lines)
        return lines

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        self._dir.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
