# SPDX-License-Identifier: MIT
"""ttn-drive: an account that polls when told to, for matrices of cases that collectd's pace would
make long. What it prints is in the head of tests/tools/ttn-drive.c."""

import select
import subprocess
import time

import paths
from fake_clock_dns import FakeClockDns


class Polled:
    """What one poll gave. values: {(plugin, instance, type, type_instance): number}."""

    def __init__(self, lines):
        self.values = {}
        self.log = []
        self.notified = []
        self.meta = {}
        self.ms = None
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == "value":
                plugin, instance, type_, type_instance, form, number = rest.split(" ")
                key = (plugin, instance, type_, type_instance)
                if key in self.values:
                    raise AssertionError("%s came twice in one poll" % (key,))
                self.values[key] = int(number) if form == "d" else float(number)
            elif kind == "log":
                level, _, text = rest.partition(" ")
                self.log.append((level, text))
            elif kind == "notify":
                self.notified.append(rest)
            elif kind == "meta":
                instance, key, text = rest.split(" ", 2)
                self.meta[instance, key] = text
            elif kind == "done":
                self.ms = float(rest)
            else:
                raise AssertionError("ttn-drive printed %r" % line)

    def packets(self, gateway):
        return tuple(self.values.get(("ttn", gateway, "packets", kind))
                     for kind in ("uplink", "downlink", "tx_ack"))

    def connected(self, gateway):
        """1, 0, or None: unknown."""
        return self.values.get(("ttn", gateway, "bool", "connected"))

    def lines(self, *levels):
        """What was logged, all or of these levels."""
        return [text for level, text in self.log if not levels or level in levels]

    def of(self, gateway):
        """The values of a gateway."""
        return {key: value for key, value in self.values.items() if key[:2] == ("ttn", gateway)}

    def api(self, type_, type_instance):
        return self.values.get(("ttn_api", "home", type_, type_instance))

    def errors(self):
        """Failures by kind, without zeros."""
        return {key[3]: value for key, value in self.values.items()
                if key[0] == "ttn_api" and key[2] == "errors" and value}


class Drive:
    """A ttn-drive process. Options as in collectd.conf, a list for several lines. At its end it is
    stopped cleanly, unless stop is False or it has ended already."""

    def __init__(self, scratch, stop=True, wrapper=(), preexec_fn=None, program=None, **options):
        self._stop = stop
        options.setdefault("StateFile", '""')
        # Spread, too, but so that nobody waits for it.
        options.setdefault("Spread", 0.02)
        words = ["%s=%s" % (name, str(one).lower() if isinstance(one, bool) else one)
                 for name, value in options.items() for one in (value if isinstance(value, list) else [value])]
        self._errors = open(scratch.file("drive.err"), "a+", encoding="utf-8")
        self.process = subprocess.Popen(list(wrapper) + [program or paths.drive(), "home"] + words, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self._errors, bufsize=0,
                                        preexec_fn=preexec_fn)
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self._stop and self.process.poll() is None:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self._errors.close()

    def send(self, command):
        self.process.stdin.write(command.encode() + b"\n")

    def later(self, seconds):
        """As if so much time had passed."""
        self.send("later %d" % seconds)

    def start_poll(self):
        self.send("poll")

    def poll(self, seconds=60.0):
        """Until it is done."""
        self.start_poll()
        return self.polled(seconds)

    def polled(self, seconds=60.0):
        """The poll that was started."""
        lines = []
        end = time.monotonic() + seconds
        while not (lines and lines[-1].startswith("done ")):
            lines.append(self._line(end))
        return Polled(lines)

    def _line(self, end):
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("ttn-drive is silent")
            data = self.process.stdout.read(65536)
            if not data:
                raise AssertionError("ttn-drive ended with %s%s" % (self.process.wait(), self._said()))
            paths.no_secret(data, "ttn-drive's output")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "backslashreplace")

    def _said(self):
        self._errors.seek(0)
        return ": " + self._errors.read()[-2000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def follow(self, ms):
        """Waits for events; what they told, as of a poll."""
        self.send("follow %d" % ms)
        return self.polled()

    def end(self):
        """A clean end of the account; the process goes on without one."""
        self.send("end")
        self.polled()

    def stop(self):
        """A clean end, which writes the state file."""
        self.send("stop")
        status = self.process.wait(30)
        if status != 0:
            raise AssertionError("ttn-drive ended with %d%s" % (status, self._said()))


class FakedDrive(Drive):
    """One in a world that a FakeClockDns makes."""

    def __init__(self, scratch, fake, **options):
        self.fake = fake
        super().__init__(scratch, program=paths.drive_faked(), wrapper=fake.wrapper, **options)

    def later(self, seconds):
        self.fake.later(seconds)


class FakedNames(FakedDrive):
    """One in a world where names have the addresses that the test gives them, {name: [address]}, and where time
    passes for libcurl, too."""

    def __init__(self, scratch, hosts, **options):
        super().__init__(scratch, FakeClockDns(scratch.file("fake"), hosts), **options)

    def resolve(self, hosts):
        """Names get other addresses."""
        self.fake.resolve(hosts)
