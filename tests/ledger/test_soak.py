#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What "make soak" does: a day's polls of one process, during all faults."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from soak import DAY, soak_all  # noqa: E402
from tap import note, run  # noqa: E402


def test_soak():
    """1,440 polls of 250 gateways: memory, descriptors and threads stay what they are, and the books balance"""
    flats = soak_all(4601)
    for flat in flats:
        note("\n".join(flat.lines()))
        for error in flat.told["errors"]:
            note(error)
    if not all(flat.well and flat.told["figures"]["polls"] >= DAY for flat in flats):
        raise AssertionError("it grows, or does not add up")


if __name__ == "__main__":
    run(globals())
