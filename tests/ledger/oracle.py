# SPDX-License-Identifier: MIT
"""What must be reported, and what the API proved: the rules of counts, told without offsets or files.

The plugin keeps offsets; here a series has a value, and the level that the connection at hand had
when it was counted last. What both make of the same answers has to be the same. Memory is used
twice: one remembers everything there ever was and says how many messages the API proved, one
forgets at each kill what is in no file and says what an honest collectd reports.
"""

KINDS = ("uplink", "downlink", "tx_ack")


class Memory:
    """One kind of message of one gateway."""

    __slots__ = ("at", "gone", "value", "level", "kept")

    def __init__(self):
        self.at = self.gone = 0  # the latest connection; since when it is known to have none
        self.value = None        # reported, or about to be; None: nothing is
        self.level = 0           # the count that `value` holds of the connection at hand
        self.kept = 0            # from the file, after a kill: value - level

    def is_new(self, at):
        return bool(at) and at > (self.at or self.gone or at)

    def is_past(self, sight):
        """An entry of a connection that ended before the known one began or ended, at another cluster."""
        return not sight.at and bool(sight.gone) and (sight.gone <= self.at or sight.gone < self.gone)

    def learn(self, sight, count):
        """Takes an answer. Returns what is reported, None: nothing."""
        if sight.state == "absent" or self.is_past(sight):
            self.gone = self.gone or sight.date
            return self.value
        new = self.is_new(sight.at)
        self.at = max(self.at, sight.at or 0)
        self.gone = 0 if sight.at else sight.gone
        if new:
            # All of its messages are new; where nothing was told yet they are what is counted from.
            self.value = (self.value or 0) + (count or 0)
            self.level = count or 0
            self.kept = 0
        elif count is not None:
            self._go_on(sight, count)
        return self.value

    def _go_on(self, sight, count):
        if self.value is None:
            # Whose count is that of an ended connection? The file's offset may not be its.
            if not (self.kept and not sight.at):
                self.value = count + self.kept
                self.level = count
        elif count >= self.level:
            self.value += count - self.level
            self.level = count
        elif sight.at:
            self.level = count

    def offset(self):
        return self.kept if self.value is None else self.value - self.level

    def forget(self, row):
        """A kill. row: the file has this gateway, for one of its offsets is not 0."""
        self.kept = self.offset() if row else 0
        self.value = None
        self.level = 0
        if not row:
            self.at = self.gone = 0

    def copy(self):
        out = Memory()
        for name in self.__slots__:
            setattr(out, name, getattr(self, name))
        return out


class Mind:
    """What one collectd can know of one gateway."""

    def __init__(self, kinds=None):
        self.kinds = kinds or [Memory() for _ in KINDS]

    def learn(self, sight):
        return [memory.learn(sight, count) for memory, count in zip(self.kinds, sight.counts)]

    def killed(self):
        out = self.copy()
        row = any(memory.offset() for memory in out.kinds)
        for memory in out.kinds:
            memory.forget(row)
        return out

    def ends(self, sight):
        """An entry that ends what is known. Another may be of any time, and a cluster that does not
        answer may know better."""
        memory = self.kinds[0]
        return bool(memory.at or memory.gone) and not memory.is_past(sight)

    def copy(self):
        return Mind([memory.copy() for memory in self.kinds])

    def key(self):
        return tuple(getattr(memory, name) for memory in self.kinds for name in Memory.__slots__)


class Writer:
    """What those who store a series make of it, as it comes."""

    def __init__(self):
        self.first = self.last = None
        self.increase = 0  # Prometheus: a fall is a reset, the value after it is new as a whole
        self.derive = 0    # RRDtool, DERIVE with min 0: a step that falls is unknown

    def take(self, value):
        if self.last is None:
            self.first = value
        elif value >= self.last:
            self.increase += value - self.last
            self.derive += value - self.last
        else:
            self.increase += value
        self.last = value


class Book:
    """One series: what was proved, against what the writers made of it.

    Only after a kill may they differ, and only where the answers on both sides of it can't be joined:
    a later connection, or a lower count. What is then missing or too much is written off: counted and
    shown. Any other difference is an error for good."""

    FOLDS = ("increase", "derive", "plain")

    def __init__(self):
        self.proof = Memory()
        self.base = None
        self.writer = Writer()
        self.killed = self.torn = False
        self.written_off = dict.fromkeys(self.FOLDS, 0)
        self.wrong = dict.fromkeys(self.FOLDS, 0)
        self.cases = []

    def proved(self):
        """Messages since the first value."""
        return 0 if self.base is None else self.proof.value - self.base

    def kill(self):
        self.killed = True

    def cut(self, sight, count):
        """An answer showed this, and a kill hid what was made of it: that is in the file, or it is not."""
        self.torn = self.torn or self._apart(sight, count)

    def _apart(self, sight, count):
        """It can't be joined to what is proved."""
        memory = self.proof
        lower = count is not None and memory.value is not None and count < memory.level
        return lower or memory.is_new(sight.at) or memory.is_past(sight)

    def take(self, sight, count, value):
        """An answer showed this, and value was reported (None: nothing)."""
        memory = self.proof
        if self.killed and sight.state != "absent":
            self.torn = self.torn or self._apart(sight, count)
        again = self.torn and sight.state == "disconnected" and not memory.is_past(sight)
        first = memory.learn(sight, count)
        # Of a connection that began and ended meanwhile: from here both count alike. But if the value is
        # the last one, nothing was forgotten: the kill came before a stopped collectd's file was read.
        if again and count is not None and value != self.writer.last:
            memory.level = count
        if self.base is None:
            self.base = first
        if value is None:
            return
        self.writer.take(value)
        made = {"increase": self.writer.increase, "derive": self.writer.derive,
                "plain": value - self.writer.first}
        for name in self.FOLDS:
            gap = made[name] - self.proved() - self.written_off[name] - self.wrong[name]
            if gap and self.torn:
                self.written_off[name] += gap
                if name == "increase":
                    self.cases.append(gap)
            elif gap:
                self.wrong[name] += gap
        self.killed = self.torn = False
