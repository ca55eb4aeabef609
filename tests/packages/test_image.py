#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The image of Containerfile: built by buildah on a fresh Debian, and run by runc, the runtime below Docker, against
the stand-in: its root read-only, as the image's own user, without capabilities.

Needs root and Debian's mirror. What was built and said is in build/…/image. All containers share a network with this
process and with nobody else; the mounts and the network end with it.
"""

import contextlib
import ctypes
import functools
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import chroot  # noqa: E402  (the modules lie beside the other tests' own)
import collectd  # noqa: E402
import pages  # noqa: E402
import paths  # noqa: E402
import tap  # noqa: E402
from standin import Standin, key_text  # noqa: E402

SUITE = "trixie"
TOP = os.path.join(os.environ.get("TTN_BUILDDIR") or os.path.join(paths.SRCDIR, "build"), "image")
# What Debian leaves out of its own base image, so that the size is comparable.
SLIM = ["--dpkgopt=path-exclude=/usr/share/%s/*" % name for name in ("doc", "info", "lintian", "locale", "man")]
SLIM.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
USER = 10001
SECRETS = "/run/secrets/ttn"
STOPS_WITHIN = 2.0  # s
NEW_MOUNTS, NEW_NETWORK = 0x00020000, 0x40000000


@functools.lru_cache(maxsize=None)
def log():
    os.makedirs(TOP, exist_ok=True)
    return open(os.path.join(TOP, "log"), "w", encoding="utf-8")


def write(directory, name, text, mode=0o644):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def buildah(*arguments):
    os.makedirs(os.path.join(TOP, "tmp"), exist_ok=True)
    policy = write(TOP, "policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    own = ["--signature-policy", policy] if arguments[0] in ("build", "commit", "push") else []
    # buildah's own warnings must not get into what it answers.
    return chroot.run(["env", "TMPDIR=" + os.path.join(TOP, "tmp"), "buildah", "--log-level", "error",
                       "--root", os.path.join(TOP, "root"), "--runroot", os.path.join(TOP, "run"),
                       "--storage-driver", "vfs", arguments[0], *own, *arguments[1:]], log()).strip()


class Image:
    def __init__(self):
        for name in ("root", "run", "tmp"):
            chroot.remove(os.path.join(TOP, name))
        base = os.path.join(TOP, "base.tar")
        chroot.remove(base)
        os.makedirs(TOP, exist_ok=True)
        chroot.bootstrap(base, SUITE, log(), *SLIM)
        container = buildah("from", "scratch")
        buildah("add", container, base, "/")
        buildah("commit", "--rm", container, "base")
        begin = time.monotonic()
        buildah("build", "--isolation", "chroot", "--format", "docker", "--pull-never",
                "--build-arg", "BASE=localhost/base", "-t", "ttn", paths.SRCDIR)
        self.seconds = time.monotonic() - begin
        self.config = json.loads(buildah("inspect", "--type", "image", "ttn"))["Docker"]["config"]
        self.sizes = {name: self.size(name) for name in ("base", "ttn")}
        self.container = buildah("from", "--pull-never", "ttn")
        self.path = buildah("mount", self.container)

    @staticmethod
    def size(name):
        """Bytes of its layers, not compressed."""
        archive = os.path.join(TOP, name + ".size")
        buildah("push", "--disable-compression", name, "docker-archive:" + archive)
        size = os.path.getsize(archive)
        os.unlink(archive)
        return size


@functools.lru_cache(maxsize=None)
def built():
    return Image()


@functools.lru_cache(maxsize=None)
def image():
    """The same, once this process has left the network."""
    out = built()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS | NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    chroot.run(["mount", "--make-rprivate", "/"], log())
    chroot.run(["ip", "link", "set", "lo", "up"], log())
    # write_prometheus listens on the kinds of addresses that a machine has besides loopback.
    chroot.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], log())
    return out


def mount(source, target, *options):
    return {"type": "bind", "source": source, "destination": target, "options": ["rbind", *options]}


class Container:
    """One that runs. secrets: a mount for the keys' directory."""

    def __init__(self, scratch, configuration, secrets, hostname="ttn-0", groups=(), name="one"):
        self.name = "ttn-%d-%s" % (os.getpid(), name)
        self._runc = ["runc", "--root", scratch.file("runc", "")]
        self.state = scratch.file("state", "")
        os.chown(self.state, USER, USER)
        account = scratch.write("%s/etc/home.conf" % name, configuration, 0o644)
        bundle = scratch.file(name, "bundle", "")
        self._out = os.path.join(bundle, "stdout")
        self.seconds = None
        config = image().config
        with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump({
                "ociVersion": "1.0.2",
                "process": {"terminal": False, "args": config["Cmd"], "env": config["Env"], "cwd": "/",
                            "user": dict(zip(("uid", "gid"), map(int, config["User"].split(":"))),
                                         additionalGids=list(groups)),
                            "capabilities": {}, "noNewPrivileges": True},
                "root": {"path": image().path, "readonly": True},
                "hostname": hostname,
                "mounts": [{"type": "proc", "source": "proc", "destination": "/proc"},
                           {"type": "tmpfs", "source": "tmpfs", "destination": "/dev",
                            "options": ["nosuid", "mode=755"]},
                           mount(os.path.dirname(account), "/etc/ttn", "ro"),
                           mount(self.state, "/var/lib/collectd"), secrets],
                "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc")]}}, file)
        self._command = self._runc + ["run", "--bundle", bundle, self.name]

    def __enter__(self):
        self._begin = time.monotonic()
        with open(self._out, "ab") as out:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            tap.note(self.said())
        if self.process.poll() is None:
            chroot.run(self._runc + ["kill", self.name, "KILL"], log())
            self.process.wait()

    def execute(self, *command):
        """(status, what it printed)"""
        done = subprocess.run(self._runc + ["exec", self.name, *command], stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.returncode, done.stdout

    def health(self):
        test = image().config["Healthcheck"]["Test"]
        tap.equal(test[0], "CMD")
        return self.execute(*test[1:])[0]

    def said(self):
        with open(self._out, encoding="utf-8") as file:
            return file.read()

    def lines(self, *severities):
        """Those of the plugin."""
        return re.findall(r"(?m)^\[\d{4}-[^]]*\] \[(?:%s)\] ttn plugin: (.*)$" % "|".join(severities), self.said())

    def values(self):
        """{(plugin, instance, type, type instance): number}, and whose series they are; {} before there are any."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:9103/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        out = {}
        for name, labels, number in re.findall(r"(?m)^(\w+)\{(.*)\} (\S+) \d+$", text):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            tap.equal(labels["instance"], self.hostname(), "instance")
            out[collectd.identity(name, labels)] = float(number)
        return out

    def hostname(self):
        with open(os.path.join(self._command[-2], "config.json"), encoding="utf-8") as file:
            return json.load(file)["hostname"]

    def wait(self, number=1, *key):
        """Until a value is this one, by default `up`."""
        key = key or ("ttn_api", "home", "bool", "up")
        tap.wait_for(lambda: self.values().get(key) == number, "%s is %g" % (key, number), 60, self.said)

    def up(self):
        self.wait()
        self.seconds = time.monotonic() - self._begin
        return self

    def pid(self):
        return json.loads(chroot.run(self._runc + ["state", self.name], log()))["pid"]

    def stop(self):
        """How long SIGTERM takes."""
        begin = time.monotonic()
        os.kill(self.pid(), signal.SIGTERM)
        tap.equal(self.process.wait(30), 0, "exit status")
        return time.monotonic() - begin


def figures(what):
    """The numbers of a row that doc/containers.md has."""
    row = next(row for row in pages.table("doc/containers.md", "# Containers") if row[0].startswith(what))
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", row[1])]


@contextlib.contextmanager
def world():
    """A directory whose volumes end with it, and a stand-in."""
    image()
    with paths.Scratch() as scratch, Standin() as stack:
        try:
            yield scratch, stack
        finally:
            for path in glob.glob(scratch.file("*", "")):
                if os.path.ismount(path):
                    chroot.run(["umount", path], log())


def configuration(stack, **more):
    options = {"APIKeyFile": SECRETS + "/home.key", "URL": stack.url, "Interval": 1, "Timeout": 900}
    options.update(more)
    return "LoadPlugin ttn\n<Plugin ttn>\n%s\n</Plugin>\n" % collectd.account("home", **options)


def volume(scratch, kind="user", mode=0o644, group=0, name="volume"):
    """A secret's, as kubelet makes it: in memory, with links that are replaced when the secret changes."""
    path = scratch.file(name, "")
    if not os.path.ismount(path):
        chroot.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", path], log())
    put_secret(scratch, path, kind, mode, group)
    return path


def put_secret(scratch, path, kind, mode=0o644, group=0):
    directory = ".." + kind
    key = scratch.write(os.path.relpath(os.path.join(path, directory, "home.key"), scratch.path),
                        key_text(kind) + "\n", mode, secret=True)
    os.chown(key, 0, group)
    scratch.may_hold(os.path.join(path, "home.key"))
    os.symlink(directory, os.path.join(path, "..data_tmp"))
    os.rename(os.path.join(path, "..data_tmp"), os.path.join(path, "..data"))
    if not os.path.islink(os.path.join(path, "home.key")):
        os.symlink("..data/home.key", os.path.join(path, "home.key"))
    for old in glob.glob(os.path.join(path, "..[!d]*")):
        if os.path.basename(old) != directory:
            shutil.rmtree(old)


def test_schemas():
    """The files for Kubernetes fit its published schemas"""
    # Before this process leaves the network.
    venv = os.path.join(TOP, "venv")
    if not os.path.exists(os.path.join(venv, "done")):
        chroot.remove(venv)
        chroot.run([sys.executable, "-m", "venv", venv], log())
        chroot.run([os.path.join(venv, "bin", "pip"), "install", "-q", "kubernetes-validate"], log())
        open(os.path.join(venv, "done"), "w", encoding="ascii").close()
    directory = os.path.join(paths.SRCDIR, "contrib", "kubernetes")
    # Nobody publishes a schema of ServiceMonitor there.
    files = sorted(glob.glob(os.path.join(directory, "*.yaml*")))
    tap.equal(len(files), 4, "files")
    said = chroot.run([os.path.join(venv, "bin", "kubernetes-validate"), "--strict", *files], log())
    tap.note(said.strip())


def demo_by(engine):
    # Before this process leaves the network, too.
    built()
    home = os.path.join(TOP, "home")
    policies = os.path.join(home, ".config", "containers")
    os.makedirs(policies, exist_ok=True)
    shutil.copy(os.path.join(TOP, "policy.json"), policies)
    storage = write(home, "storage.conf",
                    '[storage]\ndriver = "vfs"\ngraphroot = "%s/root"\nrunroot = "%s/run"\n' % (TOP, TOP))
    # podman would raise limits, which root itself may not everywhere.
    settings = write(home, "containers.conf",
                     '[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=1024:4096"]\n')
    # The demo takes the first that works.
    others = os.path.join(TOP, "not-" + engine)
    os.makedirs(others, exist_ok=True)
    for name in {"podman", "docker", "buildah"} - {engine}:
        write(others, name, "#!/bin/sh\nexit 1\n", 0o755)
    said = chroot.run(["env", "PATH=%s:%s" % (others, os.environ["PATH"]), "HOME=" + home,
                       "TMPDIR=" + os.path.join(TOP, "tmp"), "BUILDAH_ISOLATION=chroot",
                       "CONTAINERS_STORAGE_CONF=" + storage, "CONTAINERS_CONF=" + settings,
                       os.path.join(paths.SRCDIR, "demo"), "--container", "--base", "localhost/base", "--once"], log())
    tap.matches(r"(?m)^demo: building the image by %s, see " % engine, said)
    tap.matches(r"(?m)^harbour-crane +connected +\d+ +\S+ +\S+ +\S+ +\S+ +-\d+ +-?\d+\.\d$", said)
    tap.matches(r"(?m)^6 gateways: \d connected, \d disconnected, \d unknown\.\nThe last poll was complete", said)
    tap.equal("collectd's log says" in said, False, said)
    tap.equal([line for line in buildah("containers", "--noheading", "--all").split("\n") if "ttn-demo" in line], [])
    tap.equal(glob.glob(os.path.join(paths.SRCDIR, "build", "demo", "run.*")), [])
    buildah("rmi", "ttn-demo")


def test_demo_by_buildah():
    """./demo --container builds the image by buildah and shows the stand-in's gateways; nothing of it is left"""
    demo_by("buildah")


def test_demo_by_podman():
    """The same by podman"""
    demo_by("podman")


def test_build():
    """The image is built on a fresh Debian"""
    built = image()
    tap.note("built in %.0f s; %.1f MB, of which %.1f MB are the base's" % (
        built.seconds, built.sizes["ttn"] / 1e6, built.sizes["base"] / 1e6))
    for name, figure in zip(("ttn", "base"), figures("Size")):
        tap.near(built.sizes[name] / 1e6, figure, 0.1 * figure, "MB of %s, by doc/containers.md" % name)
    left = [path for pattern in ("var/lib/apt/lists/*", "var/cache/apt/archives/*.deb", "src", "usr/sbin/policy-rc.d")
            for path in glob.glob(os.path.join(built.path, pattern)) if os.path.isfile(path) or path.endswith("src")]
    tap.equal(left, [])


def test_settings():
    """Another user than root, by number; collectd itself is what starts; port, volume and health check"""
    config = image().config
    tap.equal(config["User"], "%d:%d" % (USER, USER))
    tap.equal((config["Cmd"], config.get("Entrypoint") or []), (["collectd", "-f"], []))
    tap.equal(list(config["ExposedPorts"]), ["9103/tcp"])
    tap.equal(list(config["Volumes"]), ["/var/lib/collectd"])
    tap.equal(config["Healthcheck"]["Interval"] > 0, True)


def test_runs():
    """It reports its share, is healthy, writes only to its volume and standard output, and ends at SIGTERM"""
    with world() as (scratch, stack):
        # The second shard of two has the second and the third: see test_filter.c.
        ids = ("a23", "alice-gw-1", "eui-0080000000000001", "roof")
        for one in ids:
            stack.register(one)
            stack.connect(one)
        stack.uplink("alice-gw-1", 3)
        secret = mount(volume(scratch), SECRETS, "ro")
        with Container(scratch, configuration(stack, Shard="auto/2"), secret, hostname="ttn-1") as one:
            one.up()
            tap.equal({key[1] for key in one.values() if key and key[0] == "ttn"}, set(ids[1:3]))
            one.wait(3, "ttn", "alice-gw-1", "packets", "uplink")
            tap.equal(one.health(), 0, "the health check")
            with open("/proc/%d/status" % one.pid(), encoding="ascii") as file:
                status = file.read()
            tap.matches(r"\nNSpid:\s+\d+\s+1\n", status)
            tap.matches(r"\nUid:\s+%d\s+%d\s+%d\s+%d\n" % (4 * (USER,)), status)
            for path in ("/file", "/etc/ttn/file", "/tmp/file", SECRETS + "/file"):
                tap.equal((path, one.execute("touch", path)[0]), (path, 1))
            tap.equal(one.execute("ttn-check", "--version")[0], 0)
            # The first connection's messages are in the state file then.
            stack.disconnect("alice-gw-1")
            stack.connect("alice-gw-1")
            stack.uplink("alice-gw-1", 2)
            one.wait(5, "ttn", "alice-gw-1", "packets", "uplink")
            stopped = one.stop()
            tap.equal(one.lines("warning", "error"), [])
            tap.matches(r'\n\[\d{4}-\d\d-\d\d [\d:]+\] \[info\] ttn plugin: account "home": ', one.said())
            tap.note("reports %.2f s after the start; stops in %.2f s" % (one.seconds, stopped))
            tap.at_most(one.seconds, 20 * figures("From the start")[0], "seconds until it reports")
            tap.at_most(stopped, STOPS_WITHIN, "seconds until it has stopped")
        tap.equal(os.listdir(one.state), ["ttn"])
        # Another container goes on from the volume.
        stack.uplink("alice-gw-1", 2)
        with Container(scratch, configuration(stack, Shard="auto/2"), secret, hostname="ttn-1", name="two") as one:
            one.wait(7, "ttn", "alice-gw-1", "packets", "uplink")
            one.stop()


def test_stop_in_a_poll():
    """SIGTERM ends it as soon while the stack does not answer"""
    with world() as (scratch, stack):
        stack.fleet(5, [1], "full")
        secret = mount(volume(scratch), SECRETS, "ro")
        with Container(scratch, configuration(stack, Timeout=30000), secret) as one:
            one.up()
            stack.fault({"hang": True})
            before = stack.asked()["total"]
            tap.wait_for(lambda: stack.asked()["total"] > before, "a request that hangs", 20, one.said)
            time.sleep(0.5)
            stopped = one.stop()
            tap.note("stops in %.2f s" % stopped)
            tap.at_most(stopped, STOPS_WITHIN, "seconds until it has stopped")
            stack.unfault()


def test_health():
    """Unhealthy without an account whose poll is complete; it runs on, and is healthy again"""
    with world() as (scratch, stack):
        stack.fleet(2, [1], "full")
        secret = mount(volume(scratch), SECRETS, "ro")
        with Container(scratch, configuration(stack), secret) as one:
            one.up()
            stack.delete_key("user")
            one.wait(0)
            tap.equal(one.health(), 1)
            stack.key("user")
            one.wait(1)
            tap.equal(one.health(), 0)
            one.stop()
        with Container(scratch, "", secret, name="empty") as one:
            tap.wait_for(lambda: "Initialization complete" in one.said(), "collectd starts", 30)
            tap.equal(one.health(), 1, "without accounts")
            one.stop()


def test_rotation():
    """A secret that Kubernetes replaces is read at the next poll, and no poll fails"""
    with world() as (scratch, stack):
        stack.fleet(2, [1], "full")
        path = volume(scratch)
        with Container(scratch, configuration(stack), mount(path, SECRETS, "ro")) as one:
            one.up()
            put_secret(scratch, path, "user-all")
            tap.wait_for(lambda: stack.count(key="user-all", status=200), "the new key is used", 20)
            stack.delete_key("user")
            polls = stack.count(key="user-all", status=200)
            tap.wait_for(lambda: stack.count(key="user-all", status=200) > polls + 2, "it goes on", 20)
            one.wait(1)
            tap.equal((stack.count(status=401), one.lines("warning", "error")), (0, []))
            one.stop()


def test_modes():
    """A key that group or others may read: no warning in a volume that only the pod sees, and one elsewhere"""
    with world() as (scratch, stack):
        stack.fleet(1, [1], "full")
        directory = scratch.file("disk", "")
        key = scratch.write("disk/home.key", key_text() + "\n", 0o444, secret=True)
        part = volume(scratch, mode=0o444, name="part")
        # What, its mount, the groups of the process, who can read it besides.
        rows = [
            ("a secret of mode 0644", mount(volume(scratch, name="v0"), SECRETS, "ro"), (), None),
            ("of 0444", mount(volume(scratch, mode=0o444, name="v1"), SECRETS, "ro"), (), None),
            ("of 0440 and a group", mount(volume(scratch, mode=0o440, group=2000, name="v2"), SECRETS, "ro"), (2000,),
             None),
            ("that can be written", mount(volume(scratch, mode=0o444, name="v3"), SECRETS), (), "others"),
            ("a directory of the machine's, in memory", mount(os.path.join(part, "..user"), SECRETS, "ro"), (),
             "others"),
            ("a directory of the machine's, on disk", mount(directory, SECRETS, "ro"), (), "others"),
        ]
        for number, (what, secrets, groups, others) in enumerate(rows):
            with Container(scratch, configuration(stack), secrets, groups=groups, name="m%d" % number) as one:
                one.up()
                one.stop()
                wanted = 'account "home": APIKeyFile "%s/home.key" can be read by %s: chmod 600 it' % (SECRETS, others)
                tap.equal((what, one.lines("warning", "error")), (what, [wanted] if others else []))
        os.chown(key, USER, USER)
        os.chmod(key, 0o400)
        with Container(scratch, configuration(stack), mount(directory, SECRETS, "ro"), name="own") as one:
            one.up()
            one.stop()
            tap.equal(one.lines("warning", "error"), [])


def test_end():
    """Nothing is left running or mounted"""
    buildah("umount", image().container)
    for name in ("root", "base.tar"):
        chroot.remove(os.path.join(TOP, name))
    with open("/proc/self/mounts", encoding="utf-8") as file:
        tap.equal([line for line in file if TOP in line], [])


if __name__ == "__main__":
    tap.run(globals())
