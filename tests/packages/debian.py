# SPDX-License-Identifier: MIT
"""The Debian package in fresh Debians: built and checked in one, used in another by a collectd that
runs all the time.

The steps are tests in the order of this file, and each goes on from the one before. All that the
chroots said is in build/…/packages/SUITE.log.
"""

import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import example  # noqa: E402  (the modules lie in the tests' own directory)
import paths  # noqa: E402
import standin  # noqa: E402
import tap  # noqa: E402
from chroot import Chroot, remove  # noqa: E402

TOP = os.path.join(os.environ.get("TTN_BUILDDIR") or os.path.join(paths.SRCDIR, "build"), "packages")
# Debian 12's lintian knows no later Standards-Version.
LINTIAN = "lintian -EvIi --suppress-tags out-of-date-standards-version --fail-on error,warning,info"
_DROP_IN = "/etc/collectd/collectd.conf.d/ttn.conf"
_EXAMPLE = "/usr/share/doc/collectd-ttn/examples/collectd.conf.example"
KEY = "/etc/collectd/ttn-home.key"
_STATE = "/var/lib/collectd/ttn"
_OLDER = "0.0.1"

# In the place of Debian's own, for whose plugins half a desktop would have to be installed.
COLLECTD_CONF = """
Hostname "testhost"
FQDNLookup false
Interval 1
LoadPlugin logfile
<Plugin logfile>
  File "/var/log/collectd.log"
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "/var/lib/collectd/csv"
  StoreRates false
</Plugin>
<Include "/etc/collectd/collectd.conf.d">
  Filter "*.conf"
</Include>
"""

# Packages ask this before they start or stop anything; it keeps what they asked.
_POLICY = """#!/bin/sh
echo "$@" >>/var/log/policy.log
exit 101
"""

# What apt, dpkg and collectd write whatever is installed.
_NOT_OURS = ("proc", "dev", "tmp", "run", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log", "var/lib/collectd/csv")


def steps(suite):
    """What tap.run takes."""
    return steps_of(_Story(suite))


def steps_of(story):
    """What tap.run takes: its methods test_... A step that fails takes those after it with it, but for test_end."""
    failed = []

    def step(function):
        @functools.wraps(function)
        def tried():
            if failed and function.__name__ != "test_end":
                raise AssertionError("not tried, because %s failed" % failed[0])
            failed.append(function.__name__)
            function(story)
            failed.pop()
        return tried

    return {name: step(function) for name, function in vars(type(story)).items() if name.startswith("test_")}


class User:
    """A collectd that runs in a chroot, `user`, and writes CSV files; `pid` is its, `stack` its stand-in."""

    command = "collectd"
    drop_in = _DROP_IN
    example = _EXAMPLE

    def configure(self):
        """As README.Debian says: the example, with the stand-in's URL and key."""
        with open(self.user.file(self.example[1:]), encoding="utf-8") as file:
            text = example.swapped(file.read(), "Interval", 2)
        self.user.write(self.drop_in[1:], example.swapped(text, "URL", self.stack.url))
        self.user.write(KEY[1:], standin.key_text() + "\n", 0o600)

    def start(self):
        self.user.run(self.command)
        with open(self.user.file("run/collectd.pid"), encoding="ascii") as file:
            self.pid = int(file.read())
        self.runs()

    def stop(self):
        self.user.run("kill %d" % self.pid)
        tap.wait_for(lambda: not os.path.exists(self.user.file("run/collectd.pid")), "collectd ends", 30)

    def restart(self):
        self.stop()
        self.start()

    def runs(self):
        self.user.run("kill -0 %d" % self.pid)

    def loaded(self):
        """The file that collectd took the plugin from."""
        text = self.user.run("cat /proc/%d/maps" % self.pid)
        return re.search(r"(?m) (/\S*/ttn\.so.*)$", text).group(1)

    def series(self):
        return glob.glob(self.user.file("var/lib/collectd/csv/testhost/ttn*"))

    def reports(self, uplinks):
        """Until the gateway's latest count is this one."""
        tap.wait_for(lambda: self.latest() == uplinks, "%d uplinks" % uplinks, 30, self.said)

    def said(self):
        """The latest count, and the end of collectd's log."""
        with open(self.user.file("var/log/collectd.log"), encoding="utf-8") as file:
            return "%s\n%s" % (self.latest(), "".join(file.readlines()[-20:]))

    def latest(self):
        rows = []
        for path in sorted(glob.glob(self.user.file("var/lib/collectd/csv/testhost/ttn-roof/packets-uplink-*"))):
            with open(path, encoding="ascii") as file:
                rows += [line.split(",")[1] for line in file if line.endswith("\n") and not line.startswith("epoch")]
        return float(rows[-1]) if rows else None


class _Story(User):
    def __init__(self, suite):
        self.suite = suite
        os.makedirs(TOP, exist_ok=True)
        self.log = open(os.path.join(TOP, suite + ".log"), "w", encoding="utf-8")
        self.builder = self.user = None
        self.packages = os.path.join(TOP, suite + "-packages")
        self.stack = standin.Standin().start()
        self.pid = None
        self.before = None

    def chroot(self, name):
        return Chroot(os.path.join(TOP, "%s-%s" % (self.suite, name)), self.suite, self.log)

    # Building.

    def as_builder(self, command, umask="022", **environment):
        """An unprivileged user, without network and root's programs, as Debian's own builders do it."""
        return self.builder.run("umask %s\n%s" % (umask, command), "builder", network=False, HOME="/nonexistent",
                                PATH="/usr/bin:/bin", **environment)

    def test_tools(self):
        """install-packages gets all that building needs"""
        self.builder = self.chroot("builder")
        self.builder.run("useradd --no-create-home builder && install -d -o builder /src")
        copy_source(self.builder.file("src", "clone"))
        self.builder.run("chown -R builder /src && /src/clone/scripts/install-packages package")
        # git: a clone needs it. The others are for the tests below.
        self.builder.run("apt-get install -q -y --no-install-recommends autopkgtest git lintian")

    def test_build(self):
        """build-deb builds from a clone without network, with the unit tests, what git knows; an older package goes"""
        said = self.as_builder("""cd /src/clone && git init -q && git add -A && echo secret >stray.key
                               older=build/deb/collectd-ttn_0.0.1_$(dpkg --print-architecture).deb
                               mkdir -p build/deb && touch $older build/deb/collectd-ttn_0.0.1_other.deb
                               scripts/build-deb && ! ls $older && rm build/deb/*_other.deb""",
                               DEB_BUILD_OPTIONS="parallel=2")
        tap.matches(r"# TOTAL: \d{3}\n# PASS: +\d{3}\n# SKIP: +0\n# XFAIL: 0\n# FAIL: +0\n", said)
        self.as_builder("cd /src/clone/build/deb && tar -tf collectd-ttn_*.tar.xz >list"
                        " && grep -q /src/collectd/plugin.c list && ! grep '/stray.key$' list")

    def test_lintian(self):
        """lintian finds nothing"""
        self.as_builder("cd /src/clone/build/deb && %s *.changes" % LINTIAN)

    def test_reproducible(self):
        """The tarball of make dist gives the same packages, byte by byte, elsewhere and otherwise"""
        self.as_builder("""cd /src/clone && autoreconf -i && ./configure --quiet && make dist
                        mkdir -p /src/quite/another && cd /src/quite/another
                        tar -xf /src/clone/collectd-ttn-*.tar.xz && cd collectd-ttn-*
                        find . -exec touch {} +""")
        said = self.as_builder("cd /src/quite/another/collectd-ttn-* && scripts/build-deb -b", umask="077",
                               LC_ALL="C.UTF-8", TZ="Asia/Kathmandu", DEB_BUILD_OPTIONS="nocheck")
        if "# TOTAL" in said:
            raise AssertionError("nocheck was not obeyed")
        self.as_builder("""cd /src/clone/build/deb && ls *.deb
                        for deb in *.deb; do cmp $deb /src/quite/another/*/build/deb/$deb; done""")

    def test_autopkgtest(self):
        """autopkgtest passes with the package installed"""
        self.builder.run("""cd /src && mkdir debs && cp clone/build/deb/collectd-ttn_*_*.deb debs
                         autopkgtest debs/*.deb quite/another/collectd-ttn-*/ -- null""")

    def test_older(self):
        """An older package, to upgrade from"""
        self.builder.run("""cd /src/debs && dpkg-deb -R collectd-ttn_*.deb tree
                         sed -i 's/^Version: .*/Version: %s/' tree/DEBIAN/control
                         dpkg-deb -Znone -b --root-owner-group tree older.deb""" % _OLDER)
        remove(self.packages)
        os.makedirs(self.packages)
        for deb in glob.glob(self.builder.file("src", "debs", "*.deb")):
            name = "older.deb" if deb.endswith("older.deb") else "newer.deb"
            shutil.copyfile(deb, os.path.join(self.packages, name))
        self.builder.close()

    # Using. The stand-in runs here and not in the chroot, whose loopback is this machine's.

    def test_collectd(self):
        """Debian's collectd runs, and has no part of the plugin"""
        self.user = self.chroot("user")
        self.user.write("usr/sbin/policy-rc.d", _POLICY, 0o755)
        self.apt("install", "collectd-core")
        os.makedirs(self.user.file("etc/collectd/collectd.conf.d"), exist_ok=True)
        self.user.write("etc/collectd/collectd.conf", COLLECTD_CONF)
        # What deb-systemd-invoke asks whether systemd runs.
        os.makedirs(self.user.file("run/systemd/system"))
        for name in ("older", "newer"):
            shutil.copy(os.path.join(self.packages, name + ".deb"), self.user.file("tmp"))
        self.start()
        os.unlink(self.user.file("var/log/policy.log"))
        self.before = self.files()

    def test_install(self):
        """Installed, it changes nothing of a collectd that runs, nor of one that starts"""
        self.apt("install", "/tmp/older.deb")
        self.runs()
        tap.equal(sorted(self.files() ^ self.before), [])
        tap.equal([path for path in self.user.run("dpkg -L collectd-ttn").split() if path.startswith("/etc")], [])
        self.restart()
        tap.equal(self.series(), [])
        tap.equal(self.policy(), [])

    def test_configure(self):
        """The example, with the stand-in's URL and key, reports; counts survive a reconnect"""
        self.stack.register("roof")
        self.stack.connect("roof")
        self.stack.uplink("roof", 3)
        self.configure()
        self.restart()
        self.reports(3)
        self.stack.disconnect("roof")
        self.stack.connect("roof")
        self.stack.uplink("roof", 2)
        self.reports(5)

    def test_upgrade(self):
        """An upgrade asks for a restart; until then the old plugin goes on, then the new one"""
        self.apt("install", "/tmp/newer.deb")
        self.runs()
        tap.equal(self.policy(), ["collectd.service try-restart"])
        self.stack.uplink("roof")
        self.reports(6)
        tap.equal(self.loaded(), "/usr/lib/collectd/ttn.so (deleted)")
        self.restart()
        tap.equal(self.loaded(), "/usr/lib/collectd/ttn.so")
        self.stack.uplink("roof")
        self.reports(7)

    def test_remove(self):
        """Removing says which file keeps collectd from starting; the one that runs goes on"""
        said = self.apt("remove", "collectd-ttn")
        tap.matches("collectd will not start again .*:\n%s\n" % _DROP_IN, said)
        self.runs()
        self.stack.uplink("roof")
        self.reports(8)
        tap.equal(sorted(os.listdir(self.user.file(_STATE[1:]))), ["home.state"])
        self.stop()
        self.user.run("collectd", status=1)
        tap.matches('Could not find plugin "ttn"', self.said())
        os.unlink(self.user.file(_DROP_IN[1:]))
        self.start()

    def test_again(self):
        """Installed and configured again, counts go on where they were"""
        self.apt("install", "/tmp/newer.deb")
        self.configure()
        self.restart()
        self.stack.uplink("roof")
        self.reports(9)

    def test_purge(self):
        """Purged as README.Debian says, nothing is left of it, its state included"""
        os.unlink(self.user.file(_DROP_IN[1:]))
        self.restart()
        said = self.apt("purge", "collectd-ttn")
        if "will not start" in said:
            raise AssertionError("it tells of a file that is gone: " + said)
        self.runs()
        os.unlink(self.user.file(KEY[1:]))
        self.restart()
        tap.equal(sorted(self.files() ^ self.before), [])

    def test_end(self):
        """Nothing is left mounted or running"""
        for chroot in (self.builder, self.user):
            if chroot:
                chroot.close()
        nothing_mounted()

    # What the user does, and the collectd.

    def apt(self, *arguments):
        return self.user.run("apt-get -q -y --no-install-recommends " + " ".join(arguments))

    def policy(self):
        """What packages wanted to do to services since collectd itself was installed."""
        if not os.path.exists(self.user.file("var/log/policy.log")):
            return []
        with open(self.user.file("var/log/policy.log"), encoding="utf-8") as file:
            return file.read().splitlines()

    def files(self):
        """What lies there and belongs to no package."""
        owned = set(self.user.run("cat /var/lib/dpkg/info/*.list").splitlines())
        owned |= {"/usr" + path for path in owned}  # of before /lib was /usr/lib
        found = set()
        for directory, names, files in os.walk(self.user.path):
            here = os.path.relpath(directory, self.user.path)
            names[:] = [name for name in names if os.path.normpath(os.path.join(here, name)) not in _NOT_OURS]
            found |= {"/" + os.path.normpath(os.path.join(here, name)) for name in names + files}
        return found - owned


def nothing_mounted():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        tap.equal([line for line in file if TOP in line], [])


def copy_source(target):
    """This source tree, without what was built in it."""
    if not os.path.exists(os.path.join(paths.SRCDIR, ".git")):
        shutil.copytree(paths.SRCDIR, target, ignore=shutil.ignore_patterns("build"))
        return
    names = subprocess.run(["git", "-C", paths.SRCDIR, "ls-files", "-z"], stdout=subprocess.PIPE, check=True).stdout
    for name in names.decode().split("\0")[:-1]:
        path = os.path.join(target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy2(os.path.join(paths.SRCDIR, name), path)
