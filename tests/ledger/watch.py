# SPDX-License-Identifier: MIT
"""What a poll must say of itself: which failures it counts, and which lines it logs.

There is one line when trouble begins and one when it ends, none in between; whatever leaves a gateway unknown is
counted; and where nothing is wrong nothing is said or counted. Knows one process, poll by poll.
"""

import re

# (what is in trouble, how its first line ends or begins, how its last line does). {}: an account's host.
_LINES = (("host", r"(\S+): .*; gateways there are reported as unknown until it responds; it is tried again$",
           r"(\S+): responds again, after "),
          ("limit", r"(\S+): because of the rate limit some gateways are unknown", r"(\S+): the rate limit is sufficient again$"),
          ("list", r"()the list of gateways can't be read: ", r"()the list of gateways can be read again, after "),
          ("entries", r"().* implausible statistics and (is|are) reported as unknown",
           r"()all gateways' statistics are plausible again$"),
          ("key", r"().* No gateway is reported until this is fixed; each poll tries the key again$", r"()the key works again$"))
# What is said of gateways has nothing to do with trouble: one that has left the list is refused until it is read.
_OTHER = re.compile(r"\d+ gateways? (is|are) (connected at another host than the registered one, and read there: |"
                    r"no longer refused: |refused to this key and left out until that changes: )")
_LINE = re.compile(r'(error|warning|notice) account "home": (.*)$')


class Watch:
    def __init__(self):
        self.open = set()
        self._counted = {}

    def take(self, reported):
        """What is wrong with what a poll said: [text]. Sets `errors` and `statuses`, {kind or status: how many more
        than before}, and `known`: nothing is unknown."""
        wrong = [text for text in (self._line(" ".join(row)) for row in reported.log) if text]
        self.errors = self._more(reported, "errors")
        self.statuses = self._more(reported, "http_response_codes")
        self.known = reported.api("bool", "up") == 1
        if not self.known and not self.errors:
            wrong.append("up is 0, and no failure was counted")
        if not self.known and not self.open:
            wrong.append("up is 0, and no line said why")
        return wrong

    def _line(self, line):
        found = _LINE.match(line)
        if not found or _OTHER.match(found.group(2)):
            return None
        for what, first, last in _LINES:
            begun = re.match(first, found.group(2))
            ended = re.match(last, found.group(2))
            if not begun and not ended:
                continue
            key = (what, (begun or ended).group(1))
            if bool(begun) == (key in self.open):
                return "said during the trouble, or without one: " + line
            self.open ^= {key}
            return None
        return "a line that nobody expects: " + line

    def _more(self, reported, type_):
        out = {}
        for (plugin, _, kind, name), value in reported.values.items():
            if (plugin, kind) == ("ttn_api", type_):
                more = value - self._counted.get((kind, name), 0)
                self._counted[kind, name] = value
                if more:
                    out[name] = more
        return out
