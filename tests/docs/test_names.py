#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""README.md, doc/ and collectd.conf.example against the code: options, values and figures.

Options and kinds of failures come from ttn-names, values from polls of an account that has all of
them. test_manual.py holds the manual against all three."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import example  # noqa: E402  (the modules lie beside the other tests' own)
import paths  # noqa: E402
import standin  # noqa: E402
import tap  # noqa: E402
from drive import Drive  # noqa: E402
from pages import code, documents, names, readme, table  # noqa: E402


def test_options_in_readme():
    """README's table has ten options, as the code has them; the manual has them all"""
    rows = readme("## Options")
    got = [[code(name)[0], code(value)[0], "many" if "(many)" in value else "one", (code(default) + [""])[0]]
           for name, value, default, _ in rows]
    tap.equal([row for row in got if row not in names("option")], [], "README alone has")
    tap.equal(len(got), 10, "options")
    tap.equal(got, [row for row in names("option") if row in got], "order")


def test_options_in_example():
    """collectd.conf.example has every option, those with a default as it is"""
    lines = example.options()
    for name, value, many, default in names("option"):
        given = [line.value for line in lines if line.name == name]
        if not given or (many == "one" and len(given) != 1):
            raise AssertionError("%s is there %d times" % (name, len(given)))
        quoted = value not in ("SECONDS", "MILLISECONDS", "NUMBER", "true|false")
        for one in given:
            tap.matches(r'^".+"$' if quoted else r"^[\w.]+$", one)
            if default:
                tap.equal(one.strip('"'), default, name)
    tap.equal({line.name for line in lines} - {row[0] for row in names("option")}, set(), "unknown options")
    tap.equal([line.name for line in lines if not line.commented], ["APIKeyFile"], "what is in force")


def emitted():
    """{(plugin, type, type_instance)} of an account that has everything."""
    out = set()
    with paths.Scratch() as scratch, standin.Standin() as stack:
        stack.fleet(20, pattern="mixed")
        stack.register("forwarder")
        stack.connect("forwarder", status=True)
        stack.cluster(1, limits={"batch": {"rate": 6000, "burst": 100}})
        with Drive(scratch, Traffic=True, Location=True, CollectDetails=True, **stack.options(scratch, "user-traffic")) as drive:
            for action in (None, {"status": 503}, {"transform": [["html", 502]]}, None):
                if action:
                    stack.fault(action, {"kind": "batch"}, times=1)
                stack.move()
                for plugin, _, type_, type_instance in drive.poll().values:
                    out.add((plugin, type_, type_instance))
            hear_all(stack, drive)
            for plugin, _, type_, type_instance in drive.poll().values:
                out.add((plugin, type_, type_instance))
    return out


def hear_all(stack, drive):
    """Events of each kind, of the gateway forwarder."""
    drive.hear(stack, 1)
    for error in ["message_crc"] + ["reason_%s" % letter for letter in "abcdefgh"]:
        stack.uplink("forwarder", radio={"drop": {"code": 3, "namespace": "pkg", "name": error, "text": "error"}})
    for number in range(25):
        stack.uplink("forwarder", radio={"frequency": 868100000 + 200000 * number})
    stack.uplink("forwarder", radio={"data_rate": {"fsk": {"bit_rate": 50000}}})
    stack.uplink("forwarder", radio={"data_rate": {"lrfhss": {"operating_channel_width": 137000}}})
    stack.downlink("forwarder")
    for result in ("SUCCESS", "UNKNOWN_ERROR", "TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON",
                   "TX_FREQ", "TX_POWER", "GPS_UNLOCKED"):
        stack.tx_ack("forwarder", result=result)
    for cause in ("conflict", "duty_cycle", "dwell_time", "too_late", "no_clock_sync"):
        stack.unscheduled("forwarder", [cause])
    for _ in range(2):
        stack.advance(60)
        drive.hear(stack)


def documented():
    """[(plugin, type, type_instance)], with placeholders."""
    tables = (("ttn", readme("### `ttn`, of each gateway")), ("ttn", table("doc/events.md", "## Traffic")),
              ("ttn", table("doc/writers.md", "## Location")),
              ("ttn_api", readme("### `ttn_api`, of each account")))
    return [(plugin, code(row[0])[0], type_instance) for plugin, rows in tables for row in rows
            for type_instance in code(row[1])]


def stands_for(row, series):
    pattern = re.escape(row[2]).replace("<key>", ".+").replace("<status>", r"\d{3}")
    pattern = pattern.replace("<reason>", "[a-z_]+")
    return row[:2] == series[:2] and re.fullmatch(re.sub("<from>|<to>|<kHz>|<sf>", r"\\d+", pattern), series[2])


def test_values():
    """README's tables and those of doc/events.md and doc/writers.md have every value that can go out, and no other"""
    rows = documented()
    tap.equal(len(rows), len(set(rows)), "rows, without those that are there twice")
    series = emitted()
    tap.note("%d names" % len(series))
    for one in sorted(series):
        if not any(stands_for(row, one) for row in rows):
            raise AssertionError("README lacks %s %s-%s" % one)
    # Few of the failures can be had from a stand-in: their names are held against the code's.
    tap.equal(sorted(row[2] for row in rows if row[1] == "errors"), sorted(row[0] for row in names("failure")))
    for row in rows:
        if row[1] != "errors" and not any(stands_for(row, one) for one in series):
            raise AssertionError("nothing goes out as README's %s %s-%s" % row)


def test_figures():
    """The comparison with curl_json has the figures that make bench printed"""
    with open(os.path.join(paths.SRCDIR, "bench", "README.md"), encoding="utf-8") as file:
        figures = file.read().split("\ncollectd's curl_json with a block a gateway", 1)[1]
    row = next(re.findall(r"[\d.,]+", line) for line in figures.split("\n") if re.match(r"\| *500 \| *20 \|", line))
    # wall, CPU, requests, connections, received, values, memory: curl_json's and ours.
    theirs, ours = ([float(cell.replace(",", "")) for cell in row[start::2]] for start in (2, 3))
    forms = ("{:.0f}", "{:.0f}", "{:.0f} KiB", "{:.2g} s", "{:.0f} ms", "{:,.0f}", "{:,.0f} MiB")
    printed = []
    for form, at in zip(forms, (2, 3, 4, 0, 1, 5, 6)):
        scale = 1000 if at == 0 else 1
        printed.append([form.format(ours[at] / scale), form.format(theirs[at] / scale)])
    tap.equal([cells[1:] for cells in table("doc/comparison.md", "## collectd's own curl_json")], printed)


def test_writers():
    """The table of writers has the figures that make bench-writers printed"""
    with open(os.path.join(paths.SRCDIR, "bench", "README.md"), encoding="utf-8") as file:
        lines = file.read().split("\n## Figures of writers", 1)[1].splitlines()
    printed = {}
    for line in lines:
        if line.startswith("| ") and "gateways" not in line:
            (writer, values, collectds, gateways, _, reached, first, _, later, _, memory,
             note) = (cell.strip() for cell in line.strip("|").split("|"))
            if writer == "network":
                writer += ", read-buffer 4 MiB" if note.startswith("read-buffer 4194304,") else ", as it is"
            first, later = ("too long" if one == "-" else one + " s" for one in (first, later))
            memory = "%.0f MiB" % float(memory.replace(",", ""))
            printed[writer, values, collectds, gateways] = [reached, first, later, memory]
    rows = table("doc/large-fleets.md", "# Large fleets and rate limits")
    tap.equal([row[4:] for row in rows], [printed[tuple(row[:4])] for row in rows])


def test_links():
    """Links within and between the pages lead somewhere"""
    for page in documents():
        with open(os.path.join(paths.SRCDIR, page), encoding="utf-8") as file:
            text = file.read()
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                   for heading in re.findall(r"(?m)^#+ (.*)$", text)}
        for target in re.findall(r"\]\(([^)]*)\)", text):
            if target.startswith("#"):
                tap.equal(target[1:] in anchors, True, target)
            elif not target.startswith(("https://", "http://")):
                path = os.path.join(paths.SRCDIR, os.path.dirname(page), target.split("#")[0])
                tap.equal(os.path.exists(path), True, target)


if __name__ == "__main__":
    tap.run(globals())
