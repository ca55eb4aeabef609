# SPDX-License-Identifier: MIT
"""A broker that write_kafka can send to, and its consumer: kcat with the broker that librdkafka has for tests.

It speaks Kafka's protocol over TCP, so what arrives left collectd as it would for Apache Kafka, which Debian
doesn't have. How collectd and a cluster of these live through failures is not seen here.
"""

import json
import re

from collectd import option
from daemon import Daemon

_TOPIC = "collectd"


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
        lines = ["    " + option(name, value) for name, value in options.items()]
        return "\n".join(["LoadPlugin write_kafka", "<Plugin write_kafka>",
                          '  Property "metadata.broker.list" "%s"' % self._broker, '  <Topic "%s">' % _TOPIC,
                          '    Format "JSON"', *lines, "  </Topic>", "</Plugin>"])

    def values(self):
        """All values that were sent, as JSON has them, by their time."""
        with open(self.path(self.output), encoding="utf-8") as file:
            lines = [line for line in file if line.endswith("\n")]
        return sorted((one for line in lines for one in json.loads(line)), key=lambda one: one["time"])
