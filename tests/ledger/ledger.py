#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tells stories for as long as one likes: ledger.py [--seed N] [--polls N] [--transport NAME | --faults]

One of each transport with each seed. Ends with 1 at the first that does not add up. --faults: the stories during all
faults, and a table of what became of each.
"""

import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import paths  # noqa: E402,F401  (finds the stand-in)
from faulty import Sum, tell_all  # noqa: E402
from stories import Story, adds_up, line, memory, sum_of  # noqa: E402

TRANSPORTS = {"plain": {}, "live": {"modes": ("live",)},
         "two clusters": {"modes": ("registry", "registry"), "gateways": 30},
         "registry and live": {"modes": ("registry", "live")},
         "TLS": {"modes": ("registry", "live"), "tls": True},
         "clean stops": {"modes": ("registry", "live"), "kills": False}}


def tell(seed, polls, transport, log=print):
    with memory() as directory:
        story = Story(seed, directory, log=log, **TRANSPORTS[transport])
        story.run(polls)
        return story.figures()


def tell_faults(seed, polls, log=print):
    """Returns their Sum."""
    def told(one):
        log("seed %(seed)d, %(transport)s" % one + ": %(polls)d polls, lost %(lost)d, twice %(twice)d, wrong %(errors)d"
            % one["figures"])
        for error in one["errors"]:
            log("  " + error)
    out = Sum(tell_all(seed, polls, 0.25, told))
    log("\n".join(out.lines()))
    return out


def main():
    parser = argparse.ArgumentParser(description="What the API proved, against what was reported.")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1000000)
    parser.add_argument("--polls", type=int, default=20000, help="over all transports")
    parser.add_argument("--transport", choices=TRANSPORTS)
    parser.add_argument("--faults", action="store_true")
    args = parser.parse_args()
    if args.faults:
        why = tell_faults(args.seed, args.polls).why_not()
        sys.exit("It does not add up: " + why if why else 0)
    told = []
    seed = args.seed
    while sum(figures["polls"] for figures in told) < args.polls:
        for transport in [args.transport] if args.transport else TRANSPORTS:
            start = time.monotonic()
            told.append(tell(seed, min(1000, args.polls), transport))
            print("seed %d, %s: %s; %.0f s" % (seed, transport, line(told[-1]), time.monotonic() - start), flush=True)
            if not adds_up(told[-1]):
                sys.exit("The story of seed %d, transport \"%s\", does not add up." % (seed, transport))
        seed += 1
    print("all: " + line(sum_of(told)))


if __name__ == "__main__":
    main()
