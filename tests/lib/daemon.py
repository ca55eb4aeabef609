# SPDX-License-Identifier: MIT
"""A server that a test starts for itself, in a private directory and at an address that no other test has.

    class Carbon(Daemon):
        program, ready = "carbon-cache", lambda self: ...
"""

import http.client
import os
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import paths
from tap import wait_for


class Daemon:
    """arguments: all after the program's name. It is there once ready() is true, and ends by SIGTERM. After
    stop() it can be started again, with what its directory holds."""

    program = None
    patience = 60.0
    # The file that its standard output goes to; "out" has the rest.
    output = "out"
    # What it has besides this process's environment.
    environment = {}

    def __init__(self, scratch, name, arguments):
        self.directory = scratch.file(name, "")
        self.address = paths.address()
        self.process = None
        self._command = [paths.program(self.program.upper().replace("-", "_"), self.program), *arguments]

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
            else:
                print("# " + self.said().replace("\n", "\n# "))
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()

    def start(self):
        with open(self.path("out"), "ab") as out, open(self.path(self.output), "ab") as output:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=out,
                                            cwd=self.directory, env=dict(os.environ, **self.environment))
        try:
            wait_for(self._up, "%s comes up" % self.program, self.patience, self.said)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _up(self):
        if self.process.poll() is not None:
            raise AssertionError("%s ended with %d: %s" % (self.program, self.process.returncode, self.said()))
        return self.ready()

    def ready(self):
        raise NotImplementedError

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(self.patience)

    def said(self):
        """The end of its output, for a failed test."""
        with open(self.path("out"), encoding="utf-8", errors="backslashreplace") as file:
            return "\n".join("%s: %s" % (self.program, line.rstrip("\n")) for line in file.readlines()[-25:])


def connects(address, port):
    """Somebody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex((address, port)) == 0


def get(url, parameters=None, data=None):
    """The status and the text of an answer; 0 and why when there is none. With data it is a POST."""
    if parameters:
        url += "?" + urllib.parse.urlencode(parameters)
    try:
        with urllib.request.urlopen(url, data, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "backslashreplace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
