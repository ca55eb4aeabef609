# SPDX-License-Identifier: MIT
"""What people read, as the tests see it: README's tables, the manual, and the texts of the code.

In README and in the manual "…" stands for what differs; the conversions of the code's formats become
one, too, and so do macros, whose words are in another place."""

import collections
import os
import re
import subprocess

import paths

# -- The code --


def names(kind):
    """Rows of ttn-names, without their kind."""
    text = subprocess.run([paths.names()], stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    return [row[1:] for row in rows if row[0] == kind]


# Comments and characters are tokens, too, lest a quote within one is the beginning of a text.
_TOKEN = re.compile(r"""(?P<skip>/\*.*?\*/|'(?:[^'\\]|\\.)'|\#include[^\n]*|\\\n|\s+)|(?P<text>"(?:[^"\\]|\\.)*")
                        |(?P<conversion>PRI\w+)|(?P<macro>[A-Z][A-Z_]+\b)|(?P<other>\w+|.)""", re.DOTALL | re.VERBOSE)


def _texts_of(path):
    """The literals of a C file, those that stand beside each other as one."""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    words = dict(re.findall(r'(?m)^#define (\w+) "(\S*)"$', source))
    out, parts = [], []
    for token in _TOKEN.finditer(source + ";"):
        if token.group("text"):
            parts.append(token.group("text")[1:-1])
        elif token.group("macro"):
            parts.append(words.get(token.group("macro"), "…"))
        elif token.group("conversion"):
            parts.append("u")
        elif token.group("other"):
            text = "".join(parts).replace('\\"', '"').replace("\\n", "")
            out.append(re.sub(r"%[-0-9.*]*(?:ll|z|l)?[a-zA-Z]", "…", text).replace("%%", "%"))
            parts = []
    return out


def sources():
    """The C files of what collectd loads: all of src/ but the command."""
    return sorted(os.path.relpath(os.path.join(directory, name), paths.SRCDIR)
                  for directory, _, names in os.walk(os.path.join(paths.SRCDIR, "src"))
                  if os.path.basename(directory) != "cli" for name in names if name.endswith(".c"))


def texts():
    """{text: file} of all string literals of what collectd loads. Those that stand beside each other are one."""
    return {text: name for name in sources() for text in _texts_of(os.path.join(paths.SRCDIR, name))}


# -- README and doc/ --


def documents():
    """All that people read in Markdown."""
    docs = sorted(name for name in os.listdir(os.path.join(paths.SRCDIR, "doc")) if name.endswith(".md"))
    return ["README.md", "HACKING.md", "SECURITY.md", "contrib/README.md"] + ["doc/" + name for name in docs]


def readme(heading):
    """The cells of README's table below a heading."""
    return table("README.md", heading)


def table(page, heading):
    """The cells of a page's table below a heading."""
    with open(os.path.join(paths.SRCDIR, page), encoding="utf-8") as file:
        text = ("\n" + file.read()).split("\n" + heading + "\n", 1)[1]
    rows = []
    for line in re.split(r"\n#+ ", text)[0].split("\n"):
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[2:]


def block(page, text):
    """The one block of a page, between lines of three backticks, that has this text."""
    with open(os.path.join(paths.SRCDIR, page), encoding="utf-8") as file:
        found = [one for one in re.findall(r"(?ms)^```\w*\n(.*?)^```$", file.read()) if text in one]
    if len(found) != 1:
        raise AssertionError("%s has %d blocks with %s" % (page, len(found), text))
    return found[0]


def code(cell):
    """What stands in backticks, where a table's | has to be escaped."""
    return [text.replace("\\|", "|") for text in re.findall(r"`([^`]*)`", cell)]


# -- The manual --

# One =item: the headings that it is below, its title and what follows up to the next one with a text, plain;
# verbatim: the examples' lines.
Item = collections.namedtuple("Item", "head1 head2 title text verbatim")


def pods():
    """The manual pages' sources."""
    directory = os.path.join(paths.SRCDIR, "man")
    return [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name.endswith(".pod")]


def read_pod(name="collectd-ttn.pod"):
    with open(os.path.join(paths.SRCDIR, "man", name), encoding="utf-8") as file:
        return file.read()


def plain(text):
    """A paragraph without its formatting codes, on one line."""
    out = re.sub(r"\s+", " ", text).strip().replace("E<lt>", "\0").replace("E<gt>", "\1")
    while re.search(r"[BCFIL]<[^<>]*>", out):
        out = re.sub(r"[BCFIL]<([^<>]*)>", r"\1", out)
    return out.replace("\0", "<").replace("\1", ">")


def items(head1):
    """The items below a heading of the manual; messages have a page of their own."""
    page = "collectd-ttn-messages.pod" if head1 == "MESSAGES" else "collectd-ttn.pod"
    out = []
    waiting = []
    here = [None, None]
    for paragraph in re.split(r"\n[ \t]*\n", read_pod(page)):
        command, _, rest = paragraph.lstrip("\n").partition(" ")
        if command == "=head1":
            here = [plain(rest), None]
        elif command == "=head2":
            here[1] = plain(rest)
        if command in ("=head1", "=head2", "=back"):
            waiting = []
        elif here[0] == head1 and command == "=item" and rest.strip() != "*":
            if waiting and (waiting[-1].text or waiting[-1].verbatim):
                waiting = []
            waiting.append(Item(here[0], here[1], plain(rest), [], []))
            out.append(waiting[-1])
        elif not command.startswith("="):
            for item in waiting:
                if paragraph.startswith(" "):
                    item.verbatim.extend(line.strip() for line in paragraph.split("\n"))
                else:
                    item.text.append(plain(paragraph))
    return out
