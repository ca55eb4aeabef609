#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""collectd's notify_email and a mail server that takes 2 s for each e-mail: polls stay on time, collectd ends after at
most the one under way, and the text arrives as UTF-8."""

import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from collectd import Collectd, account  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin  # noqa: E402
from tap import at_most, equal, matches, note, run, wait_for  # noqa: E402

GATEWAYS = 200
SLOW = 2.0
# To notice SIGTERM and end all else.
END = 1.0
# The csv plugin writes a file for each value: few of them, for many gateways.
FEW = {"Collect" + group: False for group in ("Packets", "Uptime", "RoundTripTimes", "Ages", "DutyCycle", "Status")}


class MailServer:
    """Takes `seconds` to accept an e-mail, one after the other."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.mails = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock):
        with sock, sock.makefile("rb") as lines:
            sock.sendall(b"220 test\r\n")
            for line in lines:
                word = line[:4].upper()
                if word == b"DATA":
                    sock.sendall(b"354 go on\r\n")
                    mail = b"".join(iter(lines.readline, b".\r\n"))
                    time.sleep(self.seconds)
                    self.mails.append(mail)
                sock.sendall(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return


def notify_email(server):
    return "\n".join(("LoadPlugin notify_email", "<Plugin notify_email>", '  SMTPServer "127.0.0.1"',
                      "  SMTPPort %d" % server.port, '  From "collectd@example.org"', '  Recipient "a@example.org"',
                      "</Plugin>"))


def polls(daemon):
    return len(daemon.csv("ttn_api-home", "bool-up"))


def test_slow_server():
    """2 s for each e-mail, and 200 gateways go offline: polls stay on time, and so does the end"""
    with Scratch() as scratch, Standin() as stack, MailServer(SLOW) as server:
        ids = stack.fleet(GATEWAYS)
        block = account("home", **stack.options(scratch), Interval=0.2, **FEW, NotificationLimit=GATEWAYS)
        with Collectd(scratch, block, extra=notify_email(server), csv=True) as daemon:
            wait_for(lambda: polls(daemon) >= 3, "polls")
            for gateway in ids:
                stack.disconnect(gateway)
            wait_for(lambda: len(server.mails) >= 1, "an e-mail")
            before, sent = polls(daemon), len(server.mails)
            wait_for(lambda: polls(daemon) >= before + 10, "more polls")
            # One poll for each e-mail is what a poll that waits for it could do.
            at_most(len(server.mails) - sent, 3, "e-mails during 10 polls")
            took = daemon.stop()
            note("%.1f s to end with %d e-mails left" % (took, GATEWAYS - len(server.mails)))
            at_most(took, SLOW + END, "seconds to end")
            matches(r"notifications? (are|is) not sent: the daemon ends", "\n".join(daemon.lines("notice")))


def test_text():
    """A name with an umlaut arrives as UTF-8; many gateways at once are one e-mail more than the limit"""
    with Scratch() as scratch, Standin() as stack, MailServer(0) as server:
        stack.register("roof", name="Dächer Süd")
        stack.connect("roof")
        ids = stack.fleet(GATEWAYS)
        block = account("home", **stack.options(scratch), Interval=0.2, **FEW, NotificationLimit=2)
        with Collectd(scratch, block, extra=notify_email(server), csv=True) as daemon:
            wait_for(lambda: polls(daemon) >= 3, "polls")
            stack.disconnect("roof")
            wait_for(lambda: len(server.mails) == 1, "an e-mail")
            matches('Gateway "Dächer Süd" \\(roof\\) has been disconnected since', server.mails[0].decode("utf-8"))
            stack.fault({"status": 503, "body": ""}, {"kind": "batch"})
            daemon.wait_value("ttn_api", "home", "count", "unknown", GATEWAYS + 1)
            for gateway in ids:
                stack.disconnect(gateway)
            stack.unfault()
            wait_for(lambda: len(server.mails) >= 4, "three e-mails more")
            seen = polls(daemon)
            wait_for(lambda: polls(daemon) >= seen + 3, "polls")
            equal(len(server.mails), 4)
            matches("%d of %d gateways of account home disconnected at once, the first is " % (GATEWAYS, GATEWAYS + 1),
                    server.mails[3].decode("utf-8"))


if __name__ == "__main__":
    run(globals())
