#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""contrib/scale's unit and systemd itself, which here is no system's but a user's, with this unit and no other: so it
starts nothing else on this machine. It has namespaces of its own, and ends with this process.

Needs root, so only ./check kafka runs it."""

import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
import shards  # noqa: E402
from collectd import samples  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, note, run, wait_for  # noqa: E402

NUMBER = 4
GATEWAYS = 40
ALL = "collectd-ttn@*"
# systemd wants to see that the machine was started by it, and not to be the first process itself.
_BEGIN = "mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && \"$@\" & wait"


class Systemd:
    def __init__(self, scratch):
        self._units = scratch.file("units", "")
        for path in glob.glob("/usr/lib/systemd/user/*.target"):
            shutil.copy(path, self._units)
        # Where the directories of the unit are; and nothing of the machine's.
        own = {"XDG_RUNTIME_DIR": "run", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "state",
               "SYSTEMD_UNIT_PATH": "units", "SYSTEMD_GENERATOR_PATH": "none",
               "SYSTEMD_ENVIRONMENT_GENERATOR_PATH": "none", "HOME": "home"}
        self._environment = {"PATH": os.environ["PATH"]}
        for name, directory in own.items():
            self._environment[name] = scratch.file(directory, "").rstrip("/")
        with open(shards.UNIT, encoding="utf-8") as file:
            text = file.read().replace("/etc/collectd-ttn/", scratch.file("etc", ""))
        scratch.write("units/collectd-ttn@.service", text.replace("/usr/sbin/collectd", paths.collectd()), 0o644)
        os.chmod(self._environment["XDG_RUNTIME_DIR"], 0o700)
        self._out = scratch.file("systemd")

    def __enter__(self):
        with open(self._out, "ab") as out:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _BEGIN, "sh",
                 "/lib/systemd/systemd", "--user", "--log-target=console"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._environment)
        wait_for(lambda: self.ask("is-system-running")[1] == "running", "systemd runs", 30, self.said)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            note(self.said())
        self._process.kill()
        self._process.wait()

    def said(self):
        with open(self._out, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()[-3000:]

    def _inside(self, *command):
        with open("/proc/%d/task/%d/children" % (2 * (self._process.pid,)), encoding="ascii") as file:
            children = file.read().split()
        if not children:
            return 1, "not there yet"
        done = subprocess.run(["nsenter", "--mount", "--pid", "--target", children[0], *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=self._environment, check=False, timeout=60)
        return done.returncode, done.stdout.strip()

    def ask(self, *arguments):
        """systemctl's (status, text)."""
        return self._inside("systemctl", "--user", "--no-pager", *arguments)

    def do(self, *arguments):
        equal(self.ask(*arguments), (0, ""), " ".join(arguments))

    def show(self, number, name):
        return self.ask("show", "--property", name, "--value", "collectd-ttn@%d" % number)[1]

    def kill(self, number):
        equal(self._inside("kill", "-KILL", self.show(number, "MainPID")), (0, ""), "kill")


def uplinks():
    """Of all shards that answer."""
    out = {}
    for number in range(1, NUMBER + 1):
        try:
            with urllib.request.urlopen("http://%s:911%d/metrics" % (paths.address(), number), timeout=10) as answer:
                found = shards.uplinks(samples(answer.read().decode()))
        except OSError:
            continue
        equal({host for host, _ in found} <= {"ttn-%d" % number}, True, "hosts of shard %d" % number)
        out.update(found)
    return out


def counted(stack, ids):
    shards.counted(stack, ids, {"ttn-%d" % number for number in range(1, NUMBER + 1)}, uplinks)


def test_verify():
    """systemd-analyze finds nothing in the unit"""
    done = subprocess.run([paths.program("SYSTEMD_ANALYZE", "systemd-analyze"), "verify", "--man=no", shards.UNIT],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    # It looks at all units of the machine.
    equal((done.returncode, re.findall(".*collectd-ttn.*", done.stdout)), (0, []))


def test_systemd():
    """Shards start, one that is killed starts again and counts on, all are restarted and stopped by one command"""
    with Scratch() as scratch, Standin() as stack, Systemd(scratch) as systemd:
        ids = stack.fleet(GATEWAYS)
        made = shards.Shards(scratch, stack, "prometheus", NUMBER, 1)
        names = ["collectd-ttn@%d" % number for number in made.numbers]
        systemd.do("start", *names)
        counted(stack, ids)
        modes = [stat.S_IMODE(os.stat(path).st_mode) for path in
                 (made.configuration(2), os.path.dirname(made.configuration(2)))]
        equal(modes, [0o600, 0o700], "modes of the configuration and its directory")
        stack.move(3)
        counted(stack, ids)
        systemd.kill(2)
        stack.move(5)
        wait_for(lambda: systemd.show(2, "NRestarts") == "1" and systemd.ask("is-active", *names)[0] == 0,
                 "the second shard is started again", 60, systemd.said)
        counted(stack, ids)
        before = [systemd.show(number, "MainPID") for number in made.numbers]
        systemd.do("restart", ALL)
        stack.move(2)
        counted(stack, ids)
        after = [systemd.show(number, "MainPID") for number in made.numbers]
        equal(set(before) & set(after), set(), "processes that were not restarted")
        systemd.do("stop", ALL)
        equal((systemd.ask("is-active", *names)[1].split(), uplinks()), (["inactive"] * NUMBER, {}))


if __name__ == "__main__":
    run(globals())
