#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""README.md and collectd.conf.example against the code: options, values and log lines.

Options and kinds of failures come from ttn-names, values from polls of an account that has all of
them, log lines from the sources' own texts."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import example  # noqa: E402  (the modules lie beside the other tests' own)
import place  # noqa: E402
import standin  # noqa: E402
import tap  # noqa: E402
from drive import Drive  # noqa: E402


def names(kind):
    """Rows of ttn-names, without their kind."""
    text = subprocess.run([place.names()], stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    return [row[1:] for row in rows if row[0] == kind]


def readme(heading):
    """The cells of the table below a heading."""
    with open(os.path.join(place.SRCDIR, "README.md"), encoding="utf-8") as file:
        text = file.read().split("\n" + heading + "\n", 1)[1]
    rows = []
    for line in re.split(r"\n#+ ", text)[0].split("\n"):
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[2:]


def code(cell):
    """What stands in backticks, where a table's | has to be escaped."""
    return [text.replace("\\|", "|") for text in re.findall(r"`([^`]*)`", cell)]


def test_options_in_readme():
    """README's table has every option, as the code has it"""
    rows = readme("## Options")
    got = [[code(name)[0], code(value)[0], "many" if "(many)" in value else "one", (code(default) + [""])[0]]
           for name, value, default, _ in rows]
    tap.equal([row for row in got if row not in names("option")], [], "README alone has")
    tap.equal([row for row in names("option") if row not in got], [], "the code alone has")
    # But for the first two, where README recommends the file.
    tap.equal(got[2:], names("option")[2:], "order")


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
    with place.Scratch() as scratch, standin.Standin() as stack:
        stack.fleet(20, pattern="mixed")
        stack.register("forwarder")
        stack.connect("forwarder", status=True)
        stack.cluster(1, limits={"batch": {"rate": 6000, "burst": 100}})
        with Drive(scratch, **stack.options(scratch)) as drive:
            for action in (None, {"status": 503}, {"transform": [["html", 502]]}, None):
                if action:
                    stack.fault(action, times=1)
                stack.move()
                for plugin, _, type_, type_instance in drive.poll().values:
                    out.add((plugin, type_, type_instance))
    return out


def documented():
    """[(plugin, type, type_instance)], with placeholders."""
    tables = (("ttn", "### `ttn`, of each gateway"), ("ttn_api", "### `ttn_api`, of each account"))
    return [(plugin, code(row[0])[0], type_instance) for plugin, heading in tables for row in readme(heading)
            for type_instance in code(row[1])]


def stands_for(row, series):
    pattern = re.escape(row[2]).replace("<key>", ".+").replace("<status>", r"\d{3}")
    return row[:2] == series[:2] and re.fullmatch(re.sub("<from>|<to>", r"\\d+", pattern), series[2])


def test_values():
    """README's tables have every value that can go out, and no other"""
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


def texts_of(path):
    """The string literals of a C file, those that stand beside each other as one; conversions as …"""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    literal = r'"(?:[^"\\]|\\.)*"'
    # Comments and characters are taken, too, lest a quote within one is a beginning.
    for found in re.finditer(r"/\*.*?\*/|'(?:[^'\\]|\\.)'|(%s(?:[\s\\]*%s)*)" % (literal, literal), source,
                             re.DOTALL):
        text = "".join(part[1:-1] for part in re.findall(literal, found.group(1) or ""))
        yield re.sub(r"%[-0-9.*]*(?:ll|z|l)?[a-zA-Z]", "…", text.replace('\\"', '"'))


def test_log_lines():
    """every log line that README explains is one of the plugin's"""
    directory = os.path.join(place.SRCDIR, "src")
    texts = [text for name in sorted(os.listdir(directory)) if name.endswith(".c")
             for text in texts_of(os.path.join(directory, name))]
    rows = readme("## Trouble")
    for row in rows:
        line = code(row[0])[0]
        # A colon parts what one file says from what it quotes of another.
        for part in re.split("…|: ", line):
            if part.strip(' ":') and not any(part.strip() in text for text in texts):
                raise AssertionError("no log line holds %r, as in README's %r" % (part, line))
    tap.at_most(20, len(rows), "explained lines")


def test_links():
    """links within and between the pages lead somewhere"""
    for page in ("README.md", "HACKING.md", "SECURITY.md"):
        with open(os.path.join(place.SRCDIR, page), encoding="utf-8") as file:
            text = file.read()
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                   for heading in re.findall(r"(?m)^#+ (.*)$", text)}
        for target in re.findall(r"\]\(([^)]*)\)", text):
            if target.startswith("#"):
                tap.equal(target[1:] in anchors, True, target)
            elif not target.startswith("https://"):
                tap.equal(os.path.exists(os.path.join(place.SRCDIR, target)), True, target)


if __name__ == "__main__":
    tap.run(globals())
