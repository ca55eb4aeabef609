#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""./check, and how GitHub runs it. `./check workflows` has actionlint."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

try:
    import yaml
except ImportError:
    # Where Debian's packages are, if this is another Python.
    sys.path.append("/usr/lib/python3/dist-packages")
    import yaml

import paths  # noqa: E402
import tap  # noqa: E402


def test_check_can_pass():
    """GitHub sets CI=true, with which tests insist on JSONTestSuite; and root has to trust the runner's directory"""
    with open(os.path.join(paths.SRCDIR, ".github", "workflows", "check.yml"), encoding="utf-8") as file:
        jobs = yaml.safe_load(file)["jobs"]
    for name, job in jobs.items():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        checks = [one for one in commands if "./check" in one]
        tap.equal([one.split("./check")[0] for one in checks], ["CI='' "], name)
        trusted = 'git config --global --add safe.directory "$GITHUB_WORKSPACE"'
        tap.equal(commands.index(trusted) < commands.index(checks[0]), True, name)


def test_unknown_step():
    """./check does nothing before it knows each of its words"""
    with paths.Scratch() as scratch:
        shutil.copy(os.path.join(paths.SRCDIR, "check"), scratch.path)
        done = subprocess.run(["./check", "gcc", "typo"], cwd=scratch.path, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        tap.equal((done.returncode, done.stdout, done.stderr), (2, "", "./check: no step typo\n"))


if __name__ == "__main__":
    tap.run(globals())
