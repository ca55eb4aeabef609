#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The layers of src/: which file may know which, and which file may write which struct.

A unit is a .c file and the header of the same name. The rules:

* Includes are written from src/. A file includes its own folder, or folders of a lower number.
* System headers stay where they belong: plugin.h in collectd/, curl in http/, yajl's parser in json/ and
  its writer in cli/.
* A header named ...internal.h is included in its own folder only; that of account/ by its drivers only.
* There is no circle among units, and none among folders.
* A struct's fields are written in its own unit only, or in the file that its comment names ("decode.c writes
  it."); who passes one as an argument may write it if the comment says so ("The caller fills it."). The compiler
  tells: each file is compiled with the fields of all other units' structs made const. Initializers are no
  writes, and a struct may be assigned as a whole to a variable or to a member of one's own.
* The linker agrees: what an object leaves undefined is defined in a folder that it may include."""

import concurrent.futures
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402  (the modules lie beside the other tests' own)
import tap  # noqa: E402

LAYERS = {"base": 0, "json": 1, "http": 1, "tts": 2, "gateway": 3, "report": 4, "config": 5, "events": 5,
          "account": 6, "collectd": 7, "cli": 7}
SYSTEM = (("plugin.h", "collectd"), ("curl/", "http"), ("yajl/yajl_parse.h", "json"), ("yajl/yajl_gen.h", "cli"))
# The only files of account/ that see all of its modules.
DRIVERS = ("account/account.c", "account/dispatch.c", "account/follow.c", "account/poll.c", "account/statistics.c",
           "account/status.c", "account/steps.c")

class Tree:
    """A source tree: src/ of the project, or one that a self-test wrote."""

    def __init__(self, top):
        self.top = top
        self.files = sorted(os.path.relpath(path, top) for path in glob.glob(os.path.join(top, "*", "*.[ch]")))
        self.headers = [name for name in self.files if name.endswith(".h")]
        self.frozen = {}  # {(header, structs that may be written): its text}

    @functools.lru_cache(None)
    def read(self, name):
        with open(os.path.join(self.top, name), encoding="utf-8") as file:
            return file.read()

    @functools.cached_property
    def owners(self):
        """{struct: what may write it} of all headers: a unit, a set of files, or None for all."""
        out = {}
        for header in self.headers:
            for comment, struct in re.findall(r"(?m)^((?:(?:/| )\*.*\n)*)\s*struct (\w+) \{", self.read(header)):
                text = re.sub(r"\n? \*(?: |/)", " ", comment)
                named = re.search(r"((?:[\w/]+\.c(?: and |, )?)+) writes? it\.", text)
                out[struct] = None if re.search("The caller (?:owns it, )?fills", text) else unit(header)
                if named:
                    out[struct] = {name if "/" in name else "%s/%s" % (folder(header), name)
                                   for name in re.findall(r"[\w/]+\.c", named.group(1))}
        return out

    def includes(self, name):
        """[(written in quotes?, what)]"""
        found = re.findall(r'(?m)^#include (?:"([^"]+)"|<([^>]+)>)', self.read(name))
        return [(bool(own), own or system) for own, system in found]


def folder(name):
    return name.split("/")[0]


def unit(name):
    """What a file belongs to: that of its header, if there is one."""
    return os.path.splitext(name)[0]


def wrong_includes(tree):
    out = []
    for name in tree.files:
        if folder(name) not in LAYERS:
            out.append("%s: the folder has no layer" % name)
            continue
        for own, what in tree.includes(name):
            for header, home in SYSTEM:
                if what.startswith(header) and folder(name) != home:
                    out.append("%s includes %s, which only %s/ may" % (name, what, home))
            if not own or what == "plugin.h":
                continue
            if what not in tree.files:
                out.append("%s includes %s, which is not a path from src/" % (name, what))
            elif folder(what) != folder(name) and LAYERS[folder(what)] >= LAYERS[folder(name)]:
                out.append("%s includes %s of a layer that is not lower" % (name, what))
    return out


def wrong_internals(tree):
    out = []
    for name in tree.files:
        for own, what in tree.includes(name):
            if own and what.endswith("internal.h"):
                drivers = what == "account/internal.h" and name not in DRIVERS
                if folder(what) != folder(name) or drivers:
                    out.append("%s includes %s" % (name, what))
    return out


def circles(edges):
    """Each circle of a graph {node: {nodes}}, as text."""
    out, done = [], set()

    def walk(node, path):
        if node in path:
            out.append(" > ".join(path[path.index(node):] + [node]))
        elif node not in done:
            for other in sorted(edges.get(node, ())):
                walk(other, path + [node])
            done.add(node)

    for node in sorted(edges):
        walk(node, [])
    return out


def wrong_circles(tree):
    units, folders = {}, {}
    for name in tree.files:
        for own, what in tree.includes(name):
            if own and what in tree.files:
                if unit(what) != unit(name):
                    units.setdefault(unit(name), set()).add(unit(what))
                if folder(what) != folder(name):
                    folders.setdefault(folder(name), set()).add(folder(what))
    return circles(units) + circles(folders)


# -- Writes --


def frozen_member(line):
    """A declaration within a struct with all that it declares const."""
    if re.match(r"\s*struct \w+ \w+(?:\[\w+\])?(?:, \w+)*;", line):
        return line  # may be passed on; its own fields are const
    if re.search(r"\(\*\w+\)\(", line):
        return re.sub(r"\(\*(\w+)\)\(", r"(*const \1)(", line)
    if "*" in line:
        return re.sub(r"\*(\w+)", r"*const \1", line)
    return re.sub(r"^(\s*)(?=\w)", r"\1const ", line)


def frozen(text, free):
    """A header in which no field of a struct can be written, but for those of the structs in free."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    out, depth, thawed = [], 0, False
    for line in text.split("\n"):
        opened = re.match(r"\s*(?:struct|union)(?: (\w+))? \{", line)
        if opened and depth == 0:
            thawed = opened.group(1) in free
        if opened or (depth and "{" in line):
            depth += 1
        elif depth and re.match(r"\s*\}", line):
            depth -= 1
        elif depth and not thawed and line.strip().endswith((";", ",")) and "enum {" not in line:
            line = frozen_member(line) if not out or not out[-1].rstrip().endswith(",") else line
        out.append(line)
    return "\n".join(out)


def written_by(tree, name):
    """The structs that a file may write."""
    return {struct for struct, home in tree.owners.items()
            if home is None or (name in home if isinstance(home, set) else unit(name) == home)}


def assigned(line, column):
    """What stands left of the operator in a line."""
    text = line[:column - 1].rstrip()
    depth, start = 0, len(text)
    while start > 0:
        c = text[start - 1]
        depth += (c in ")]") - (c in "([")
        if depth < 0 or depth == 0 and not re.match(r"[\w.>\[\]()*-]", c):
            break
        start -= 1
    return re.sub(r"\[[^\]]*\]", "[]", text[start:])


def is_whole(tree, name, target):
    """Whether an assignment is of a whole struct, to a variable or to a member of a struct of one's own: the
    compiler refuses it all the same, because the value has const members."""
    member = re.search(r"(?:\.|->)(\w+)(\[\])?$", target)
    if not member:
        return True
    if member.group(2) and any(re.search(r"(?m)^\s*struct \w+ \*%s[;,]" % member.group(1), tree.read(header))
                               for header in tree.headers):
        return True  # an element of what a member points to
    own = written_by(tree, name)
    homes = {home for home in tree.headers + [name]
             for struct in re.findall(r"(?m)^struct (\w+) \{", tree.read(home)) if struct in own}
    return any(re.search(r"(?m)^\s*struct \w+ %s(?:\[\w+\])?(?:, \w+)*;" % member.group(1), tree.read(home))
               for home in homes | {name})


def compiled(tree, name, free, flags):
    """What the compiler says to a file when it may write only the structs in free."""
    with tempfile.TemporaryDirectory(prefix="ttn-layers-") as scratch:
        for header in tree.headers:
            text = tree.read(header)
            key = header, frozenset(free.intersection(re.findall(r"struct (\w+) \{", text)))
            if key not in tree.frozen:
                tree.frozen[key] = frozen(text, free)
            path = os.path.join(scratch, header)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(tree.frozen[key])
        return subprocess.run(["cc", "-std=c11", "-w", "-fsyntax-only", "-I", scratch, *flags,
                               os.path.join(tree.top, name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, text=True, env=dict(os.environ, LC_ALL="C"))


def writes(tree, name, flags):
    """Errors of a file that is compiled with all that it may not write made const."""
    done = compiled(tree, name, written_by(tree, name), flags)
    if done.returncode != 0 and "error: " not in done.stdout:
        return [done.stdout]
    out, source = [], tree.read(name).split("\n")
    for line, column, error in re.findall(r"(?m)\.c:(\d+):(\d+): error: (.*)$", done.stdout):
        whole = "increment" not in error and is_whole(tree, name, assigned(source[int(line) - 1], int(column)))
        if not whole or "read-only" not in error:
            out.append("%s:%s: %s" % (name, line, error))
    return out


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def wrong_writes(tree, flags=()):
    sources = [name for name in tree.files if name.endswith(".c")]
    return [line for lines in in_parallel(lambda name: writes(tree, name, flags), sources) for line in lines]


def idle_writers(tree, flags=()):
    """Files that a struct's comment names, and that do not write it."""
    named = [(struct, name) for struct, home in tree.owners.items() if isinstance(home, set) for name in home]

    def is_idle(pair):
        struct, name = pair
        return "read-only" not in compiled(tree, name, set(tree.owners) - {struct}, flags).stdout

    return ["%s does not write %s" % (name, struct)
            for (struct, name), idle in zip(named, in_parallel(is_idle, named)) if idle]


# -- The linker --


def symbols(path):
    """What an object defines, and what it leaves undefined."""
    text = subprocess.run(["nm", "-P", path], stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [line.split()[:2] for line in text.splitlines()]
    return ({name for name, kind in rows if kind in "TDRB"}, {name for name, kind in rows if kind == "U"})


def wrong_links(objects):
    """objects: {folder: [paths]}"""
    table = {path: symbols(path) for paths_ in objects.values() for path in paths_}
    home = {name: where for where, paths_ in objects.items() for path in paths_ for name in table[path][0]}
    out = []
    for where, paths_ in objects.items():
        for path in paths_:
            for name in sorted(table[path][1]):
                other = home.get(name, where)
                if other != where and LAYERS[other] >= LAYERS[where]:
                    out.append("%s of %s/ needs %s of %s/" % (os.path.basename(path), where, name, other))
    return out


def built():
    """{folder: [objects]} of this build, each once: libtool makes two of some."""
    out = {}
    for name in LAYERS:
        found = glob.glob(os.path.join(paths.build(), "src", name, "*.o"))
        found += glob.glob(os.path.join(paths.build(), "src", name, ".libs", "*.o"))
        out[name] = list({os.path.basename(path): path for path in found}.values())
    return out


# -- The tests --


def project():
    return Tree(os.path.join(paths.SRCDIR, "src"))


def flags():
    """As the build has them: of libraries and of collectd's headers."""
    with open(os.path.join(paths.build(), "Makefile"), encoding="utf-8") as file:
        values = dict(re.findall(r"(?m)^(\w+) = (.*)$", file.read()))
    words = " ".join(values.get(name, "") for name in ("CURL_CFLAGS", "YAJL_CFLAGS", "COLLECTD_CPPFLAGS"))
    texts = ['-D%s="0"' % name for name in ("TTN_VERSION", "TTN_PLUGIN_DIR", "TTN_COLLECTD_VERSION")]
    return ["-D_GNU_SOURCE", *texts, *words.split()]


def test_includes():
    """Files include their own folder and lower layers, and system headers where these belong"""
    tree = project()
    tap.equal(len(tree.files) > 40, True, "files")
    tap.equal(sorted({folder(name) for name in tree.files}), sorted(LAYERS), "folders")
    tap.equal(wrong_includes(tree), [])


def test_internals():
    """Internal headers stay in their folder, and account/'s with its drivers"""
    tap.equal(wrong_internals(project()), [])


def test_circles():
    """No circle among files or folders"""
    tap.equal(wrong_circles(project()), [])


def test_writes():
    """A struct's fields are written in one file, or where its comment says so"""
    tap.equal(wrong_writes(project(), flags()), [])


def test_writers():
    """The files that a comment names write the struct, and few structs have more than one"""
    tree = project()
    tap.equal(idle_writers(tree, flags()), [])
    tap.equal(sorted(struct for struct, home in tree.owners.items() if isinstance(home, set) and len(home) > 1),
              ["ttn_answer", "ttn_settings"])


def test_links():
    """Objects need only what their layer may know"""
    objects = built()
    tap.equal([name for name, found in objects.items() if not found], [], "folders without objects")
    tap.equal(wrong_links(objects), [])


# Each rule against a tree that breaks it: what a file of the tree below gets added, and what is found.
GOOD = {
    "base/text.h": "struct text {\n  int n;\n  char *s;\n};\nvoid text_set(struct text *text, int n);\n",
    "base/text.c": '#include "base/text.h"\nvoid text_set(struct text *text, int n) { text->n = n; }\n',
    "http/http.c": '#include "base/text.h"\nint http_get(void) { struct text t = {1}; text_set(&t, 2); '
                   'return t.n; }\n',
    "json/json.h": "int json(void);\n",
    "account/internal.h": '#include "base/text.h"\nstruct account {\n  struct text text;\n};\n',
    "account/poll.c": '#include "account/internal.h"\nint poll_(struct account *a) { return a->text.n; }\n',
}


def broken(files):
    """A tree with other files, removed at its end."""
    top = tempfile.mkdtemp(prefix="ttn-layers-")
    for name, text in dict(GOOD, **files).items():
        os.makedirs(os.path.join(top, folder(name)), exist_ok=True)
        with open(os.path.join(top, name), "w", encoding="utf-8") as file:
            file.write(text)
    return Tree(top)


def found_in(files, check):
    tree = broken(files)
    try:
        return check(tree)
    finally:
        shutil.rmtree(tree.top)


def test_rules_can_fail():
    """Each rule finds what breaks it, and nothing in a good tree"""
    for check in (wrong_includes, wrong_internals, wrong_circles, wrong_writes):
        tap.equal(found_in({}, check), [], check.__name__)
    cases = (
        (wrong_includes, "base/a.c", '#include "http/http.h"\n', "not a path from src/"),
        (wrong_includes, "base/a.c", '#include "json/json.h"\n', "a layer that is not lower"),
        (wrong_includes, "http/a.c", '#include "json/json.h"\n', "a layer that is not lower"),
        (wrong_includes, "json/a.c", "#include <curl/curl.h>\n", "which only http/ may"),
        (wrong_includes, "account/a.c", '#include "plugin.h"\n', "which only collectd/ may"),
        (wrong_includes, "tts/a.c", "#include <yajl/yajl_gen.h>\n", "which only cli/ may"),
        (wrong_includes, "new/a.c", "", "has no layer"),
        (wrong_internals, "account/hosts.c", '#include "account/internal.h"\n', "account/hosts.c includes"),
        (wrong_internals, "cli/a.c", '#include "account/internal.h"\n', "cli/a.c includes"),
        (wrong_circles, "json/json.c", '#include "json/b.h"\n', "json/b > json/json > json/b"),
        (wrong_writes, "account/poll.c", '#include "account/internal.h"\n'
         "void f(struct account *a) { a->text.n = 1; }\n", "account/poll.c:2"),
        (wrong_writes, "account/poll.c", '#include "account/internal.h"\n'
         "void f(struct account *a) { a->text.n++; }\n", "account/poll.c:2"),
        (wrong_writes, "http/http.c", '#include "base/text.h"\n'
         "void f(struct text *t) { t->s = 0; }\n", "http/http.c:2"),
        (wrong_writes, "http/http.c", '#include "base/text.h"\n'
         "void f(struct text *t) { struct text u = {2}; *t = u; t->n += 1; }\n", "http/http.c:2"),
        (wrong_writes, "account/poll.c", '#include "account/internal.h"\n'
         "void f(struct account *a) { a->text = (struct text){0}; }\n", "account/poll.c:2"),
    )
    for check, name, text, wanted in cases:
        more = {"json/b.h": '#include "json/json.h"\n'} if check == wrong_circles else {}
        said = found_in(dict({name: text}, **more), check)
        tap.equal([wanted in line for line in said], [True], "%s: %s" % (text.strip(), said))
    for comment, wanted in (("/* http/http.c writes it. */", ["base/text.c:2", "http/http.c does not write text"]),
                            ("/* text.c writes it. */", []), ("/* Of a call. The caller fills it. */", []),
                            ("/* text.c and\n * http/http.c write it. */", ["http/http.c does not write text"])):
        header = {"base/text.h": comment + "\n" + GOOD["base/text.h"]}
        said = found_in(header, wrong_writes) + found_in(header, idle_writers)
        tap.equal([part for part, line in zip(wanted, said) if part in line], wanted, "%s: %s" % (comment, said))
        tap.equal(len(said), len(wanted), said)
    tap.equal(circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}), ["a > b > a"])


def test_link_rule_can_fail():
    """The linker's rule finds an object that needs a higher layer"""
    with tempfile.TemporaryDirectory(prefix="ttn-layers-") as scratch:
        objects = {}
        for where, text in (("base", "void up(void); void down(void) { up(); }\n"), ("http", "void up(void) {}\n")):
            source, target = (os.path.join(scratch, where + end) for end in (".c", ".o"))
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run(["cc", "-c", source, "-o", target], check=True)
            objects[where] = [target]
        tap.equal(wrong_links(objects), ["base.o of base/ needs up of http/"])


if __name__ == "__main__":
    tap.run(globals())
