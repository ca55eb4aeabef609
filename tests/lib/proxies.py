# SPDX-License-Identifier: MIT
"""Debian's squid, nginx and Kerberos, below a test's directory, on ports of their own."""

import hashlib
import os
import socket
import subprocess

from daemon import Daemon, connects

SQUID_USER = "mole"
SQUID_PASSWORD = "burrow7"
_REALM = "proxy"

_SQUID = """
http_port 127.0.0.1:%(port)d
pid_filename none
cache deny all
cache_log %(dir)s/cache.log
access_log stdio:%(dir)s/access.log
coredump_dir %(dir)s
netdb_filename none
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
auth_param %(auth)s
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"""

_AUTH = {
    "basic": "basic program /usr/lib/squid/basic_ncsa_auth %(users)s",
    "digest": "digest program /usr/lib/squid/digest_file_auth -c %(users)s\nauth_param digest realm " + _REALM,
    # It takes every user, and knows no passwords: squid's own tests use it.
    "ntlm": "ntlm program /usr/lib/squid/ntlm_fake_auth",
    "negotiate": "negotiate program /usr/lib/squid/negotiate_kerberos_auth -k %(keytab)s -s HTTP/localhost@TTN.TEST",
}

_KRB5 = """
[libdefaults]
  default_realm = TTN.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  TTN.TEST = {
    kdc = 127.0.0.1:%(port)d
  }
[domain_realm]
  localhost = TTN.TEST
"""

_KDC = """
[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = 127.0.0.1:%(port)d
[realms]
  TTN.TEST = {
    database_name = %(dir)s/principal
    key_stash_file = %(dir)s/stash
  }
"""

_NGINX = """
daemon off;
master_process off;
pid %(dir)s/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
  access_log %(dir)s/access.log;
  client_body_temp_path %(dir)s/body;
  proxy_temp_path %(dir)s/proxy;
  fastcgi_temp_path %(dir)s/fastcgi;
  uwsgi_temp_path %(dir)s/uwsgi;
  scgi_temp_path %(dir)s/scgi;
  %(http)s
  server {
    listen 127.0.0.1:%(port)d ssl%(http2)s;
    ssl_certificate %(certificate)s;
    ssl_certificate_key %(key)s;
    %(server)s
  }
}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class _Server(Daemon):
    """At 127.0.0.1, where certificates and Kerberos have it."""

    def __init__(self, scratch, *arguments):
        self.port = free_port()
        super().__init__(scratch, "%s-%d" % (self.program, self.port), arguments)
        # squid gives up root.
        os.chmod(self.directory, 0o777)
        os.chmod(scratch.path, 0o755)

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o644)
        return self.path(name)

    def ready(self):
        return connects("127.0.0.1", self.port)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def access(self):
        with open(self.path("access.log"), encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()


class Kdc(_Server):
    """Kerberos with one user, who has a ticket, and the key of a proxy at "localhost"."""

    program = "krb5kdc"

    def __init__(self, scratch):
        super().__init__(scratch, "-n")
        self.keytab = self.path("keytab")
        values = {"port": self.port, "dir": self.directory}
        self.environment = {"KRB5_CONFIG": self._write("krb5.conf", _KRB5 % values),
                            "KRB5_KDC_PROFILE": self._write("kdc.conf", _KDC % values),
                            "KRB5CCNAME": "FILE:" + self.path("ticket")}

    def start(self):
        self._call("kdb5_util", "create", "-s", "-P", "master")
        for query in ("addprinc -pw %s %s" % (SQUID_PASSWORD, SQUID_USER), "addprinc -randkey HTTP/localhost",
                      "ktadd -k %s HTTP/localhost" % self.keytab):
            self._call("kadmin.local", "-q", query)
        os.chmod(self.keytab, 0o644)
        super().start()
        self._call("kinit", SQUID_USER, text=SQUID_PASSWORD + "\n")
        return self

    def _call(self, *words, text=None):
        subprocess.run(words, check=True, env=dict(os.environ, **self.environment), input=text, encoding="ascii",
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Squid(_Server):
    """A proxy that wants a login, by "basic", "digest", "ntlm" or "negotiate", which needs a Kdc."""

    program = "squid"

    def __init__(self, scratch, auth, kdc=None):
        super().__init__(scratch, "-N", "-d1", "-f", "squid.conf")
        self.environment = kdc.environment if kdc else {}
        self.url = "http://localhost:%d" % self.port
        if auth == "digest":
            hashed = hashlib.md5(("%s:%s:%s" % (SQUID_USER, _REALM, SQUID_PASSWORD)).encode()).hexdigest()
            line = "%s:%s:%s" % (SQUID_USER, _REALM, hashed)
        else:
            line = "%s:%s" % (SQUID_USER, subprocess.run(["openssl", "passwd", "-6", SQUID_PASSWORD], check=True,
                                                         stdout=subprocess.PIPE, encoding="ascii").stdout.strip())
        users = self._write("users", line + "\n")
        self._write("squid.conf", _SQUID % {
            "port": self.port, "dir": self.directory,
            "auth": _AUTH[auth] % {"users": users, "keytab": kdc and kdc.keytab}})


class Nginx(_Server):
    """A reverse proxy with TLS: (certificate, key); `server` and `http` are lines of its configuration."""

    program = "nginx"

    def __init__(self, scratch, tls, server, http="", http2=False):
        super().__init__(scratch, "-e", "stderr", "-p", ".", "-c", "nginx.conf")
        self.url = "https://127.0.0.1:%d" % self.port
        self._write("nginx.conf", _NGINX % {
            "port": self.port, "dir": self.directory, "certificate": tls[0], "key": tls[1], "server": server,
            "http": http, "http2": " http2" if http2 else ""})
