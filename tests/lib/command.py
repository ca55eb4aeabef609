# SPDX-License-Identifier: MIT
"""ttn-check as a user runs it: in a pipe, or on a terminal of a given size whose screen can be read; other programs,
too."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import paths

# What of the environment reaches it: a test's machine may have a proxy, or a wish for colours.
_KEPT = ("PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_PRELOAD", "LLVM_PROFILE_FILE")


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def environment(extra):
    out = {name: os.environ[name] for name in _KEPT if name in os.environ}
    out.update(LC_ALL="C.UTF-8", TERM="xterm-256color", TZ="UTC")
    out.update(extra or {})
    return {name: value for name, value in out.items() if value is not None}


def words(stack, scratch, kind="user"):
    """The options that lead it to a stand-in."""
    options = stack.options(scratch, kind)
    out = ["--key-file", options["APIKeyFile"], "--url", options["URL"]]
    return out + (["--cacert", options["CACert"]] if "CACert" in options else [])


class Ran:
    """One that has ended."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err
        for text in (out, err):
            paths.no_secret(text.encode("utf-8", "surrogateescape"), "ttn-check's output")

    def json(self):
        return json.loads(self.out)

    def kinds(self):
        """What is wrong, as [(severity, kind)] of the JSON."""
        return [(one["severity"], one["kind"]) for one in self.json()["problems"]]


def start(arguments, stdout, env=None):
    """Its process; standard error is a pipe."""
    return subprocess.Popen([paths.check()] + arguments, env=environment(env), stdin=subprocess.DEVNULL, stdout=stdout,
                            stderr=subprocess.PIPE)


def run(arguments, env=None, text=None, seconds=90, cwd=None):
    """In pipes; `text` is its standard input."""
    done = subprocess.run([paths.check()] + arguments, env=environment(env), stdout=subprocess.PIPE, cwd=cwd,
                          stderr=subprocess.PIPE, timeout=seconds, check=False,
                          **({"stdin": subprocess.DEVNULL} if text is None else {"input": text.encode()}))
    return Ran(done.returncode, done.stdout.decode("utf-8", "surrogateescape"),
               done.stderr.decode("utf-8", "surrogateescape"))


def read(file):
    """What another process has written there so far."""
    return os.pread(file.fileno(), 1 << 24, 0)


def found(file, pattern):
    return re.findall(pattern, read(file))


class Terminal:
    """One on a terminal. `raw` is all that came; screen() what a person sees of it."""

    def __init__(self, arguments, columns=80, lines=24, env=None, program=None):
        self.columns, self.lines = columns, lines
        self.raw = b""
        program = program or paths.check()
        words, variables = [program] + arguments, environment(env)
        size = struct.pack("HHHH", lines, columns, 0, 0)
        # As little as can be between fork and exec: a stand-in's threads may hold any lock.
        pid, self._fd = pty.fork()
        if pid == 0:
            try:
                # The size is there before the program is.
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.execve(program, words, variables)
            finally:
                os._exit(127)
        self.pid = pid
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def resize(self, columns, lines):
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text):
        os.write(self._fd, text.encode())

    def attributes(self):
        return termios.tcgetattr(self._fd)

    def _read(self, end):
        if not select.select([self._fd], [], [], max(0, end - time.monotonic()))[0]:
            raise AssertionError("waited too long; the screen:\n" + "\n".join(self.screen()))
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # what Linux says when the last writer is gone
            data = b""
        self.raw += data
        paths.no_secret(self.raw, "the terminal")
        return data

    def until(self, condition, seconds=60.0):
        """Reads on until condition(screen) holds."""
        end = time.monotonic() + seconds
        while not condition(self.screen()):
            if not self._read(end):
                raise AssertionError("it ended; the screen:\n" + "\n".join(self.screen()))

    def wait(self, seconds=60.0):
        """Until it ends; its status, negative: the signal that ended it."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def text(self):
        return self.raw.decode("utf-8")

    def screen(self):
        """The lines, from the few sequences that it uses; without colours."""
        rows, row, column = [""], 0, 0
        for piece in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[\s\S]", self.raw.decode("utf-8", "ignore")):
            if piece == "\n":
                row += 1
            elif piece == "\r":
                column = 0
            elif piece == "\x1b[H":
                row = column = 0
            elif piece == "\x1b[2J":
                rows = [""]
            elif piece == "\x1b[J":
                rows[row:] = [rows[row][:column]]
            elif piece == "\x1b[K":
                rows[row] = rows[row][:column]
            elif not piece.startswith("\x1b"):
                rows[row] = rows[row][:column].ljust(column) + piece + rows[row][column + 1:]
                column += 1
            while row >= len(rows):
                rows.append("")
        return rows
