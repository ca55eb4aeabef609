#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every test and fuzzer of the source tree is run by make check, make check-all or ./check world.

TTN_TESTS is what these run, TTN_TESTS_LEFT_OUT what this build can't run, TTN_TESTS_LISTED what
the Makefile's lists name. One test was once lost from the Makefile, and nobody noticed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402

RUN = os.environ["TTN_TESTS"].split()
LEFT_OUT = os.environ["TTN_TESTS_LEFT_OUT"].split()
LISTED = os.environ["TTN_TESTS_LISTED"].split()


def there():
    """{as the Makefile names it}: what is a test by its name."""
    out = set()
    for top in ("tests", "bench"):
        for directory, _, names in os.walk(os.path.join(paths.SRCDIR, top)):
            for name in names:
                stem, suffix = os.path.splitext(name)
                is_fuzzer = name.startswith("fuzz_") and suffix == ".c"
                if is_fuzzer or name.startswith("test_") and suffix in (".c", ".py", ".sh"):
                    path = os.path.join(directory, stem + (".tap" if suffix == ".c" else suffix))
                    out.add(os.path.relpath(path, paths.SRCDIR))
    return out


def test_none_lost():
    """Each tests/**/test_*, fuzzer and bench/test_* is run, or left out by this build on purpose"""
    found = there()
    tap.equal(len(found) > 80, True, "%d tests found" % len(found))
    tap.equal(sorted(found - set(RUN) - set(LEFT_OUT)), [], "not run")
    tap.equal(sorted(set(RUN) - found), [], "run, and not there")


def test_none_twice():
    """No test is run twice"""
    tap.equal(sorted(name for name in set(RUN) if RUN.count(name) > 1), [])


def test_lists():
    """Each test that a list of the Makefile names is there, so none runs where its list would keep it from"""
    tap.equal(sorted(set(LISTED + LEFT_OUT) - there()), [])


def test_left_out():
    """What a build leaves out is what needs its compiler's or its libraries' help"""
    tap.equal(sorted(set(LEFT_OUT) - {"bench/test_bench.py", "tests/module/test_hardening.py"}), [])


if __name__ == "__main__":
    tap.run(globals())
