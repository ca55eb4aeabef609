#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The plugins syslog and write_syslog, into rsyslog."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import outage  # noqa: E402
import pages  # noqa: E402
import story  # noqa: E402
from collectd import HOST, Collectd, account, changed  # noqa: E402
from daemon import Daemon, connects  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, run, wait_for  # noqa: E402

PORT = 1514
INTERVAL = 0.5
UPLINKS = ("ttn", "roof", "packets", "uplink")
_CONFIG = """global(workDirectory="%(directory)s")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
input(type="imtcp" address="%(address)s" port="%(port)d")
input(type="imuxsock" Socket="%(directory)s/dev/log")
template(name="line" type="string"
         string="%%syslogfacility-text%%.%%syslogseverity-text%% %%hostname%% %%app-name%% %%msg%%\\n")
action(type="omfile" file="%(directory)s/messages" template="line")
"""


class Rsyslog(Daemon):
    program = "rsyslogd"

    def __init__(self, scratch):
        super().__init__(scratch, "rsyslog", ())
        os.makedirs(self.path("dev"))
        config = scratch.write("rsyslog.conf", _CONFIG % {
            "directory": self.directory.rstrip("/"), "address": self.address, "port": PORT})
        self._command += ["-n", "-f", config, "-i", self.path("pid")]

    def ready(self):
        return connects(self.address, PORT)

    def messages(self):
        """[(facility and severity, host, program, text)]"""
        try:
            with open(self.path("messages"), encoding="utf-8") as file:
                return [tuple(line.rstrip("\n").split(" ", 3)) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def values(self):
        """[(series, time, number)] of what write_syslog sent."""
        out = []
        for origin, host, program, text in self.messages():
            if origin == "local4.info":
                equal((host, program), (HOST, "collectd"))
                one = json.loads(text)["collectd"]
                out.append(((one["plugin"], one["plugin_instance"], one["type"], one["type_instance"]),
                            json.loads(text)["time"], one[one["plugin"]][one["type"]]))
        return out

    def newest(self, _=None):
        return {key: number for key, _, number in self.values()}

    def writer(self):
        return changed(pages.block("doc/writers.md", "<Plugin write_syslog>"), Host=self.address, Port=PORT)


def test_story():
    """write_syslog: all values are there as they are; counts go on over a reconnect"""
    with Scratch() as scratch, Standin() as stack, Rsyslog(scratch) as rsyslog:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=rsyslog.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.tell(stack, rsyslog.newest)
            equal(daemon.problems(), [])
        story.never_falls([number for key, _, number in rsyslog.values() if key == UPLINKS])


def test_outage():
    """Without rsyslog polls go on in time. What they gave is lost; the counts afterwards are right"""
    with Scratch() as scratch, Standin() as stack, Rsyslog(scratch) as rsyslog:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL)
        with Collectd(scratch, block, extra=rsyslog.writer(), interval=INTERVAL, prometheus=False) as daemon:
            story.begin(rsyslog.newest)
            rsyslog.stop()
            begin = time.time()
            stack.uplink("roof", 5)
            outage.polls_go_on(stack, INTERVAL)
            end = time.time()
            # Three lines for each value.
            refused = [text for text in daemon.problems() if text.endswith("Connection refused")]
            least = (outage.POLLS - 3) * len(story.FIXED)
            equal(len(refused) > least, True, "%d lines in the log, more than %d" % (len(refused), least))
            rsyslog.start()
            story.wait(rsyslog.newest, story.packets("roof", 1005, 30, 20), "counts after the outage")
        # Times are whole seconds.
        equal([at for key, at, _ in rsyslog.values() if key == UPLINKS and begin + 1 < at < end - 1], [],
              "values of the outage")


def test_log():
    """syslog: the plugin's lines and its notifications, as the log of the system has them"""
    with Scratch() as scratch, Standin() as stack, Rsyslog(scratch) as rsyslog:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=INTERVAL, Notifications=True, OfflineAfter=1)
        # Of collectd alone: its /dev/log is the socket above.
        inside = rsyslog.path("dev")
        devices = ("null", "random", "urandom", "zero")
        for name in devices:
            open(os.path.join(inside, name), "w", encoding="ascii").close()
        script = " && ".join(["mount --bind /dev/%s %s/%s" % (name, inside, name) for name in devices] + [
            "mount --rbind %s /dev" % inside, 'exec "$@"'])
        with Collectd(scratch, block, extra=pages.block("doc/writers.md", "<Plugin syslog>"), interval=INTERVAL,
                      wrapper=["unshare", "--mount", "sh", "-ec", script, "sh"]) as daemon:
            daemon.wait_value("ttn", "roof", "bool", "connected", 1)
            stack.disconnect("roof")
            notice = "Notification: severity = %s, host = testhost, plugin = ttn, plugin_instance = roof, "

            def notified(severity):
                return [(origin, text) for origin, _, program, text in rsyslog.messages()
                        if program == "collectd" and notice % severity in text]
            wait_for(lambda: notified("WARNING"), "a notification", story.PATIENCE, rsyslog.messages)
            stack.connect("roof")
            wait_for(lambda: notified("OKAY"), "another", story.PATIENCE, rsyslog.messages)
            equal([origin for severity in ("WARNING", "OKAY") for origin, _ in notified(severity)],
                  ["daemon.warning", "daemon.notice"])
            matches("has been disconnected since", notified("WARNING")[0][1])
        lines = [text for origin, _, program, text in rsyslog.messages() if (origin, program) == (
            "daemon.info", "collectd") and "ttn plugin: " in text]
        matches('ttn plugin: account "home": 3 gateways to report', lines[0])


run(globals())
