#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ttn-check's manual, its --help and bash's completion against the command: options, JSON, kinds of problems."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402  (the modules lie beside the other tests' own)
import pages  # noqa: E402
import paths  # noqa: E402
from schema import SCHEMA  # noqa: E402
from tap import equal, matches, note, run  # noqa: E402

POD = "ttn-check.pod"
COMPLETION = os.path.join(paths.SRCDIR, "contrib", "completion", "ttn-check")


def source(name):
    with open(os.path.join(paths.SRCDIR, "src", name), encoding="utf-8") as file:
        return file.read()


def options():
    """{long option: does it want a value} of the command's own table; not the other spelling of --color."""
    table = source("cli/options.c").split("static const struct option longs[]")[1].split("};")[0]
    found = re.findall(r'\{"([a-z-]+)", (\w+)_argument', table)
    return {"--" + name: kind for name, kind in found if name != "colour"}


def section(name):
    """A section of the manual, as POD."""
    return pages.read_pod(POD).split("\n=head1 %s\n" % name)[1].split("\n=head1 ")[0]


def bold(text):
    return set(re.findall(r"B<([\w-]+)>", text))


def test_options():
    """The manual has every option, with a value where it takes one, and no other"""
    wanted = options()
    equal(len(wanted) > 15, True)
    items = re.findall(r"(?m)^=item (.*)$", section("OPTIONS"))
    names = {re.search(r"B<(--[\w-]+)>", item).group(1): item for item in items}
    equal(sorted(names), sorted(wanted))
    for name, kind in wanted.items():
        equal("I<" in names[name], kind != "no", name + " has a value")


def test_help():
    """So has --help"""
    text = command.run(["--help"]).out
    equal(set(re.findall(r"(?m)^  (?:-\w, )?(--[\w-]+)", text)), set(options()))


def test_json():
    """The manual has every member of the JSON, as the test of their shape has them"""
    text = section("JSON")
    items = dict(re.findall(r"(?ms)^=item B<(\w+)>\n\n(.*?)(?=^=item|^=back)", text))
    equal(sorted(items), sorted(SCHEMA))
    for name, part in SCHEMA.items():
        part = part[0] if isinstance(part, (tuple, list)) else part
        part = part[0] if isinstance(part, list) else part
        members = set(part) if isinstance(part, dict) else set()
        equal(bold(items[name]) - {"--url", "--watch", "ttn-check"}, members, name)
        for member, values in (part.items() if isinstance(part, dict) else ()):
            for value in values if isinstance(values, set) else ():
                if value is not None:
                    matches("C<%s>" % value, items[name])


def test_kinds():
    """Every kind of problem that the code has is there, and no other"""
    text = section("JSON").split("\nKinds of problems are ")[1]
    code = set(re.findall(r'add\(f, SEVERITY_\w+,\s*"(\w+)"', source("cli/diagnose.c")))
    code |= set(re.findall(r'add_sentences\(\s*f, SEVERITY_\w+,\s*"(\w+)"', source("cli/diagnose.c")))
    code |= set(re.findall(r'add_gateways\(\s*f, SEVERITY_\w+,\s*"(\w+)"', source("cli/diagnose.c")))
    code |= set(re.findall(r'add_key_sentence\(f, "(\w+)"', source("cli/diagnose.c")))
    code |= set(re.findall(r'advise_why\(f, UNKNOWN_\w+,\s*"(\w+)"', source("cli/diagnose.c")))
    # A host's are the failures, but for one that is no host's.
    code |= {row[0] for row in pages.names("failure")} - {"state_file"}
    equal(sorted(set(re.findall(r"C<(\w+)>", text))), sorted(code))


def test_follow():
    """The manual has every kind of event of --follow, as people and as programs see it"""
    text = section("FOLLOWING")
    kinds = re.findall(r'\] = \{"(\w+)", "([\w ]+)", (?:\w+|"")\}', source("cli/event_words.c"))
    equal(len(kinds), 8)
    names = text.split("\n=item B<event>\n")[1].split("\n=item ")[0]
    equal(sorted(re.findall(r"C<(\w+)>", names)), sorted(name for name, _ in kinds))
    items = re.sub(r"C<([\w ]+)>", r"\1", ", ".join(re.findall(r"(?m)^=item ([^B].*)$", text))).split(", ")
    equal(sorted(items), sorted(what for _, what in kinds))
    members = re.findall(r'put_\w+\(\s*gen, "(\w+)"', source("cli/json_output.c").split("---- --follow ----")[1])
    equal(set(members) | {"gateways", "traffic"} <= bold(text), True, members)


def test_bug_form():
    """The form for bug reports asks for options that there are"""
    path = os.path.join(paths.SRCDIR, ".github", "ISSUE_TEMPLATE", "bug.yml")
    if not os.path.exists(path):
        note("not tried: a tarball has no such form")
        return
    with open(path, encoding="utf-8") as file:
        named = set(re.findall(r"--[a-z][a-z-]+", file.read()))
    equal({"--report", "--report-ids"} <= named, True, named)
    equal(named - set(options()), set())


def complete(line):
    """What bash offers for a command line, the cursor at its end."""
    script = """
source "$1" || exit
compopt() { :; }  # works during a completion only
line=$2
read -r -a COMP_WORDS <<<"${line//=/ = }"
[[ $line != *' ' && $line != *= ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$line COMP_POINT=${#line}
_ttn_check ttn-check "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
complete -p ttn-check >&2
"""
    done = subprocess.run(["bash", "-uc", script, "bash", COMPLETION, line], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True, text=True)
    matches("^complete -F _ttn_check ttn-check$", done.stderr.strip())
    return [word for word in done.stdout.split("\n") if word]


def test_completion():
    """bash completes every option, files of keys and certificates, and the words of --color"""
    equal(complete("ttn-check "), sorted(options()))
    equal(complete("ttn-check --in"), ["--insecure"])
    equal(complete("ttn-check --json --key"), ["--key-file"])
    equal(complete("ttn-check --color "), ["auto", "always", "never"])
    equal(complete("ttn-check --color=al"), ["always"])
    equal(complete("ttn-check --gateway "), [])
    with paths.Scratch() as scratch:
        path = scratch.write("my key", "")
        equal(complete("ttn-check --key-file %s/" % scratch.path), [path])
        equal(complete("ttn-check --cacert=%s/my" % scratch.path), [path])
        equal(complete("ttn-check --report %s/" % scratch.path), [path])
        equal(complete("ttn-check --report=%s/" % scratch.path), [path])
        equal(complete("ttn-check --report --ins"), ["--insecure"])


def test_completion_typed():
    """In an interactive bash, with the Tab key"""
    with paths.Scratch() as scratch:
        scratch.write("my key", "")
        bash = paths.program("BASH_PROGRAM", "bash")
        with command.Terminal(["--norc", "--noprofile", "-i"], program=bash, columns=200,
                              env={"PS1": "$ ", "INPUTRC": "/dev/null"}) as terminal:
            terminal.until(lambda screen: screen[-1].startswith("$"))
            terminal.type("source '%s'; cd '%s'\n" % (COMPLETION, scratch.path))
            terminal.until(lambda screen: len(screen) > 1 and screen[-1] == "$ ")
            for typed, shown in (("ttn-check --ins\t", "--insecure "), ("--col\t", "--color "), ("al\t", "always "),
                                 ("--key\t", "--key-file "), ("my\t", "my\\ key ")):
                terminal.type(typed)
                terminal.until(lambda screen, shown=shown: screen[-1].endswith(shown))
            terminal.type("\x15exit\n")
            equal(terminal.wait(), 0)


def drawn(path):
    """The texts of a picture."""
    return ["".join(one.itertext()) for one in xml.etree.ElementTree.parse(path).getroot().iter(
        "{http://www.w3.org/2000/svg}text")]


def test_picture():
    """README's picture can be drawn again, and shows what the command says now"""
    with paths.Scratch() as scratch:
        path = scratch.file("check.svg")
        script = os.path.join(paths.SRCDIR, "scripts", "terminal-svg")
        subprocess.run([sys.executable, script, "--port", "0", "--program", paths.check(), path], check=True, timeout=120)
        new = drawn(path)
    old = drawn(os.path.join(paths.SRCDIR, "doc", "ttn-check.svg"))
    for texts in (new, old):
        for text in ("GATEWAY", "forest-tower", "disconnected", "6 gateways: 4 connected, 2 disconnected, 0 unknown.",
                     "down:", "LoadPlugin ttn"):
            equal(text in texts, True, text)

    # But for what moves: numbers, and the port.
    def still(texts):
        return [text for text in texts if not re.search("[0-9]|^-$", text)]
    equal(still(new), still(old))


run(globals())
