#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The amqp plugin, into RabbitMQ; amqp-consume is who listens."""

import contextlib
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import outage  # noqa: E402
import pages  # noqa: E402
import paths  # noqa: E402
import story  # noqa: E402
from collectd import HOST, Collectd, account, changed  # noqa: E402
from daemon import Daemon, connects  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, run  # noqa: E402

PORT = 5672
INTERVAL = 0.5
UPLINKS = ("ttn", "roof", "packets", "uplink")
_DISTRIBUTION = 25672


class Names(Daemon):
    """Erlang's register of names, which RabbitMQ would start for itself and leave behind. It always listens at
    127.0.0.1, too."""

    program = "epmd"

    def __init__(self, scratch):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        super().__init__(scratch, "epmd", ["-port", str(self.port), "-address", paths.address()])

    def ready(self):
        return connects("127.0.0.1", self.port)


class RabbitMQ(Daemon):
    # Debian's own script would be another user's.
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def __init__(self, scratch, names):
        super().__init__(scratch, "rabbitmq", ())
        plugins = scratch.write("rabbitmq/enabled_plugins", "[].\n")
        environment = {
            "HOME": self.directory, "RUNNING_UNDER_SYSTEMD": "1", "ERL_EPMD_PORT": names.port,
            "RABBITMQ_NODENAME": "ttn@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self.address, "RABBITMQ_NODE_PORT": PORT,
            "RABBITMQ_DIST_PORT": _DISTRIBUTION + os.getpid() % 10000,
            "RABBITMQ_MNESIA_BASE": self.path("mnesia"), "RABBITMQ_LOGS": "-", "RABBITMQ_LOG_BASE": self.path("logs"),
            "RABBITMQ_CONFIG_FILE": self.path("rabbitmq"), "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
            "RABBITMQ_CONF_ENV_FILE": self.path("none"), "RABBITMQ_PID_FILE": self.path("pid")}
        self._command = ["env"] + ["%s=%s" % pair for pair in environment.items()] + self._command

    def ready(self):
        return connects(self.address, PORT)

    def writer(self, **options):
        """What makes a collectd send here: as the document has it."""
        return changed(pages.block("doc/writers.md", "<Plugin amqp>"), Host=self.address, Port=PORT, **options)


class Listener:
    """Keeps what is published from now on, until the broker stops."""

    def __init__(self, scratch, broker, name="listener"):
        self._out = scratch.file(name)
        with open(self._out, "ab") as out:
            self._process = subprocess.Popen(
                [paths.program("AMQP_CONSUME", "amqp-consume"), "-u",
                 "amqp://guest:guest@%s:%d" % (broker.address, PORT), "-A", "-x",
                 "-e", "amq.topic", "-r", "collectd.%s.#" % HOST, "--", "sh", "-c", "cat; echo"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def values(self):
        """All values, as JSON has them."""
        with open(self._out, encoding="utf-8") as file:
            return [one for line in file if line.endswith("\n") for one in json.loads(line)]

    def newest(self):
        return {key(one): one["values"][0] for one in self.values()}


def key(one):
    return one["plugin"], one["plugin_instance"], one["type"], one["type_instance"]


@contextlib.contextmanager
def broker_in(scratch):
    with Names(scratch) as names, RabbitMQ(scratch, names) as broker:
        yield broker


def test_story():
    """All values are published as they are, with meta data; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack, broker_in(scratch) as broker, Listener(scratch, broker) as listener:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL, MetaData=True)
        with Collectd(scratch, block, extra=broker.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.tell(stack, lambda _: listener.newest())
            equal(daemon.problems(), [])
        uplinks = [one for one in listener.values() if key(one) == UPLINKS]
        story.never_falls([one["values"][0] for one in uplinks])
        equal((uplinks[0]["host"], uplinks[0]["dstypes"], uplinks[0]["dsnames"], uplinks[0]["interval"],
               uplinks[0]["meta"]["gateway_name"]), (HOST, ["derive"], ["value"], INTERVAL, "On the roof"))


def test_outage():
    """Without the broker polls go on in time; collectd connects again, and the counts are right"""
    with Scratch() as scratch, Standin() as stack, broker_in(scratch) as broker:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=broker.writer(), interval=INTERVAL, prometheus=False) as daemon:
            with Listener(scratch, broker) as listener:
                story.begin(lambda _: listener.newest())
            broker.stop()
            stack.uplink("roof", 5)
            outage.polls_go_on(stack, INTERVAL)
            # One of the connection that ended, and one for each attempt: not for each value.
            at_most(len(daemon.problems()), 5, "lines in the log")
            broker.start()
            with Listener(scratch, broker, "later") as listener:
                story.wait(lambda _: listener.newest(), story.packets("roof", 1005, 30, 20), "counts after the outage")
                stack.uplink("roof", 4)
                story.wait(lambda _: listener.newest(), story.packets("roof", 1009, 30, 20), "counts that go on")


run(globals())
