# SPDX-License-Identifier: MIT
"""Memory checkers around collectd: valgrind, or the sanitizers that a plugin was built with.

collectd and the libraries it loads have leaks of their own, so of what a checker finds only that
counts which has the plugin in its stack.
"""

import glob
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import paths


def is_sanitized(plugin):
    """Was it built with sanitizers?"""
    with open(plugin, "rb") as file:
        return b"__asan_init" in file.read()


def of(plugin, scratch):
    """The checker that fits this plugin."""
    return (Sanitizers if is_sanitized(plugin) else Valgrind)(plugin, scratch)


class Valgrind:
    name = "valgrind"
    environment = {}

    def __init__(self, plugin, scratch):
        self._plugin = os.path.basename(plugin)
        self._report = scratch.file("valgrind", "%p.xml")
        self.wrapper = [paths.program("VALGRIND", "valgrind"), "-q", "--leak-check=full", "--show-leak-kinds=definite",
                        "--num-callers=40", "--xml=yes", "--xml-file=" + self._report]

    def findings(self):
        """[text], of the plugin."""
        out = []
        reports = glob.glob(os.path.join(os.path.dirname(self._report), "*.xml"))
        if not reports:
            raise AssertionError("valgrind wrote nothing")
        for path in reports:
            for error in ElementTree.parse(path).getroot().iter("error"):
                frames = list(error.iter("frame"))
                if any(os.path.basename(frame.findtext("obj") or "") == self._plugin for frame in frames):
                    out.append("%s: %s" % (error.findtext("kind"), " < ".join(
                        "%s %s:%s" % (frame.findtext("fn"), frame.findtext("file"), frame.findtext("line"))
                        for frame in frames[:12])))
        return out


class Sanitizers:
    name = "sanitizers"
    wrapper = ()

    def __init__(self, plugin, scratch):
        self._plugin = os.path.basename(plugin)
        self._report = scratch.file("sanitizer", "report")
        # What others leak must not decide the exit status: the reports are read below. For that each frame
        # has to name its module (%m), also where it is known by its source.
        options = "log_path=%s:exitcode=0:stack_trace_format='#%%n %%f %%S %%m'" % self._report
        self.environment = {"LD_PRELOAD": self._runtime(plugin),
                            "ASAN_OPTIONS": options + ":detect_leaks=1:abort_on_error=0:detect_odr_violation=0",
                            "UBSAN_OPTIONS": options + ":print_stacktrace=1",
                            "LSAN_OPTIONS": options}

    @staticmethod
    def _runtime(plugin):
        """The shared runtime, which has to come before all other libraries: that of gcc is named in the
        plugin, that of clang is not."""
        needed = subprocess.run(["ldd", plugin], stdout=subprocess.PIPE, check=True).stdout.decode()
        found = re.search(r"libasan\S* => (/\S+)", needed)
        if found:
            return found.group(1)
        for name in ("libclang_rt.asan-%s.so" % os.uname().machine, "libclang_rt.asan.so"):
            path = subprocess.run([os.environ.get("CLANG") or "clang", "-print-file-name=" + name],
                                  stdout=subprocess.PIPE, check=True).stdout.decode().strip()
            if os.path.isabs(path):
                return path
        raise AssertionError("the sanitizers' runtime is not there")

    def findings(self):
        """[text], of the plugin."""
        out = []
        for path in glob.glob(self._report + "*"):
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if re.search(r"ERROR: (?!LeakSanitizer)|runtime error:", text):
                out.append(text[:3000])
            else:
                out += [leak for leak in re.split(r"\n\n", text) if "leak of" in leak and self._plugin in leak]
        return out
