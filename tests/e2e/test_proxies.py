#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Debian's squid and nginx between the plugin and the stack: logins, a path, a token, HTTP/1.1, Retry-After."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from drive import Drive  # noqa: E402
from paths import Scratch  # noqa: E402
from proxies import SQUID_PASSWORD, SQUID_USER, Kdc, Nginx, Squid  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, run, wait_for  # noqa: E402
from tls import Certificates  # noqa: E402

TOKEN = "a-token-that-no-log-may-show"


def well(poll, gateways, what=""):
    equal(poll.lines("error", "warning", "notice"), [], "log, %s" % what)
    equal((poll.api("count", "connected"), poll.api("bool", "up"), poll.errors()), (gateways, 1, {}), what)


def let_in_or_refused(stack, polls, good, what):
    """Two polls through a proxy: both know all, or the first says which options to look at."""
    if good:
        for poll in polls:
            well(poll, 150, what)
        return
    equal(len(polls[0].lines("error")), 1, what)
    matches("the proxy did not connect to 127.0.0.1:%d: .*407.*; see ProxyUserFile and ProxyAuth" % stack.front.port,
            polls[0].lines("error")[0])
    equal(set(polls[0].errors()), {"proxy"}, what)


def test_squid():
    """squid: each way to log in; a wrong one is named with the options that fix it, and no password is shown"""
    user, wrong = "%s:%s" % (SQUID_USER, SQUID_PASSWORD), "%s:hollow9" % SQUID_USER
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(150)
        files = {text: scratch.write(name, text + "\n", 0o600) for name, text in (("right", user), ("wrong", wrong))}
        cases = (("basic", "basic", user, True), ("basic", "any", user, True), ("basic", "digest", user, False),
                 ("basic", "basic", wrong, False), ("digest", "digest", user, True), ("digest", "any", user, True),
                 ("digest", "basic", user, False), ("digest", "digest", wrong, False), ("digest", "basic", None, False),
                 ("ntlm", "ntlm", user, True), ("ntlm", "any", user, True), ("ntlm", "basic", user, False))
        for kind in ("basic", "digest", "ntlm"):
            with Squid(scratch, kind) as squid:
                for wants, how, login, good in cases:
                    if wants != kind:
                        continue
                    what = "a proxy that wants %s, ProxyAuth %s, %s" % (wants, how, login)
                    options = dict(stack.options(scratch), Proxy=squid.url, ProxyAuth=how)
                    if login:
                        options["ProxyUserFile"] = files[login]
                    with Drive(scratch, **options) as drive:
                        polls = [drive.poll(), drive.poll()]
                    let_in_or_refused(stack, polls, good, what)
                    said = str([poll.log for poll in polls])
                    equal((SQUID_PASSWORD in said, "hollow9" in said), (False, False), "a password, %s" % what)
                paths.no_secret("\n".join(squid.access()).encode(), "squid's log")
                # One connection a Drive that is let in: the tunnel is kept.
                tunnels = [line for line in squid.access() if "/200 " in line and "CONNECT" in line]
                equal(len(tunnels), sum(1 for wants, _, _, good in cases if wants == kind and good), "tunnels")


def test_squid_with_kerberos():
    """squid that wants Negotiate: a ticket is enough, and without one the line says what to look at"""
    with Scratch() as scratch, Standin(scratch) as stack, Kdc(scratch) as kdc, \
            Squid(scratch, "negotiate", kdc) as squid:
        stack.fleet(150)
        none = dict(kdc.environment, KRB5CCNAME="FILE:" + scratch.file("no-ticket"))
        for how, environment, good in (("negotiate", kdc.environment, True), ("any", kdc.environment, True),
                                       ("negotiate", none, False)):
            with Drive(scratch, wrapper=("env", *("%s=%s" % pair for pair in environment.items())), Proxy=squid.url,
                       ProxyAuth=how, **stack.options(scratch)) as drive:
                polls = [drive.poll(), drive.poll()]
            let_in_or_refused(stack, polls, good, how)


def test_nginx_path_and_token():
    """nginx: the stack below a path, only with a token that no log shows, over HTTP/2 and HTTP/1.1"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(250)
        certificates = Certificates(scratch.file("tls", ""), {"127.0.0.1": "127.0.0.1"})
        server = ('location /lorawan/ { if ($http_x_token != "%s") { return 401; } proxy_pass %s/; }'
                  % (TOKEN, stack.url))
        for http2, version in ((True, "2"), (True, "1.1"), (False, "2")):
            with Nginx(scratch, certificates.make("good"), server, http2=http2) as nginx:
                options = dict(stack.options(scratch), URL=nginx.url + "/lorawan/", CACert=certificates.ca,
                               HTTPVersion='"%s"' % version)
                with Drive(scratch, Header=["X-Token: " + TOKEN, "X-Other: 1"], **options) as drive:
                    for number in range(2):
                        well(drive.poll(), 250, "poll %d, %s, %s" % (number, http2, version))
                wanted = "HTTP/2.0" if (http2, version) == (True, "2") else "HTTP/1.1"
                equal({line.split('"')[1].split(" ")[2] for line in nginx.access()}, {wanted}, "HTTP versions")
                with Drive(scratch, Header="X-Token: wrong", **options) as drive:
                    poll = drive.poll()
                equal((poll.api("bool", "up"), TOKEN in str(poll.log)), (0, False))


def test_nginx_with_two_versions():
    """HTTP/2 and HTTP/1.1 through nginx to the real collectd, whose log does not show the token"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(30)
        certificates = Certificates(scratch.file("tls", ""), {"127.0.0.1": "127.0.0.1"})
        with Nginx(scratch, certificates.make("good"), "location /t/ { proxy_pass %s/; }" % stack.url,
                   http2=True) as nginx:
            options = dict(stack.options(scratch), URL=nginx.url + "/t", CACert=certificates.ca, Interval=0.5)
            blocks = "\n".join((account("one", 'Header "X-Token: %s"' % TOKEN, HTTPVersion="1.1", Host="one", **options),
                                account("two", 'Header "X-Token: %s"' % TOKEN, Host="two", **options),
                                account("bad", 'Header "Authorization: %s"' % TOKEN, Host="bad", **options)))
            with Collectd(scratch, blocks) as daemon:
                for name in ("one", "two"):
                    daemon.wait_value("ttn_api", name, "count", "connected", 30)
                daemon.wait_line("error", r"Header can't be Authorization: that is for the key alone, see APIKeyFile")
                equal(TOKEN in daemon.log(), False, "the token is in the log")


def requests_so_far(nginx):
    """nginx logs a request after its client has the answer."""
    time.sleep(0.3)
    return len(nginx.access())


def test_retry_after():
    """nginx answers 503 with Retry-After, in seconds or as a date: not one request before its time"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        certificates = Certificates(scratch.file("tls", ""), {"127.0.0.1": "127.0.0.1"})
        for form in ("seconds", "date"):
            flag = scratch.file("away-" + form)
            value = "3" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 6))
            server = ('location / { if (-f %s) { add_header Retry-After "%s" always; return 503; } proxy_pass %s; }'
                      % (flag, value, stack.url))
            with Nginx(scratch, certificates.make("good"), server) as nginx:
                with Drive(scratch, **dict(stack.options(scratch), URL=nginx.url, CACert=certificates.ca,
                                           Timeout=1000)) as drive:
                    well(drive.poll(), 3)
                    scratch.write("away-" + form, "")
                    before = requests_so_far(nginx)
                    poll = drive.poll()
                    equal((poll.api("bool", "up"), poll.connected("gw-1")), (0, None))
                    asked = requests_so_far(nginx) - before
                    equal(asked, 1, "requests until the 503")
                    os.unlink(flag)
                    for _ in range(2):
                        equal(drive.poll().api("bool", "up"), 0)
                    equal(requests_so_far(nginx) - before, asked, "requests before its time")
                    time.sleep(6)
                    poll = drive.poll()
                    equal((poll.api("bool", "up"), poll.api("count", "connected")), (1, 3))

run(globals())
