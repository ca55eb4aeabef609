# SPDX-License-Identifier: MIT
"""The image of Containerfile for ./demo --container: built and run by podman, docker or buildah.

The container runs as doc/containers.md says, but with this machine's network. Its key, state and configuration are
directories of the demo's, so its user must be one who may read and write these: the image's own if the demo is root's,
else the demo's own, who is root in a container that an ordinary user runs."""

import os
import shutil
import subprocess

IMAGE = "localhost/ttn-demo"
SECRETS = "/run/secrets/ttn"
USER = 10001  # the image's


def find():
    """The first of them that works; docker is often there without its service. None: none."""
    for name in ("podman", "docker", "buildah"):
        if shutil.which(name) and subprocess.run([name, "version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return name
    return None


def build(engine, root, base):
    """The command that builds the image. base: None for Containerfile's own."""
    out = [engine, "build", "-f", os.path.join(root, "Containerfile"), "-t", IMAGE]
    out += ["--build-arg", "BASE=" + base] if base else []
    return out + ([] if engine == "docker" else ["--format", "docker"]) + [root]


def prepare(directory, key, configuration):
    """What is mounted: the account's configuration, its key, and a place for the state."""
    for name in ("etc", "keys", "state"):
        os.mkdir(os.path.join(directory, name), 0o700)
    for path, text in (("etc/demo.conf", configuration), ("keys/key", key + "\n")):
        with open(os.open(os.path.join(directory, path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text)
    if os.geteuid() == 0:
        for name in ("etc", "etc/demo.conf", "keys", "keys/key", "state"):
            os.chown(os.path.join(directory, name), USER, USER)


def _user(engine):
    if os.geteuid() == 0:
        return []
    if engine == "docker":
        options = subprocess.run(["docker", "info", "--format", "{{.SecurityOptions}}"], stdout=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, check=False, text=True).stdout
        if "rootless" not in options:
            return ["--user", "%d:%d" % (os.geteuid(), os.getegid())]
    return ["--user", "0:0"]


class Container:
    """command: what runs it until SIGTERM. directory: what prepare() filled."""

    def __init__(self, engine, directory):
        self._engine = engine
        self._name = "ttn-demo-%d" % os.getpid()
        mounts = []
        for name, target, mode in (("etc", "/etc/ttn", "ro,Z"), ("keys", SECRETS, "ro,Z"),
                                   ("state", "/var/lib/collectd", "rw,Z")):
            mounts += ["-v", "%s:%s:%s" % (os.path.join(directory, name), target, mode)]
        if engine == "buildah":
            self._call("from", "--pull-never", "--name", self._name, IMAGE)
            self.command = ["buildah", "run", "--network", "host", "--cap-drop", "all", *_user(engine), *mounts,
                            self._name, "collectd", "-f"]
        else:
            self.command = [engine, "run", "--rm", "--name", self._name, "--network", "host", "--read-only",
                            "--cap-drop", "all", "--security-opt", "no-new-privileges", "--no-healthcheck",
                            *_user(engine), *mounts, IMAGE]

    def _call(self, *arguments):
        subprocess.run([self._engine, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)

    def remove(self):
        """Once its command has ended. The image stays, so that the next demo need not build it."""
        self._call("rm", *([] if self._engine == "buildah" else ["-f"]), self._name)
