#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""doc/writers.md says which receivers ./check receivers builds, and how they are configured there."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import opentelemetry  # noqa: E402
import paths  # noqa: E402
from tap import equal, run  # noqa: E402


def read(*names):
    with open(os.path.join(paths.SRCDIR, *names), encoding="utf-8") as file:
        return file.read()


def test_versions():
    """The table has the versions that scripts/receivers builds"""
    versions = dict(re.findall(r"(?m)^(\w+)=v(\S+)", read("scripts", "receivers")))
    rows = {row.split("|")[1].split(",")[0].strip(): row.split("|")[2].strip()
            for row in re.findall(r"(?m)^\|.*$", read("doc", "writers.md"))}
    # The module of Prometheus 3.16.0 is v0.316.0.
    major, minor = divmod(int(versions.pop("prometheus").split(".")[1]), 100)
    equal(rows["Prometheus"].split(", ")[-1], "%d.%d" % (major, minor), "Prometheus")
    for title, name in (("VictoriaMetrics", "victoriametrics"), ("Telegraf", "telegraf"),
                        ("OpenTelemetry Collector", "opentelemetry")):
        equal(rows[title], re.sub(r"\.0$", "", versions.pop(name)), title)
    equal(versions, {}, "receivers that are not in the table")


def test_opentelemetry():
    """The processor that the Collector needs is the one that is tested"""
    equal(opentelemetry.PROCESSOR in read("doc", "writers.md"), True, opentelemetry.PROCESSOR)


run(globals())
