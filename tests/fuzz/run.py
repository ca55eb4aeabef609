#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the fuzzers one after the other, and prints what came of it. `make fuzz`
and `make fuzz-corpus` call it in a build directory:

    run.py [--merge] SECONDS FUZZER…

What they found new is kept in fuzz/corpus/ of that directory, an input that
breaks something in fuzz/findings/. --merge then puts a smallest set of inputs
with the same coverage into tests/fuzz/corpus, from which each run begins; what
is named regression-… or seed-… there stays."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FINDINGS = os.path.join("fuzz", "findings")
# The longest input; longer ones would only be slower.
LONGEST = {"hosts": 700, "settings": 300, "times": 64}
LONGEST_ELSE = 8192


def figure(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def longest(name):
    return f"-max_len={LONGEST.get(name, LONGEST_ELSE)}"


def directory(*parts):
    path = os.path.join(*parts)
    os.makedirs(path, exist_ok=True)
    return path


def fuzz(program, name, seconds):
    """Runs, edges covered, findings."""
    before = set(os.listdir(directory(FINDINGS)))
    command = [program, f"-max_total_time={seconds}", "-print_final_stats=1", longest(name), "-timeout=10",
               f"-artifact_prefix={FINDINGS}/{name}-", directory("fuzz", "corpus", name),
               directory(HERE, "corpus", name)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = ran.stdout.decode(errors="replace")
    findings = sorted(set(os.listdir(FINDINGS)) - before)
    if ran.returncode != 0:
        print("\n".join(text.splitlines()[-30:]), file=sys.stderr)
        findings = findings or ["none written"]
    return figure(r"stat::number_of_executed_units: (\d+)", text), figure(r" cov: (\d+)", text), findings


def merge(program, name):
    """How many inputs there are then."""
    committed = directory(HERE, "corpus", name)
    kept = {file for file in os.listdir(committed) if file.startswith(("regression-", "seed-"))}
    with tempfile.TemporaryDirectory() as smallest:
        for file in kept:
            shutil.copy(os.path.join(committed, file), smallest)
        subprocess.run([program, "-merge=1", "-use_counters=0", longest(name), smallest, committed,
                        directory("fuzz", "corpus", name)], check=True, stderr=subprocess.DEVNULL)
        for file in set(os.listdir(committed)) - kept:
            os.unlink(os.path.join(committed, file))
        for file in set(os.listdir(smallest)) - kept:
            shutil.move(os.path.join(smallest, file), committed)
    return len(os.listdir(committed))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("seconds", type=int)
    parser.add_argument("fuzzers", nargs="+")
    options = parser.parse_args()
    each = max(1, options.seconds // len(options.fuzzers))
    total, bad = 0, 0
    print(f"{'fuzzer':<12}{'runs':>14}{'runs/s':>10}{'edges':>8}{'findings':>10}", flush=True)
    for program in options.fuzzers:
        name = os.path.basename(program).removeprefix("fuzz_").removesuffix(".fuzzer")
        runs, edges, findings = fuzz(program, name, each)
        total += runs
        bad += len(findings)
        print(f"{name:<12}{runs:>14,}{runs // each:>10,}{edges:>8}{len(findings):>10}", *findings, flush=True)
        if options.merge:
            print(f"{'':<12}{merge(program, name)} inputs", flush=True)
    print(f"{'all':<12}{total:>14,}{'':>18}{bad:>10}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
