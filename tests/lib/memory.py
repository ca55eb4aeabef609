# SPDX-License-Identifier: MIT
"""Another process's memory: how much there is, and what stands in it, in use or not."""

import re

# The kernel's own, which can't be read.
_NOT_READ = ("[vvar", "[vsyscall]")


def rss(pid):
    """What is resident, in bytes."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) * 1024


def found(pid, text, before=24):
    """[(where, the bytes in front of it)] of each copy of a text."""
    out = []
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            fields = line.split(None, 5)
            where = fields[5].strip() if len(fields) > 5 else "anonymous"
            if "r" not in fields[1] or where.startswith(_NOT_READ):
                continue
            start, end = (int(number, 16) for number in fields[0].split("-"))
            data = _read(memory, start, end - start)
            out += [(where, data[max(0, hit.start() - before):hit.start()])
                    for hit in re.finditer(re.escape(text.encode()), data)]
    return out


def _read(memory, start, size):
    try:
        memory.seek(start)
        return memory.read(size) or b""
    except OSError:
        return b""  # a mapping without anything behind it
