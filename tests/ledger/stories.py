# SPDX-License-Identifier: MIT
"""A random story of gateways, a stack and a collectd that restarts, and the books of what came of it.

Everything hangs by the seed but for where exactly a kill during a poll hits. Nothing in it knows how
the plugin works: gateways live in the stand-in, what its whole answers showed goes to the oracle,
what ttn-drive printed goes to the oracle's books.
"""

import os
import random
import tempfile
import time

import paths
from clock import SECOND
from drive import Drive, Polled
from oracle import KINDS, Book, Mind
from recorder import Recorder

# What can happen to an answer. The chances: of the requests that the rule takes.
FAULTS = (
    {"status": 503, "body": "{}"}, {"transform": [["html", 502]]}, {"transform": [["html", 200]]},
    {"close": "before"}, {"close": "head"}, {"close": "body"}, {"close": 40, "reset": True},
    {"length": -60}, {"length": 9}, {"length": None, "transform": [["cut_json", 7]]},
    {"transform": [["cut_json", 1]]}, {"transform": [["gzip_garbage"]]}, {"transform": [["gzip_cut"]]},
    {"transform": [["extra", "nobody-asked"]]}, {"body": ""}, {"body": "[]"}, {"end": True},
    {"delay": 0.05}, {"trickle": [500, 0.001]}, {"transform": [["indent"]]})


class Gateway:
    def __init__(self, name, home):
        self.name = name
        self.home = home
        self.cluster = None   # where it is connected
        self.listed = True
        self.began = self.seen = 0  # connected_at of the latest that answers showed, and the first one's Date
        self.doubted = False        # an end that was in doubt was waited for
        self.minds = [Mind()]
        self.lacks = set()    # clusters whose last word was that they do not have it
        self.books = [Book() for _ in KINDS]


class Story:
    TROUBLE = 0.08                # how often a poll begins with a new fault
    RESTARTS = 0.1                # how often collectd is stopped or killed instead of polling

    def __init__(self, seed, directory, gateways=24, modes=("registry",), tls=False, kills=True,
                 log=lambda line: None):
        """modes: of each cluster. kills: False: collectd is only ever stopped."""
        self.random = random.Random(seed)
        self.directory = directory
        self.may_kill = kills
        self.log = log
        clusters = len(modes)
        self.tls = tls
        self.site = self._site(clusters)
        self.stack.freeze()
        for n, mode in enumerate(modes, 1):
            self.stack.cluster(n, mode=mode, debounce=self.random.choice((0, 30)))
        self.clusters = clusters
        self.gateways = {}
        for n in range(gateways):
            one = Gateway("gw-%02d" % n, 1 + n % clusters)
            self.gateways[one.name] = one
            self._register(one)
        key = os.path.join(directory, "key")
        with open(key, "w", opener=lambda path, flags: os.open(path, flags, 0o600), encoding="ascii") as file:
            file.write(paths.keys.text_of("user") + "\n")
        self.state = os.path.join(directory, "state", "home")
        self.options = {"APIKeyFile": key, "StateFile": self.state, "Interval": 60, "Timeout": 3000,
                        "CollectStatus": "false", "CollectDutyCycle": "false"}
        self.options.update(self._way())
        if clusters > 1:
            self.options["Cluster"] = "127.0.0.2"
        self.drive = None
        self.polled = 0           # by this process
        self.troubled = 0         # polls that the present faults still last
        self.refused = []         # clusters
        self.back = set()         # who has to be seen before leaving the list again
        self.polls = self.reconnects = self.clean = self.kills = self.during = self.between = self.unknown = 0
        self.exact = 0            # series that hold just what the stand-in announced
        self.errors = []

    # Where it happens: what is overridden where faults are staged.

    def _site(self, clusters):
        """What run() begins and ends with."""
        self.stack = Recorder(clusters=clusters, tls_dir=os.path.join(self.directory, "tls") if self.tls else None)
        return self.stack

    def _register(self, one):
        self.stack.register(one.name, cluster=one.home)

    def _way(self):
        """The options that lead there."""
        if self.tls:
            return {"URL": self.stack.front.url, "CACert": self.stack.front.ca}
        return {"URL": self.stack.url}

    def _launch(self):
        return Drive(None, **self.options)

    # What happens.

    def run(self, polls=None, seconds=None):
        end = None if seconds is None else time.monotonic() + seconds
        with self.site:
            self.start()
            try:
                while (polls is None or self.polls < polls) and (end is None or time.monotonic() < end):
                    self._turn()
                self._settle()
            finally:
                if self.drive and not self.drive.ended:
                    self.drive.kill()
            self._check_announced()

    def _turn(self):
        rng = self.random
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            self._event()
        self._trouble()
        self._pass_time()
        fate = rng.random()
        if fate > self.RESTARTS:
            self.poll()
            return
        if fate < 0.4 * self.RESTARTS or not self.may_kill:
            self.stop()
        elif fate < 0.7 * self.RESTARTS:
            self.kill()
        else:
            self.kill_during()
        self._away()
        self.start()

    def _away(self):
        """collectd is down: sometimes all goes on meanwhile."""
        for _ in range(self.random.choice((0, 0, 2, 8))):
            self._event()
            self._pass_time()

    def _settle(self):
        """Without trouble and restarts all that was proved is out."""
        self._calm()
        for one in self.gateways.values():
            self._list(one, True)
        for _ in range(4):
            self._pass_time()
            self.stack.move(1)
            time.sleep(0.25)      # the list is read again
            self.poll()

    def _pass_time(self):
        rng = self.random
        fate = rng.random()
        if fate < 0.004:
            # What is known of a gateway outlives a day without it in the list; all else comes to less. So all are in
            # the list that is read next.
            for one in self.gateways.values():
                if not one.listed:
                    self.back.add(one.name)
                self._list(one, True)
        self.stack.advance(rng.uniform(49, 51) * 3600 if fate < 0.004 else
                           rng.uniform(90, 400) if fate < 0.05 else rng.uniform(0.01, 60))
        for one in self.gateways.values():
            if one.cluster and self.stack.fleet_of.link(one.name, one.cluster).connection is None:
                one.cluster = None

    def _event(self):
        rng = self.random
        one = self.gateways[rng.choice(list(self.gateways))]
        rng.choices((self._traffic, self._one_kind, self._connect, self._flap, self._disconnect,
                     self._silence, self._forget, self._list), (30, 20, 14, 4, 6, 4, 1, 3))[0](one)

    def _traffic(self, _):
        self.stack.move(self.random.choice((1, 1, 2, 7, 100)), self.random.random())

    def _one_kind(self, one):
        if one.cluster:
            say = self.random.choice((self.stack.uplink, self.stack.downlink, self.stack.tx_ack))
            say(one.name, self.random.randint(1, 50), cluster=one.cluster)

    def _connect(self, one):
        """Also while it is connected: a second connection takes the place of the first."""
        cluster = one.cluster or (one.home if self.random.random() < 0.8 else
                                  self.random.randint(1, self.clusters))
        protocol = self.random.choice(("udp", "udp", "mqtt", "semtechws/lbslns"))
        self.stack.connect(one.name, cluster=cluster, protocol=protocol)
        one.cluster = cluster
        if self.random.random() < 0.7:
            self.stack.uplink(one.name, self.random.randint(1, 30), cluster=cluster)
        if self.random.random() < 0.3:
            self.stack.tx_ack(one.name, self.random.randint(1, 30), cluster=cluster)

    def _flap(self, one):
        for _ in range(self.random.randint(2, 4)):
            if self.random.random() < 0.5:
                self._disconnect(one)
            self._connect(one)

    def _disconnect(self, one):
        if one.cluster:
            self.stack.disconnect(one.name, cluster=one.cluster)
            one.cluster = None

    def _silence(self, one):
        if one.cluster:
            self.stack.silent(one.name, cluster=one.cluster)

    def _forget(self, one):
        self.stack.forget(one.name, cluster=one.cluster or one.home)
        one.cluster = None

    def _list(self, one, listed=None):
        """Leaves the list or comes back. Of one that was never reported nothing is kept."""
        told = any(memory.value is not None for mind in one.minds for memory in mind.kinds)
        if listed is None:
            listed = not one.listed or self.random.random() > 0.3
        if listed != one.listed and (listed or (told and one.name not in self.back)):
            one.listed = listed
            self.stack.collaborator(one.name, "alice", "all" if listed else None)

    def _trouble(self):
        if self.troubled:
            self.troubled -= 1
            if not self.troubled:
                self._calm()
        elif self.random.random() < self.TROUBLE:
            self._fault()

    def _calm(self):
        self.troubled = 0
        self.stack.unfault()
        for cluster in self.refused:
            self.stack.refuse(cluster, False)
        self.refused = []

    def _rest(self):
        """Until what is in between knows that the client is gone."""

    def _present_faults(self):
        """For people."""
        return [(rule["match"], rule["action"], rule["hits"]) for rule in self.stack.faults()]

    def _fault(self):
        rng = self.random
        self.troubled = rng.randint(1, 4)
        cluster = rng.randint(1, self.clusters)
        if rng.random() < 0.1 and not self.stack.front:
            self.refused = [cluster]
            self.stack.refuse(cluster)
            return
        fault = {"hang": True} if rng.random() < 0.03 else rng.choice(FAULTS)
        if "hang" in fault:
            self.troubled = 1
        self.stack.seed_faults(rng.random())
        self.stack.fault(fault, {"cluster": cluster, "kind": rng.choice(("batch", "batch", "list"))},
                         p=rng.choice((1.0, 0.5)))

    # collectd.

    def start(self):
        self.options["DiscoveryInterval"] = self.random.choice((0, 30.2))
        self.drive = self._launch()
        self.polled = 0
        for one in self.gateways.values():
            one.doubted = False

    def stop(self):
        self.drive.stop()
        self.clean += 1

    def kill(self):
        self.drive.kill()
        self.kills += 1
        if not self.polled:
            return            # it had not read its file yet
        for one in self.gateways.values():
            self._forget_all(one, [mind.killed() for mind in one.minds])

    @staticmethod
    def _forget_all(one, minds):
        one.minds = list({mind.key(): mind for mind in minds}.values())
        for book in one.books:
            book.kill()

    def kill_during(self):
        """At some instant of a poll: after a time, after some values, or once the state file is there."""
        rng = self.random
        before = self._inode()
        self.drive.send("poll")
        how = rng.choice(("time", "lines", "file"))
        lines = []
        if how == "time":
            time.sleep(rng.uniform(0, 0.004))
        elif how == "lines":
            left = [rng.randint(1, 250)]

            def enough(_):
                left[0] -= 1
                return left[0] == 0
            lines = self.drive.read(enough, 0.1)
        else:
            end = time.monotonic() + 0.05
            while self._inode() == before and time.monotonic() < end:
                pass
        lines += self.drive.kill()
        self._rest()
        self.kills += 1
        self.during += 1
        self.polls += 1
        reported = Polled(lines)
        seen = self.stack.seen(self.stack.clock.now())
        self.between += self._inode() != before and any(
            ("bool", "connected") in values and ("packets", "uplink") not in values
            for values in reported.gateways.values())
        for one in self.gateways.values():
            self._take_cut(one, seen.get(one.name, []), reported)

    def _inode(self):
        try:
            return os.stat(self.state).st_ino
        except FileNotFoundError:
            return None

    def poll(self):
        reported = self.drive.poll()
        self.polls += 1
        self.polled += 1
        seen = self.stack.seen(self.stack.clock.now())
        for one in self.gateways.values():
            self._take(one, seen.get(one.name, []), reported)
        self.back -= set(reported.gateways)
        for name in set(reported.gateways) - set(self.gateways):
            self._wrong("a value of %s, which nobody has" % name)
        states = [values[("bool", "connected")] for values in reported.gateways.values()]
        for name, number in (("connected", states.count(1)), ("disconnected", states.count(0))):
            told = reported.api("count", name)
            if told is None and not states:
                continue  # there is no list yet: how many there are is not known
            if told != number:
                self._wrong("count-%s is %s, but %d were reported" % (
                    name, told, number))
        return reported

    # The books.

    def _wrong(self, what):
        faults = self._present_faults()
        self.errors.append("poll %d%s: %s" % (self.polls, " with %s" % faults if faults else "", what))
        self.log(self.errors[-1])

    def _proof(self, one, sights):
        """What the answers of one poll prove together: (a Sight or None, it is certain)."""
        for sight in sights:
            if sight.state == "connected":
                one.lacks = set()
                return sight, not sight.perhaps
            one.lacks.add(sight.cluster)
        gone = [sight for sight in sights if sight.state == "disconnected"]
        # A cluster that did not answer now may have been asked before; that is remembered until the
        # next list.
        certain = len({sight.cluster for sight in sights if not sight.perhaps}) == self.clusters
        known = len(one.lacks) == self.clusters
        if gone:
            # Of two, the later.
            sight = max(gone, key=lambda sight: sight.gone)
            ends = [mind.ends(sight) for mind in one.minds]
            if not known and not any(ends):
                return None, True
            return sight, certain or (all(ends) and not sight.perhaps)
        if sights and known:
            return sights[0], certain
        return None, True

    def _take(self, one, sights, reported):
        proof, certain = self._proof(one, sights)
        values = reported.gateways.get(one.name)
        if proof is not None and not certain and values is None:
            proof = None
        if proof is None:
            self.unknown += 1
            if values is not None:
                self._wrong("%s is unknown, but has %s" % (one.name, values))
            return
        if values is None and not self._may_doubt(one, proof):
            self._wrong("%s was shown %s, but has no value" % (one.name, proof.state))
            return
        if (proof.at or 0) > one.began:
            one.began, one.seen = proof.at, proof.date
        one.doubted = proof.state == "disconnected"
        if values is None:
            self.unknown += 1
            for mind in one.minds:
                mind.learn(proof)
            for book, count in zip(one.books, proof.counts):
                book.take(proof, count, None)
            return
        self._check_state(one, proof, values)
        counts = list(reported.packets(one.name))
        self._learn(one, proof, counts, lambda expected: expected == counts)
        self.reconnects += one.books[0].proof.is_new(proof.at)
        for book, count, value in zip(one.books, proof.counts, counts):
            book.take(proof, count, value)

    @staticmethod
    def _may_doubt(one, proof):
        """A connection began lately, so another server may have held the one that ended: once."""
        return proof.state == "disconnected" and not one.doubted and proof.date - one.seen <= 300 * SECOND

    def _check_state(self, one, proof, values):
        wanted = {("bool", "connected"): 1 if proof.state == "connected" else 0}
        if proof.state == "connected":
            wanted["uptime", "connection"] = max(0, (proof.date - proof.at) / 1e9)
        for name in (("bool", "connected"), ("uptime", "connection")):
            got = values.get(name)
            if (got is None) != (name not in wanted) or (got is not None and abs(got - wanted[name]) > 1e-6):
                self._wrong("%s: %s-%s is %s, not %s" % (one.name, *name, got, wanted.get(name)))

    def _learn(self, one, proof, counts, fits):
        minds, said = [], []
        for mind in one.minds:
            expected = mind.learn(proof)
            said.append(expected)
            if fits(expected):
                minds.append(mind)
        if not minds:
            self._wrong("%s, %s: reported %s, not %s" % (
                one.name, (proof.state, proof.at, proof.gone, proof.counts), counts, " or ".join(map(str, said))))
            minds = one.minds
        one.minds = list({mind.key(): mind for mind in minds}.values())

    def _take_cut(self, one, sights, reported):
        """A poll that was cut by a kill: what was printed was learned; else nobody can tell, and both has
        to be good: that it was, and reached the file or not, and that it was not."""
        proof, _ = self._proof(one, sights)
        values = reported.gateways.get(one.name)
        before = [mind.copy() for mind in one.minds]
        after = []
        counts = list(reported.packets(one.name))
        if proof is None and values is not None:
            self._wrong("%s is unknown, but has %s" % (one.name, values))
        if proof is not None:
            self._learn(one, proof, counts, lambda expected: all(
                value is None or value == wanted for value, wanted in zip(counts, expected)))
            after = [mind.killed() for mind in one.minds]
            for book, count, value in zip(one.books, proof.counts, counts):
                if value is not None:
                    book.take(proof, count, value)
                elif proof.state != "absent":
                    book.cut(proof, count)
        if values is None or all(value is None for value in counts):
            after += [mind.killed() for mind in before]
            if not self.polled:
                after += before       # killed before it read its file
        self._forget_all(one, after)

    # The end.

    def _check_announced(self):
        """The stand-in keeps books of its own: no series has more than was ever shown."""
        for name, row in self.stack.ledger().items():
            for kind, book in zip(KINDS, self.gateways[name].books):
                if book.writer.first is None:
                    continue
                most = row["announced"][kind] + sum(case for case in book.cases if case > 0)
                got = book.writer.first + book.writer.increase
                self.exact += got == row["announced"][kind]
                if got > most:
                    self._wrong("%s %s: %d were added up, but only %d announced" % (name, kind, got, most))

    def figures(self):
        books = [book for one in self.gateways.values() for book in one.books]
        cases = [case for book in books for case in book.cases]
        wrong = [book.wrong[name] for book in books for name in book.FOLDS]
        return {"polls": self.polls, "gateways": len(self.gateways),
                "messages": sum(book.proved() for book in books), "reconnects": self.reconnects,
                "clean": self.clean, "kills": self.kills, "during": self.during, "between": self.between,
                "unknown": self.unknown, "exact": self.exact, "cases": len(cases),
                "missing": -sum(case for case in cases if case < 0),
                "surplus": sum(case for case in cases if case > 0),
                "lost": -sum(gap for gap in wrong if gap < 0), "twice": sum(gap for gap in wrong if gap > 0),
                "errors": len(self.errors)}


def memory():
    """A directory: that there is an fsync is part of what is tried, but not the disk's speed."""
    there = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="ttn-ledger-", dir=there)


def line(figures):
    return ("%(polls)d polls of %(gateways)d gateways, %(messages)d messages proved, "
            "%(reconnects)d reconnects, restarts: %(clean)d clean, %(kills)d kills (%(during)d during a poll, "
            "%(between)d of them between the state file and the counts), %(unknown)d times unknown; after "
            "kills %(cases)d counts could not be joined (%(missing)d missing, %(surplus)d too many); "
            "%(exact)d series hold all that was announced; "
            "lost %(lost)d, twice %(twice)d, other errors %(errors)d" % figures)


def sum_of(figures):
    return {name: sum(one[name] for one in figures) for name in figures[0]}


def adds_up(figures):
    return not (figures["lost"] or figures["twice"] or figures["errors"])
