#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What tests/writers has about Prometheus, with Prometheus 3 and its promtool in place of Debian's."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "writers")]

import paths  # noqa: E402
import test_dashboards  # noqa: E402
import test_prometheus  # noqa: E402
import test_rules  # noqa: E402
from tap import equal, run  # noqa: E402

PROGRAMS = {"PROMETHEUS": paths.receiver("prometheus"), "PROMTOOL": paths.receiver("promtool")}
os.environ.update(PROGRAMS)


def test_version():
    """It is Prometheus 3, and promtool of the same version"""
    for program in PROGRAMS.values():
        said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
        equal(re.findall(r"^\w+, version 3\.", said), [os.path.basename(program) + ", version 3."], said)


run({"test_version": test_version,
     **{name: test for module in (test_prometheus, test_rules) for name, test in vars(module).items()
        if name.startswith("test_")},
     "test_panels": test_dashboards.test_prometheus, "test_alerts": test_dashboards.test_alerts})
