#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The mqtt plugin, into mosquitto; mosquitto_sub is who listens."""

import os
import pwd
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import outage  # noqa: E402
import pages  # noqa: E402
import paths  # noqa: E402
import story  # noqa: E402
from collectd import HOST, Collectd, account, changed  # noqa: E402
from daemon import Daemon, connects  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, run, wait_for  # noqa: E402

PORT = 1883
INTERVAL = 0.5
UPLINKS = ("ttn", "roof", "packets", "uplink")


class Mosquitto(Daemon):
    program = "mosquitto"

    def __init__(self, scratch):
        super().__init__(scratch, "mosquitto", ())
        self._command += ["-c", scratch.write("mosquitto.conf", "\n".join([
            "listener %d %s" % (PORT, self.address), "allow_anonymous true", "persistence false",
            "user " + pwd.getpwuid(os.getuid()).pw_name]) + "\n")]

    def ready(self):
        return connects(self.address, PORT)

    def writer(self, **options):
        """What makes a collectd send here: as the document has it."""
        return changed(pages.block("doc/writers.md", "<Plugin mqtt>"), Host=self.address, Port=PORT, **options)


class Listener:
    """Keeps what is published from now on. After the broker was away, it comes back by itself."""

    def __init__(self, scratch, broker, name="listener"):
        self._out = scratch.file(name)
        with open(self._out, "wb") as out:
            self._process = subprocess.Popen(
                [paths.program("MOSQUITTO_SUB", "mosquitto_sub"), "-h", broker.address, "-p", str(PORT),
                 "-t", "collectd/#", "-F", "%r %t %p"], stdin=subprocess.DEVNULL, stdout=out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def messages(self):
        """[(topic, time, number as text)], without what the broker had kept."""
        with open(self._out, "rb") as file:
            lines = file.read().decode().split("\n")[:-1]
        rows = [line.split(" ") for line in lines]
        # collectd sends its texts with the byte 0 at their end.
        equal([row for row in rows if len(row) != 3 or row[2][-1:] != "\0"], [], "odd messages")
        return [(topic, *payload[:-1].split(":")) for _, topic, payload in rows]

    def values(self, wanted):
        """[(time, number)] of one series."""
        return [(float(time), float(number)) for topic, time, number in self.messages()
                if topic == "collectd/%s/%s" % (HOST, story.name(wanted))]

    def newest(self):
        return {story.key(topic.split("/", 2)[2]): float(number) for topic, _, number in self.messages()}


def test_story():
    """All values are published as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack, Mosquitto(scratch) as broker, Listener(scratch, broker) as listener:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=broker.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.tell(stack, lambda _: listener.newest())
            equal(daemon.problems(), [])
        story.never_falls([number for _, number in listener.values(UPLINKS)])


def test_retained():
    """Who comes later gets the last of all values at once, also of a gateway that is away"""
    with Scratch() as scratch, Standin() as stack, Mosquitto(scratch) as broker, Listener(scratch, broker) as listener:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=broker.writer(), interval=INTERVAL, prometheus=False):
            story.begin(lambda _: listener.newest())
        last = listener.newest()
        with Listener(scratch, broker, "later") as later:
            wait_for(lambda: later.newest() == last, "what the broker has kept", story.PATIENCE, later.newest)


def outage_of(qos):
    with Scratch() as scratch, Standin() as stack, Mosquitto(scratch) as broker, Listener(scratch, broker) as listener:
        def read(_):
            return listener.newest()
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        writer = broker.writer().replace("    Retain", "    QoS %d\n    Retain" % qos)
        with Collectd(scratch, block, extra=writer, interval=INTERVAL, prometheus=False) as daemon:
            story.begin(read)
            broker.stop()
            begin = time.time()
            stack.uplink("roof", 5)
            outage.polls_go_on(stack, INTERVAL)
            end = time.time()
            # Three lines for each value.
            refused = [text for text in daemon.problems() if text.endswith("_connect failed: Connection refused")]
            least = (outage.POLLS - 1) * len(story.FIXED)
            equal(len(refused) > least, True, "%d lines in the log, more than %d" % (len(refused), least))
            broker.start()
            story.wait(read, story.packets("roof", 1005, 30, 20), "counts after the outage")
            stack.uplink("roof", 4)
            story.wait(read, story.packets("roof", 1009, 30, 20), "counts that go on")
        uplinks = listener.values(UPLINKS)
        inside = [at for at, _ in uplinks if begin < at < end]
        # With QoS 1 what was under way as the broker went is sent again.
        equal([at for at in inside if at > begin + INTERVAL], [], "values of the outage")
        at_most(len(inside), qos, "values as it began")
        story.never_falls([number for _, number in uplinks])


def test_outage():
    """Without the broker polls go on in time. What they gave is lost; the counts afterwards are right"""
    outage_of(0)


def test_outage_confirmed():
    """QoS 1 saves nothing of it"""
    outage_of(1)


def test_hang():
    """While the broker hangs, polls go on in time, and all that they gave arrives later"""
    with Scratch() as scratch, Standin() as stack, Mosquitto(scratch) as broker, Listener(scratch, broker) as listener:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=broker.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.begin(lambda _: listener.newest())
            broker.process.send_signal(signal.SIGSTOP)
            begin = time.time()
            stack.uplink("roof", 5)
            outage.polls_go_on(stack, INTERVAL)
            end = time.time()
            broker.process.send_signal(signal.SIGCONT)
            story.wait(lambda _: listener.newest(), story.packets("roof", 1005, 30, 20), "counts after it")
            wait_for(lambda: listener.values(UPLINKS)[-1][0] > end, "a later value", story.PATIENCE)
            inside = [at for at, _ in listener.values(UPLINKS) if begin < at < end]
            equal(len(inside) >= outage.POLLS - 1, True, "%d values meanwhile" % len(inside))
            equal(daemon.problems(), [])


run(globals())
