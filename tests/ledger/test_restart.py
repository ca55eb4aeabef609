#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a restart, a crash, a bad disk and a clock that jumps do to counts: each case with its numbers.

Nearly every case begins alike: the first connection sent 100 uplinks, the second has sent 20 so far,
so 120 are reported, of which 100 are the offset that the state file keeps.
"""

import os
import re
import resource
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from paths import Scratch  # noqa: E402
from drive import Drive  # noqa: E402
from recorder import Recorder  # noqa: E402
from tap import equal, near, run  # noqa: E402

DAY = 86400
FORGETTING = "it is ignored: counts of gateways"


class Scene:
    """A stack with a gateway called roof, and a collectd."""

    def __init__(self, clusters=1):
        self.clusters = clusters

    def __enter__(self):
        self.scratch = Scratch().__enter__()
        self.stack = Recorder(clusters=self.clusters).__enter__()
        self.stack.freeze()
        self.stack.register("roof")
        self.state = self.scratch.file("state", "home")
        os.rmdir(os.path.dirname(self.state))
        self.options = {"APIKeyFile": self.scratch.key(), "URL": self.stack.url, "StateFile": self.state,
                        "Interval": 60, "Timeout": 9000, "DiscoveryInterval": 0}
        self.drive = None
        return self

    def __exit__(self, *why):
        if self.drive and not self.drive.ended:
            self.drive.kill()
        self.stack.__exit__(*why)
        self.scratch.__exit__(*why)

    def start(self, account="home", before=None):
        self.drive = Drive(self.scratch, account=account, preexec_fn=before, **self.options)
        return self

    def poll(self):
        """Half a minute later; what was reported, also kept as `said`."""
        self.stack.advance(30)
        self.said = self.drive.poll()
        return self.said

    def uplinks(self, gateway="roof"):
        return self.poll().packets(gateway)[0]

    def connected(self):
        return self.said.connected("roof")

    def connect(self, uplinks, gateway="roof"):
        """A new connection, and that many uplinks on it."""
        self.stack.advance(1)
        self.stack.connect(gateway)
        self.stack.uplink(gateway, uplinks)

    def at_120(self):
        self.start()
        self.connect(100)
        equal(self.uplinks(), 100)
        self.connect(20)
        equal(self.uplinks(), 120)
        return self

    def content(self):
        with open(self.state, encoding="ascii") as file:
            return file.read()

    def write(self, content, path=None):
        with open(path or self.state, "wb") as file:
            file.write(content)

    def logged(self, text):
        return [one for one in self.said.lines() if text in one]

    def no_complaint(self):
        equal(self.logged("StateFile"), [])

    def complaint(self, text):
        lines = self.logged("StateFile")
        if len(lines) != 1 or text not in lines[0]:
            raise AssertionError("wanted one line with %r, got %s" % (text, lines))


def test_same_connection():
    """The connection goes on over a clean stop, and over a kill"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        scene.stack.uplink("roof", 5)
        equal(scene.start().uplinks(), 125)
        scene.no_complaint()
        scene.drive.kill()
        scene.stack.uplink("roof", 5)
        equal(scene.start().uplinks(), 130)
        scene.no_complaint()


def test_reconnect_meanwhile_clean():
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        scene.connect(7)
        equal(scene.start().uplinks(), 127)
        scene.stack.uplink("roof", 1)
        equal(scene.uplinks(), 128)


def test_reconnect_meanwhile_after_a_kill():
    """A kill and a reconnect: one reset, whose new value is what there is to add"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.kill()
        scene.connect(7)
        equal(scene.start().uplinks(), 7)
        scene.stack.uplink("roof", 1)
        equal(scene.uplinks(), 8)
        scene.connect(4)
        equal(scene.uplinks(), 12)
        # The last offset is on disk again.
        scene.drive.kill()
        equal(scene.start().uplinks(), 12)


def test_several_reconnects_meanwhile():
    """Of several connections meanwhile the last is there to be seen"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        scene.connect(1000)
        scene.connect(3)
        equal(scene.start().uplinks(), 123)


def test_values_are_good_for_one_start():
    """A clean stop, a run, a kill: the values of the stop are not used again"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        equal(scene.content().split("\n")[0], "ttn-state 1 values")
        equal(scene.start().uplinks(), 120)
        equal(scene.content().split("\n")[0], "ttn-state 1 offsets")
        scene.stack.uplink("roof", 50)
        equal(scene.uplinks(), 170)
        scene.drive.kill()
        # With the values of the stop this would be 127: 43 less than reported, read as 127 new ones.
        scene.connect(7)
        equal(scene.start().uplinks(), 7)


def test_kill_before_the_first_value():
    """A start that is killed before its first poll uses nothing up"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        scene.start().drive.kill()
        scene.connect(7)
        equal(scene.start().uplinks(), 127)


def test_start_while_disconnected():
    with Scene() as scene:
        scene.at_120()
        scene.stack.uplink("roof", 3)
        scene.stack.disconnect("roof")
        scene.drive.stop()
        # It connected a moment ago: the end may be one server's.
        equal((scene.start().uplinks(), scene.connected()), (None, None))
        equal((scene.uplinks(), scene.connected()), (123, 0))
        scene.connect(4)
        equal((scene.uplinks(), scene.connected()), (127, 1))
        # Forgotten by the stack after 48 h.
        scene.stack.disconnect("roof")
        scene.stack.advance(2 * DAY)
        scene.drive.stop()
        equal((scene.start().uplinks(), scene.connected()), (127, 0))
        scene.connect(2)
        equal((scene.uplinks(), scene.connected()), (129, 1))


def test_start_while_disconnected_after_a_kill():
    """Nobody can say whose count it is: silent until the next connection"""
    with Scene() as scene:
        scene.at_120()
        scene.stack.disconnect("roof")
        scene.drive.kill()
        equal((scene.start().uplinks(), scene.connected()), (None, 0))
        scene.connect(4)
        equal((scene.uplinks(), scene.connected()), (4, 1))


def test_counts_wait_for_the_file():
    """No count with a new offset goes out before the file that has it is there"""
    with Scene() as scene:
        # With another one, one batch: such a poll is not spread, and the file is written once.
        names = scene.stack.fleet(99, pattern="idle")
        scene.start()
        for count in (100, 20):
            for name in names:
                scene.connect(count, name)
            scene.poll()
        for name in names:
            scene.connect(5, name)
        scene.drive.narrow()
        scene.drive.send("poll")
        lines = scene.drive.read(lambda line: " packets " in line, 10)
        equal(lines[-1].split(" ")[-1], "125")
        rows = [line.split(" ") for line in scene.content().split("\n") if line.startswith("gw-")]
        equal([row[4] for row in rows], ["120"] * 99)
        scene.drive.kill()
        said = scene.start().poll()
        equal([said.packets(name)[0] for name in names], [125] * 99)


def test_crash_between_two_writes():
    """A temporary file that a crash left is in nobody's way"""
    for left in (b"", b"ttn-state 1 off", os.urandom(100)):
        with Scene() as scene:
            scene.at_120()
            scene.drive.kill()
            scene.write(left, scene.state + ".tmp")
            equal(scene.start().uplinks(), 120)
            scene.no_complaint()
            scene.connect(6)
            equal(scene.uplinks(), 126)
            equal(os.listdir(os.path.dirname(scene.state)), ["home"])
            scene.drive.kill()
            equal(scene.start().uplinks(), 126)


def damaged(change, complaint):
    """The file is changed while collectd is down: a warning, one reset, and all is well again."""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        with open(scene.state, "rb") as file:
            content = file.read()
        scene.write(change(content))
        equal(scene.start().uplinks(), 20)
        scene.complaint(complaint)
        scene.complaint(FORGETTING)
        equal([level for level, text in scene.said.log if "StateFile" in text], ["warning"])
        scene.connect(5)
        equal(scene.uplinks(), 25)
        scene.no_complaint()
        scene.drive.kill()
        equal(scene.start().uplinks(), 25)
        scene.no_complaint()


def test_file_cut_short():
    for length in (0, 1, 40, -1, -20, -60):
        damaged(lambda content: content[:length] if length else b"", "")
    damaged(lambda content: content[:-1], "is cut short")


def test_flipped_byte():
    """Whichever byte was changed, it is noticed"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        with open(scene.state, "rb") as file:
            content = file.read()
        row = content.index(b"\nroof") + 1
        for at in list(range(0, row, 7)) + list(range(row, len(content))):
            scene.write(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
            equal(scene.start().uplinks(), 20, "byte %d" % at)
            scene.complaint(FORGETTING)
            scene.drive.kill()
    damaged(lambda content: content.replace(b" 100 ", b" 200 "), "its checksum is wrong")
    damaged(lambda content: b"\x7fELF" + content, "is no state file of this version")


def test_file_of_another_account():
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        equal(scene.start("other").uplinks(), 20)
        scene.complaint("is of another account")
    with Scene(2) as scene:
        scene.at_120()
        scene.drive.stop()
        # Another account's URL; what is in the file is not of it.
        text = scene.content()
        scene.write(re.sub("url .*", "url https://elsewhere.example.org", text).encode())
        equal(scene.start().uplinks(), 20)
        scene.complaint("is of an account at another URL")


def test_file_is_new():
    """The first file: its directory is made, nobody else can read either"""
    with Scene() as scene:
        scene.at_120()
        equal(os.stat(scene.state).st_mode & 0o777, 0o600)
        equal(os.stat(os.path.dirname(scene.state)).st_mode & 0o777, 0o700)
        scene.drive.stop()
        equal(os.stat(scene.state).st_mode & 0o777, 0o600)


def test_unwritable():
    """A file that can't be written: values go on, one warning, and a restart shows one reset"""
    with Scene() as scene:
        scene.options["StateFile"] = scene.scratch.write("plain", "") + "/home"
        scene.start()
        scene.connect(100)
        equal(scene.uplinks(), 100)
        # It can't be read either: that is said already.
        scene.complaint("Not a directory")
        scene.connect(20)
        equal(scene.uplinks(), 120)
        scene.complaint("can't be created")
        equal(scene.said.api("errors", "state_file"), 1)
        scene.connect(5)
        equal(scene.uplinks(), 125)
        scene.no_complaint()
        scene.drive.stop()
        equal(scene.start().uplinks(), 5)


def no_room():
    """Files of this process end at 50 bytes, with an error as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))


def test_full_disk():
    """A full disk: the old file stays whole; when there is room again the file is written at once"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.kill()
        before = scene.content()
        equal(scene.start(before=no_room).uplinks(), 120)
        scene.connect(5)
        equal(scene.uplinks(), 125)
        scene.complaint("can't be written: File too large")
        equal((scene.content(), os.listdir(os.path.dirname(scene.state))), (before, ["home"]))
        equal(scene.uplinks(), 125)
        scene.no_complaint()
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(scene.drive.process.pid, resource.RLIMIT_FSIZE, unlimited)
        equal(scene.uplinks(), 125)
        scene.complaint("can be written again")
        scene.drive.kill()
        equal(scene.start().uplinks(), 125)


def test_full_disk_at_a_start():
    """Values of a clean stop that can't be taken out of the file again"""
    with Scene() as scene:
        scene.at_120()
        scene.drive.stop()
        scene.connect(5)
        equal(scene.start(before=no_room).uplinks(), 125)
        scene.complaint("File too large")


def absent(scene, seconds):
    """roof leaves the list, for so long, and is back."""
    scene.stack.collaborator("roof", "alice", None)
    equal(scene.uplinks(), None)
    scene.stack.advance(seconds)
    equal(scene.uplinks(), None)
    scene.stack.collaborator("roof", "alice", "all")
    return scene.uplinks()


def test_gone_from_the_list():
    """Gone from the list: the offset is kept for a day, over restarts too"""
    with Scene() as scene:
        scene.at_120()
        # Half a minute goes by with each poll.
        equal(absent(scene, DAY - 65), 120)
        equal(absent(scene, DAY + 1), 20)
    for end in ("stop", "kill"):
        with Scene() as scene:
            scene.at_120()
            scene.stack.collaborator("roof", "alice", None)
            equal(scene.uplinks(), None)
            getattr(scene.drive, end)()
            equal(scene.start().uplinks(), None)
            scene.stack.advance(DAY - 95)
            equal(scene.uplinks(), None)
            scene.stack.collaborator("roof", "alice", "all")
            equal(scene.uplinks(), 120)
            scene.connect(3)
            equal(scene.uplinks(), 123)
        with Scene() as scene:
            scene.at_120()
            scene.stack.collaborator("roof", "alice", None)
            equal(scene.uplinks(), None)
            getattr(scene.drive, end)()
            scene.stack.advance(DAY + 5)
            equal(scene.start().uplinks(), None)
            scene.stack.collaborator("roof", "alice", "all")
            equal(scene.uplinks(), 20)
            if "roof" in scene.content():
                raise AssertionError("the row of a day ago is still there")


def test_absent_while_the_clock_is_wrong():
    """Absence is told by the stack's clock: a start in 1970, before NTP, drops nothing, nor does a year too many"""
    for wrong in (-56 * 365 * DAY, 365 * DAY):
        with Scene() as scene:
            scene.at_120()
            scene.stack.collaborator("roof", "alice", None)
            scene.drive.stop()
            scene.start().drive.send("clock %d" % wrong)
            equal(scene.uplinks(), None)
            scene.drive.send("clock %d" % -wrong)
            equal(scene.uplinks(), None)
            scene.drive.kill()
            equal(scene.start().uplinks(), None)
            scene.stack.collaborator("roof", "alice", "all")
            equal(scene.uplinks(), 120)


def test_one_leaves_as_another_comes():
    """One gateway leaves the list in which another comes back"""
    with Scene() as scene:
        for name in ("barn", "shed"):
            scene.stack.register(name)
        scene.start()
        for count in (100, 20):
            for name in ("barn", "roof", "shed"):
                scene.connect(count, name)
            scene.poll()
        turns = (("roof",), ("barn", "shed"), ("roof",), ("shed",), ("barn", "roof"), ())
        for gone in turns:
            for name in ("barn", "roof", "shed"):
                scene.stack.collaborator(name, "alice", None if name in gone else "all")
            said = scene.poll()
            equal([said.packets(name)[0] for name in ("barn", "roof", "shed")],
                  [None if name in gone else 120 for name in ("barn", "roof", "shed")])
        scene.drive.stop()
        said = scene.start().poll()
        scene.no_complaint()
        equal([said.packets(name)[0] for name in ("barn", "roof", "shed")], [120, 120, 120])


def test_connected_elsewhere():
    """The entry that its own cluster kept of an earlier connection adds nothing"""
    with Scene(2) as scene:
        scene.options["Cluster"] = "127.0.0.2"
        stack = scene.stack
        stack.cluster(2, mode="live")
        scene.connect(50)
        stack.disconnect("roof")
        stack.advance(5)
        stack.connect("roof", cluster=2, protocol="mqtt")
        stack.uplink("roof", 10, cluster=2)
        equal(scene.start().uplinks(), 10)
        stack.disconnect("roof", cluster=2)
        equal((scene.uplinks(), scene.connected()), (10, 0))
        stack.connect("roof", cluster=2, protocol="mqtt")
        stack.uplink("roof", 4, cluster=2)
        scene.poll()       # where it is asked for again once the list was read
        equal((scene.uplinks(), scene.connected()), (14, 1))
        scene.drive.stop()
        # Not disconnected, because the cluster that knows better is away.
        stack.refuse(2)
        equal((scene.start().uplinks(), scene.connected()), (None, None))
        stack.refuse(2, False)
        equal((scene.uplinks(), scene.connected()), (14, 1))


def test_connected_elsewhere_after_a_kill():
    """Nothing is known, and the cluster that has the gateway is away: the old entry proves nothing"""
    with Scene(2) as scene:
        scene.options["Cluster"] = "127.0.0.2"
        stack = scene.stack
        scene.connect(50)
        stack.disconnect("roof")
        stack.advance(5)
        stack.connect("roof", cluster=2)
        stack.uplink("roof", 10, cluster=2)
        equal(scene.start().uplinks(), 10)
        scene.drive.kill()
        stack.refuse(2)
        equal((scene.start().uplinks(), scene.connected()), (None, None))
        stack.refuse(2, False)
        stack.uplink("roof", 1, cluster=2)
        equal((scene.uplinks(), scene.connected()), (11, 1))


# Time.

def whole(said):
    """All of roof's values but those of the account."""
    return said.gateways["roof"]


def test_wall_clock_jumps():
    """The local clock may be anywhere: values are told by the stack's"""
    with Scene() as scene:
        scene.at_120()
        scene.stack.freeze()
        before = whole(scene.drive.poll())
        for jump in (-3600, 7200, -50 * 365 * DAY, 50 * 365 * DAY, 365 * DAY, -366 * DAY):
            scene.drive.send("clock %d" % jump)
            said = scene.drive.poll()
            equal(whole(said), before)
            equal(said.log, [])
        equal(before["packets", "uplink"], 120)
        near(before["uptime", "connection"], 30, 1)
        scene.connect(5)
        equal(scene.uplinks(), 125)


class Undated(Recorder):
    """A stack whose answers have no Date."""

    def _finish(self, cluster, request, answer):
        super()._finish(cluster, request, answer)
        answer.headers = [pair for pair in answer.headers if pair[0] != "Date"]


def test_no_date():
    """Without a Date header: counts and state, but no uptime and no ages"""
    with Scene() as scene:
        scene.at_120()
        names = set(whole(scene.said))
        dated = {name for name in names if name[0] == "uptime" or name[1].startswith("since_")}
        equal(len(dated), 2)
        scene.stack.__class__ = Undated
        scene.stack.uplink("roof", 5)
        said = scene.poll()
        equal(set(whole(said)), names - dated)
        equal(said.packets("roof")[0], 125)
        equal(scene.connected(), 1)
        equal(said.log, [])
        scene.connect(5)
        equal(scene.uplinks(), 130)


def test_connected_in_the_future():
    """connected_at ahead of Date: by less than an hour fine, else unknown, with a line at both ends"""
    with Scene() as scene:
        scene.at_120()
        scene.stack.connect("roof", at=3600)
        scene.stack.uplink("roof", 5)
        equal(scene.uplinks(), 125)
        equal(whole(scene.said)["uptime", "connection"], 0)
        scene.stack.connect("roof", at=3 * 3600)
        scene.stack.uplink("roof", 2)
        equal(scene.uplinks(), None)
        equal(len(scene.logged("implausible statistics")), 1)
        equal(scene.said.api("count", "unknown"), 1)
        equal(scene.uplinks(), None)
        equal(scene.said.log, [])
        scene.stack.advance(3 * 3600)
        scene.stack.uplink("roof", 1)  # else the last one came hours before the connection
        equal(scene.uplinks(), 128)
        equal(len(scene.logged("plausible again")), 1)


if __name__ == "__main__":
    run(globals())
