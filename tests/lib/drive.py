# SPDX-License-Identifier: MIT
"""ttn-drive: an account that polls when told to, for matrices of cases that collectd's pace would
make long, and for stories of restarts and kills. What it prints is in the head of tests/tools/ttn-drive.c."""

import fcntl
import select
import subprocess
import time

import paths
from fake_clock_dns import FakeClockDns
from tap import wait_for

_F_SETPIPE_SZ = 1031


class Polled:
    """What lines of a poll say. values: {(plugin, instance, type, type_instance): number}; gateways: those of each,
    {id: {(type, type_instance): number}}; log: [(level, text)]."""

    def __init__(self, lines):
        self.values = {}
        self.gateways = {}
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
                if plugin == "ttn":
                    self.gateways.setdefault(instance, {})[type_, type_instance] = self.values[key]
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
    stopped cleanly, unless stop is False or it has ended already. What it prints is read as it comes, so that after a
    kill everything is there that had reached collectd. scratch: for what it says besides; None: not kept."""

    def __init__(self, scratch, stop=True, wrapper=(), preexec_fn=None, program=None, account="home", **options):
        self._stop = stop
        options.setdefault("StateFile", '""')
        # Spread, too, but so that nobody waits for it.
        options.setdefault("Spread", 0.02)
        words = ["%s=%s" % (name, str(one).lower() if isinstance(one, bool) else one)
                 for name, value in options.items() for one in (value if isinstance(value, list) else [value])]
        self._errors = open(scratch.file("drive.err"), "a+", encoding="utf-8") if scratch else None
        self.process = subprocess.Popen([*wrapper, program or paths.drive(), account, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self._errors, bufsize=0,
                                        preexec_fn=preexec_fn)
        self._rest = b""
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self._stop and self.process.poll() is None:
                self.stop()
        finally:
            self.kill()

    def send(self, command):
        self.process.stdin.write(command.encode() + b"\n")

    def narrow(self):
        """From now on it is held up when it is some 4 KiB ahead of the reader."""
        fcntl.fcntl(self.process.stdout, _F_SETPIPE_SZ, 4096)

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
        lines = self.read(lambda line: line.startswith("done "), seconds)
        if not lines or not lines[-1].startswith("done "):
            raise AssertionError("no end of a poll: %s%s" % (lines[-3:], self._said()))
        return Polled(lines)

    def memory(self):
        """Bytes that it has taken and not given back."""
        self.send("memory")
        return int(self.read(lambda line: line.startswith("memory "), 10)[-1].split()[1])

    def read(self, last, seconds):
        """Lines up to one that last() takes, or until time is up or it ended."""
        lines = []
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                lines.append(line.decode("utf-8", "backslashreplace"))
                if last(lines[-1]):
                    return lines
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return lines
            data = self.process.stdout.read(65536)
            if not data:
                return lines
            paths.no_secret(data, "ttn-drive's output")
            self._rest += data

    def _said(self):
        """How it ended, and what it said besides."""
        out = "; it ended with %s" % self.process.poll() if self.process.poll() is not None else ""
        if self._errors:
            self._errors.seek(0)
            out += ": " + self._errors.read()[-2000:]
        return out

    def kill(self):
        """At once. What it had still printed, but for a line cut short."""
        self.process.kill()
        return self._end(10)[1]

    def follow(self, ms):
        """Waits for events; what they told, as of a poll."""
        self.send("follow %d" % ms)
        return self.polled()

    def follow_until(self, condition, what):
        """Hears events until a condition is true."""
        def met():
            if condition():
                return True
            self.follow(10)
            return condition()

        wait_for(met, what, 20)

    def hear(self, stack, streams=None):
        """Hears all that is due by now. streams: how many are open then."""
        def told():
            return (streams is None or len(stack.streams()) == streams) and stack.at_rest() and stack.streams_told()

        self.follow_until(told, "all events of %s streams" % ("the" if streams is None else streams))
        # What was read last takes effect.
        self.follow(10)

    def end(self):
        """A clean end of the account; the process goes on without one."""
        self.send("end")
        self.polled()

    def stop(self):
        """A clean end, which writes the state file; what it still printed."""
        self.send("stop")
        status, lines = self._end(30)
        if status != 0:
            raise AssertionError("a clean stop ended with %s: %s" % (status, lines[-3:]))
        return lines

    def _end(self, seconds):
        """(its status, what it still printed)"""
        lines = [] if self.ended else self.read(lambda line: False, seconds)
        status = self.process.wait(seconds)
        self.ended = True
        self.process.stdin.close()
        self.process.stdout.close()
        if self._errors:
            self._errors.close()
            self._errors = None
        return status, lines


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
