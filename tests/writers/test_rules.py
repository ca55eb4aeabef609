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


def promtool(*arguments):
    done = subprocess.run([paths.program("PROMTOOL", "promtool"), *arguments], cwd=DIRECTORY, check=False,
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


run(globals())
