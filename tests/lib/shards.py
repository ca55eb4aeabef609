# SPDX-License-Identifier: MIT
"""Several collectds as contrib/scale runs them: the commands of its unit, as they stand, and its configuration, with a
test's paths and addresses in place of the system's.

    with Shards(scratch, stack, "graphite", 4, interval=1) as shards:
        shards.log(1)
"""

import os
import re
import shlex
import signal
import socket
import subprocess

import paths
from collectd import option
from tap import equal, wait_for

DIRECTORY = os.path.join(paths.SRCDIR, "contrib", "scale")
# Options for as few values as these tests need.
FEW = {"CollectRoundTripTimes": False, "CollectAges": False, "CollectDutyCycle": False, "CollectStatus": False}
UNIT = os.path.join(DIRECTORY, "collectd-ttn@.service")


def read(name):
    with open(os.path.join(DIRECTORY, name), encoding="utf-8") as file:
        return file.read()


def here(text):
    """With this process's address in place of the machine's."""
    return text.replace("127.0.0.1", paths.address())


def _replace(text, old, new):
    if old not in text:
        raise AssertionError("%s is not in contrib/scale" % old)
    return text.replace(old, new)


def counted(stack, ids, hosts, read):
    """Until each gateway's uplinks are the stand-in's; read() gives {(host, gateway): number}. Each gateway is in one
    shard, and each shard has some."""
    seen = {}

    def right():
        seen.clear()
        seen.update(read())
        numbers = {}
        for (_, gateway), number in seen.items():
            numbers.setdefault(gateway, []).append(number)
        return numbers == {gateway: [stack.true(gateway)[0]] for gateway in ids}
    wait_for(right, "the uplinks of all gateways, each in one shard", 60, lambda: seen)
    equal({host for host, _ in seen}, set(hosts), "shards")


def uplinks(samples):
    """Of write_prometheus' page, what counted() reads."""
    rows = ((name, dict(labels), number) for (name, labels), number in samples.items())
    return {(labels["instance"], labels["ttn"]): number for name, labels, number in rows
            if name == "collectd_ttn_packets_total" and labels["type"] == "uplink"}


class Shards:
    def __init__(self, scratch, stack, writer, number, interval, **options):
        """writer: of writer-WRITER.conf. number: of shards, which are 1 to number. interval: seconds. options: of the
        account."""
        self._scratch = scratch
        self.numbers = range(1, number + 1)
        self.processes = {}
        own = dict(stack.options(scratch), Interval=interval, **options)
        text = _replace(read("shards.conf"), '"@SHARD@/4"', '"@SHARD@/%d"' % number)
        text = _replace(text, '"/etc/collectd-ttn/home.key"', '"%s"' % own.pop("APIKeyFile"))
        lines = ["    " + option(key, value) for key, value in own.items()]
        text = _replace(text, "    APIKeyFile", "\n".join(lines) + "\n    APIKeyFile")
        # Of collectd's own plugins, but for ttn.
        directory = 'PluginDir "%s"\n'
        ours, others = directory % os.path.dirname(paths.plugin()), directory % paths.plugin_dir()
        text = _replace(text, "LoadPlugin ttn\n", ours + "LoadPlugin ttn\n" + others)
        text = others + "Interval %s\n" % interval + text
        scratch.write("etc/shards.conf", self._moved(text))
        scratch.write("etc/writer.conf", self._moved(here(read("writer-%s.conf" % writer))))

    def _moved(self, text):
        """With directories of the test in place of the system's."""
        for old, new in (("/etc/collectd-ttn/", self._scratch.file("etc", "")),
                         ("/var/lib/", self._scratch.file("state", "")), ("/run/", self._scratch.file("run", "")),
                         ("%t/", self._scratch.file("run", "")), ("/usr/sbin/collectd", paths.collectd())):
            text = text.replace(old, new)
        return text

    def _commands(self, key, number):
        with open(UNIT, encoding="utf-8") as file:
            found = re.findall(r"(?m)^%s=(.*)$" % key, file.read())
        # Other specifiers would be left, and no command would find such a path.
        return [shlex.split(self._moved(line).replace("%i", str(number))) for line in found]

    def configuration(self, number):
        return self._scratch.file("run", "collectd-ttn-%d" % number, "collectd.conf")

    def start(self, number):
        """As systemd does it: until it says that it is ready."""
        os.makedirs(self._scratch.file("state", "collectd-ttn"), exist_ok=True)
        self.configuration(number)  # makes its directory, as systemd does
        for command in self._commands("ExecStartPre", number):
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            equal((done.returncode, "rror" in done.stdout), (0, False), "%s: %s" % (command, done.stdout))
        command, = self._commands("ExecStart", number)
        path = self._scratch.file("notify-%d" % number)
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(self._log(number), "ab") as log:
            ready.bind(path)
            ready.settimeout(20)
            self.processes[number] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                      cwd="/", env=dict(os.environ, NOTIFY_SOCKET=path))
            equal(ready.recv(100), b"READY=1\n", "what systemd is told")

    def stop(self, number, sign=signal.SIGTERM):
        process = self.processes.pop(number)
        process.send_signal(sign)
        return process.wait(60)

    def __enter__(self):
        try:
            for number in self.numbers:
                self.start(number)
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, kind, *_):
        for number in list(self.processes):
            if kind is not None:
                print("# " + self.log(number)[-2000:].replace("\n", "\n# "))
            status = self.stop(number, signal.SIGTERM if kind is None else signal.SIGKILL)
            equal(kind is None and status, 0 if kind is None else False, "how shard %d ended" % number)

    def _log(self, number):
        return self._scratch.file("log-%d" % number)

    def log(self, number):
        """What systemd's journal would have."""
        with open(self._log(number), encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def complaints(self):
        """Warnings and errors of ttn, of all shards."""
        return [line for number in self.numbers
                for line in re.findall(r"(?m)^.*\[(?:warning|error)\] ttn plugin: .*$", self.log(number))]
