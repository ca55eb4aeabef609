# SPDX-License-Identifier: MIT
"""A fresh Debian in a directory, to install packages in. Needs root.

mmdebstrap makes it, from the mirror and with the settings that this machine's own apt has. What
runs in it has mounts and process numbers of its own, which end with this process however that ends:
the namespaces' first process reads a pipe whose other end is here.
"""

import os
import shutil
import subprocess

import mirror

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
    def __init__(self, path, suite, log, parts=mirror.ALL):
        """log: a file that gets all output. parts: of the suite, see mirror.py."""
        self.path = path
        self._log = log
        remove(path)
        bootstrap(path, suite, log, parts=parts)
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
        return run(call, self._log, status)


def bootstrap(target, suite, log, *options, parts=mirror.ALL):
    """The smallest Debian that has apt: a directory, or a tarball if the name says so. parts: see mirror.py."""
    # It need not survive a power cut, so dpkg need not wait for the disk.
    run(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io",
         *mirror.settings(), *options, suite, target, "-"], log, input="\n".join(mirror.sources(suite, parts)))


def remove(path):
    if os.path.exists(path):
        subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)


def run(command, log, status=0, **options):
    """A command whose output goes to the log; what it printed."""
    print("+ " + command[-1], file=log, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=1200, check=False, **({"stdin": subprocess.DEVNULL} if not options else options))
    print(done.stdout, file=log, flush=True)
    if done.returncode != status:
        raise AssertionError("%s: status %d, not %d\n%s"
                             % (command[-1], done.returncode, status, "\n".join(done.stdout.split("\n")[-40:])))
    return done.stdout
