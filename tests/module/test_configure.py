#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where configure looks for collectd's headers, and what it says when it can't use them. Debian and Alpine have a
package of them. Fedora, openSUSE and Arch have only what collectd's own `make install` leaves, which is for clients:
there they are in a source tree of collectd. The trees here are stand-ins, with what configure looks at."""

import contextlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402

PLUGIN_H = """
#include "config.h"
typedef struct { int values; } value_list_t;
#define VALUE_LIST_INIT {0}
int plugin_dispatch_values(value_list_t const *list);
"""
# As Debian and Alpine write it: each header names others by their installed path.
PACKAGED_H = PLUGIN_H.replace('"config.h"', '"collectd/core/config.h"')
OTHER_H = "typedef struct { int metrics; } metric_family_t;\n"

# Where plugin.h is, what is in it, and in config.h; configure's status, and what it says of a tree with these.
CASES = (
    ("src", PLUGIN_H, "", 0, "checking for collectd's headers... {tree}/src\n"),
    ("include/collectd/core", PLUGIN_H, "", 0, "checking for collectd's headers... {tree}/include/collectd/core\n"),
    ("include/collectd/core", PACKAGED_H, "", 0, "checking whether these are collectd 5's... yes\n"),
    (".", PLUGIN_H, "", 0, "checking for collectd's headers... {tree}\n"),
    # It names the option, and Debian's package.
    ("elsewhere", PLUGIN_H, "", 1, "--with-collectd=DIR names a source tree of collectd 5"),
    ("elsewhere", PLUGIN_H, "", 1, "apt install collectd-dev"),
    # A source tree as it is unpacked; one of another major version.
    ("src", PLUGIN_H, None, 1, "{tree}/src has no config.h: run collectd's own configure there"),
    ("src", OTHER_H, "", 1, "the headers in {tree}/src can't be used, config.log says why; --with-collectd=DIR"),
)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def configure(directory, tree, status):
    """What it says. It remembers in the directory what it found out about the compiler."""
    done = subprocess.run(["./configure", "--config-cache", "--no-create", "--with-collectd=" + tree], cwd=directory,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          text=True, timeout=300)
    tap.equal(done.returncode, status, "status, %s" % done.stdout[-1000:])
    return done.stdout


def test_clients():
    """Headers for clients are not taken for those of plugins, and it says so"""
    with source() as scratch:
        tree = scratch.file("tree")
        for name in ("client.h", "lcc_features.h", "network.h", "server.h", "types.h"):
            write(os.path.join(tree, "include", "collectd", name), "")
        said = configure(scratch.path, tree, 1)
        tap.matches(re.escape("those in %s/include/collectd are of libcollectdclient, which is for clients; on other "
                              "systems configure's option --with-collectd=DIR names a source tree" % tree), said)


@contextlib.contextmanager
def source():
    """A directory with configure, and nothing else that a build in the source tree left there."""
    with paths.Scratch() as scratch:
        for name in ("build-aux", "configure", "src"):
            os.symlink(os.path.join(paths.SRCDIR, name), scratch.file(name))
        yield scratch


def test_headers():
    """collectd's headers are found, or it says what to do"""
    with source() as scratch:
        for number, (folder, plugin_h, config_h, status, text) in enumerate(CASES):
            tree = scratch.file("tree-%d" % number)
            write(os.path.join(tree, folder, "daemon", "plugin.h"), plugin_h)
            if config_h is not None:
                write(os.path.join(tree, folder, "config.h"), config_h)
            tap.matches(re.escape(text.format(tree=tree)), configure(scratch.path, tree, status))


if __name__ == "__main__":
    tap.run(globals())
