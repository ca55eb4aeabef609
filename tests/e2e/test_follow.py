#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ttn-check --follow: each event is a line as it comes, and it says why none comes."""

import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
import paths  # noqa: E402
from command import Terminal  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, note, run, wait_for  # noqa: E402

RIGHT = r'"read gateway traffic" \(RIGHT_GATEWAY_TRAFFIC_READ; Console: API keys\)'
# What an event may take until its line is there, on a busy machine.
SOON = 6.0


class Follow:
    """One that runs; all() and said() are what it wrote so far."""

    def __init__(self, scratch, stack, *more, kind="user-traffic", streams=1, env=None):
        self.stack = stack
        self.out = open(scratch.file("out"), "w+b")
        self.process = command.start(command.words(stack, scratch, kind) + ["--follow"] + list(more), stdout=self.out,
                                     env=env)
        os.set_blocking(self.process.stderr.fileno(), False)
        self._said = b""
        if streams is not None:
            wait_for(lambda: len(stack.streams()) == streams, "%d streams" % streams, 30, self.said)
            wait_for(self.all, "the first line", 30, self.said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.out.close()

    def all(self):
        return command.read(self.out).decode()

    def lines(self):
        """But for the first one."""
        return self.all().split("\n")[1:-1]

    def said(self):
        """Its standard error."""
        while True:
            data = self.process.stderr.read(65536)
            if not data:
                paths.no_secret(self._said, "standard error")
                return self._said.decode()
            self._said += data

    def wait_lines(self, count):
        wait_for(lambda: len(self.lines()) >= count, "%d lines" % count, SOON, self.all)
        return self.lines()

    def wait_said(self, pattern, seconds=SOON):
        wait_for(lambda: re.search(pattern, self.said()), pattern, seconds, self.said)

    def ends(self, status, seconds=20):
        equal(self.process.wait(seconds), status, "status, with %r" % self.said())
        paths.no_secret(self.all().encode(), "ttn-check's output")

    def interrupt(self):
        begin = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.ends(0)
        note("it ends within %.1f s" % (time.monotonic() - begin))


def roofs(stack, *more):
    """Connected gateways."""
    for gateway in ("roof", "town-hall-roof") + more:
        stack.register(gateway)
        stack.connect(gateway)


def all_kinds(stack):
    """One event of each kind that is shown."""
    stack.uplink("roof")
    stack.uplink("town-hall-roof", radio={"spreading_factor": 12, "rssi": -118, "snr": -12.25, "frequency": 867500000})
    stack.uplink("roof", radio={"data_rate": {"fsk": {"bit_rate": 50000}}, "frequency": 868800000})
    stack.uplink("roof", radio={"data_rate": {"lrfhss": {"modulation_type": 0, "operating_channel_width": 137000,
                                                         "coding_rate": "1/3"}}, "rssi": -101})
    stack.uplink("roof", radio={"crc": False, "spreading_factor": 8})
    stack.downlink("roof")
    stack.tx_ack("roof")
    stack.downlink("roof")
    stack.tx_ack("roof", result="TOO_LATE")
    stack.unscheduled("roof", ["conflict", "duty_cycle"])
    stack.disconnect("town-hall-roof")
    stack.connect("town-hall-roof")


def test_lines():
    """Each event of each kind is one line, its columns below those of the others, at once; Ctrl-C ends it with 0"""
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        with Follow(scratch, stack, env={"TZ": "UTC-5"}) as follow:
            equal(follow.all(), "Following 2 gateways at 127.0.0.1: roof, town-hall-roof.\n")
            begin = time.time()
            all_kinds(stack)
            lines = follow.wait_lines(13)
            for line in lines:
                clock = line[:8]
                wanted = [time.strftime("%H:%M:%S", time.gmtime(begin + 5 * 3600 + off)) for off in range(-1, 10)]
                equal(clock in wanted, True, "%s, but it is %s" % (clock, wanted[1]))
            equal([line[8:] for line in lines], [
                "  roof            uplink         SF7BW125  868.100 MHz  -80 dBm   7.5 dB",
                "  town-hall-roof  uplink         SF12BW125 867.500 MHz -118 dBm -12.2 dB",
                "  roof            uplink         FSK       868.800 MHz  -80 dBm",
                "  roof            uplink         LR-FHSS   868.100 MHz -101 dBm",
                "  roof            uplink         SF8BW125  868.100 MHz  -80 dBm   7.5 dB",
                "  roof            dropped        message crc",
                "  roof            downlink sent",
                "  roof            transmitted",
                "  roof            downlink sent",
                "  roof            tx failed      too late",
                "  roof            not scheduled  duty cycle",
                "  town-hall-roof  disconnected   connection expired",
                "  town-hall-roof  connected"])
            equal([line for line in lines if len(line) > 80], [], "lines that 80 columns do not hold")
            follow.interrupt()
            equal((follow.said(), len(follow.lines())), ("", 13))


def test_json():
    """--json: a line each with all that is known, and nothing of the frame or the device"""
    names = ["time", "event", "gateway", "data_rate", "frequency", "rssi", "snr", "reason"]
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        with Follow(scratch, stack, "--json", "--gateway", "/roof/") as follow:
            first = json.loads(follow.all())
            matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", first.pop("time"))
            matches(r"^\d+\.\d+\.\d+", first.pop("version"))
            equal(first, {"event": "follow", "schema": 1, "traffic": True, "gateways": [
                {"id": "roof", "cluster": "127.0.0.1", "state": "connected"},
                {"id": "town-hall-roof", "cluster": "127.0.0.1", "state": "connected"}]})
            all_kinds(stack)
            rows = [json.loads(line) for line in follow.wait_lines(13)]
            follow.interrupt()
        for row in rows:
            equal(list(row), names)
            matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", row["time"])
        equal([row["event"] for row in rows], ["uplink"] * 5 + [
            "uplink_dropped", "downlink", "transmitted", "downlink", "transmit_failed", "not_scheduled", "disconnected",
            "connected"])
        equal([[row[name] for name in names[2:]] for row in rows[:4]],
              [["roof", "SF7BW125", 868100000, -80, 7.5, None],
               ["town-hall-roof", "SF12BW125", 867500000, -118, -12.25, None],
               ["roof", "FSK", 868800000, -80, None, None], ["roof", "LR-FHSS", 868100000, -101, None, None]])
        equal([row["reason"] for row in rows[5:]], ["message_crc", None, None, None, "too_late", "duty_cycle",
                                                    "connection expired", None])


def test_terminal():
    """On a terminal: colours, long ids cut so that a line fits, Ctrl-C, nothing else drawn"""
    name = "a-gateway-with-a-very-long-identifier"[:36]
    with Scratch() as scratch, Standin() as stack:
        stack.register(name)
        stack.connect(name)
        with Terminal(command.words(stack, scratch, "user-traffic") + ["--follow"], columns=80) as terminal:
            wait_for(lambda: stack.streams(), "a stream", 30)
            stack.uplink(name, radio={"spreading_factor": 12, "rssi": -118, "snr": -12.25})
            stack.disconnect(name)
            terminal.until(lambda screen: any("disconnected" in line for line in screen))
            screen = terminal.screen()
            matches("^Following 1 gateway at 127.0.0.1: %s[.]$" % name, screen[0])
            matches("^..:..:..  a-gateway-wit…  uplink         SF12BW125 868.100 MHz -118 dBm -12.2 dB$", screen[1])
            matches("\x1b\\[31mdisconnected\x1b\\[0m   connection expired", terminal.text())
            terminal.type("\x03")
            equal(terminal.wait(), 0)
            equal("\x1b[?25" in terminal.text(), False, "the cursor is hidden")


def test_clusters():
    """Gateways of two clusters are followed at both; one that may not have the key is named with the fix"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        roofs(stack)
        stack.register("far", cluster=2)
        stack.register("foreign", gateway_server_address="gs.example")
        with Follow(scratch, stack, "--cluster", "127.0.0.2", streams=2) as follow:
            equal(follow.all(), "Following 2 gateways at 127.0.0.1: roof, town-hall-roof.\n"
                                "Following 1 gateway at 127.0.0.2: far.\n")
            matches("^ttn-check: 1 gateway is unknown, because gs.example may not have the key: foreign; fix: if that",
                    follow.said())
            matches("\nttn-check: 1 gateway is not connected: far; fix: check its power", follow.said())
            stack.connect("far")
            matches("  far             connected$", follow.wait_lines(2)[1])
            follow.interrupt()


def test_new_gateway():
    """A gateway that is new in the list is followed, too, which a line says"""
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        with Follow(scratch, stack, "-o", "Interval=1", "-o", "DiscoveryInterval=1") as follow:
            stack.register("zz-new")
            wait_for(lambda: "at 127.0.0.1: roof, town-hall-roof, zz-new.\n" in follow.all(), "the line", 30)
            wait_for(lambda: [one["ids"] for one in stack.streams()] == [["roof", "town-hall-roof", "zz-new"]],
                     "one stream with it", 30)
            stack.connect("zz-new")
            matches("  zz-new          connected$", follow.wait_lines(2)[1])
            # As many come as go.
            stack.at_pages([[{"op": "unregister", "id": "roof"}, {"op": "register", "id": "aa-new"}]])
            wait_for(lambda: "at 127.0.0.1: aa-new, town-hall-roof, zz-new.\n" in follow.all(), "the line", 30)
            follow.interrupt()


def test_lacking_right():
    """Without the right to see traffic: said once, and connects and disconnects are shown"""
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        with Follow(scratch, stack, "-o", "Interval=1", kind="user") as follow:
            stack.uplink("roof", 30)
            stack.disconnect("roof")
            matches("  roof            disconnected   connection expired$", follow.wait_lines(1)[0])
            polls = stack.count(kind="batch")
            wait_for(lambda: stack.count(kind="batch") > polls + 2, "polls")
            follow.interrupt()
            matches("^ttn-check: only connects and disconnects are shown: for uplinks and downlinks give the key the "
                    "right %s\n$" % RIGHT, follow.said())
            equal(len(follow.lines()), 1)
            equal(stack.stream_requests()[0]["names"],
                  ["gs.gateway.connect", "gs.gateway.connection.stats", "gs.gateway.disconnect"])
        with Follow(scratch, stack, "--json", kind="user") as follow:
            equal(json.loads(follow.all())["traffic"], False)


def test_own_key():
    """A gateway's own key follows that gateway"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("alice-gw-1")
        stack.register("other")
        with Follow(scratch, stack, kind="gateway") as follow:
            equal(follow.all(), "Following 1 gateway at 127.0.0.1: alice-gw-1.\n")
            stack.connect("alice-gw-1")
            matches("  alice-gw-1    connected$", follow.wait_lines(1)[0])


def test_refused():
    """A key that the stack refuses, at first or later, ends it with 1; so does a stack without events"""
    with Scratch() as scratch, Standin() as stack:
        ran = command.run(command.words(stack, scratch, "expired") + ["--follow"])
        equal(ran.status, 1)
        matches("^problem: the key has expired[.]\n  Fix: make a new one[.]\n$", ran.out)
        ran = command.run(command.words(stack, scratch, "user-traffic") + ["--follow", "--json"])
        equal((ran.status, ran.out.count("\n"), ran.kinds()), (1, 1, [("error", "none")]))
        roofs(stack)
        with Follow(scratch, stack, "-o", "Interval=1") as follow:
            stack.fault({"status": 401, "body": json.dumps({"code": 16, "message": "x", "details": []})})
            follow.ends(1, 30)
            matches("\nttn-check: the key is refused: nothing can be followed\n$", follow.said())
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        stack.cluster(1, events=False)
        ran = command.run(command.words(stack, scratch, "user-traffic") + ["--follow"])
        equal(ran.status, 1)
        matches("127.0.0.1 has no event stream .*\nttn-check: there is no event stream that can be followed\n$", ran.err)


def test_broken():
    """A stream that breaks is opened again; what stays broken is said, and when events are back; none is shown twice"""
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        stack.cluster(1, event_store=True, event_after_off=-1)
        with Follow(scratch, stack) as follow:
            stack.uplink("roof")
            stack.disconnect("roof")
            follow.wait_lines(2)
            rule = stack.fault({"status": 503, "body": ""}, {"kind": "events"})
            stack.end_streams("cut")
            follow.wait_said(r"ttn-check: events of 2 gateways at 127\.0\.0\.1 do not arrive: ", 20)
            stack.connect("roof")
            stack.uplink("roof", radio={"spreading_factor": 9})
            stack.unfault(rule)
            wait_for(lambda: stack.streams(), "a stream again", 70)
            matches("SF9BW125", follow.wait_lines(4)[3])
            follow.wait_said("\nttn-check: events arrive again\n", 20)
            equal(len(follow.lines()), 4, "lines")
            equal([line[26:39].strip() for line in follow.lines()], ["uplink", "disconnected", "connected", "uplink"])
            follow.interrupt()


def test_lost_right():
    """The key loses its right at one gateway: said, and it goes on"""
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        with Follow(scratch, stack, "-o", "Interval=1") as follow:
            stack.collaborator("roof", "alice", ["RIGHT_GATEWAY_INFO"])
            stack.end_streams("error")
            follow.wait_said("ttn-check: warning: the stack gives no events of gateway roof to this key", 20)
            follow.wait_said('ttn-check: warning: 1 gateway is refused to this key .*the right "view gateway status"', 20)
            equal(follow.process.poll(), None)
            follow.interrupt()


def test_lumps():
    """A proxy that gathers events: said once. Another clock, disorder, doubled events or a pause are no lumps"""
    for seconds in (-3600, 3600):
        with Scratch() as scratch, Standin() as stack:
            roofs(stack)
            stack.advance(seconds)
            stack.cluster(1, event_twice=True, event_disorder=0.3)
            with Follow(scratch, stack) as follow:
                for number in range(1, 25):
                    stack.uplink("roof", 3)
                    time.sleep(0.05)
                follow.wait_lines(72)
                # While it is stopped, and when it goes on again.
                for _ in range(2):
                    os.kill(follow.process.pid, signal.SIGSTOP)
                    for _ in range(6):
                        stack.uplink("roof")
                        time.sleep(0.3)
                        stack.advance(4)
                    os.kill(follow.process.pid, signal.SIGCONT)
                    time.sleep(0.5)
                follow.wait_lines(84)
                equal("events come late" in follow.said(), False, follow.said())
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        with Follow(scratch, stack) as follow:
            stack.cluster(1, event_lump=1500)
            for number in range(60):
                stack.uplink("roof")
                time.sleep(0.06)
                stack.advance(2)
            follow.wait_said("ttn-check: events come late: those of the last [0-9]+ s came all at once; a proxy may hold "
                             r"them back, see EVENTS in collectd-ttn\(5\)\n")
            equal(follow.said().count("events come late"), 1)
            follow.interrupt()


def test_nobody_reads():
    """Nobody reads on: it ends with 1, without a word"""
    with Scratch() as scratch, Standin() as stack:
        roofs(stack)
        read, write = os.pipe()
        process = command.start(command.words(stack, scratch, "user-traffic") + ["--follow"], stdout=write)
        os.close(write)
        try:
            wait_for(lambda: stack.streams(), "a stream", 30)
            os.close(read)
            stack.uplink("roof")
            equal((process.wait(20), process.stderr.read()), (1, b""))
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


def test_usage():
    """Not together with --watch"""
    with Scratch() as scratch, Standin() as stack:
        ran = command.run(command.words(stack, scratch) + ["--follow", "--watch"])
        equal((ran.status, ran.out, ran.err), (2, "", "ttn-check: --follow and --watch can't be used together\n"))


run(globals())
