#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ways to a server: proxies, client certificates, address families, CAs, HTTP/1.1, gzip."""

import os
import socket
import ssl
import subprocess
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import paths  # noqa: E402
from drive import Drive, FakedNames  # noqa: E402
from paths import Scratch  # noqa: E402
from relay import Proxy, Relay  # noqa: E402
from standin import Standin  # noqa: E402
from tap import equal, matches, note, run  # noqa: E402
from tls import Certificates  # noqa: E402

NOBODY = "127.0.0.1:9"


def server_tls(certificates, alpn=("http/1.1",), kind="good"):
    out = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    out.load_cert_chain(*certificates.make(kind))
    if alpn:
        out.set_alpn_protocols(alpn)
    return out


def well(poll, gateways, what=""):
    equal(poll.lines("error", "warning", "notice"), [], "log, %s" % what)
    equal((poll.api("count", "connected"), poll.api("bool", "up"), poll.errors()), (gateways, 1, {}), what)


def failed(poll, kind, pattern):
    """One error that says why, and failures of this kind alone."""
    equal(len(poll.lines("error")), 1, "lines: %s" % poll.log)
    matches(pattern, poll.lines("error")[0])
    equal(set(poll.errors()), {kind}, "failures")
    equal((poll.api("bool", "up"), poll.api("count", "connected")), (0, None), "up, and no list yet")


def test_proxy_with_tls():
    """Proxy: through CONNECT, where the key is not told"""
    with Scratch() as scratch, Standin(scratch) as stack, Proxy() as proxy:
        stack.fleet(250)
        with Drive(scratch, Proxy=proxy.url, **stack.options(scratch)) as drive:
            for number in range(3):
                well(drive.poll(), 250, "poll %d" % number)
        equal([(method, target) for method, target, _ in proxy.asked],
              [("CONNECT", "127.0.0.1:%d" % stack.front.port)], "what the proxy was asked")
        paths.no_secret(repr(proxy.asked).encode(), "what the proxy was asked")
        equal("authorization" in proxy.asked[0][2], False, "Authorization in CONNECT")
        equal(stack.asked()["tls"]["1"]["alpn"], {"h2": 10}, "requests over HTTP/2")


def test_proxy_without_tls():
    """Proxy: plain HTTP goes there with AllowPlainHTTP alone, be it the environment's"""
    with Scratch() as scratch, Standin() as stack, Proxy() as proxy:
        stack.fleet(3)
        options = stack.options(scratch)
        for way, allowed, requests in (({"Proxy": proxy.url}, False, 0), ({}, False, 0),
                                       ({"Proxy": proxy.url}, True, 2), ({}, True, 2)):
            proxy.asked.clear()
            wrapper = ("env", "-u", "no_proxy", "-u", "NO_PROXY", "http_proxy=" + proxy.url)
            with Drive(scratch, wrapper=wrapper, AllowPlainHTTP=allowed, **way, **options) as drive:
                well(drive.poll(), 3, "%s, %s" % (way, allowed))
            equal([target.partition("/api/")[0] for _, target, _ in proxy.asked], [stack.url] * requests)


def test_proxy_with_login():
    """Proxy "http://user:password@…": used, and never shown"""
    with Scratch() as scratch, Standin(scratch) as stack, Proxy(login="mole:burrow7") as proxy:
        stack.fleet(3)
        for login, good in (("mole:burrow7", True), ("mole:hollow9", False)):
            url = "http://%s@%s" % (login, proxy.place)
            with Drive(scratch, Proxy=url, **stack.options(scratch)) as drive:
                poll = drive.poll()
            if good:
                well(poll, 3)
            else:
                failed(poll, "proxy", "the proxy did not connect to 127.0.0.1:%d.*407" % stack.front.port)
            equal("burrow7" in str(poll.log) or "hollow9" in str(poll.log), False, "the password is in the log")


def test_proxy_refuses():
    """A proxy that refuses, is away, or has no address: the line says that it was the proxy"""
    with Scratch() as scratch, Standin(scratch) as stack, Proxy(status=403) as proxy:
        stack.fleet(3)
        target = "127.0.0.1:%d" % stack.front.port
        for url, said in ((proxy.url, "403"), ("http://" + NOBODY, "127.0.0.1 port 9"),
                          ("http://proxy.invalid:3128", "proxy.invalid|proxy name")):
            with Drive(scratch, Proxy=url, **stack.options(scratch)) as drive:
                failed(drive.poll(), "proxy", "the proxy did not connect to %s: .*(%s)" % (target, said))
                equal(drive.poll().log, [], "log of the second poll, %s" % url)
        equal(stack.asked()["total"], 0, "requests")


def test_proxy_of_the_environment():
    """Without Proxy, that of the environment"""
    with Scratch() as scratch, Standin(scratch) as stack, Proxy() as proxy:
        stack.fleet(3)
        with Drive(scratch, wrapper=("env", "no_proxy=", "NO_PROXY=", "https_proxy=" + proxy.url),
                   **stack.options(scratch)) as drive:
            well(drive.poll(), 3)
        equal(proxy.methods(), ["CONNECT"])


def test_client_certificate():
    """ClientCert and ClientKey: shown to a server that asks, and named when it is not satisfied"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        certificates = Certificates(scratch.file("tls", ""), stack.hosts)
        good, key = certificates.make("good")
        other, other_key = certificates.make("unknown-ca")
        both = scratch.write("both.pem", "".join(open(name, encoding="ascii").read() for name in (good, key)))
        for version, without in ((ssl.TLSVersion.TLSv1_2, "does the server want a ClientCert"),
                                 (ssl.TLSVersion.TLSv1_3, "a CA that it trusts: see ClientCert")):
            context = server_tls(certificates)
            context.maximum_version = version
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificates.ca)
            stack.reset_asked()
            with Relay(("127.0.0.1", stack.port), tls=context) as relay:
                options = dict(stack.options(scratch), URL=relay.url, CACert=certificates.ca)
                unusable = "see ClientCert and ClientKey"
                for shown, said in (({}, without),
                                    ({"ClientCert": other, "ClientKey": other_key}, "it trusts: see ClientCert"),
                                    ({"ClientCert": good, "ClientKey": other_key}, unusable),
                                    ({"ClientCert": good}, unusable),
                                    ({"ClientCert": scratch.file("none.pem")}, unusable)):
                    with Drive(scratch, **options, **shown) as drive:
                        failed(drive.poll(), "tls", "no secure connection to %s: .*; .*%s" % (relay.place, said))
                equal(stack.asked()["total"], 0, "requests without the certificate")
                for shown in ({"ClientCert": good, "ClientKey": key}, {"ClientCert": both}):
                    with Drive(scratch, **options, **shown) as drive:
                        well(drive.poll(), 3, str(shown))


def test_old_tls():
    """TLS 1.0 and 1.1: refused, though the system's OpenSSL would speak them"""
    lax = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\n" \
        "CipherString = ALL:@SECLEVEL=0\n"
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        certificates = Certificates(scratch.file("tls", ""), stack.hosts)
        wrapper = ("env", "OPENSSL_CONF=" + scratch.write("lax.cnf", lax))
        for version, asked, refused in ((ssl.TLSVersion.TLSv1, "-tls1", True), (ssl.TLSVersion.TLSv1_1, "-tls1_1", True),
                                        (ssl.TLSVersion.TLSv1_2, "-tls1_2", False)):
            context = server_tls(certificates)
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
            stack.reset_asked()
            with Relay(("127.0.0.1", stack.port), tls=context) as relay:
                # Somebody who asks for it gets it.
                client = subprocess.run([*wrapper, "openssl", "s_client", asked, "-connect", relay.place], check=False,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                matches(r"Cipher +(?:is|:) +\S*SHA", client.stdout.decode())
                with Drive(scratch, wrapper=wrapper,
                           **dict(stack.options(scratch), URL=relay.url, CACert=certificates.ca)) as drive:
                    if refused:
                        failed(drive.poll(), "tls", "no secure connection to %s" % relay.place)
                        equal(stack.asked()["total"], 0, "requests")
                    else:
                        well(drive.poll(), 3)


def test_ca_directory():
    """CACert: a file of several certificates, and a directory of hashed ones"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(3)
        certificates = stack.front.certificates
        certificates.make("unknown-ca")
        right, wrong = certificates.ca, certificates.path("other-ca.pem")
        cases = [(scratch.write("two.pem", "".join(open(name, encoding="ascii").read() for name in (wrong, right))),
                  True), (wrong, False)]
        for name, paths in (("right", [right, wrong]), ("wrong", [wrong])):
            for path in paths:
                with open(path, encoding="ascii") as file:
                    scratch.write("%s/%s" % (name, os.path.basename(path)), file.read())
            subprocess.run(["openssl", "rehash", scratch.file(name)], check=True)
            cases.append((scratch.file(name), name == "right"))
        for path, good in cases:
            with Drive(scratch, **dict(stack.options(scratch), CACert=path)) as drive:
                if good:
                    well(drive.poll(), 3, path)
                else:
                    failed(drive.poll(), "tls", "no secure connection to .*; .* is your own, name it with CACert")


def test_http1():
    """TLS without HTTP/2: up to MaxConnections in parallel, all used again"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1000)
        certificates = Certificates(scratch.file("tls", ""), stack.hosts)
        stack.fault({"delay": 0.02}, {"kind": "batch"})
        for most in (1, 4):
            for alpn in (("http/1.1",), ()):
                with Relay(("127.0.0.1", stack.port), tls=server_tls(certificates, alpn)) as relay:
                    options = dict(stack.options(scratch), URL=relay.url, CACert=certificates.ca)
                    with Drive(scratch, MaxConnections=most, **options) as drive:
                        stack.reset_asked()
                        for number in range(2):
                            well(drive.poll(), 1000, "poll %d" % number)
                    equal((relay.most, relay.accepted), (most, most), "connections at a time, and in all")
                    equal(set(relay.protocols), {alpn[0] if alpn else None}, "protocols")
                    equal((stack.count(kind="batch"), stack.count(kind="list")), (20, 1), "requests")


def test_http1_without_keep_alive():
    """A server that closes after each answer"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(500)
        stack.fault({"headers": {"Connection": "close"}, "end": True}, {"kind": "any"})
        with Relay(("127.0.0.1", stack.port)) as relay:
            with Drive(scratch, **dict(stack.options(scratch), URL=relay.url)) as drive:
                for number in range(3):
                    well(drive.poll(), 500, "poll %d" % number)
            equal(relay.accepted, 1 + 3 * 5, "connections")


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


def test_address_family():
    """AddressFamily, and literal addresses of both"""
    if not has_ipv6():
        note("not tried: there is no ::1 here")
        return
    name = "stack.test"
    both = {name: ["::1", "127.0.0.1"]}
    with Scratch() as scratch, Standin() as stack:
        for gateway in stack.fleet(3):
            stack.edit(gateway, gateway_server_address="")
        target = ("127.0.0.1", stack.port)
        with Relay(target) as four, Relay(target, "::1", four.port) as six:
            options = dict(stack.options(scratch), URL="http://%s:%d" % (name, four.port), AllowPlainHTTP=True)
            for family, hosts, expected in (("ipv4", both, (1, 0)), ("ipv6", both, (0, 1)), ("any", both, (0, 1)),
                                            ("any", {name: ["127.0.0.1"]}, (1, 0)),
                                            ("ipv4", {name: ["::1"]}, None), ("ipv6", {name: ["127.0.0.1"]}, None)):
                before = four.accepted, six.accepted
                with FakedNames(scratch, hosts, AddressFamily=family, **options) as drive:
                    poll = drive.poll()
                what = "%s, %s" % (family, hosts)
                equal((four.accepted - before[0], six.accepted - before[1]), expected or (0, 0), what)
                equal(poll.api("count", "connected"), 3 if expected else None, what)
                if not expected:
                    # libcurl's version decides whether such a name has no address or none that it may use.
                    matches("could not resolve the host name %s|could not connect to %s:.* AddressFamily"
                            % (name, name), str(poll.lines("error")))
            with Drive(scratch, **dict(options, URL=six.url)) as drive:
                equal(drive.poll().api("count", "connected"), 3, six.url)


def test_cluster_lines():
    """Cluster lines with ports and schemes of their own: each is where its gateways are asked for"""
    with Scratch() as scratch, Standin(clusters=4) as stack:
        ids = stack.fleet(8)
        certificates = Certificates(scratch.file("tls", ""), stack.hosts)
        behind = [(host, stack.port) for host in stack.hosts]
        with Relay(behind[1], stack.hosts[1]) as second, \
                Relay(behind[2], stack.hosts[2], tls=server_tls(certificates)) as third:
            lines = [second.url, third.url, stack.hosts[3]]
            with Drive(scratch, Cluster=lines, CACert=certificates.ca, **stack.options(scratch)) as drive:
                for number in range(2):
                    poll = drive.poll()
                    equal({gateway: poll.packets(gateway) for gateway in ids},
                          {gateway: stack.true(gateway) for gateway in ids}, "poll %d" % number)
                    well(poll, 8)
            # All that reached the second and third cluster came by these ways.
            equal((second.accepted, third.accepted), (1, 1), "connections by the ports of Cluster lines")
            equal(stack.asked()["connections"], {"1": 1, "2": 1, "3": 1, "4": 1})


def test_gzip_and_names():
    """Compressed answers, and who it is that asks"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(300)
        sizes = {}
        for gzip in (True, False):
            stack.cluster(1, gzip=gzip)
            stack.reset_asked()
            stack.record()
            with Drive(scratch, **stack.options(scratch)) as drive:
                well(drive.poll(), 300, "gzip %s" % gzip)
            sizes[gzip] = stack.asked()["bytes_out"]
            for request in stack.requests():
                headers = request["headers"]
                equal(headers["accept-encoding"], "gzip")
                matches(r"^collectd-ttn/\S+$", headers["user-agent"])
                equal(headers.get("content-type"), "application/json" if request["method"] == "POST" else None)
                equal([name for name in headers if name in ("cookie", "referer", "expect")], [])
        if sizes[True] * 4 > sizes[False]:
            raise AssertionError("%d bytes with gzip, %d without" % (sizes[True], sizes[False]))
        # The Authorization header itself is never recorded.
        equal(stack.count(key="user"), len(stack.requests()), "requests with the key")


if __name__ == "__main__":
    run(globals())
