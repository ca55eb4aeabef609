"""TLS and HTTP/2 in front of the stand-in: certificates made by openssl, served by nghttpx.

One nghttpx a cluster, so that a cluster may show a bad certificate while the others are fine, and
so that any host name reaches the cluster whose address was connected to. It adds nothing to what
the stand-in says, and waits longer than any client.
"""

import collections
import os
import shutil
import socket
import subprocess
import time

import wire

_LONG = "24h"
# nghttpx has to end with this program, however it ends: so a shell reads a pipe from it and waits for its end.
_LEASH = '"$@" & pid=$!; read -r _; kill "$pid"; wait "$pid"'
KINDS = ("good", "expired", "not-yet-valid", "wrong-host", "self-signed", "unknown-ca", "no-intermediate")


class TlsError(Exception):
    """openssl or nghttpx did not do what it should."""


def _openssl(*arguments):
    done = subprocess.run(("openssl",) + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise TlsError("openssl %s: %s" % (arguments[0], done.stdout.decode(errors="replace")))


def _new_key(path):
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


class Certificates:
    """A CA in a directory, and certificates of every kind a client has to accept or refuse."""

    def __init__(self, directory, hosts, names=()):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self._names = ["IP:%s" % host for host in hosts] + ["DNS:" + name for name in ("localhost", *names)]
        self._made = set()
        self.ca = self.path("ca.pem")
        if not os.path.exists(self.ca):
            self._make_ca("ca", "Stand-in test CA")

    def path(self, name):
        return os.path.join(self.directory, name)

    def _make_ca(self, name, subject, *more):
        _new_key(self.path(name + ".key"))
        _openssl("req", "-x509", "-new", "-key", self.path(name + ".key"), "-days", "3650",
                 "-subj", "/CN=" + subject, "-addext", "basicConstraints=critical,CA:TRUE",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.path(name + ".pem"), *more)

    def make(self, kind="good"):
        """(certificate, key) files of one of KINDS."""
        cert, key = self.path(kind + ".pem"), self.path(kind + ".key")
        # Files of an earlier run may name other addresses, or have run out.
        if kind in self._made:
            return cert, key
        self._made.add(kind)
        _new_key(key)
        names = ["DNS:elsewhere.example.org"] if kind == "wrong-host" else self._names
        extension = "subjectAltName=" + ",".join(names)
        if kind == "self-signed":
            _openssl("req", "-x509", "-new", "-key", key, "-days", "30", "-subj", "/CN=localhost",
                     "-addext", extension, "-out", cert)
            return cert, key
        issuer = "ca"
        if kind == "unknown-ca":
            issuer = "other-ca"
            self._make_ca(issuer, "Another CA")
        if kind == "no-intermediate":
            # The CA's own, but nobody shows it.
            issuer = "intermediate"
            self._make_ca(issuer, "Intermediate CA", "-CA", self.ca, "-CAkey", self.path("ca.key"))
        self._sign(kind, cert, key, extension, issuer)
        return cert, key

    def _sign(self, kind, cert, key, extension, issuer):
        """By `openssl ca`, the one command that can set both dates in every version."""
        start, end = {"expired": (-20, -10), "not-yet-valid": (10, 20)}.get(kind, (-1, 30))
        base = self.path(kind)
        with open(base + ".cnf", "w", encoding="ascii") as file:
            file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s.index\nserial=%s.serial\nnew_certs_dir=%s\n"
                       "default_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=x\n[p]\n"
                       "commonName=supplied\n[x]\nbasicConstraints=CA:FALSE\n%s\n"
                       % (base, base, self.directory, extension))
        open(base + ".index", "w", encoding="ascii").close()
        with open(base + ".serial", "w", encoding="ascii") as file:
            file.write("%016x\n" % time.time_ns())
        _openssl("req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", base + ".csr")
        _openssl("ca", "-batch", "-notext", "-config", base + ".cnf", "-in", base + ".csr",
                 "-cert", self.path(issuer + ".pem"), "-keyfile", self.path(issuer + ".key"),
                 "-startdate", _day(start), "-enddate", _day(end), "-out", cert)


def _day(offset):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset * 86400))


class Front:
    """The nghttpx processes of all clusters, on one TLS port."""

    def __init__(self, hosts, backend_port, directory, port=0):
        self.certificates = Certificates(directory, hosts)
        self.ca = self.certificates.ca
        self._hosts = hosts
        self._backend_port = backend_port
        # While an nghttpx starts again nobody else may be given its port.
        self._held = wire.hold_all(hosts, port)
        self.port = port = self._held[0].getsockname()[1]
        self.url = "https://%s:%d" % (hosts[0], port)
        self._running = {}
        self._kinds = {}
        self._skip = collections.Counter()
        self._program = shutil.which("nghttpx") or shutil.which("nghttpx", path="/usr/sbin:/usr/local/sbin")
        if not self._program:
            raise TlsError("nghttpx is not installed")

    def start(self):
        for number in range(1, len(self._hosts) + 1):
            self._launch(number, "good")
        for number in range(1, len(self._hosts) + 1):
            self._await(number)

    def use(self, number, kind=None):
        """Restarts one cluster's TLS with a certificate of one of KINDS; "off": nobody listens.

        Without a kind: with the last that was not "off"."""
        self._end(number)
        kind = kind or self._kinds[number]
        if kind != "off":
            self._launch(number, kind)
            self._await(number)

    def stop(self):
        for number in list(self._running):
            self._end(number)
        wire.release(self._held)

    def _log(self, number, name):
        return self.certificates.path("%s-%d.log" % (name, number))

    def _launch(self, number, kind):
        self._kinds[number] = kind
        cert, key = self.certificates.make(kind)
        host = self._hosts[number - 1]
        # Trap: the helper that it starts to ask for OCSP has the listening socket for a moment, also when nghttpx
        # itself has ended: then the next one can't listen.
        command = [self._program, "--conf=/dev/null", "--workers=1", "--single-process", "--no-ocsp", "--no-via",
                   "--no-server-rewrite", "--no-location-rewrite", "--no-add-x-forwarded-proto",
                   "--frontend=%s,%d" % (host, self.port), "--backend=%s,%d" % (host, self._backend_port),
                   "--accesslog-file=" + self._log(number, "access"), "--accesslog-format=$remote_port $alpn $status",
                   "--errorlog-file=" + self._log(number, "nghttpx"), "--log-level=WARN"]
        command += ["--%s=%s" % (name, _LONG) for name in (
            "frontend-http2-read-timeout", "frontend-read-timeout", "frontend-write-timeout",
            "frontend-keep-alive-timeout", "stream-write-timeout", "backend-read-timeout",
            "backend-write-timeout", "backend-keep-alive-timeout")]
        command += [key, cert]
        # A session of its own: Ctrl-C in a terminal would end the shell but not what it runs.
        self._running[number] = subprocess.Popen(
            ["sh", "-c", _LEASH, "sh"] + command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)

    def _await(self, number):
        for _ in range(500):
            try:
                socket.create_connection((self._hosts[number - 1], self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise TlsError("nghttpx does not listen; see %s" % self._log(number, "nghttpx"))

    def _end(self, number):
        process = self._running.pop(number, None)
        if process:
            process.stdin.close()
            process.wait()

    # What was asked.

    def _lines(self, number):
        try:
            with open(self._log(number, "access"), encoding="ascii", errors="replace") as file:
                return [line.split() for line in file]
        except FileNotFoundError:
            return []

    def asked(self):
        """Per cluster: clients' connections that made a request, requests, and protocols."""
        out = {}
        for number in range(1, len(self._hosts) + 1):
            rows = self._lines(number)[self._skip[number]:]
            out[str(number)] = {"connections": len({row[0] for row in rows}), "requests": len(rows),
                                "alpn": dict(collections.Counter(row[1] for row in rows))}
        return out

    def reset_asked(self):
        for number in range(1, len(self._hosts) + 1):
            self._skip[number] = len(self._lines(number))
