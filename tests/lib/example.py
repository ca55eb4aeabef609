# SPDX-License-Identifier: MIT
"""collectd.conf.example, line by line."""

import collections
import os
import re

import place

# An option has no blank behind its "#"; what people read has.
_OPTION = re.compile(r"^    (#?)([A-Z]\w*) (.+)$")

Line = collections.namedtuple("Line", "commented name value")


def text():
    with open(os.path.join(place.SRCDIR, "collectd.conf.example"), encoding="utf-8") as file:
        return file.read()


def options():
    """Every option's line, in order."""
    found = [_OPTION.match(line) for line in text().split("\n")]
    return [Line(row.group(1) == "#", row.group(2), row.group(3)) for row in found if row]
