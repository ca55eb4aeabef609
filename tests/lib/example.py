# SPDX-License-Identifier: MIT
"""collectd.conf.example, line by line."""

import collections
import os
import re

import paths
import tap
from collectd import option

# An option has no blank behind its "#"; what people read has.
_OPTION = re.compile(r"^    (#?)([A-Z]\w*) (.+)$")

Line = collections.namedtuple("Line", "commented name value")


def text():
    with open(os.path.join(paths.SRCDIR, "collectd.conf.example"), encoding="utf-8") as file:
        return file.read()


def options():
    """Every option's line, in order."""
    found = [_OPTION.match(line) for line in text().split("\n")]
    return [Line(row.group(1) == "#", row.group(2), row.group(3)) for row in found if row]


def swapped(text, name, value):
    """The file with another value of one option, in force."""
    out, n = re.subn(r"(?m)^( *)#?%s .*$" % name, lambda found: found.group(1) + option(name, value), text)
    tap.equal(n, 1, "lines of %s" % name)
    return out
