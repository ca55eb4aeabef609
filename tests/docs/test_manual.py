#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The manual against the code and README, both ways: options, values and messages.

Messages are found without a list: each text of the code that has a blank in it is one, a part of
one, or named below with the reason why not."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import pages  # noqa: E402  (the modules lie beside the other tests' own)
import paths  # noqa: E402
import tap  # noqa: E402

# What has a blank but goes to no log: {text: reason}.
NO_MESSAGE = {
    # Of requests, answers and files.
    "Content-Type: application/json": "a request's header",
    "Authorization: Bearer": "a request's header",
    "Sun, 06 Nov 1994 08:49:37 GMT": "a date's form",
    "GMT": "a date's form",
    "alert": "looked for in libcurl's words",
    "alert handshake failure": "looked for in libcurl's words",
    "unknown ca": "looked for in libcurl's words",
    "access denied": "looked for in libcurl's words",
    "wrong version": "looked for in libcurl's words",
    "not yet valid": "looked for in libcurl's words",
    "values": "the state file's head",
    "offsets": "the state file's head",
    "- tmpfs": "the kernel's table of mounts",
    # Compile-time assertions.
    "callers have room for TTN_PATHS": "the compiler's",
    "ttn_settings.given has a bit for each": "the compiler's",
    "struct lines": "the compiler's",
    # What differs in a message that is listed.
    "some fields": "for names that nobody knows",
    "is": "a word within another text",
    "s are": "a word within another text",
    "has": "a word within another text",
    "s have": "a word within another text",
    # Said of in words.
    "ttn plugin": "the beginning of each line",
    "since": "a notification's time",
    "for at least … s": "a notification's time",
}


def bare(text):
    """Without what a text has at its ends only to be put together with others."""
    out = re.sub(r"…(?:\s*…)+", "…", text)
    out = re.sub(r'^account "…": ', "", out)
    return out.strip(" ;:,.…") if re.search(r"[A-Za-z]", out) else ""


def holds(line, text):
    """Whether a line of the manual has the whole text, not inside a word."""
    return re.search(r"(?<!\w)%s(?!\w)" % re.escape(text), line) is not None


def lines():
    """The manual's items for messages and notifications."""
    return [re.sub(r"…(?:\s*…)+", "…", item.title) for head in ("NOTIFICATIONS", "MESSAGES")
            for item in pages.items(head)]


def parts(line):
    """What stands between what differs; a colon parts what one file says from what it quotes of another."""
    return [part.strip(' "') for part in re.split("…|: ", line) if part.strip(' ":;.,')]


def messages():
    """{bare text: file} of the code's texts that a person may see."""
    found = {bare(text): name for text, name in pages.texts().items() if " " in text.strip()}
    return {text: name for text, name in found.items() if text and text not in NO_MESSAGE}


def options():
    """{name: item} of the manual's options."""
    out = {}
    for item in pages.items("OPTIONS"):
        name = item.title.split(" ")[0]
        tap.equal(name in out, False, name + " comes twice")
        out[name] = item
    return out


def accepted(given):
    """The code takes these options, {name: [value as in collectd.conf]}, without a word. Nothing is asked of anybody."""
    words = ["%s=%s" % (name, value) for name, values in given.items() for value in values]
    done = subprocess.run([paths.drive(), "home"] + words, input="stop\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True)
    said = [line for line in done.stdout.split("\n") if line.startswith("log ")]
    tap.equal((done.returncode, said), (0, []), " ".join(words))


def test_options():
    """Every option is there, with value, default and range, and no other"""
    documented = options()
    ranges = {row[0]: row[1:] for row in pages.names("range")}
    rows = pages.names("option")
    tap.equal(set(documented), {row[0] for row in rows}, "options")
    for name, value, many, default in rows:
        item = documented[name]
        text = " ".join(item.text)
        quote = "" if value in ("SECONDS", "MILLISECONDS", "NUMBER", "true|false") else '"'
        tap.equal(item.title, "%s %s%s%s" % (name, quote, value, quote))
        tap.equal("May be given more than once" in text, many == "many", name + " more than once")
        found = re.search(r"Default: (.*?)(?:\.?$|\. |, )", text)
        if not found:
            raise AssertionError("%s has no default" % name)
        if default:
            tap.equal(found.group(1), default, "default of " + name)
        span = re.search(r"Range: (\S+) to ([\d.]+\d|\d)", text)
        tap.equal(list(span.groups()) if span else None, ranges.get(name), "range of " + name)


def test_examples():
    """Every option has an example, and the code takes it without a word"""
    given = {}
    for name, item in options().items():
        tap.equal({line.split(" ")[0] for line in item.verbatim}, {name}, "examples of " + name)
        given[name] = [line.split(" ", 1)[1] for line in item.verbatim]
    # Not a key that works: nobody can paste it.
    tap.matches(r'^"NNSXS\..*\.\.\.', given.pop("APIKey")[0])
    with paths.Scratch() as scratch:
        # The only file that is read before the first poll.
        given["ProxyUserFile"] = ['"%s"' % scratch.write("proxy.user", "mole:burrow7\n", 0o600)]
        accepted(given)


def test_blocks():
    """Every block of options that it shows is taken without a word"""
    blocks = re.findall(r'\n +<Account "\w+">\n(.*?)</Account>', pages.read_pod(), re.DOTALL)
    tap.equal(len(blocks), 4, "blocks")
    for block in blocks:
        given = {}
        for line in block.strip().split("\n"):
            name, value = line.split(None, 1)
            given.setdefault(name, []).append(value)
        accepted(given)


def values_of_readme():
    """[(plugin, type-type_instance, group)], also of doc/events.md and doc/writers.md"""
    rows = [("ttn", row, row[3]) for row in pages.readme("### `ttn`, of each gateway")]
    rows += [("ttn", row, "Traffic") for row in pages.table("doc/events.md", "## Traffic")]
    rows += [("ttn", row, "Location") for row in pages.table("doc/writers.md", "## Location")]
    rows += [("ttn_api", row, "API") for row in pages.readme("### `ttn_api`, of each account")]
    return [(plugin, "%s-%s" % (pages.code(row[0])[0], name), group)
            for plugin, row, group in rows for name in pages.code(row[1])]


def test_values():
    """The manual's values and their groups are README's, which test_names.py holds against the code"""
    got = []
    for item in pages.items("VALUES"):
        groups = re.findall(r"Group: (\w+)\.$", item.text[-1])
        tap.equal(len(groups), 1, "groups of " + item.title)
        got.append((item.head2.split(",")[0], item.title, groups[0]))
    tap.equal(got, values_of_readme())
    groups = {row[0][7:] for row in pages.names("option") if row[0].startswith("Collect")}
    tap.equal({group for _, _, group in got}, groups | {"Traffic", "Location"}, "groups")


def test_messages():
    """Every message of the code is in the manual, whole"""
    told = lines()
    found = messages()
    tap.note("%d texts, %d lines of the manual" % (len(found), len(told)))
    lacking = ["%s: %s" % (name, text) for text, name in found.items() if not any(holds(line, text) for line in told)]
    tap.equal(lacking, [], "the manual lacks")
    tap.at_most(150, len(found), "texts")


def test_no_other_messages():
    """Every message of the manual is the code's, in all its parts"""
    found = messages()
    every = [re.sub(r"…(?:\s*…)+", "…", text) for text in pages.texts()]
    for line in lines():
        if not any(holds(line, text) for text in found):
            raise AssertionError("the code has no %r" % line)
        for part in parts(line):
            if not any(part in text for text in every):
                raise AssertionError("the code has no %r, as in %r" % (part, line))
    tap.equal([text for text in NO_MESSAGE if text not in {bare(one) for one in every}], [], "exceptions that are none")


def test_fixes():
    """Every message has a meaning or a fix"""
    for head in ("NOTIFICATIONS", "MESSAGES"):
        tap.equal([item.title for item in pages.items(head) if not item.text], [], "nothing is said of")


def test_troubleshooting():
    """Every log line that doc/troubleshooting.md explains is in the manual"""
    told = lines()
    for row in pages.table("doc/troubleshooting.md", "# Troubleshooting"):
        for part in parts(pages.code(row[0])[0]):
            if not any(part in line for line in told):
                raise AssertionError("the manual lacks %r, as in doc/troubleshooting.md's %s" % (part, row[0]))


if __name__ == "__main__":
    tap.run(globals())
