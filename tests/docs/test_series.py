#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every series that a page names is one that write_prometheus has, and the rules of doc/migration.md work."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from standin import Standin  # noqa: E402

PAGES = ("README.md", "contrib/README.md", "doc/comparison.md", "doc/large-fleets.md", "doc/migration.md",
         "doc/writers.md", "man/collectd-ttn.pod")


def read(page):
    with open(os.path.join(paths.SRCDIR, page), encoding="utf-8") as file:
        return file.read()


def named():
    """{(metric, type or None)} of all pages. What stands for a family, without braces, has no type."""
    out = set()
    for page in PAGES:
        for metric, labels in re.findall(r"\b(collectd_ttn_\w+)(\{[^}]*\})?", read(page)):
            found = re.search(r'\btype="([^"]*)"', labels)
            out.add((metric, found.group(1) if found else None))
    return out


def scraped():
    """{(metric, type)} of an account that has everything."""
    with paths.Scratch() as scratch, Standin() as stack:
        stack.fleet(20, pattern="mixed")
        stack.register("forwarder", antennas=[{"location": {"latitude": 47.25, "longitude": -8.5}}])
        stack.connect("forwarder", status=True)
        stack.cluster(1, limits={"batch": {"rate": 6000, "burst": 100}})
        block = account("home", **stack.options(scratch), Interval=0.3, CollectDetails=True, Location=True)
        with Collectd(scratch, block, interval=0.3) as daemon:
            daemon.wait_value("ttn_api", "home", "bool", "up", 1)
            return {(metric, dict(labels).get("type")) for metric, labels in daemon.scrape()}


def test_series():
    """Every series that README, the manual and doc/migration.md name is there"""
    there = scraped()
    wanted = named()
    tap.note("%d series" % len(wanted))
    families = {metric for metric, _ in there}
    lacking = [one for one in sorted(wanted, key=str)
               if not (one in there if one[1] else one[0] in families)]
    tap.equal(lacking, [], "not there")
    tap.at_most(15, len(wanted), "series")


def test_rules():
    """The recording rules of doc/migration.md are what Prometheus takes, one for each old name"""
    rules = re.search(r"(?s)```yaml\n(.*?)```", read("doc/migration.md")).group(1)
    with paths.Scratch() as scratch:
        path = scratch.write("rules.yml", rules)
        done = subprocess.run([paths.program("PROMTOOL", "promtool"), "check", "rules", path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, text=True)
        tap.equal(done.returncode, 0, done.stdout)
        tap.matches("SUCCESS: 4 rules found", done.stdout)


if __name__ == "__main__":
    tap.run(globals())
