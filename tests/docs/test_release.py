#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a release changes in several files is the same in all of them."""

import email.utils
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402

SPEC = "contrib/rpm/collectd-ttn.spec"


def found(pattern, name):
    """What the pattern's group is in a file, at its first match."""
    with open(os.path.join(paths.SRCDIR, name), encoding="utf-8") as file:
        return re.search(pattern, file.read(), re.MULTILINE).group(1)


def test_version():
    """debian/changelog, the RPM package's spec and NEWS begin with configure.ac's version"""
    version = found(r"^AC_INIT\(\[collectd-ttn\], \[([^]]+)\]\)$", "configure.ac")
    tap.equal(found(r"\Acollectd-ttn \((.*)\) ", "debian/changelog"), version, "debian/changelog")
    tap.equal(found(r"^(\d\S*) \(", "NEWS"), version, "NEWS")
    tap.equal(found(r"^Version: +(\S+)$", SPEC), version, SPEC)
    tap.equal(found(r"^%changelog\n\* .* - (\S+)-1$", SPEC), version, "changelog of " + SPEC)


def test_date():
    """The manual pages and the RPM package's spec bear the day of debian/changelog"""
    date = email.utils.parsedate_to_datetime(found(r"^ -- .*>  (.*)$", "debian/changelog"))
    tap.equal(found(r"^AC_SUBST\(\[PAGE_DATE\], \[(.*)\]\)$", "configure.ac"), date.strftime("%Y-%m-%d"))
    tap.equal(found(r"^%changelog\n\* (.*?20\d\d) ", SPEC), date.strftime("%a %b %d %Y"), SPEC)


if __name__ == "__main__":
    tap.run(globals())
