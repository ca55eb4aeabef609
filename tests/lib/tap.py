# SPDX-License-Identifier: MIT
"""TAP from plain functions: a test program ends with tap.run(globals()).

Each function called test_… is one test, in the order of the file. It fails by raising; what went
wrong is printed below it as comments, the message first, for ./check shows the first lines.
"""

import os
import re
import signal
import sys
import threading
import time
import traceback


def run(names):
    """Runs all tests, or those named on the command line; exits 1 when one failed."""
    tests = [one for name, one in names.items() if name.startswith("test_") and callable(one)]
    wanted = sys.argv[1:]
    if wanted:
        tests = [one for one in tests if one.__name__ in wanted]
    if not tests:
        sys.exit("no such test")
    failed = 0
    # A shell's background ignores it, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Test functions that run threads of a stand-in need little stack each.
    threading.stack_size(512 * 1024)
    print("1..%d" % len(tests), flush=True)
    for number, test in enumerate(tests, 1):
        start = time.monotonic()
        why = None
        try:
            test()
        except Exception as error:
            why = error
            failed += 1
        title = (test.__doc__ or test.__name__[5:].replace("_", " ")).strip().split("\n")[0].rstrip(".")
        # What TAP itself would read as a comment or directive must not come from a title.
        print("%s %d - %s" % ("not ok" if why else "ok", number, title.replace("#", "No. ")), flush=True)
        if why:
            note("".join(traceback.format_exception_only(type(why), why)))
            note("".join(traceback.format_exception(type(why), why, why.__traceback__)))
        note("%.1f s" % (time.monotonic() - start))
    sys.stdout.flush()
    # Not sys.exit: a thread that hangs must not keep a failed test from ending.
    os._exit(1 if failed else 0)


def note(text):
    """A comment, for people."""
    for line in str(text).rstrip("\n").split("\n"):
        print("# " + line, flush=True)


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what or "values differ", got, wanted))


def near(got, wanted, off, what=""):
    if got is None or abs(got - wanted) > off:
        raise AssertionError("%s: got %r, wanted %r or %r more or less" % (what or "too far off", got, wanted, off))


def at_most(got, most, what=""):
    if got > most:
        raise AssertionError("%s: got %r, at most %r is allowed" % (what or "too much", got, most))


def matches(pattern, text):
    if not re.search(pattern, text):
        raise AssertionError("%r is not in %r" % (pattern, text))


def wait_for(condition, what, seconds=10.0, show=None):
    """Until condition() is true, and returns what it returned. show() helps to see why it never was."""
    end = time.monotonic() + seconds
    while True:
        out = condition()
        if out:
            return out
        if time.monotonic() > end:
            seen = "" if show is None else "; now: %s" % (show(),)
            raise AssertionError("waited %g s for: %s%s" % (seconds, what, seen))
        time.sleep(0.02)
