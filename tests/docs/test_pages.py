#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""All that people read: well-formed manual pages that fit a terminal, and no word misspelt."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import pages  # noqa: E402  (the modules lie beside the other tests' own)
import paths  # noqa: E402
import tap  # noqa: E402

# The spelling of the texts is British; words that no dictionary has are in the file "words".
DICTIONARY = "en_GB"
TEXTS = tuple(pages.documents()) + ("NEWS",)


def run(*command, text=None, status=0):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8"))
    if done.returncode != status:
        raise AssertionError("%s ended with %d: %s" % (" ".join(command), done.returncode, done.stdout[-2000:]))
    return done.stdout


def built():
    """The pages that make has built, or that came with the tarball."""
    out = []
    for pod in pages.pods():
        name = os.path.basename(pod)[:-4]
        found = [os.path.join(top, "man", one) for top in (os.environ.get("TTN_BUILDDIR"), paths.SRCDIR) if top
                 for one in (name + ".1", name + ".5", name + ".7") if os.path.exists(os.path.join(top, "man", one))]
        if not found:
            raise AssertionError("%s was not built: run make" % name)
        out.append(found[0])
    return out


def rendered(page):
    """As on a terminal of 80 columns, without what makes letters bold."""
    return re.sub(".\b", "", run("mandoc", "-Tutf8", "-O", "width=78", page))


def test_pods():
    """podchecker finds nothing in the manual pages' sources"""
    for pod in pages.pods():
        run(paths.program("PODCHECKER", "podchecker"), "-warnings", "-warnings", pod)


def test_lint():
    """mandoc -Tlint finds nothing in the manual pages"""
    for page in built():
        run(paths.program("MANDOC", "mandoc"), "-Tlint", "-Wwarning", page)


def test_width():
    """The manual pages fit 80 columns"""
    for page in built():
        tap.equal([line for line in rendered(page).split("\n") if len(line) > 80], [], page)


def test_all_there():
    """What is in the sources is on the pages: the last item of each section is"""
    text = "".join(re.sub(r"\s+", "", rendered(page)) for page in built())
    for head in ("OPTIONS", "VALUES", "NOTIFICATIONS", "MESSAGES"):
        title = pages.items(head)[-1].title
        tap.equal(re.sub(r"\s+", "", title) in text, True, title)


def test_date():
    """The pages bear the release's date, whenever they are built"""
    with open(os.path.join(paths.SRCDIR, "configure.ac"), encoding="utf-8") as file:
        date = re.search(r"\[PAGE_DATE\], \[([\d-]+)\]", file.read()).group(1)
    for page in built():
        with open(page, encoding="utf-8") as file:
            head = [line for line in file if line.startswith(".TH ")]
        # Newer pod2mans leave out quotes around a word.
        tap.matches(r'^\.TH \S+ \d "?%s"? "collectd-ttn [\d.]+"' % date, "".join(head))


def prose(name):
    """The words of a page, without code, names and addresses."""
    # What has an underscore is a name.
    return re.sub(r"\w*_\w*|\w+\.(?:conf|db)\b", " ", marked_up(name))


def marked_up(name):
    if name.endswith(".pod"):
        text = re.sub(r"(?ms)^=for.*?\n\n", "", pages.read_pod(name))
        text = re.sub(r"(?m)^[ \t].*$|^=(?:encoding|over).*$|^=\w+", "", text)
        text = re.sub(r"E<\w+>", " ", text)
        return re.sub(r"\b[BCFLI]<[^<>]*>", " ", text)
    with open(os.path.join(paths.SRCDIR, name), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"(?ms)^```.*?^```|^    .*?$", " ", text)
    text = re.sub(r"`[^`]*`(?:'s)?|<!--.*?-->", " ", text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    return re.sub(r"https?://\S+|<https?:[^>]*>|\S+\.(?:c|h|py|md|sh|so|example)\b", " ", text)


def words(text):
    return set(re.findall(r"[A-Za-z][A-Za-z0-9'_-]*[A-Za-z0-9]|[A-Za-z]", text))


def own_words():
    with open(os.path.join(paths.SRCDIR, "tests", "docs", "words"), encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def texts():
    names = [os.path.basename(pod) for pod in pages.pods()]
    names += [name for name in TEXTS if os.path.exists(os.path.join(paths.SRCDIR, name))]
    return {name: prose(name) for name in names}


def test_spelling():
    """No word is misspelt"""
    known = set(own_words()) 
    for row in pages.names("option"):
        known |= {row[0], re.sub("^Collect", "", row[0])}
    wrong = {}
    for name, text in texts().items():
        for word in run("hunspell", "-l", "-d", DICTIONARY, text=text).split():
            if not {word, re.sub("'s$", "", word)} & known:
                wrong.setdefault(word, name)
    tap.equal(wrong, {}, "words (correct them, or add them to tests/docs/words)")
    # The dictionary is there and in use.
    tap.equal(run("hunspell", "-l", "-d", DICTIONARY, text="gateway gatewya").split(), ["gatewya"])


def test_words():
    """Each of our own words is in alphabetical order and in use"""
    listed = own_words()
    tap.equal(listed, sorted(set(listed), key=lambda word: (word.lower(), word)), "order")
    used = set()
    for text in texts().values():
        used |= {part for word in words(text) for part in [word, re.sub("'s$", "", word)] + word.split("-")}
    tap.equal([word for word in listed if word not in used], [], "words that no text has")


if __name__ == "__main__":
    tap.run(globals())
