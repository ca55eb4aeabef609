#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A day's polls of one process at full speed, during all faults: its memory and descriptors stay what they are.

Memory is what malloc has given out: what is resident grows by some MiB whenever a fault comes that takes more at once
than those before it. Medians are compared, since an answer that is held takes 2 MB of TLS for a while.

Prints what they were: soak.py [--seed N]
"""

import argparse
import multiprocessing
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402,F401  (finds the stand-in)
from faulty import FaultyStory  # noqa: E402
from stories import memory  # noqa: E402

DAY = 1440
TRANSPORTS = ("TLS", "raw")
GATEWAYS = 250
# When it has met most of what there is, and then as long once more.
WARM = DAY // 3
# With TLS, what libcurl and OpenSSL hold of connections that come and go wanders by some 300 KiB, without a trend in
# 7,200 polls. A leak of the plugin's own shows without TLS, too.
SLACK_KIB = {"TLS": 512, "raw": 128}
SLACK_FILES = 2


class Soak(FaultyStory):
    RESTARTS = 0

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.used = []            # (KiB, descriptors, threads) after each poll

    def poll(self):
        reported = super().poll()
        of_process = "/proc/%d/" % self.drive.process.pid
        self.used.append((self.drive.memory() // 1024, len(os.listdir(of_process + "fd")),
                          len(os.listdir(of_process + "task"))))
        return reported


def soak(task):
    transport, seed = task
    with memory() as directory:
        story = Soak(seed, directory, transport, slow=0.1, gateways=GATEWAYS)
        story.run(DAY)
        return {"transport": transport, "seed": seed, "figures": story.figures(), "errors": story.errors, "used": story.used}


class Flat:
    """What a soak used, and how much more of it towards its end."""

    def __init__(self, told):
        self.told = told
        kib, *counts = zip(*told["used"])
        self.before = [statistics.median(kib[WARM:2 * WARM]), *(max(column[:WARM]) for column in counts)]
        late = [statistics.median(kib[2 * WARM:]), *(max(column[2 * WARM:]) for column in counts)]
        self.growth = [after - before for after, before in zip(late, self.before)]
        figures = told["figures"]
        self.well = (self.growth[0] <= SLACK_KIB[told["transport"]] and self.growth[1] <= SLACK_FILES
                     and self.growth[2] <= 0 and not (figures["lost"] or figures["twice"] or figures["errors"]))

    def lines(self):
        used = self.told["used"]
        yield ("%(transport)s, seed %(seed)d: " % self.told + "%(polls)d polls of %(gateways)d gateways, "
               "lost %(lost)d, twice %(twice)d, wrong %(errors)d" % self.told["figures"])
        yield "  after poll      KiB  descriptors  threads"
        for number in (1, 100, WARM, 2 * WARM, len(used)):
            yield "  %10d %8d %12d %8d" % (number, *used[number - 1])
        yield "  second third: %d KiB; first third: at most %d descriptors, %d threads" % tuple(self.before)
        yield "  more in the last third: %d KiB, %d descriptors, %d threads" % tuple(self.growth)


def soak_all(seed):
    """A Flat of each transport."""
    with multiprocessing.Pool(len(TRANSPORTS), maxtasksperchild=1) as pool:
        return [Flat(told) for told in pool.map(soak, [(transport, seed) for transport in TRANSPORTS])]


def main():
    parser = argparse.ArgumentParser(description="A day's polls: memory and descriptors.")
    parser.add_argument("--seed", type=int, default=4601)
    flats = soak_all(parser.parse_args().seed)
    for flat in flats:
        print("\n".join(flat.lines()))
    if not all(flat.well for flat in flats):
        sys.exit("It grows, or does not add up.")


if __name__ == "__main__":
    main()
