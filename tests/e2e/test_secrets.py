# SPDX-License-Identifier: MIT
"""A key's secret shows nowhere: the real collectd through every kind of trouble, with a server that tells it the
key back and a user who writes it where it does not belong; then all that came out is searched."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
import paths  # noqa: E402
from collectd import Collectd, account  # noqa: E402
from paths import Scratch, keys  # noqa: E402
from relay import Proxy  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, run, wait_for  # noqa: E402

KEY, SECRET = key_text("user"), keys.secret("user")
# Ten characters of 52 are no accident.
PART = 10
REFUSED = ("wrong-secret", "unknown-id", "expired", "deleted", "two-parts", "other-prefix", "admin-status",
           "user-no-status", "gateway")
# What a key in the wrong place meets: an error, a warning, or a thing that does not work.
MISPLACED = {
    "url": ["URL", KEY], "login": ["URL", "https://%s@127.0.0.1" % KEY], "query": ["URL", "https://127.0.0.1/?" + KEY],
    "file": ["APIKeyFile", KEY], "path": ["APIKeyFile", "/" + KEY], "one gateway": ["Gateway", KEY],
    "expression": ["Gateway", "/%s(/" % KEY], "organization": ["Organization", KEY], "cluster": ["Cluster", KEY],
    "shard": ["Shard", KEY], "family": ["AddressFamily", KEY], "number": ["Interval", '"%s"' % KEY],
    "ca": ["CACert", "/" + KEY], "client": ["ClientKey", "/" + KEY], "state": ["StateFile", "/nowhere/" + KEY],
    "misspelt": ["APIKye", KEY], "option": [KEY, "true"], "bearer": ["APIKey", "Bearer " + KEY],
    "two lines": ["APIKey", KEY + "\\n" + KEY], "host": ["Host", KEY * 2],
}
# A server that says what it was told, in every way that it can.
ECHOES = (
    {"error": {"code": 16, "namespace": KEY, "name": KEY, "text": KEY}, "headers": {"X-Warning": KEY}},
    {"error": {"code": 7, "namespace": "pkg/auth/rights", "name": "no_user_rights", "text": "Bearer " + KEY},
     "headers": {"X-Warning": "%s is restricted" % KEY}},
    {"status": 400, "body": '{"code":3,"message":"%s","details":[{"name":"%s"}]}' % (KEY, KEY)},
    {"status": 502, "body": "<html>Authorization: Bearer %s</html>" % KEY},
    {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.example.org/?" + KEY}},
    {"status": 429, "headers": {"X-Rate-Limit-Retry": "0", "X-Rate-Limit-Limit": KEY}},
    {"status": 200, "body": '{"%s": {"%s": 1' % (KEY, KEY)},
    {"raw": "HTTP/1.1 200 %s\r\nDate: %s\r\nContent-Length: %s\r\n\r\n" % (KEY, KEY, KEY), "end": True},
    {"raw": "%s\r\n\r\n" % KEY, "end": True},
)


def holds(data):
    """Is a part of any secret in there?"""
    text = (data.decode("latin-1") if isinstance(data, bytes) else data).upper()
    return any(secret[i:i + PART] in text for secret in paths.SECRETS for i in range(len(secret) - PART + 1))


def search(scratch, may_hold):
    """Every file in the directory, its name and its contents, but for those the test wrote keys to."""
    for directory, names, files in os.walk(scratch.path):
        for name in names + files:
            equal(holds(name), False, "a name in " + directory)
        for path in (os.path.join(directory, name) for name in files):
            if path not in may_hold and os.path.isfile(path):
                with open(path, "rb") as file:
                    equal(holds(file.read()), False, path)


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""  # a thread that has ended meanwhile


def of_process(pid):
    """What others can see of it: command line, environment, names of threads."""
    base = "/proc/%d" % pid
    threads = [os.path.join(base, "task", thread) for thread in os.listdir(os.path.join(base, "task"))]
    # The plugin starts no programs, so none can inherit a thing: tests/module has its imports.
    return b"\n".join([contents(os.path.join(base, name)) for name in ("cmdline", "environ")] +
                      [contents(os.path.join(thread, "comm")) for thread in threads])


def log(daemon):
    """All of it: write_log's values have lines of their own."""
    with open(daemon.path("log"), encoding="utf-8") as file:
        return file.read()


def accounts(scratch, stack, proxy):
    options = dict(stack.options(scratch), Interval=0.3, Timeout=2000)
    files = {"lines": KEY + "\n" + KEY, "nul": KEY + "\0", "long": KEY * 50, "quoted": '"%s"' % KEY,
             "misread": "#" + KEY + " " + KEY}
    blocks = [account("home", **dict(options, APIKeyFile=scratch.key("user", "home.key")), Host="home",
                      MetaData=True, DiscoveryInterval=0)]
    blocks += [account(kind, **dict(options, APIKeyFile=scratch.key(kind)), Host=kind) for kind in REFUSED]
    for name, (option, value) in MISPLACED.items():
        mine = {key: text for key, text in options.items() if key != option and (option, key) != ("APIKey", "APIKeyFile")}
        lines = ["%s %s" % (option, value)] if option == "Interval" or value == "true" else \
            ['%s "%s"' % (option, value)]
        blocks.append(account(name, *lines, **mine))
    blocks += [account("file " + name, **dict(options, APIKeyFile=scratch.write(name, text, 0o644, secret=True)))
               for name, text in files.items()]
    inline = {name: value for name, value in options.items() if name != "APIKeyFile"}
    blocks.append(account("inline", APIKey=KEY, Host="inline", **inline))
    blocks.append(account("proxied", Proxy=proxy.url.replace("//", "//%s:%s@" % (KEY, KEY)), Host="proxied", **options))
    blocks.append(account("nowhere", **dict(options, URL="https://127.0.0.1:1")))
    blocks.append(account("verified", **dict(options, CACert="/etc/hostname")))
    return "\n".join(blocks), files


def test_check():
    """ttn-check: its table, its JSON, its report and its log, at a server that tells it the key back"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        stack.register("echo", name="My key is " + KEY)
        stack.connect("echo", protocol=SECRET[:30], ip=SECRET[-30:])
        stack.register("astray", name=KEY, gateway_server_address=KEY + ".example.org")
        told = command.run(command.words(stack, scratch)).out
        equal(["My key is NNSXS.***" in told, holds(told)], [True, False], "a name")
        for action in ECHOES:
            for kind in ("list", "batch", "auth_info"):
                rule = stack.fault(action, {"kind": kind})
                for way in ([], ["--json", "-v"], ["--report", "-", "--report-ids"]):
                    ran = command.run(command.words(stack, scratch) + ["--timeout", "2"] + way)
                    equal(holds(ran.out + ran.err), False, "what is said of %s %s" % (kind, action))
                stack.unfault(rule)


def test_all_trouble():
    """Log, values, meta data, notifications, files, sockets, arguments, environment: no part of a key"""
    extra = "LoadPlugin write_log\n<Plugin write_log>\nFormat \"JSON\"\n</Plugin>"
    with Scratch() as scratch, Standin(scratch, clusters=2) as stack, Proxy(login="x:y") as proxy:
        stack.fleet(6, [1])
        stack.register("echo", name="My key is " + KEY)
        stack.connect("echo", protocol=SECRET[:30], ip=SECRET[-30:])
        stack.register("astray", name=KEY, gateway_server_address=KEY + ".example.org")
        stack.register("wrong", gateway_server_address="https://%s@127.0.0.2/" % KEY)
        blocks, files = accounts(scratch, stack, proxy)
        with Collectd(scratch, blocks, extra=extra, csv=True, name="daemon", patience=30) as daemon:
            for kind in REFUSED:
                daemon.wait_line("error", '^account "%s": ' % kind)
            for name in MISPLACED:
                wait_for(lambda: any('account "%s"' % name in line for line in daemon.lines()), name, daemon.patience,
                         lambda: "\n".join(daemon.lines()))
            daemon.wait_line("error", '^account "proxied": .*407')
            # Meta data comes through, and was masked.
            wait_for(lambda: '"gateway_name":"My key is NNSXS.***' in log(daemon), "meta data", daemon.patience)
            for action in ECHOES:
                for kind in ("batch", "list", "auth_info"):
                    stack.fault(action, {"kind": kind, "key": "user"}, times=2)
            wait_for(lambda: sum(rule["hits"] for rule in stack.faults()) >= 30, "echoes", 3 * daemon.patience,
                     lambda: [rule["hits"] for rule in stack.faults()])
            stack.unfault()
            stack.delete_key("user")
            daemon.wait_value("ttn_api", "home", "count", "unknown", 9)
            daemon.wait_line("error", '^account "home": the (?:stack does not know this key|key was not accepted)')
            scratch.key("user-all", "home.key")
            daemon.wait_line("notice", '^account "home": the key works again')
            daemon.wait_value("ttn", "gw-00001", "bool", "connected", 1)
            said = "\n".join(daemon.ask("LISTVAL") + [str(daemon.scrape())])
            equal(holds(said), False, "unixsock and write_prometheus")
            equal(any("Notification" in text for _, text in daemon.log()), True, "notifications")
            equal(holds(of_process(daemon.process.pid)), False, "what others see of the process")
        allowed = {scratch.file(name) for name in list(files) + ["home.key", "daemon/conf"]}
        allowed |= {scratch.file("key-" + kind) for kind in keys.all_kinds()}
        search(scratch, allowed)
        equal([headers for _, _, headers in proxy.asked if "authorization" in headers], [], "what the proxy got")


run(globals())
