# SPDX-License-Identifier: MIT
"""Brokers that write_kafka can send to, and their consumer, which is kcat.

Kafka is the broker that librdkafka has for tests: Debian has it, and it is there at once. ApacheKafka is Apache Kafka
itself, from Maven Central: how collectd lives through its failures is seen only there.

    with ApacheKafka(scratch) as kafka:
        with Collectd(scratch, blocks, extra=kafka.writer(StoreRates=False)) as daemon:
            kafka.kill()
            kafka.start()
            kafka.values()
"""

import functools
import json
import os
import re
import signal
import subprocess

import paths
from collectd import option
from daemon import Daemon

_TOPIC = "collectd"


def writer(brokers, properties=None, topic_properties=None, **options):
    """The configuration of write_kafka. properties, topic_properties: librdkafka's, of the producer and of the
    topic. options: of the topic, as collectd has them."""
    def set_properties(indent, properties):
        return ['%sProperty "%s" "%s"' % (indent, *one) for one in (properties or {}).items()]
    # A topic takes over only the properties above it.
    return "\n".join(["LoadPlugin write_kafka", "<Plugin write_kafka>",
                      *set_properties("  ", {"metadata.broker.list": brokers, **(properties or {})}),
                      '  <Topic "%s">' % _TOPIC, '    Format "JSON"',
                      *["    " + option(name, value) for name, value in options.items()],
                      *set_properties("    ", topic_properties), "  </Topic>", "</Plugin>"])


class Kafka(Daemon):
    program = "kcat"
    output = "messages"

    def __init__(self, scratch, name="kafka"):
        # The address is not used, but -b has to be there.
        super().__init__(scratch, name, ["-C", "-b", "127.0.0.1:9", "-X", "test.mock.num.brokers=1", "-X",
                                         "allow.auto.create.topics=true", "-t", _TOPIC, "-o", "beginning", "-u"])
        self._broker = None

    def ready(self):
        with open(self.path("out"), encoding="utf-8") as file:
            text = file.read()
        found = re.search(r"bootstrap\.servers .* replaced with (\S+)", text)
        self._broker = found and found.group(1)
        return found and "Reached end of topic" in text

    def writer(self, **options):
        """What makes a collectd send here."""
        return writer(self._broker, **options)

    def values(self):
        """All values that were sent, as JSON has them, by their time."""
        with open(self.path(self.output), encoding="utf-8") as file:
            lines = [line for line in file if line.endswith("\n")]
        return sorted((one for line in lines for one in json.loads(line)), key=lambda one: one["time"])


_CLIENTS, _CONTROLLER = 9092, 9093
# As config/server.properties of Kafka's own archive. The topic is made when the first message comes.
_CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%(address)s:%(controller)d
listeners=PLAINTEXT://%(address)s:%(clients)d,CONTROLLER://%(address)s:%(controller)d
advertised.listeners=PLAINTEXT://%(address)s:%(clients)d
controller.listener.names=CONTROLLER
log.dirs=%(directory)s/log
num.partitions=4
offsets.topic.replication.factor=1
"""


@functools.lru_cache(maxsize=None)
def _jars():
    """The directory of the jars that tests/scale/pom.xml names, brought there by maven."""
    out = os.path.join(paths.build(), "kafka", "jars")
    done = subprocess.run([paths.program("MVN", "mvn"), "--batch-mode", "--quiet", "--strict-checksums", "-f",
                           os.path.join(paths.SRCDIR, "tests", "scale", "pom.xml"), "dependency:copy-dependencies",
                           "-DoutputDirectory=" + out], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError("mvn: " + done.stdout)
    return out


class ApacheKafka(Daemon):
    """One broker that is its own controller (KRaft), on loopback."""

    program = "java"
    # Seconds; alone on two processors it needs some five.
    patience = 180.0

    def __init__(self, scratch, name="kafka"):
        super().__init__(scratch, name, ())
        self._brokers = "%s:%d" % (self.address, _CLIENTS)
        config = scratch.write(name + "/server.properties", _CONFIG % {
            "address": self.address, "directory": self.directory.rstrip("/"), "clients": _CLIENTS,
            "controller": _CONTROLLER})
        # What bin/kafka-storage.sh and bin/kafka-server-start.sh of Kafka's archive run.
        self._command += ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                          "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", os.path.join(_jars(), "*")]
        with open(self.path("out"), "ab") as out:
            subprocess.run(self._command + ["kafka.tools.StorageTool", "format", "-c", config, "-t",
                                            "AAAAAAAAAAAAAAAAAAAAAA"], stdout=out, stderr=out, check=True)
        self._command += ["kafka.Kafka", config]

    def _kcat(self, *arguments):
        return subprocess.run([paths.program("KCAT", "kcat"), "-q", "-b", self._brokers, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def ready(self):
        return self._kcat("-L", "-m", "5").returncode == 0

    def kill(self):
        """SIGKILL; start() starts it again with the log that it has by now."""
        self.process.kill()
        self.process.wait()

    def freeze(self, frozen=True):
        """Its connections stay and it reads nothing, or it goes on."""
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def writer(self, **options):
        """What makes a collectd send here; see the function of that name."""
        return writer(self._brokers, **options)

    def values(self):
        """All values that are in the topic by now, as JSON has them, by their time; and of each its partition. None
        while there is no topic."""
        done = self._kcat("-C", "-t", _TOPIC, "-o", "beginning", "-e", "-f", "%p %s\n")
        if done.returncode != 0 and "Unknown topic" not in done.stderr:
            raise AssertionError("kcat: " + done.stderr)
        out = []
        for line in done.stdout.splitlines():
            partition, _, text = line.partition(" ")
            out += [dict(one, partition=int(partition)) for one in json.loads(text)]
        return sorted(out, key=lambda one: one["time"])
