"""The stand-in's own clock: real time plus an offset that tests move at will.

Retention of 48 h and expiries of minutes have to be tested in milliseconds, so nothing in
the stand-in reads the system's time except through here. Times are nanoseconds since 1970,
because the stack's own timestamps have nine fraction digits.
"""

import calendar
import email.utils
import re
import time

SECOND = 1_000_000_000
_STAMP = re.compile(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.(\d{1,9}))?Z$")
# A number below this is a distance from now, one above it a time since 1970.
_NEAR = 100_000_000


def stamp(ns):
    """RFC 3339 with 0, 3, 6 or 9 fraction digits, as protojson writes it."""
    seconds, rest = divmod(ns, SECOND)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if rest == 0:
        return text + "Z"
    digits = "%09d" % rest
    while digits.endswith("000"):
        digits = digits[:-3]
    return "%s.%sZ" % (text, digits)


def parse_stamp(text):
    """Nanoseconds since 1970 of an RFC 3339 time in UTC."""
    found = _STAMP.match(text)
    if not found:
        raise ValueError("not a time: %r" % text)
    seconds = calendar.timegm(tuple(int(g) for g in found.groups()[:6]) + (0, 0, 0))
    return seconds * SECOND + int((found.group(7) or "0").ljust(9, "0"))


class Clock:
    def __init__(self):
        self._offset = 0
        self._frozen = None
        self._date = (0, "")

    def now(self):
        if self._frozen is not None:
            return self._frozen
        return time.time_ns() + self._offset

    def advance(self, seconds):
        step = int(seconds * SECOND)
        if self._frozen is not None:
            self._frozen += step
        self._offset += step

    def set(self, at):
        """Makes it `at` (see when()) and lets it run on from there, unless frozen."""
        target = self.when(at)
        if self._frozen is not None:
            self._frozen = target
        self._offset = target - time.time_ns()

    def freeze(self, frozen=True, at=None):
        if frozen:
            self._frozen = self.when(at)
        elif self._frozen is not None:
            self._offset = self._frozen - time.time_ns()
            self._frozen = None

    def when(self, at):
        """Nanoseconds of: None (now), seconds from now, seconds since 1970, or a stamp."""
        if at is None:
            return self.now()
        if isinstance(at, str):
            return parse_stamp(at)
        if abs(at) < _NEAR:
            return self.now() + int(at * SECOND)
        return int(at * SECOND)

    def date(self):
        """The Date header; made once a second, because every answer carries it."""
        second = self.now() // SECOND
        if self._date[0] != second:
            self._date = (second, email.utils.formatdate(second, usegmt=True))
        return self._date[1]
