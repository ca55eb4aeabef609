#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every test and fuzzer of the source tree is run by make check or make check-all.

TTN_TESTS is the list that the Makefile runs. One test was once lost from it, and nobody noticed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402

RUN = os.environ["TTN_TESTS"].split()


def there():
    """{as the Makefile names it}: what is a test by its name, and can run in this build."""
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
    """Each tests/**/test_*, fuzzer and bench/test_* is run, and each that is run is there"""
    found = there()
    tap.equal(len(found) > 80, True, "%d tests found" % len(found))
    tap.equal(sorted(found - set(RUN)), [], "not run")
    tap.equal(sorted(set(RUN) - found), [], "run, and not there")


def test_none_twice():
    """No test is run twice"""
    tap.equal(sorted(name for name in set(RUN) if RUN.count(name) > 1), [])


if __name__ == "__main__":
    tap.run(globals())
