#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ttn-check on a terminal: colours, widths, progress, --watch, and what is left of it all at the end."""

import json
import os
import signal
import sys
import termios
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
from command import Terminal  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, matches, note, run, wait_for  # noqa: E402

GREEN, RED, YELLOW = "\x1b[32m", "\x1b[31m", "\x1b[33m"


def width(text):
    """How many columns a line takes: written by hand for the characters of these tests."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shown(arguments, **how):
    """(status, terminal) of one that ends by itself."""
    with Terminal(arguments, **how) as terminal:
        return terminal.wait(), terminal


def three_states(stack):
    stack.register("gw-up", name="Büro")
    stack.connect("gw-up")
    stack.register("gw-down")
    stack.register("foreign", gateway_server_address="gs.example")


def test_colours():
    """States have colours on a terminal, unless that is a dumb one or NO_COLOR is set; --color decides"""
    with Scratch() as scratch, Standin() as stack:
        three_states(stack)
        words = command.words(stack, scratch)
        status, terminal = shown(words)
        equal(status, 1)
        for colour, state in ((GREEN, "connected"), (RED, "disconnected"), (YELLOW, "unknown")):
            matches(colour.replace("[", r"\[") + state, terminal.text())
        matches("Büro", terminal.text())
        for plain in (dict(env={"NO_COLOR": "1"}), dict(env={"TERM": "dumb"})):
            equal("\x1b[3" in shown(words, **plain)[1].text(), False, plain)
        equal("\x1b[3" in shown(words + ["--color=never"])[1].text(), False)
        matches(r"\x1b\[32m", shown(words, env={"NO_COLOR": ""})[1].text())
        matches(r"\x1b\[32mconnected", command.run(words + ["--color=always"], env={"NO_COLOR": "1"}).out)
        equal("\x1b" in shown(words + ["--json"])[1].text(), False, "colours in JSON")


NAMES = ("Rathaus, Dach über dem großen Saal", "東京タワーのゲートウェイ第三号機", "🛰🛰🛰🛰🛰🛰🛰🛰🛰🛰🛰🛰",
         "e\u0301" * 30, "\u202eevil \u2066\u200b\u0085name", "x" * 200, "")


def test_widths():
    """No line is wider than the terminal, whatever names are; columns stand one below the other"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        for index, name in enumerate(NAMES):
            gateway = "gateway-number-%d" % index
            stack.register(gateway, cluster=1 + index % 2, name=name)
            stack.connect(gateway, at=-86400 * 400)
            stack.uplink(gateway, 10 ** (index + 2))
        words = command.words(stack, scratch) + ["--cluster", "127.0.0.2"]
        headings = []
        for columns in (400, 132, 100, 80, 60, 40, 25):
            status, terminal = shown(words, columns=columns)
            equal(status, 0)
            lines = terminal.text().replace("\r\n", "\n").split("\n")
            plain = [command.COLOUR.sub("", line) for line in lines]
            block = next(i for i, line in enumerate(plain) if line.startswith("For collectd.conf"))
            equal([line for line in plain[:block] if width(line) > columns and " " in line], [], columns)
            rows = [line for line in plain if line.startswith("gateway-num")]
            equal(len(rows), len(NAMES))
            heading = next(line for line in plain if line.startswith("GATEWAY"))
            headings.append(heading.split())
            equal({width(row[:row.index(" connected")]) for row in rows},
                  {width(heading[:heading.index(" STATE")])}, columns)
        note(headings)
        equal(headings[0], "GATEWAY NAME CLUSTER STATE SINCE LAST UPLINK UPLINKS DOWNLINKS TX ACKS".split(),
              headings[0])
        equal(headings[-1], ["GATEWAY", "STATE"])
        short = {"UP", "DOWN", "ACK", "LAST"}
        equal(all(set(less) <= set(more) | short for more, less in zip(headings, headings[1:])), True)
        # COLUMNS is the user's word against the terminal's.
        matches(r"GATEWAY +STATE +LAST UP\r\n", command.COLOUR.sub("", shown(
            words, columns=200, env={"COLUMNS": "40"})[1].text()))


def test_left_out():
    """It says when columns are left out; not for a cluster that is the same for all"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("a-gateway-with-a-name", name="A name of some length")
        stack.connect("a-gateway-with-a-name", at=-86400 * 400)
        words = command.words(stack, scratch)
        for columns, headings, hint in ((130, "CLUSTER", False), (74, "NAME", False), (40, "STATE", True)):
            text = shown(words, columns=columns)[1].text()
            matches("\x1b\\[1m%s" % headings, text)
            equal("CLUSTER" in text, headings == "CLUSTER", columns)
            equal("too narrow" in text, hint, columns)


def test_harmless():
    """Nothing of a name moves the cursor or turns the line around; ASCII where the locale has no more"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof", name=NAMES[4] + "ü")
        stack.connect("roof")
        words = command.words(stack, scratch)
        text = shown(words, columns=200)[1].text()
        matches(r"roof +\?evil \?\?\?nameü +127", text)
        text = shown(words, columns=200, env={"LC_ALL": "C"})[1].text()
        matches(r"roof +\?evil \?\?\?name\? +127", text)
        equal([c for c in text if ord(c) > 126], [])


def test_many():
    """2,500 gateways: progress while it takes, nothing of it left, every row there"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2500, pattern="mixed")
        stack.fault({"delay": 0.5})
        status, terminal = shown(command.words(stack, scratch), columns=100)
        equal(status, 3)
        matches(r"\r\x1b\[Klisting gateways, \d+ s", terminal.text())
        matches(r"\r\x1b\[K[1-9]\d* of 2500 gateways, \d+ s", terminal.text())
        screen = terminal.screen()
        equal([line for line in screen if "listing" in line or " of 2500" in line], [])
        equal(len([line for line in screen if line.startswith("gw-")]), 2500)
        matches("2500 gateways: 2000 connected, 500 disconnected, 0 unknown", "\n".join(screen))
        # Standard error alone is no terminal: no progress.
        equal(command.run(command.words(stack, scratch)).err, "")


def row(screen, gateway):
    return next((line for line in screen if line.startswith(gateway + " ")), "")


def test_watch():
    """--watch draws over what was there, follows the terminal's size, and Ctrl-C leaves the cursor shown"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof", name="A name that needs some room")
        stack.connect("roof")
        stack.uplink("roof", 5)
        with Terminal(command.words(stack, scratch) + ["--watch", "1"], columns=90, lines=20) as terminal:
            before = terminal.attributes()
            terminal.until(lambda screen: " 5 " in row(screen, "roof"))
            matches(r"\x1b\[\?25l", terminal.text())
            stack.uplink("roof", 37)
            terminal.until(lambda screen: " 42 " in row(screen, "roof"))
            equal(len([line for line in terminal.screen() if line.startswith("roof")]), 1, "rows")
            equal(terminal.screen()[0].endswith("every 1 s: " + stack.url), True, terminal.screen()[0])
            stack.disconnect("roof")
            terminal.until(lambda screen: "disconnected" in row(screen, "roof"))
            terminal.resize(50, 12)
            terminal.until(lambda screen: row(screen, "roof") and max(map(len, screen)) <= 50)
            terminal.type("\x03")
            equal(terminal.wait(), 3)
            equal(terminal.text().rstrip().endswith("\x1b[?25h"), True)
            equal(terminal.text().count("\x1b[?25l"), 1)
            equal(before[3] & termios.ECHO, termios.ECHO)


def test_watch_stopped():
    """Ctrl-Z shows the cursor while it is stopped; it goes on where it was"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        with Terminal(command.words(stack, scratch) + ["--watch=1"]) as terminal:
            terminal.until(lambda screen: any("1 gateway:" in line for line in screen))
            os.kill(terminal.pid, signal.SIGTSTP)
            equal(os.WIFSTOPPED(os.waitpid(terminal.pid, os.WUNTRACED)[1]), True)
            terminal.until(lambda _: terminal.text().endswith("\x1b[?25h"))
            os.kill(terminal.pid, signal.SIGCONT)
            looks = terminal.text().count("every 1 s")
            terminal.until(lambda _: terminal.text().count("every 1 s") > looks + 1)
            terminal.type("\x03")
            equal(terminal.wait(), 0)
            equal((terminal.text().count("\x1b[?25l"), terminal.text().count("\x1b[?25h")), (2, 2))


def stop_and_go_on(terminal):
    os.kill(terminal.pid, signal.SIGTSTP)
    equal(os.WIFSTOPPED(os.waitpid(terminal.pid, os.WUNTRACED)[1]), True)
    terminal.until(lambda _: terminal.text().endswith("\x1b[?25h"))
    os.kill(terminal.pid, signal.SIGCONT)


def test_watch_stopped_anywhere():
    """Also during a poll; between two polls, what was there is drawn at once when it goes on"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        stack.fault({"delay": 2}, {"kind": "batch"})
        with Terminal(command.words(stack, scratch) + ["--watch=60"]) as terminal:
            wait_for(lambda: stack.faults()[0]["hits"], "a poll", 30)
            stop_and_go_on(terminal)
            terminal.until(lambda screen: any("1 gateway:" in line for line in screen))
            stop_and_go_on(terminal)
            terminal.until(lambda _: terminal.text().count("1 gateway:") == 2, 20)
            equal(stack.count(kind="batch"), 1, "polls")
            terminal.type("\x03")
            equal(terminal.wait(), 0)
            equal((terminal.text().count("\x1b[?25l"), terminal.text().count("\x1b[?25h")), (3, 3))


def test_report_progress():
    """A report that waits for an event shows no progress of a poll that is over"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        status, terminal = shown(command.words(stack, scratch) + ["--report", scratch.file("report"), "-o", "Events=true"],
                                 columns=200)
        equal((status, [line for line in terminal.screen() if line]),
              (0, ["The report is in %s: please read it before you send it." % scratch.file("report")]))
        equal("1 of 1 gateways" in terminal.text(), False)


def test_watch_many():
    """More rows than lines: those that are down come first, and nothing scrolls"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(60, pattern="idle")
        stack.register("zz-down")
        with Terminal(command.words(stack, scratch) + ["--watch=1"], columns=80, lines=16) as terminal:
            terminal.until(lambda screen: any("61 gateways" in line for line in screen))
            screen = terminal.screen()
            matches("^zz-down ", screen[3])
            matches("^… and [45][0-9] more$", next(line for line in screen if "more" in line))
            equal(len(screen) <= 16, True)
            os.kill(terminal.pid, signal.SIGTERM)
            equal(terminal.wait(), -signal.SIGTERM)
            matches(r"\x1b\[\?25h", terminal.text())


def test_watch_in_a_pipe():
    """In a pipe looks follow each other; JSON is a line each"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2)
        for more, pattern in ((["--json"], rb'(?m)^{"schema":1,.*}$'), ([], rb"(?m)^2 gateways: 2 connected")):
            out = open(scratch.file("out"), "w+b")
            process = command.start(command.words(stack, scratch) + ["--watch=1"] + more, stdout=out)
            try:
                wait_for(lambda: len(command.found(out, pattern)) >= 2, "two looks", 30)
                process.send_signal(signal.SIGINT)
                equal((process.wait(30), process.stderr.read()), (0, b""))
                equal(b"\x1b" in command.read(out), False, "escapes")
            finally:
                process.kill()
                process.wait()
                process.stderr.close()
                out.close()


def test_watch_names_two_servers():
    """A gateway whose counts are two Gateway Servers' in turn is named once that shows"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2)
        stack.register("roof")
        for server in (0, 1):
            stack.connect("roof", server=server)
            stack.uplink("roof", 5 + 20 * server, server=server)
        with open(scratch.file("out"), "w+b") as out:
            process = command.start(command.words(stack, scratch) + ["--watch=1", "--json"], stdout=out)
            try:
                for number in range(12):
                    looks = len(command.found(out, rb'(?m)^{"schema":1,.*}$'))
                    wait_for(lambda n=looks: len(command.found(out, rb'(?m)^{"schema":1,.*}$')) > n, "a look", 30)
                    stack.advance(30)
                    stack.uplink("roof", 1, server=number % 2)
            finally:
                process.kill()
                process.wait()
                process.stderr.close()
            found = [[problem for problem in json.loads(line)["problems"] if problem["kind"] == "servers"]
                     for line in command.found(out, rb'(?m)^{"schema":1,.*}$')]
        equal((found[0], len(found[-1])), ([], 1), "problems")
        equal(found[-1][0]["message"], "1 gateway is held by at least 2 Gateway Servers: roof")
        equal(found[-1][0]["severity"], "note")


def test_interrupted():
    """Ctrl-C during a look: it ends at once, by that signal, the progress wiped"""
    with Scratch() as scratch, Standin() as stack:
        stack.fault({"hang": True})
        for more in ([], ["--watch"]):
            before = stack.faults()[0]["hits"]
            with Terminal(command.words(stack, scratch) + more) as terminal:
                wait_for(lambda: stack.faults()[0]["hits"] > before, "a request hangs", 30)
                if not more:
                    terminal.until(lambda screen: "listing gateways" in screen[0])
                terminal.type("\x03")
                equal(terminal.wait(20), -signal.SIGINT)
                equal([line for line in terminal.screen() if "listing" in line], [])
                equal(terminal.text().count("\x1b[?25l"), terminal.text().count("\x1b[?25h"))


def test_key_typed():
    """--key-file - on a terminal asks for the key, and doesn't show it; Ctrl-C leaves the terminal as it was"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        words = ["--key-file", "-", "--url", stack.url]
        with Terminal(words, columns=100) as terminal:
            terminal.until(lambda screen: screen[0].startswith("API key: "))
            wait_for(lambda: not terminal.attributes()[3] & termios.ECHO, "no echo")
            terminal.type(key_text() + "\n")
            equal(terminal.wait(), 0)
            matches("1 gateway: 1 connected", terminal.text())
        with Terminal(words, columns=100) as terminal:
            wait_for(lambda: not terminal.attributes()[3] & termios.ECHO, "no echo")
            terminal.type("\x03\n")
            equal(terminal.wait(), 2)


run(globals())
