# SPDX-License-Identifier: MIT
"""ttn-drive as a collectd that polls when told to, and can be stopped, killed and started again."""

import fcntl
import select
import subprocess
import time

import paths


_F_SETPIPE_SZ = 1031


class Ended(Exception):
    """It ended, or is silent, where it should not."""


class Process:
    """account, options: as ttn-drive has them; polls are spread, but so that nobody waits for it. What it prints is
    read as it comes, so that after a kill everything is there that had reached collectd."""

    def __init__(self, options, account="home", before=None, fake=None):
        """fake: a FakeClockDns that it is in."""
        words = ["%s=%s" % (name, value) for name, value in {"Spread": 0.02, **options}.items()]
        program = [*fake.wrapper, paths.drive_faked()] if fake else [paths.drive()]
        self._process = subprocess.Popen(program + [account] + words, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, bufsize=0, preexec_fn=before)
        self._part = b""
        self.pid = self._process.pid
        self.ended = False

    def send(self, command):
        self._process.stdin.write(command.encode() + b"\n")

    def narrow(self):
        """From now on it is held up when it is some 4 KiB ahead of the reader."""
        fcntl.fcntl(self._process.stdout, _F_SETPIPE_SZ, 4096)

    def poll(self, seconds=60):
        """One poll: its lines."""
        self.send("poll")
        lines = self.read(lambda line: line.startswith("done "), seconds)
        if not lines or not lines[-1].startswith("done "):
            raise Ended("no end of a poll: %s" % lines[-3:])
        return lines

    def memory(self):
        """Bytes that it has taken and not given back."""
        self.send("memory")
        return int(self.read(lambda line: line.startswith("memory "), 10)[-1].split()[1])

    def read(self, last, seconds):
        """Lines up to one that last() takes, or until time is up or it ended."""
        lines = []
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self._part:
                line, _, self._part = self._part.partition(b"\n")
                lines.append(line.decode())
                if last(lines[-1]):
                    return lines
            if not select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return lines
            data = self._process.stdout.read(65536)
            if not data:
                return lines
            self._part += data

    def kill(self):
        """At once. What it had still printed, but for a line cut short."""
        self._process.kill()
        lines = self.read(lambda line: False, 10)
        self._end()
        return lines

    def stop(self):
        """A clean stop; what it still printed."""
        self.send("stop")
        lines = self.read(lambda line: False, 30)
        status = self._end()
        if status != 0:
            raise Ended("a clean stop ended with %s: %s" % (status, lines))
        return lines

    def _end(self):
        status = self._process.wait(30)
        self._process.stdin.close()
        self._process.stdout.close()
        self.ended = True
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.ended:
            self.kill()


class Reported:
    """What lines say. gateways: {id: {(type, type instance): number}}."""

    def __init__(self, lines):
        self.gateways, self.api, self.log = {}, {}, []
        self.ms = None
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "log":
                self.log.append(rest)
            elif word == "value":
                plugin, instance, type_, type_instance, form, text = rest.split(" ")
                values = self.api if plugin == "ttn_api" else self.gateways.setdefault(instance, {})
                name = (type_, type_instance)
                if name in values:
                    raise AssertionError("twice in one poll: " + line)
                values[name] = int(text) if form == "d" else float(text)
            elif word == "done":
                self.ms = float(rest)

    def counts(self, gateway):
        values = self.gateways.get(gateway, {})
        return [values.get(("packets", kind)) for kind in ("uplink", "downlink", "tx_ack")]

    def logged(self, text):
        return [line for line in self.log if text in line]
