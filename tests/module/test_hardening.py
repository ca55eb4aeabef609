# SPDX-License-Identifier: MIT
"""What the compiler and the linker were asked for is in what they made: a flag that goes astray is missed by
nobody until it is needed. A build with sanitizers, or without optimization, has other flags and leaves this out."""

import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from tap import equal, matches, note, run  # noqa: E402


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def binaries():
    """What is installed."""
    check = os.path.join(paths.build(), "src", "ttn-check")
    return [paths.plugin()] + [path for path in [check] if os.path.exists(path)]


def objects():
    """What these were made of."""
    return glob.glob(os.path.join(paths.build(), "src", "**", "*.o"), recursive=True)


def for_x86():
    """What was built may be for another architecture than this machine's."""
    return bool(re.search(r"Machine: +Advanced Micro Devices X86-64", output("readelf", "-h", paths.plugin())))


def imports(path):
    return set(re.findall(r"\bUND +([\w.]+)", output("readelf", "-W", "--dyn-syms", path)))


def test_linker():
    """Relocations are read-only and done at the start, no stack is executable, no path is searched"""
    for path in binaries():
        segments, dynamic = output("readelf", "-lW", path), output("readelf", "-dW", path)
        matches(r"GNU_RELRO", segments)
        matches(r"GNU_STACK.* RW +0x", segments)
        matches(r"\(FLAGS\).*BIND_NOW", dynamic)
        matches(r"\(FLAGS_1\).*NOW", dynamic)
        equal(re.findall(r"\((?:RPATH|RUNPATH|TEXTREL)\)", dynamic), [], path)
        matches(r"Type: +DYN", output("readelf", "-h", path))
        equal(re.findall(r"LOAD.* RWE ", segments), [], path)
    # libcurl keeps addresses of its functions.
    matches(r"\(FLAGS_1\).*NODELETE", output("readelf", "-dW", paths.plugin()))


def test_exports():
    """The module shows collectd one name"""
    defined = re.findall(r"(?:GLOBAL|WEAK) +DEFAULT +\d+ +(\S+)", output("readelf", "-W", "--dyn-syms", paths.plugin()))
    equal(defined, ["module_register"])


def test_no_programs():
    """It starts no programs and leaves the environment alone: nobody inherits anything of it"""
    taken = {name.lstrip("_") for name in imports(paths.plugin())}
    equal(taken & {"fork", "vfork", "clone", "execv", "execve", "execvp", "execl", "posix_spawn", "posix_spawnp",
                   "system", "popen", "setenv", "putenv", "environ"}, set())


def test_stack_protector():
    """Functions with arrays guard the stack"""
    for path in binaries():
        equal("__stack_chk_fail" in imports(path), True, path)


def test_fortify():
    """libc's functions check sizes, at level 3 unless told otherwise"""
    for path in binaries():
        checked = sorted(name for name in imports(path) if name.endswith("_chk"))
        note("%s: %s" % (os.path.basename(path), " ".join(checked)))
        equal("__vsnprintf_chk" in checked, True, path)
        # Unchecked where checked ones exist, these would be a file that went without.
        equal(imports(path) & {"vsnprintf", "snprintf", "fprintf", "printf"}, set(), path)
    with open(os.path.join(paths.build(), "Makefile"), encoding="utf-8") as file:
        flags = dict(re.findall(r"(?m)^(\w+FLAGS) = (.*)", file.read()))
    # Who builds may have set a level, as Debian's tools do; then ours is not there.
    if "_FORTIFY_SOURCE" not in flags["CPPFLAGS"] + flags["CFLAGS"]:
        matches(r"-D_FORTIFY_SOURCE=3", flags["TTN_CFLAGS"])


def test_control_flow():
    """Indirect calls land on marks only, and return addresses have a second stack"""
    if not for_x86():
        note("not tried: this is about x86-64")
        return
    # The module itself is not marked with Debian's crti.o, which is not.
    equal([path for path in objects() if "IBT, SHSTK" not in output("readelf", "-nW", path)], [])
    entry = re.search(r"<module_register>:\n(.*)", output("objdump", "-d", "--no-show-raw-insn", paths.plugin()))
    matches("endbr64", entry.group(1))


def test_stack_clash():
    """Large frames are touched page by page"""
    if not for_x86():
        note("not tried: the instructions differ")
        return
    code = output("objdump", "-d", "--no-show-raw-insn", paths.plugin())
    # gcc's way, or clang's.
    equal(bool(re.search(r"\t(?:orq|movq) +\$0x0,\(%rsp\)", code)), True, "a frame is touched")
    # One that is not: a step of more than a page. "sub $-128" gives a frame back.
    large = [int(size, 16) for size in re.findall(r"\tsub +\$(0x[0-9a-f]+),%rsp", code)]
    equal([size for size in large if 4096 < size < 1 << 63], [])


run(globals())
