#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""VictoriaMetrics: it scrapes write_prometheus, and listens for write_graphite; vmalert has the rules."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "writers")]

import paths  # noqa: E402
import story  # noqa: E402
import test_dashboards  # noqa: E402
import test_graphite  # noqa: E402
import test_prometheus  # noqa: E402
import test_radio_row as radio_row  # noqa: E402
from collectd import HOST, Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, run  # noqa: E402
from victoriametrics import VictoriaMetrics  # noqa: E402

RULES = os.path.join(paths.SRCDIR, "contrib", "prometheus")


def test_story():
    """All values are in VictoriaMetrics as they are; counts go on over a reconnect"""
    test_prometheus.tells_story(VictoriaMetrics)


def test_restarts():
    """increase() and resets() over a reconnect, a restart of collectd, and a kill with a reconnect meanwhile"""
    test_prometheus.restarts(VictoriaMetrics)


def test_panels():
    """Each panel and variable for Prometheus has its answer"""
    test_dashboards.prometheus_shows_all(VictoriaMetrics)


def test_radio_row():
    """Each panel of the row Radio shows what happened, and nothing without Traffic"""
    radio_row.prometheus_shows(VictoriaMetrics)


def test_graphite_in():
    """write_graphite's values arrive as they are, under their names in Graphite"""
    with Scratch() as scratch, Standin() as stack, VictoriaMetrics(scratch) as database:
        story.fleet(stack)
        block = account("home", **stack.options(scratch), Interval=1)
        with Collectd(scratch, block, extra=database.writer(StoreRates=False), interval=1, prometheus=False):
            def newest(_):
                return {test_graphite.key_of(labels["__name__"]): number
                        for labels, number in database.query('{__name__=~"%s.*"}' % HOST)}
            story.tell(stack, newest)
            (_, samples), = database.samples('{__name__="%s.ttn-roof.packets-uplink"}' % HOST)
            story.never_falls([number for _, number in samples])


def vmalert(program, *arguments, directory=RULES):
    done = subprocess.run([paths.program(program.upper().replace("-", "_"), program), *arguments], cwd=directory,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=500)
    if done.returncode != 0:
        raise AssertionError("%s %s: %s" % (program, " ".join(arguments), done.stdout.decode()[-4000:]))


def test_rules_are_valid():
    """vmalert takes the rules"""
    vmalert("vmalert", "-dryRun", "-rule=ttn.rules.yml")


def test_alerts_behave():
    """vmalert-tool agrees with the rules' tests, in its words"""
    with open(os.path.join(RULES, "ttn.rules.test.yml"), encoding="utf-8") as file:
        text = file.read()
    text, times = re.subn(r"(?m)^( +)alertname: ", r"\1groupname: ttn\n\1alertname: ", text)
    equal(times > 20, True, "tests of alerts")
    text = text.replace("promql_expr_test:", "metricsql_expr_test:")
    text = text.replace("labels: 'ALERTS{", "labels: 'ALERTS{alertgroup=\"ttn\",")
    with Scratch() as scratch:
        with open(os.path.join(RULES, "ttn.rules.yml"), encoding="utf-8") as file:
            scratch.write("ttn.rules.yml", file.read())
        path = scratch.write("ttn.rules.test.yml", text)
        vmalert("vmalert-tool", "unittest", "--files=" + path, directory=scratch.path)


run(globals())
