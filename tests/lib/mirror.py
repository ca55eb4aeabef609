# SPDX-License-Identifier: MIT
"""The mirror that this machine's own apt uses, for other systems of Debian that tests make with mmdebstrap."""

import glob
import os
import re
import subprocess

ALL = ("", "-updates", "-security")


def codename():
    """This machine's Debian."""
    with open("/etc/os-release", encoding="utf-8") as file:
        return re.search(r"(?m)^VERSION_CODENAME=(\w+)", file.read()).group(1)


def settings():
    """mmdebstrap's arguments: how apt reaches its mirror."""
    dump = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [one for line in dump.split("\n") if re.match(r'Acquire::(http|https|Check|Retries)[:-].* "', line)
            for one in ("--aptopt", line)]


def sources(suite, parts=ALL):
    """apt's sources of Debian's main part, of another suite, as lines of a sources.list. parts: of a suite, "" is
    the release itself."""
    here = codename()
    out = []
    for uri, name, components in _apt_sources():
        found = re.fullmatch(here + r"(-updates|-security|)", name)
        if found and found.group(1) in parts and "main" in components:
            out.append("deb %s %s%s main" % (uri, suite, found.group(1)))
    if not out:
        raise AssertionError("apt has no source of %s here" % here)
    return out


def _apt_sources():
    """(URI, suite, components) of each."""
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        for line in _lines(path):
            found = re.match(r"deb +(?:\[[^]]*\] +)?(\S+) +(\S+) +(.*)", line)
            if found:
                yield found.group(1), found.group(2), found.group(3).split()
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", "\n".join(_lines(path))):
            fields = {name.lower(): text.split() for name, text in re.findall(r"(?m)^([\w-]+):((?:.|\n )*)", stanza)}
            if "deb" in fields.get("types", ()) and fields.get("enabled") != ["no"]:
                for uri in fields["uris"]:
                    for name in fields["suites"]:
                        yield uri, name, fields.get("components", [])


def _lines(path):
    """Without comments."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if not line.startswith("#")]
