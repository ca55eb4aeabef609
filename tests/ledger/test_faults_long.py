#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ledger during faults, at length: what "make ledger-long" tells."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from ledger import tell_faults  # noqa: E402
from tap import note, run  # noqa: E402

POLLS = 10000


def test_faults():
    """10,000 polls during every kind of fault: 0 lost, 0 twice, 0 wrong, each counted, one line, over in one interval"""
    out = tell_faults(4401, POLLS, note)
    why = out.why_not()
    if why:
        raise AssertionError(why)
    unmet = [name for name, row in out.rows.items() if not row["polls"]]
    if out.figures["polls"] < POLLS or unmet:
        raise AssertionError("%d polls, and none during %s" % (out.figures["polls"], unmet))


if __name__ == "__main__":
    run(globals())
