# SPDX-License-Identifier: MIT
"""A fresh Debian in a directory, to install packages in. Needs root.

mmdebstrap makes it, from the mirror and with the settings that this machine's own apt has. What
runs in it has mounts and process numbers of its own, which end with this process however that ends:
the namespaces' first process reads a pipe whose other end is here.
"""

import glob
import os
import re
import shutil
import subprocess

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FIRST = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
trap '' CHLD  # so that the kernel reaps what daemons leave behind
echo ready
exec cat
"""


class Chroot:
    def __init__(self, path, suite, log):
        """log: a file that gets all output."""
        self.path = path
        self._log = log
        remove(path)
        settings = [one for line in _settings() for one in ("--aptopt", line)]
        # It need not survive a power cut, so dpkg need not wait for the disk.
        _checked(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io",
                  *settings, suite, path, "-"], log, input="\n".join(_sources(suite)))
        for name in ("hosts", "resolv.conf"):
            shutil.copyfile(os.path.join("/etc", name), self.file("etc", name))
        self._first = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _FIRST, "sh", path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._first.stdout.readline() != b"ready\n":
            raise AssertionError("no namespaces for %s" % path)
        with open("/proc/%d/task/%d/children" % (2 * (self._first.pid,)), encoding="ascii") as file:
            self._inside = file.read().split()[0]
        self.run("apt-get update -q")

    def close(self):
        """Ends all that runs in it, and removes it."""
        self._first.stdin.close()
        self._first.wait()
        remove(self.path)

    def file(self, *names):
        return os.path.join(self.path, *names)

    def write(self, name, text, mode=0o644):
        with open(self.file(name), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)

    def run(self, command, user=None, network=True, status=0, **environment):
        """A shell's command, by default as root; what it printed. Without network there is but a
        loopback of its own."""
        env = {"PATH": _PATH, "HOME": "/root", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        env.update({name: text for name, text in os.environ.items() if name.lower().endswith("_proxy")})
        env.update(environment)
        call = ["nsenter", "--target", self._inside, "--mount", "--pid", "--"]
        if not network:
            call += ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        call += ["chroot", *(["--userspec=" + user] if user else []), self.path,
                 "env", "-i", *("%s=%s" % row for row in env.items()), "sh", "-ec", command]
        return _checked(call, self._log, status)


def remove(path):
    if os.path.exists(path):
        subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)


def _checked(command, log, status=0, **options):
    print("+ " + command[-1], file=log, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=1200, check=False, **({"stdin": subprocess.DEVNULL} if not options else options))
    print(done.stdout, file=log, flush=True)
    if done.returncode != status:
        raise AssertionError("%s: status %d, not %d\n%s"
                             % (command[-1], done.returncode, status, "\n".join(done.stdout.split("\n")[-40:])))
    return done.stdout


def _settings():
    """How this machine's apt reaches its mirror."""
    dump = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line for line in dump.split("\n")
            if re.match(r'Acquire::(http|https|Check|Retries)[:-].* "', line)]


def _sources(suite):
    """This machine's own sources of Debian's main part, of another suite."""
    with open("/etc/os-release", encoding="utf-8") as file:
        here = re.search(r"(?m)^VERSION_CODENAME=(\w+)", file.read()).group(1)
    out = []
    for uri, name, components in _apt_sources():
        found = re.fullmatch(here + r"(-updates|-security|)", name)
        if found and "main" in components:
            out.append("deb %s %s%s main" % (uri, suite, found.group(1)))
    if not out:
        raise AssertionError("apt has no source of %s here" % here)
    return out


def _apt_sources():
    """(URI, suite, components) of each."""
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        for line in _lines(path):
            found = re.match(r"deb +(?:\[[^]]*\] +)?(\S+) +(\S+) +(.*)", line)
            if found:
                yield found.group(1), found.group(2), found.group(3).split()
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", "\n".join(_lines(path))):
            fields = {name.lower(): text.split() for name, text in re.findall(r"(?m)^([\w-]+):((?:.|\n )*)", stanza)}
            if "deb" in fields.get("types", ()) and fields.get("enabled") != ["no"]:
                for uri in fields["uris"]:
                    for name in fields["suites"]:
                        yield uri, name, fields.get("components", [])


def _lines(path):
    """Without comments."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if not line.startswith("#")]
