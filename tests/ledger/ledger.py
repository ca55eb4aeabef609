#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tells stories for as long as one likes: ledger.py [--seed N] [--polls N] [--lane NAME | --faults]

One of each lane with each seed. Ends with 1 at the first that does not add up. --faults: the stories amid all
faults, and a table of what became of each.
"""

import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import place  # noqa: E402,F401  (finds the stand-in)
from faulty import Sum, tell_all  # noqa: E402
from stories import Story, adds_up, line, memory, sum_of  # noqa: E402

LANES = {"plain": {}, "live": {"modes": ("live",)},
         "two clusters": {"modes": ("registry", "registry"), "gateways": 30},
         "registry and live": {"modes": ("registry", "live")},
         "TLS": {"modes": ("registry", "live"), "tls": True},
         "clean stops": {"modes": ("registry", "live"), "kills": False}}


def tell(seed, polls, lane, log=print):
    with memory() as directory:
        story = Story(seed, directory, log=log, **LANES[lane])
        story.run(polls)
        return story.figures()


def tell_faults(seed, polls, log=print):
    """Returns their Sum."""
    def told(one):
        log("seed %(seed)d, %(lane)s" % one + ": %(polls)d polls, lost %(lost)d, twice %(twice)d, wrong %(errors)d"
            % one["figures"])
        for error in one["errors"]:
            log("  " + error)
    out = Sum(tell_all(seed, polls, 0.25, told))
    log("\n".join(out.lines()))
    return out


def main():
    parser = argparse.ArgumentParser(description="What the API proved, against what was reported.")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1000000)
    parser.add_argument("--polls", type=int, default=20000, help="over all lanes")
    parser.add_argument("--lane", choices=LANES)
    parser.add_argument("--faults", action="store_true")
    args = parser.parse_args()
    if args.faults:
        why = tell_faults(args.seed, args.polls).why_not()
        sys.exit("It does not add up: " + why if why else 0)
    told = []
    seed = args.seed
    while sum(figures["polls"] for figures in told) < args.polls:
        for lane in [args.lane] if args.lane else LANES:
            start = time.monotonic()
            told.append(tell(seed, min(1000, args.polls), lane))
            print("seed %d, %s: %s; %.0f s" % (seed, lane, line(told[-1]), time.monotonic() - start), flush=True)
            if not adds_up(told[-1]):
                sys.exit("The story of seed %d, lane \"%s\", does not add up." % (seed, lane))
        seed += 1
    print("all: " + line(sum_of(told)))


if __name__ == "__main__":
    main()
