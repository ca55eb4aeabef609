#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ledger during faults with a fixed seed, over all transports. test_faults_long.py tells more of it.

What is wrong is named with its seed and transport: FaultyStory of it alone tells the same again.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from faulty import Sum, tell_all  # noqa: E402
from tap import note, run  # noqa: E402


def test_faults():
    """600 polls during every kind of fault: 0 lost, 0 twice, 0 wrong, each counted, one line, over in one interval"""
    told = tell_all(4301, 600, 0.3)
    for one in told:
        note("seed %(seed)d, %(transport)s" % one)
        for error in one["errors"]:
            note(error)
    out = Sum(told)
    note("\n".join(out.lines()))
    why = out.why_not()
    if why:
        raise AssertionError(why)
    met = [name for name, row in out.rows.items() if row["polls"]]
    if out.figures["polls"] < 500 or len(met) < 40:
        raise AssertionError("only %d polls and %d kinds of fault" % (out.figures["polls"], len(met)))
    if sum(row["counted"] for row in out.rows.values()) < 150:
        raise AssertionError("hardly any fault was met")


if __name__ == "__main__":
    run(globals())
