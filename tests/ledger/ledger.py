#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tells stories for as long as one likes: ledger.py [--seed N] [--polls N] [--lane NAME]

One of each lane with each seed. Ends with 1 at the first that does not add up.
"""

import argparse
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import place  # noqa: E402,F401  (finds the stand-in)
from story import Story, adds_up, line, sum_of  # noqa: E402

LANES = {"plain": {}, "live": {"modes": ("live",)},
         "two clusters": {"modes": ("registry", "registry"), "gateways": 30},
         "registry and live": {"modes": ("registry", "live")},
         "TLS": {"modes": ("registry", "live"), "tls": True},
         "clean stops": {"modes": ("registry", "live"), "kills": False}}


def tell(seed, polls, lane, log=print):
    # That there is an fsync is part of what is tried, but not the disk's speed.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="ttn-ledger-", dir=memory) as directory:
        story = Story(seed, directory, log=log, **LANES[lane])
        story.run(polls)
        return story.figures()


def main():
    parser = argparse.ArgumentParser(description="What the API proved, against what was reported.")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1000000)
    parser.add_argument("--polls", type=int, default=20000, help="over all lanes")
    parser.add_argument("--lane", choices=LANES)
    args = parser.parse_args()
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
