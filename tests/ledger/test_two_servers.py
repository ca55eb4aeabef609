#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A gateway that two Gateway Servers hold: each entry that a running stack's registry had, against what was sent.

One message is missing: the counter of the connection before, which had ended with 1, is still remembered when the second
server's shows for the first time, with 3, and may be its.
"""

import json
import os
import sys
from email.utils import parsedate_to_datetime

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from process import Process, Reported  # noqa: E402
from stories import memory  # noqa: E402
from tap import equal, note, run  # noqa: E402
import stack as standin  # noqa: E402

GATEWAY = "alice-gw-3"
with open(os.path.join(paths.SRCDIR, "tests", "answers", "two-servers", "registry.json"), encoding="utf-8") as recorded:
    ANSWERS = json.load(recorded)["answers"]


def sent(answer):
    return answer["sent_to_1"] + answer["sent_to_2"]


def replay(answers, kills=()):
    """[(answer, uplinks or None, connected or None)] of a poll for each answer. kills: after which of them it is killed."""
    out = []
    with memory() as directory, standin.Stack() as stack:
        stack.register(GATEWAY)
        stack.freeze()
        key = os.path.join(directory, "key")
        with open(key, "w", encoding="ascii") as file:
            file.write(paths.keys.text_of("user") + "\n")
        options = {"URL": stack.url, "APIKeyFile": key, "StateFile": os.path.join(directory, "state"), "Interval": 60}
        process = Process(options)
        for number, answer in enumerate(answers):
            stack.set_clock(parsedate_to_datetime(answer["date"]).strftime("%Y-%m-%dT%H:%M:%SZ"))
            stack.unfault()
            stack.fault({"body": json.dumps({"entries": {GATEWAY: answer["stats"]}})}, {"kind": "batch"})
            reported = Reported(process.poll())
            values = reported.gateways.get(GATEWAY, {})
            out.append((answer, values.get(("packets", "uplink")), values.get(("bool", "connected"))))
            if number in kills:
                process.kill()
                process = Process(options)
        process.stop()
    return out


def holds(told):
    """Nothing is invented at any answer. Returns what was reported and what was sent, both since the first value."""
    first = next(row for row in told if row[1] is not None)
    # The first entry is of a connection before; any other first one has all that was sent.
    before = sent(first[0]) if "connected_at" in first[0]["stats"] else 0
    for answer, value, _ in told:
        if value is not None and value - first[1] > sent(answer) - before:
            raise AssertionError("%s s: %d reported of %d sent" % (
                answer["t"], value - first[1], sent(answer) - before))
    answer, value, _ = [row for row in told if row[1] is not None][-1]
    note("%d reported of %d sent" % (value - first[1], sent(answer) - before))
    return value - first[1], sent(answer) - before


def test_every_answer():
    """All are reported that were sent, but for one"""
    told = replay(ANSWERS)
    equal(holds(told), (67, 68), "uplinks reported and sent")
    equal([value for answer, _, value in told if "disconnected_at" in answer["stats"]][1:], [None],
          "connected, when one of two servers let it go")
    equal({value for answer, _, value in told if "connected_at" in answer["stats"]}, {1}, "connected, otherwise")


def test_slow_polls():
    """A poll for each third answer invents nothing"""
    for start in range(3):
        reported, true = holds(replay(ANSWERS[start::3]))
        if reported < true * 0.8:
            raise AssertionError("only %d of %d" % (reported, true))


def test_kills():
    """A kill after each answer loses nothing while both are known"""
    both = next(number for number, answer in enumerate(ANSWERS) if answer["sent_to_2"] > 0) + 3
    equal(holds(replay(ANSWERS, kills=range(both, len(ANSWERS) - 1))), (67, 68), "uplinks reported and sent")


if __name__ == "__main__":
    run(globals())
