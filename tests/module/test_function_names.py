#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each function of src/ has a name of its own, static ones too: a name in a profile, a backtrace or a search result
leads to one place."""

import collections
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402

# A definition as clang-format writes it: from the line's start, its body's brace on the line of the last argument.
DEFINITION = re.compile(r"(?m)^(?!typedef)(?:[A-Za-z_]\w*[\s\*]+)+(\w+)\((?:[^;{}()]|\([^()]*\))*\)(?:\n    __attribute__.*)? \{")


def functions(text):
    return DEFINITION.findall(re.sub(r"(?m)^#.*$|/\*(?:.|\n)*?\*/", "", text))


def twice(sources):
    """{name: where} of functions that several files define. sources: {file: text}."""
    found = collections.defaultdict(list)
    for name, text in sources.items():
        for function in functions(text):
            found[function].append(name)
    return {function: where for function, where in found.items() if len(where) > 1}


def test_unique():
    """No function name is defined twice in src/"""
    top = os.path.join(paths.SRCDIR, "src")
    sources = {}
    for path in glob.glob(os.path.join(top, "*", "*.[ch]")):
        with open(path, encoding="utf-8") as file:
            sources[os.path.relpath(path, top)] = file.read()
    tap.equal(sum(len(functions(text)) for text in sources.values()) > 500, True, "functions found")
    tap.equal(twice(sources), {})


def test_can_fail():
    """A name that two files define is found, whatever its form"""
    one = "static int\nadd(int a) {\n  return a;\n}\n"
    two = "struct a *add(int a,\n              int (*b)(int)) {\n  return 0;\n}\nint add(int a);\n"
    tap.equal(twice({"a.c": one, "b.c": two}), {"add": ["a.c", "b.c"]})
    tap.equal(twice({"a.c": one, "b.c": "void f(void) {\n  add(1);\n}\n"}), {})


if __name__ == "__main__":
    tap.run(globals())
