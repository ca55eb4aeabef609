#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Debian package for other architectures, built on this one.

The steps are tests in the order of this file, and need the first. All that the chroot said is in
build/…/packages/cross.log.
"""

import os

import debian  # which finds the tests' common modules
import mirror
from chroot import Chroot

# Debian's names, and readelf's.
ARCHITECTURES = {"arm64": "AArch64", "armhf": "ARM"}
PACKAGE = "/src/%s/build/deb/collectd-ttn_*_%s.deb"
builder = None


def as_builder(command):
    return builder.run(command, "builder", network=False, HOME="/nonexistent", PATH="/usr/bin:/bin")


def test_tools():
    """install-packages gets all that building for other architectures needs"""
    global builder
    os.makedirs(debian.TOP, exist_ok=True)
    log = open(os.path.join(debian.TOP, "cross.log"), "w", encoding="utf-8")
    # The release alone: a library must be of the same version on all architectures.
    builder = Chroot(os.path.join(debian.TOP, "cross-builder"), mirror.codename(), log, parts=("",))
    builder.run("useradd --no-create-home builder && install -d -o builder /src")
    for name in ARCHITECTURES:
        debian.copy_source(builder.file("src", name))
        builder.run("dpkg --add-architecture %s && /src/%s/scripts/install-packages package %s" % (3 * (name,)))
    builder.run("apt-get install -q -y --no-install-recommends lintian && chown -R builder /src")


def test_build():
    """build-deb makes packages of these, without network"""
    for name in ARCHITECTURES:
        as_builder("cd /src/%s && scripts/build-deb -a%s -b" % (name, name))
        debian.tap.equal(as_builder("dpkg-deb -f %s Architecture" % PACKAGE % (name, name)).strip(), name)


def test_programs():
    """What is in them is for these architectures"""
    for name, machine in ARCHITECTURES.items():
        as_builder("cd /src/%s && dpkg-deb -x %s files" % (name, PACKAGE % (name, name)))
        for path in ("lib/collectd/ttn.so", "bin/ttn-check"):
            debian.tap.matches("Machine: +%s\n" % machine, as_builder("readelf -h /src/%s/files/usr/%s" % (name, path)))


def test_lintian():
    """lintian finds nothing"""
    for name in ARCHITECTURES:
        as_builder("cd /src/%s/build/deb && %s *.changes" % (name, debian.LINTIAN))


def test_end():
    """Nothing is left mounted or running"""
    builder.close()
    debian.nothing_mounted()


if __name__ == "__main__":
    debian.tap.run(globals())
