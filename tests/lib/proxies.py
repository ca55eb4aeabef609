# SPDX-License-Identifier: MIT
"""Debian's squid, nginx and Kerberos, below a test's directory, on ports of their own."""

import hashlib
import os
import socket
import subprocess
import time

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


class _Server:
    def __init__(self, scratch, name):
        self.port = free_port()
        self.directory = os.path.join(scratch.path, "%s-%d" % (name, self.port))
        os.mkdir(self.directory)
        # squid gives up root.
        os.chmod(self.directory, 0o777)
        os.chmod(scratch.path, 0o755)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o644)
        return self.path(name)

    def _start(self, words, environment=None):
        with open(self.path("log"), "wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=environment)
        end = time.monotonic() + 30
        while True:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self._process.poll() is not None or time.monotonic() > end:
                with open(self.path("log"), encoding="utf-8", errors="replace") as log:
                    raise AssertionError("%s did not start: %s" % (words[0], log.read()[-2000:]))
            time.sleep(0.05)

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def access(self):
        with open(self.path("access.log"), encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()


class Kdc(_Server):
    """Kerberos with one user, who has a ticket, and the key of a proxy at "localhost"."""

    def __init__(self, scratch):
        super().__init__(scratch, "kdc")
        self.keytab = self.path("keytab")
        self.environment = {"KRB5_CONFIG": self.path("krb5.conf"), "KRB5CCNAME": "FILE:" + self.path("ticket")}

    def __enter__(self):
        values = {"port": self.port, "dir": self.directory}
        self._write("krb5.conf", _KRB5 % values)
        environment = dict(os.environ, KRB5_KDC_PROFILE=self._write("kdc.conf", _KDC % values), **self.environment)

        def call(*words, text=None):
            subprocess.run(words, check=True, env=environment, input=text, encoding="ascii", stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        call("kdb5_util", "create", "-s", "-P", "master")
        for query in ("addprinc -pw %s %s" % (SQUID_PASSWORD, SQUID_USER), "addprinc -randkey HTTP/localhost",
                      "ktadd -k %s HTTP/localhost" % self.keytab):
            call("kadmin.local", "-q", query)
        os.chmod(self.keytab, 0o644)
        self._start(["krb5kdc", "-n"], environment)
        call("kinit", SQUID_USER, text=SQUID_PASSWORD + "\n")
        return self


class Squid(_Server):
    """A proxy that wants a login, by "basic", "digest", "ntlm" or "negotiate", which needs a Kdc."""

    def __init__(self, scratch, auth, kdc=None):
        super().__init__(scratch, "squid")
        self.url = "http://localhost:%d" % self.port
        self._auth = auth
        self._kdc = kdc

    def __enter__(self):
        if self._auth == "digest":
            hashed = hashlib.md5(("%s:%s:%s" % (SQUID_USER, _REALM, SQUID_PASSWORD)).encode()).hexdigest()
            line = "%s:%s:%s" % (SQUID_USER, _REALM, hashed)
        else:
            line = "%s:%s" % (SQUID_USER, subprocess.run(["openssl", "passwd", "-6", SQUID_PASSWORD], check=True,
                                                         stdout=subprocess.PIPE, encoding="ascii").stdout.strip())
        users = self._write("users", line + "\n")
        config = self._write("squid.conf", _SQUID % {
            "port": self.port, "dir": self.directory,
            "auth": _AUTH[self._auth] % {"users": users, "keytab": self._kdc and self._kdc.keytab}})
        return self._start(["squid", "-N", "-d1", "-f", config],
                           dict(os.environ, **(self._kdc.environment if self._kdc else {})))


class Nginx(_Server):
    """A reverse proxy with TLS: (certificate, key); `server` and `http` are lines of its configuration."""

    def __init__(self, scratch, tls, server, http="", http2=False):
        super().__init__(scratch, "nginx")
        self.url = "https://127.0.0.1:%d" % self.port
        self._values = {"certificate": tls[0], "key": tls[1], "server": server, "http": http,
                        "http2": " http2" if http2 else ""}

    def __enter__(self):
        config = self._write("nginx.conf", _NGINX % dict(self._values, port=self.port, dir=self.directory))
        return self._start(["nginx", "-e", "stderr", "-p", self.directory, "-c", config])
