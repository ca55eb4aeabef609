#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What tests/writers has about Prometheus, with Prometheus 3 and its promtool in place of Debian's."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "writers")]

import paths  # noqa: E402
import test_dashboards  # noqa: E402
import test_prometheus  # noqa: E402
import test_radio_row  # noqa: E402
import test_rules  # noqa: E402
from tap import matches, run  # noqa: E402

PROGRAMS = {"PROMETHEUS": paths.receiver("prometheus"), "PROMTOOL": paths.receiver("promtool")}
os.environ.update(PROGRAMS)


def test_version():
    """They are built from what scripts/receivers names, which is Prometheus 3 and no older one"""
    for program in PROGRAMS.values():
        said = subprocess.run(["go", "version", "-m", program], stdout=subprocess.PIPE, check=True).stdout.decode()
        matches(r"\tmod\tgithub.com/prometheus/prometheus\tv0\.3\d\d\.", said)


# What that test imitates is here.
imitated = "test_alerts_behave_without_left_end"
run({"test_version": test_version,
     **{name: test for module in (test_prometheus, test_rules) for name, test in vars(module).items()
        if name.startswith("test_") and name != imitated},
     "test_panels": test_dashboards.test_prometheus, "test_alerts": test_dashboards.test_alerts,
     "test_radio_row": test_radio_row.test_prometheus})
