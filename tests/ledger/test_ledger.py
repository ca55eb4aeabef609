#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ledger with fixed seeds: what the API proved is what every kind of writer makes of the values.

ledger.py tells other stories for as long as one likes.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import ledger  # noqa: E402
from stories import adds_up, line, sum_of  # noqa: E402
from tap import equal, note, run  # noqa: E402

POLLS = 400
TOLD = []


def told(transport, seed):
    figures = ledger.tell(seed, POLLS, transport, note)
    note("seed %d: %s" % (seed, line(figures)))
    TOLD.append(figures)
    if not adds_up(figures):
        raise AssertionError("the story of seed %d does not add up" % seed)
    return figures


def test_plain():
    told("plain", 4101)


def test_live():
    told("live", 4102)


def test_two_clusters():
    told("two clusters", 4103)


def test_registry_and_live():
    told("registry and live", 4104)


def test_tls():
    told("TLS", 4105)


def test_clean_stops():
    """With clean stops alone, everything can be joined"""
    figures = told("clean stops", 4106)
    equal((figures["cases"], figures["exact"]), (0, 3 * figures["gateways"]), "counts not joined, exact series")


def test_all():
    """It was enough: 2,000 polls, and of everything some"""
    figures = sum_of(TOLD)
    note("all: " + line(figures))
    least = {"polls": 2000, "gateways": 100, "messages": 100000, "reconnects": 300, "clean": 50, "kills": 50,
             "during": 20, "unknown": 1000}
    for name, number in least.items():
        if figures[name] < number:
            raise AssertionError("only %d %s" % (figures[name], name))


if __name__ == "__main__":
    run(globals())
