#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The snmp_agent plugin, below snmpd; snmpwalk is who asks."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import outage  # noqa: E402
import pages  # noqa: E402
import paths  # noqa: E402
import story  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from daemon import Daemon  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, near, run, wait_for  # noqa: E402

PORT, AGENTX = 1161, 1705
INTERVAL = 0.5
# Of collectd, in intervals, so that no busy machine makes values missing.
TIMEOUT = 6
# s, until the rows are as they have to be and do not change: a request at the moment when one does stops the second
# collectd for good. It takes some polls, and a timeout.
QUIET = TIMEOUT * INTERVAL + 3
CONTRIB = os.path.join(paths.SRCDIR, "contrib", "snmp")
ROOT = "TTN-GATEWAY-MIB::ttnGateways"
# What each column is of; all of them are in contrib.
COLUMNS = {
    "ttnGatewayConnected": ("ttn", "bool", "connected"),
    "ttnGatewayUplinks": ("ttn", "packets", "uplink"), "ttnGatewayDownlinks": ("ttn", "packets", "downlink"),
    "ttnGatewayTxAcks": ("ttn", "packets", "tx_ack"),
    "ttnGatewaySinceUplink": ("ttn", "duration", "since_uplink"),
    "ttnGatewaySinceDownlink": ("ttn", "duration", "since_downlink"),
    "ttnGatewaySinceStatus": ("ttn", "duration", "since_status"),
    "ttnGatewayConnection": ("ttn", "uptime", "connection"), "ttnGatewayRttMedian": ("ttn", "duration", "rtt_median"),
    "ttnAccountUp": ("ttn_api", "bool", "up"), "ttnAccountGateways": ("ttn_api", "count", "gateways"),
    "ttnAccountConnected": ("ttn_api", "count", "connected"),
    "ttnAccountDisconnected": ("ttn_api", "count", "disconnected"),
    "ttnAccountUnknown": ("ttn_api", "count", "unknown"),
}
ROOF = {column for column in COLUMNS if column.startswith("ttnGateway")}


class Snmpd(Daemon):
    program = "snmpd"

    def __init__(self, scratch):
        super().__init__(scratch, "snmpd", ())
        self.socket = "tcp:%s:%d" % (self.address, AGENTX)
        # The second and the third line are Debian's own.
        config = scratch.write("snmpd.conf", pages.block("doc/writers.md", "master agentx") + "\n".join([
            "view systemonly included .1.3.6.1.2.1.1", "rocommunity public default -V systemonly",
            "agentXSocket " + self.socket, "agentAddress udp:%s:%d" % (self.address, PORT)]) + "\n")
        self._command = ["env", "MIBS=", "SNMP_PERSISTENT_DIR=" + self.directory, *self._command,
                         "-f", "-Lo", "-C", "-c", config, "-p", self.path("pid")]
        self._walk = [paths.program("SNMPWALK", "snmpwalk"), "-v2c", "-c", "public", "-M", CONTRIB, "-m",
                      "TTN-GATEWAY-MIB", "-OQsUe", "-t", "2", "-r", "0", "%s:%d" % (self.address, PORT)]

    def walk(self, *name):
        """What snmpwalk prints of all gateways and accounts, or of this."""
        environment = dict(os.environ, SNMPCONFPATH=self.directory, SNMP_PERSISTENT_DIR=self.directory)
        return subprocess.run(self._walk + list(name or [ROOT]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, text=True, env=environment).stdout

    def ready(self):
        return "Linux" in self.walk(".1.3.6.1.2.1.1.1.0")

    def rows(self):
        """[(column, gateway or account, value as text)]"""
        return re.findall(r'(?m)^(\w+)\."(.*?)" = "?(?!No )(.*?)"?$', self.walk())

    def newest(self, _=None):
        out = {}
        for column, instance, text in self.rows():
            if column in COLUMNS:
                plugin, type_, type_instance = COLUMNS[column]
                scale = 1000 if column == "ttnGatewayRttMedian" else 1
                out[plugin, instance, type_, type_instance] = int(text) / scale
        return out

    def columns(self):
        """{gateway: its columns}"""
        out = {}
        for column, instance, _ in self.rows():
            if column.startswith("ttnGateway"):
                out.setdefault(instance, set()).add(column)
        return out


class World:
    """The story's gateways, snmpd, and two collectds: one has the plugin, the other answers snmpd."""

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            scratch = opened.enter_context(Scratch())
            self.stack = opened.enter_context(Standin())
            self.snmpd = opened.enter_context(Snmpd(scratch))
            story.fleet(self.stack)
            # The first line is what Debian has in snmp.conf. The second adds to where all MIBs are.
            conf = scratch.write("agent/snmp_agent.conf", "\n".join([
                "[snmp] mibs :", "[snmp] mibdirs +" + CONTRIB, "agentXSocket " + self.snmpd.socket]) + "\n")
            with open(os.path.join(CONTRIB, "collectd-snmp.conf"), encoding="utf-8") as file:
                tables = file.read()
            self.agent = opened.enter_context(Collectd(
                scratch, "", extra=self._here(tables), interval=INTERVAL, prometheus=False, plugin=False,
                name="collectd-snmp", environment={"SNMPCONFPATH": os.path.dirname(conf),
                                                   "SNMP_PERSISTENT_DIR": os.path.dirname(conf)}))
            self.daemon = opened.enter_context(Collectd(
                scratch, account("home", **self.stack.options(scratch), Interval=INTERVAL),
                extra=self._here(pages.block("doc/writers.md", '"25827"')), interval=INTERVAL))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *why):
        return self._opened.__exit__(*why)

    def _here(self, text):
        """Configuration of one of the two: the second listens at the test's own address."""
        text, n = re.subn('"127.0.0.1" "25827"', '"%s" "25827"' % self.snmpd.address, text)
        equal(n, 1, "addresses")
        return "Timeout %d\n" % TIMEOUT + text

    def read(self, _=None):
        time.sleep(QUIET)
        return self.snmpd.newest()


def test_story():
    """Both tables are there, with what each gateway has; counts go on over a reconnect"""
    with World() as world:
        truth = {key: number for key, number in story.FIXED.items() if (key[0], *key[2:]) in COLUMNS.values()}
        truth.update(story.packets("roof", *story.AT_FIRST.values()))
        truth.update(story.packets("barn", 4))
        story.wait(world.read, truth, "the values at first")
        own = {"ttnGatewayId", "ttnGatewayConnected"}
        equal(world.snmpd.columns(), {"roof": own | ROOF, "lost": own,
                                      "barn": own | {"ttnGatewayUplinks", "ttnGatewaySinceUplink"}})
        equal({instance: text for column, instance, text in world.snmpd.rows() if column in (
            "ttnGatewayId", "ttnAccountName")}, {name: name for name in ("roof", "lost", "barn", "home")}, "indices")
        newest = world.snmpd.newest()
        for key in set(newest) & set(story.ELAPSED):
            near(newest[key], story.ELAPSED[key] + story.PATIENCE / 2, story.PATIENCE / 2 + 1, story.name(key))
        story.reconnect(world.stack, world.read)
        story.swap(world.stack, world.read)
        world.stack.unregister("barn")
        wait_for(lambda: {key[1] for key in world.read() if key[0] == "ttn"} == {"roof", "lost"}, "a row less",
                 story.PATIENCE, world.snmpd.columns)
        for daemon in (world.agent, world.daemon):
            equal([text for level, text in daemon.log() if level == "error" and "snmp" in text], [])


def test_outage():
    """Without snmpd polls go on in time; collectd connects again, and the counts are right"""
    with World() as world:
        story.wait(world.read, story.packets("roof", 1000, 30, 20), "counts at first")
        world.snmpd.stop()
        world.stack.uplink("roof", 5)
        outage.polls_go_on(world.stack, INTERVAL)
        world.snmpd.start()
        # It tries every 15 s.
        story.wait(world.read, story.packets("roof", 1005, 30, 20), "counts after the outage")


def test_hang():
    """While the second collectd hangs, the first goes on with all else"""
    with World() as world:
        story.wait(world.read, story.packets("roof", 1000, 30, 20), "counts at first")
        world.agent.process.send_signal(signal.SIGSTOP)
        world.stack.uplink("roof", 5)
        outage.polls_go_on(world.stack, INTERVAL)
        world.daemon.wait_value("ttn", "roof", "packets", "uplink", 1005)
        world.agent.process.send_signal(signal.SIGCONT)
        story.wait(world.read, story.packets("roof", 1005, 30, 20), "counts afterwards")


run(globals())
