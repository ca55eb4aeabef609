#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""contrib/prometheus/ttn.rules.yml in the hands of promtool, with the unit tests beside it."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from tap import equal, matches, run  # noqa: E402

DIRECTORY = os.path.join(paths.SRCDIR, "contrib", "prometheus")


def promtool(*arguments, directory=DIRECTORY):
    done = subprocess.run([paths.program("PROMTOOL", "promtool"), *arguments], cwd=directory, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    if done.returncode != 0:
        raise AssertionError("promtool %s: %s" % (" ".join(arguments), done.stdout.decode()))


def read(name):
    with open(os.path.join(DIRECTORY, name), encoding="utf-8") as file:
        return file.read()


def test_rules_are_valid():
    promtool("check", "rules", "--lint-fatal", "ttn.rules.yml")


def test_alerts_behave():
    """Each alert fires when it should and not when it should not"""
    promtool("test", "rules", "ttn.rules.test.yml")


def test_alerts_behave_without_left_end():
    """The same where a range lacks its left end, as from Prometheus 3 on: of values a minute apart, one fewer"""
    seconds = {"m": 60, "h": 3600, "d": 86400}
    text, times = re.subn(r"\[(\d+)([mhd])\]", lambda found: "[%ds]" % (int(found[1]) * seconds[found[2]] - 1),
                          read("ttn.rules.yml"))
    equal(times > 0, True, "ranges")
    with paths.Scratch() as scratch:
        scratch.write("ttn.rules.yml", text)
        scratch.write("ttn.rules.test.yml", read("ttn.rules.test.yml"))
        promtool("test", "rules", "ttn.rules.test.yml", directory=scratch.path)


def test_alerts_are_tested():
    """Each alert has a test in which it fires and one in which it does not"""
    alerts = re.findall(r"^ +- alert: (\w+)$", read("ttn.rules.yml"), re.MULTILINE)
    equal(len(alerts), len(set(alerts)), "alerts, without those that are there twice")
    tested = re.findall(r"^ +alertname: (\w+)\n( +exp_alerts:)?", read("ttn.rules.test.yml"), re.MULTILINE)
    equal({name for name, fires in tested if fires}, set(alerts), "seen to fire")
    equal({name for name, fires in tested if not fires}, set(alerts), "seen not to fire")


def test_alerts_are_whole():
    """Each alert waits, has a severity and says what to do"""
    for rule in read("ttn.rules.yml").split("- alert: ")[1:]:
        for wanted in (r"\n +for: \d+[md]\n", r"\n +severity: (critical|warning|info)\n", r"\n +summary: \"",
                       r"\n +description: >-\n"):
            matches(wanted, rule)


if __name__ == "__main__":
    run(globals())
