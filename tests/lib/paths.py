# SPDX-License-Identifier: MIT
"""Where things are, and a directory for a test that nothing secret may leak into.

`make check` sets the environment. By hand, after a `make` in the source directory, nothing needs
to be set: python3 tests/e2e/test_values.py
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

_TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SRCDIR = os.environ.get("TTN_SRCDIR") or _TOP
sys.path.insert(0, os.path.join(SRCDIR, "tests", "standin"))

import keys  # noqa: E402  (the stand-in's)

# The secret parts of all keys that the stand-in has.
SECRETS = [keys.secret(kind) for kind in keys.all_kinds()]


def plugin():
    """ttn.so, which has to be a regular file."""
    return os.path.realpath(_there("TTN_PLUGIN", "src/.libs/ttn.so"))


def build():
    """The directory that was built in."""
    return os.environ.get("TTN_BUILDDIR") or _TOP


def drive():
    return _there("TTN_DRIVE", "tests/tools/ttn-drive")


def check():
    return _there("TTN_CHECK", "src/ttn-check")


def names():
    return _there("TTN_NAMES", "tests/tools/ttn-names")


def drive_faked():
    """ttn-drive in a world of names and time that the test makes: see tests/tools/fake_clock_dns.c."""
    return _there("TTN_DRIVE_FAKED", "tests/tools/ttn-drive-faked")


def _there(variable, path):
    out = os.environ.get(variable) or os.path.join(_TOP, path)
    if not os.path.exists(out):
        raise AssertionError("%s is not there: run make, or set %s" % (out, variable))
    return out


def program(variable, name):
    """A program's path: of the environment, where root's programs are, or of scripts/receivers."""
    out = os.environ.get(variable) or shutil.which(name) or shutil.which(
        name, path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin", _receivers())))
    if not out:
        raise AssertionError("%s is not installed" % name)
    return out


def _receivers():
    return os.path.join(build(), "receivers")


def receiver(name):
    """A program that scripts/receivers built, if the system has another version of it."""
    out = os.path.join(_receivers(), name)
    if not os.path.exists(out):
        raise AssertionError("%s is not there: run make check-receivers" % out)
    return out


def collectd():
    return program("COLLECTD", "collectd")


def plugin_dir():
    """Of collectd's own plugins."""
    out = os.environ.get("COLLECTD_PLUGINDIR")
    if not out:
        text = subprocess.run([collectd(), "-h"], stdout=subprocess.PIPE, check=False).stdout.decode()
        found = re.search(r"Plugin directory +(/\S+)", text)
        out = found.group(1) if found else "/usr/lib/collectd"
    return out


def address():
    """On loopback, and of this process alone: none of its ports is taken."""
    pid = os.getpid()
    return "127.%d.%d.%d" % (64 + (pid >> 16) % 64, pid >> 8 & 255, pid & 255)


class Scratch:
    """A private directory. At its end no file in it may hold the secret part of a key, but for those
    that the test put there as key files or configuration."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="ttn-e2e-")
        self._may_hold = set()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.check_secrets()
        finally:
            if "TTN_KEEP" in os.environ:
                print("# kept: " + self.path)
            else:
                shutil.rmtree(self.path, ignore_errors=True)

    def file(self, *names):
        out = os.path.join(self.path, *names)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        return out

    def write(self, name, text, mode=0o600, secret=False):
        """A file, put in place whole; its path."""
        path = self.file(name)
        part = path + ".part"
        with open(part, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        os.rename(part, path)
        if secret:
            self.may_hold(path)
        return path

    def may_hold(self, path):
        self._may_hold.add(path)

    def key(self, kind="user", name=None):
        """A key file."""
        return self.write(name or "key-" + kind, keys.text_of(kind) + "\n", secret=True)

    def check_secrets(self):
        for directory, _, names in os.walk(self.path):
            for name in names:
                path = os.path.join(directory, name)
                if path in self._may_hold or not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    no_secret(file.read(), path)


def no_secret(data, where):
    """Not the whole, and not a good part of it either."""
    for secret in SECRETS:
        for part in (secret[:20], secret[16:36], secret[-20:]):
            if part.encode() in data:
                raise AssertionError("%s holds a key" % where)
