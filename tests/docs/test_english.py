#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plain English, for readers whose first language is another one: words and turns that they would have to guess are
refused in documents, manual pages, comments, messages and tests. The list grows with what somebody stumbles over. And
the map in HACKING.md names what is there."""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import pages  # noqa: E402  (the modules lie beside the other tests' own)
import paths  # noqa: E402
import tap  # noqa: E402

# What is refused, and what to write instead.
REFUSED = (
    (r"\bamid(?:st)?\b", "during, in the middle of"),
    (r"\banew\b", "again"),
    (r"\bmend(?:s|ed|ing)?\b", "fix, correct"),
    (r"\bheed(?:s|ed|ing)?\b", "obey"),
    (r"\bdearer\b", "more expensive"),
    (r"\bcures?\b", "fix"),
    (r"\bnonetheless\b", "all the same"),
    (r"\bneeded is\b", "You need"),
    (r"\b(?:is|are) told by (?:it|them)\b", "it says"),
    (r"\bgoes along\b", "comes with it"),
    (r"\bof ours\b", "our"),
    (r"\bwhoever\b", "everybody who, anybody who"),
    (r"\bcan't be believed\b", "implausible"),
    (r"\bside by side\b", "in parallel"),
    (r"\bfrom poll to poll\b", "between two polls"),
    (r"\btakes nothing from\b", "does not affect"),
    (r"\bsees? to (?:it|that|their|its)\b", "makes sure"),
    (r"\bin vain\b", "without success"),
    (r"\bhunts?\b", "lookup"),
    (r"\bgraves?\b", "removed"),
    (r"\bstrangers?\b", "untrusted host"),
)


# Files that people read, besides documents and manual pages.
FILES = ("NEWS", "collectd.conf.example", "check", "dev.mk", "Containerfile", "debian/*", "scripts/*", "src/*/*.[ch]",
         "bench/*.*", "contrib/*", "contrib/*/*", "tests/local.mk", "tests/*/*.py", "tests/*/*.c", "tests/unit/*/*.[ch]")


def refused(text):
    """[(what, instead)], within names of code, too"""
    return [(found.group(0), instead) for pattern, instead in REFUSED
            for found in re.finditer(pattern, text.replace("_", " "), re.IGNORECASE)]


def texts():
    """{file: text} of all that people read."""
    names = set(pages.documents()) | {os.path.relpath(path, paths.SRCDIR) for path in pages.pods()}
    for pattern in FILES:
        names |= {os.path.relpath(path, paths.SRCDIR) for path in glob.glob(os.path.join(paths.SRCDIR, pattern))
                  if os.path.isfile(path) and not path.endswith((".json", "/test_english.py"))}
    out = {}
    for name in names:
        with open(os.path.join(paths.SRCDIR, name), encoding="utf-8") as file:
            out[name] = file.read()
    return out


def test_words():
    """No document, comment or message has a word that readers have to guess"""
    found = texts()
    tap.equal(len(found) > 300, True, "%d texts" % len(found))
    tap.equal({name: refused(text) for name, text in found.items() if refused(text)}, {})


def test_can_fail():
    """Each refused word is found, and its replacement is not refused"""
    tap.equal([one[0] for one in refused("Mended? No: mended anew, amid trouble, by whoever heeds it. test_hunts(KILL_AMID)")],
              ["amid", "AMID", "anew", "Mended", "mended", "heeds", "whoever", "hunts"])
    tap.equal(refused(" ".join(instead for _, instead in REFUSED)), [])


def test_map():
    """HACKING.md's map has each folder of src/, and each file that it names is there"""
    with open(os.path.join(paths.SRCDIR, "HACKING.md"), encoding="utf-8") as file:
        text = file.read()
    named = re.findall(r"`((?:src|tests|bench)(?:/[\w.-]+)*/?)`", text)
    tap.equal([name for name in named if not os.path.exists(os.path.join(paths.SRCDIR, name))], [], "not there")
    folders = ["src/" + name for name in sorted(os.listdir(os.path.join(paths.SRCDIR, "src"))) if
               os.path.isdir(os.path.join(paths.SRCDIR, "src", name))]
    tap.equal([name for name in folders if name not in named], [], "folders that the map lacks")


if __name__ == "__main__":
    tap.run(globals())
