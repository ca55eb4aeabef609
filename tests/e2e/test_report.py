#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ttn-check --report: one file with what a bug report needs, of a key that works, of one that is refused, of a host
that is not there; and nothing private in it."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
import paths  # noqa: E402
from paths import Scratch  # noqa: E402
from relay import Proxy  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, matches, note, run, wait_for  # noqa: E402

NAME = "ttn-report.txt"
SECTIONS = ["Versions", "Settings that differ from the defaults", "The key", "What the poll found", "Problems", "Answers",
            "Shapes of the last answers"]


def report(scratch, stack, *more, kind="user", status=0, env=None):
    """The text, which goes to standard output here."""
    ran = command.run(command.words(stack, scratch, kind) + ["--report", "-"] + list(more), env=env)
    equal(ran.status, status, ran.err)
    return ran.out


def section(text, title):
    """Its lines."""
    equal(text.count("\n%s\n%s\n" % (title, "-" * len(title))), 1, title)
    body = text.split("\n%s\n%s\n" % (title, "-" * len(title)))[1]
    return re.split(r"\n\n.+\n-{3,}\n", body)[0].rstrip("\n").split("\n")


def shape(text, title):
    """The lines of one answer's shape, without their indentation."""
    lines = "\n".join(section(text, "Shapes of the last answers"))
    found = re.search(r"(?ms)^  %s.*?:\n(.*?)(?:\n\n|\Z)" % title, lines)
    return [line.strip() for line in found.group(1).split("\n")]


# The file.


def test_file():
    """A new file in the current directory, which its user can read; a sentence says where it is"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        ran = command.run(command.words(stack, scratch) + ["--report"], cwd=scratch.path)
        equal((ran.status, ran.out, ran.err),
              (0, "The report is in %s: please read it before you send it.\n" % NAME, ""))
        mode = os.stat(scratch.file(NAME)).st_mode
        equal((stat.S_ISREG(mode), stat.S_IMODE(mode) & 0o444), (True, 0o444))
        with open(scratch.file(NAME), encoding="utf-8") as file:
            text = file.read()
        matches(r"^Report of ttn-check [\d.]+\n", text)
        equal(re.findall(r"(?m)^(.+)\n-{3,}$", text), SECTIONS)
        equal(text.endswith("\n"), True)


def test_names():
    """--report=FILE, --report FILE and standard output; other options may follow"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        words = command.words(stack, scratch)
        one, two = scratch.file("one.txt"), scratch.file("two.txt")
        for more in (["--report=" + one], ["--report", two]):
            equal(command.run(more + words).status, 0)
        for path in (one, two):
            equal(os.path.getsize(path) > 1000, True, path)
        for more in (["--report=-"] + words, words + ["--report", "-", "--report-ids"]):
            matches("^Report of ttn-check ", command.run(more).out)


def test_never_overwritten():
    """What is there stays as it is, a symbolic link too; it is said before anything is asked"""
    with Scratch() as scratch, Standin() as stack:
        words = command.words(stack, scratch)
        path = scratch.write("mine.txt", "mine\n")
        os.symlink(scratch.file("elsewhere"), scratch.file("link"))
        for name in ("mine.txt", "link"):
            ran = command.run(words + ["--report=" + name], cwd=scratch.path)
            equal((ran.status, ran.out), (2, ""))
            matches('^ttn-check: "%s" is there already and is not overwritten: move it away' % name, ran.err)
        with open(path, encoding="utf-8") as file:
            equal(file.read(), "mine\n")
        equal(os.path.exists(scratch.file("elsewhere")), False)
        equal(stack.count(), 0, "requests")


def start_slow(scratch, stack, delay):
    """(a report's path, its command), which waits for the list."""
    stack.fleet(1)
    stack.fault({"delay": delay}, {"kind": "list"})
    path = scratch.file("report")
    process = command.start(command.words(stack, scratch) + ["--report", path], stdout=subprocess.PIPE)
    wait_for(lambda: stack.faults()[0]["hits"], "the request", 30)
    return path, process


def test_came_meanwhile():
    """Nor is one that comes while it polls"""
    with Scratch() as scratch, Standin() as stack:
        path, process = start_slow(scratch, stack, 1.5)
        scratch.write("report", "mine\n")
        out, err = process.communicate(timeout=30)
        equal((process.returncode, out), (1, b""))
        matches("is there already and is not overwritten", err.decode())
        with open(path, encoding="utf-8") as file:
            equal(file.read(), "mine\n")


def test_not_writable():
    """A file that can't be made or is not written whole: status 1, and nothing is left behind"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        words = command.words(stack, scratch)
        ran = command.run(words + ["--report", scratch.path + "/none/report"])
        equal(ran.status, 1)
        matches("can't be written: No such file or directory", ran.err)
        path = scratch.file("full")
        done = subprocess.run(["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "sh", paths.check()] + words +
                              ["--report", path], env=command.environment(None), stderr=subprocess.PIPE, check=False,
                              text=True, timeout=60)
        equal((done.returncode, os.path.exists(path)), (1, False))
        matches("can't be written: File too large", done.stderr)


def test_usage():
    """What does not go together"""
    with Scratch() as scratch, Standin() as stack:
        words = command.words(stack, scratch)
        for more, said in ((["--report", "--json"], "--report can't be used together with"),
                           (["--report", "--watch"], "--report can't be used together with"),
                           (["--follow", "--report"], "--report can't be used together with"),
                           (["--report-ids"], "--report-ids is for a report"),
                           (["--report="], "--report= names no file"),
                           (["--report", "one", "two"], "a word too many")):
            ran = command.run(words + more, cwd=scratch.path)
            equal((ran.status, ran.out), (2, ""), more)
            matches(said, ran.err)
        equal(sorted(name for name in os.listdir(scratch.path) if not name.startswith("key-")), [])


def test_interrupted():
    """Ctrl-C ends it as any command, without a file"""
    with Scratch() as scratch, Standin() as stack:
        path, process = start_slow(scratch, stack, 30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        equal((process.returncode, out, err, os.path.exists(path)), (-signal.SIGINT, b"", b"", False))


def test_refused():
    """Options that are refused, and a key that can't be used: a report says so, and tells as little as any other"""
    with Scratch() as scratch, Standin() as stack:
        words = command.words(stack, scratch)
        key = words[:2]
        no_file = ["--key-file", scratch.file("kirchturm", "none")]
        rows = (
            (words + ["-o", "Shard=9/3"], r'  Shard "9/3" is not a shard: ', r'  Shard +"9/3"'),
            (words + ["-o", "Interval=-5"], "  --option Interval wants 0.1 to 86400", "  Interval +-5"),
            (words + ["--organization", "kirchturm!"], r'  --organization "\S+ is not an id', r"  Organization +\S+"),
            (words + ["--gateway", "/"], r'  --gateway "/"', r"  Gateway +\(a regular expression, not shown\)"),
            (words + ["--gateway", "/(kirchturm/"], r'  --gateway "/…/" is not a POSIX extended expression \(',
             r"  Gateway +\(a regular expression, not shown\)"),
            (words + ["--cluster", "kirchturm2:99999"], '  --cluster "<URL>" holds no valid port',
             r"  Cluster +\(set, not shown\)"),
            (key + ["--url", "kirchturm2"], '  --url "<URL>" has no scheme', r"  URL +\(set, not shown\)"),
            (words + ["-o", "AddressFamily=kirchturm"], '  AddressFamily "…" is none of any', r"  AddressFamily +\(set, not shown\)"),
            (words + ["-o", "Shard=kirchturm/3"], '  Shard "…" is not a shard: "2/4"', r"  Shard +\(set, not shown\)"),
            (words + ["-o", "Header=kirchturm"], r"  Header ", r"  Header +\(set, not shown\)"),
            (key + ["--url", "https://kirchturm.example.org/console"], r'  --url "\S+" is the address of a page',
             r"  URL +\(set, not shown\)"),
            (key + ["--url", "https://kirchturm.example.org", "-o", "Shard=0/1"], r"  Shard ",
             r"  URL +self-hosted 1 \(https, port 443\)"),
            (no_file + words[2:], r'  --key-file "\S+" can\'t be read: No such file or directory', r"  URL +this machine 1 .*"),
            (words[2:], "  there is no key: ", "  URL +this machine 1 .*"),
        )
        for number, (options, problem, setting) in enumerate(rows):
            note(options[-2:])
            path = scratch.file("report-%d" % number)
            ran = command.run(options + ["--report", path])
            equal((ran.status, ran.out.startswith("The report is in %s: " % path)), (2, True), options)
            matches("^ttn-check: .*\n$", ran.err)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            equal(re.findall(r"(?m)^(.+)\n-{3,}$", text), SECTIONS[:2] + ["Problems"])
            lines = section(text, "Problems")
            equal((len(lines), lines[0]), (2, "  Nothing was sent to the stack, because this can't be used:"), text)
            matches("^" + problem, lines[1])
            settings = section(text, SECTIONS[1])
            equal(len([line for line in settings if re.fullmatch(setting, line)]), 1, "%s in %s" % (setting, settings))
            equal("kirchturm" in text, False, text)
        equal(stack.count(), 0, "requests")
        kept = command.run(rows[2][0] + ["--report", "-", "--report-ids"])
        matches("--organization \"kirchturm!\" ", kept.out)
        # This machine's name, unless it is one that can be used so.
        ran = command.run(words + ["-o", "Shard=auto/1", "--report", "-"])
        equal('"%s"' % socket.gethostname() in ran.out, False, ran.out)


def test_wrong_words():
    """Words that can't be meant are no report's: they are said, and no file is there"""
    with Scratch() as scratch, Standin() as stack:
        for more in (["-o", "Shard"], ["--timeout", "soon"], ["--nothing"]):
            ran = command.run(command.words(stack, scratch) + more + ["--report"], cwd=scratch.path)
            equal((ran.status, ran.out, os.path.exists(scratch.file(NAME))), (2, "", False))


# What is in it.


def test_versions():
    """Versions are those of the libraries that are here; the time is UTC, with the time zone"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        text = report(scratch, stack, env={"TZ": "Asia/Kathmandu"})
        lines = dict(re.split(" {2,}", line.strip(), maxsplit=1) for line in section(text, "Versions"))
        equal(list(lines), ["collectd-ttn", "collectd", "libcurl", "yajl", "libc", "system", "locale", "user", "time"])
        version = command.run(["--version"]).out.split()[-1]
        matches(r"^%s \(this command\)[,;] " % re.escape(version), lines["collectd-ttn"])
        said = subprocess.run([paths.collectd(), "-h"], stdout=subprocess.PIPE, check=False, text=True).stdout
        daemon = re.search(r"(?m)^collectd ([\w.~+-]+), http", said).group(1)
        matches("^%s; the plugin was built for " % re.escape(daemon), lines["collectd"])
        matches(r"^libcurl/[\d.]+ .*nghttp2/", lines["libcurl"])
        equal(lines["yajl"], "2.1.0")
        with open("/etc/os-release", encoding="utf-8") as file:
            name = re.search(r'(?m)^PRETTY_NAME="?([^"\n]+)', file.read()).group(1)
        machine = os.uname()
        equal(lines["system"], "%s; %s %s %s" % (name, machine.sysname, machine.release, machine.machine))
        equal(lines["locale"], "C.UTF-8")
        equal(lines["user"], "root" if os.geteuid() == 0 else "not root")
        matches(r"^%s-\d\d-\d\dT[\d:]+Z, time zone \+0545 \(\+0545\)$" % time.strftime("%Y"), lines["time"])


def test_settings():
    """Options that differ from their defaults, each in the form that tells nothing private"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.fleet(2)
        text = report(scratch, stack, "-o", "Interval=60", "-o", "MaxConnections=2", "-o", "AddressFamily=IPv4",
                      "-o", "CollectAges=true", "-o", "CollectUptime=false", "--cluster", "127.0.0.2",
                      "-o", "Header=X-Door: sesame", "--gateway", "gw-00002", "--gateway", "/^gw-0000/",
                      "-o", "StateFile=/var/lib/collectd/x.state", "-o", "Host=berlin", "--proxy", "")
        port = stack.port
        equal(section(text, "Settings that differ from the defaults"), [line.rstrip() for line in (
            "  URL                    this machine 1 (http, port %d)" % port,
            "  MaxConnections         2",
            '  AddressFamily          "IPv4"',
            "  CollectUptime          false",
            "  Cluster                this machine 2 (http, port %d)" % port,
            '  Header                 "X-Door: …"',
            "  Gateway                gw-2",
            "  Gateway                (a regular expression, not shown)",
            '  StateFile              "x.state" (its directory is not shown)',
            "  Host                   (set, not shown)",
            '  Proxy                  "" (none)',
            '  APIKeyFile             "key-user" (its directory is not shown)')])


def test_poll():
    """Counts of gateways by state and by cluster, the key's rights, requests by their answers"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.fleet(4, [1, 2])
        stack.register("never")
        stack.register("foreign", gateway_server_address="gs.example.org")
        stack.cluster(1, limits={"batch": {"rate": 600, "burst": 20}})
        text = report(scratch, stack, "--cluster", "127.0.0.2", status=1)
        equal(section(text, "The key"), ["  from          a file", "  whose         user",
                                         "  right         RIGHT_USER_GATEWAYS_LIST",
                                         "  right         RIGHT_GATEWAY_STATUS_READ"])
        found = section(text, "What the poll found")
        matches(r"^  took          0\.\d{3} s$", found[0])
        equal(found[1:4], ["  list          known", "  gateways      6: 4 connected, 1 disconnected, 1 unknown",
                           "  unknown       1 at a host that may not have the key"])
        equal([line.rsplit("; ", 1)[0] for line in found[4:]],
              ["  this machine 1: answered; 2 connected, 1 disconnected, 0 unknown",
               "  this machine 2: answered; 2 connected, 0 disconnected, 0 unknown"])
        for line in found[4:]:
            matches(r"; this clock is \d\.\d s (?:ahead|behind)$", line)
        equal(section(text, "Problems"),
              ["  error, cluster: 1 gateway is unknown, because self-hosted 3 may not have the key: gw-1",
               "  down, disconnected: 1 gateway is not connected: gw-6"])
        answers = section(text, "Answers")
        for pattern in (r"^  auth_info +1 x 200, this machine 1, at most \d\.\d{3} s$", r"^  list +1 x 200, this machine 1,",
                        r"^  batch +\d x 200, this machine 1, .*, X-Rate-Limit-Limit \d+, -Available \d+",
                        r"^  batch +\d x 200, this machine 2, "):
            equal(len([line for line in answers if re.search(pattern, line)]), 1, "%s in %s" % (pattern, answers))


def test_shapes():
    """Of each kind of answer the last one: what the plugin asks for, with types instead of values"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        stack.connect("gw-00001", status=True)
        stack.uplink("gw-00001", 2)
        stack.downlink("gw-00001")
        stack.tx_ack("gw-00001", rtt=0.1)
        text = report(scratch, stack)
        equal(shape(text, "list, 200"),
              ["{", "gateways: [", "{", "ids: {", "gateway_id: string(8)", "eui: string(16)", "}", "created_at: timestamp",
               "updated_at: timestamp", "name: string(8)", "gateway_server_address: string(9)", "}", "] 3 elements", "}"])
        lines = shape(text, "batch, 200")
        equal(lines[:4], ["{", "entries: {", "<gateway>: {", "connected_at: timestamp"])
        for line in ("round_trip_times: {", "sub_bands: [", "metrics: {", "rxok: number", "uplink_count: string(1)",
                     "downlink_utilization_limit: number", "} 3 gateways"):
            equal(line in lines, True, "%s in %s" % (line, lines))
        equal("rights: [" in shape(text, "auth_info, 200"), True)
        # Without what the user has turned off.
        lines = shape(report(scratch, stack, "-o", "CollectDutyCycle=false"), "batch, 200")
        equal("sub_bands: [" in lines, False)


def test_both_answers():
    """One that worked and one that did not, if there were both"""
    with Scratch() as scratch, Standin(clusters=2) as stack:
        stack.fleet(2, [1, 2])
        stack.fault({"status": 503, "body": "<html>private</html>"}, {"kind": "batch", "cluster": 2})
        text = report(scratch, stack, "--cluster", "127.0.0.2", status=1)
        equal("<gateway>: {" in shape(text, "batch, 200"), True)
        equal(shape(text, "batch, 503"), ["(HTML or XML)"])
        equal("private" in text, False)
        matches(r"(?m)^  batch +\d x 503, this machine 2", text)


def test_events():
    """With Events or Traffic it waits for an event, for some seconds, and shows the last one"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("roof")
        stack.connect("roof")
        path = scratch.file("report")
        words = command.words(stack, scratch, "user-traffic") + ["--report", path]
        process = command.start(words + ["-o", "Traffic=true"], stdout=subprocess.DEVNULL)
        wait_for(stack.streams, "the stream", 30)
        begin = time.monotonic()
        stack.uplink("roof")
        equal(process.wait(20), 0, process.stderr.read())
        process.stderr.close()
        note("it ended %.1f s after the event" % (time.monotonic() - begin))
        with open(path, encoding="utf-8") as file:
            text = file.read()
        matches(r"(?m)^  events +1 x 200, this machine 1", text)
        lines = shape(text, "the last of the events, 200")
        equal(lines[:2], ["{", "result: {"])
        equal("data: {" in lines, True, "an event, not the stream's beginning: %s" % lines)
        equal("gateway_id: string(4)" in lines, True, lines)
        # Nothing happens: the stream's first line.
        lines = shape(report(scratch, stack, "-o", "Events=true"), "the last of the events, 200")
        equal(lines[:2], ["{", "result: {"])
        equal("events" in report(scratch, stack), False)


# When something is wrong.


def test_key_refused():
    """The report of a key that is refused says which answer it got"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        for kind, said, status in (("deleted", "the stack does not know this key", 401), ("not-a-key", "is malformed", 400),
                                   ("admin-status", "may not list gateways", 403)):
            text = report(scratch, stack, kind=kind, status=1)
            matches(r"(?m)^  error, key: .*" + said, text)
            matches(r"(?m)^  \w+ +\d x %d, this machine 1" % status, text)
            equal("message: string" in "".join(shape(text, r"(?:auth_info|list), %d" % status)), True)
            equal("  list          not known" in text, True)


def test_not_reachable():
    """A host that is not there, one without a name, one that is silent"""
    with Scratch() as scratch:
        key = scratch.key()
        for url, kind in (("http://127.0.0.1:1", "connect"), ("https://nowhere.invalid", "dns")):
            ran = command.run(["--key-file", key, "--url", url, "--report", "-", "--timeout", "20"])
            equal((ran.status, ran.err), (1, ""))
            matches(r"(?m)^  error, %s: (?:this machine|self-hosted) 1(?: port 1)?: could not" % kind, ran.out)
            matches(r"(?m)^  \w+ +\d+ x %s, (?:this machine|self-hosted) 1" % kind, ran.out)
            equal("nowhere" in ran.out, False)
        with Standin() as stack:
            stack.fault({"delay": 30})
            text = report(scratch, stack, "--timeout", "1", status=1)
            matches(r"(?m)^  error, timeout: ", text)


def test_own_key():
    """A gateway's own key: the command looks twice, and the report has both looks"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("alice-gw-1")
        stack.connect("alice-gw-1")
        text = report(scratch, stack, kind="gateway")
        equal("  whose         gateway" in text, True)
        matches(r"(?m)^  auth_info +2 x 200", text)
        matches(r"(?m)^  single +1 x 200", text)
        matches("the key belongs to one gateway, so it", text)
        matches(r"(?m)^  Gateway +gw-1$", text)
        equal("alice" in text, False)
        # It is not named where the user gives an expression.
        text = report(scratch, stack, "--gateway", "/./", kind="gateway", status=1)
        matches("the key is gateway <key's owner>'s own and can't list gateways", text)
        equal("alice" in text, False)


# Nothing private.


PRIVATE = {
    "gateway": "kirchturm", "another": "moss-hill-7", "name": "Mrs Miller's roof", "eui": "70B3D57ED0000ABC",
    "address": "10.77.3.9", "host": "gs.miller.example", "user": "alice", "organization": "town", "metric": "millers-shed",
    "latitude": "47.37174", "header": "open-sesame", "password": "burrow7", "login": "mole", "Host": "berlin-rack-4",
    "path": "millers-secret-directory", "expression": "kirch",
}


def private_stack(stack):
    stack.register(PRIVATE["gateway"], name=PRIVATE["name"], eui=PRIVATE["eui"],
                   antennas=[{"location": {"latitude": 47.37174, "longitude": 8.54226, "altitude": 412}}])
    stack.connect(PRIVATE["gateway"], ip=PRIVATE["address"], status={"metrics": {"rxok": 3}})
    stack.uplink(PRIVATE["gateway"], 2)
    stack.register(PRIVATE["another"], gateway_server_address=PRIVATE["host"], name=PRIVATE["name"])
    stack.register("town-gw-1", owner="organization:town")


def private_words(stack, scratch, proxy, key):
    os.makedirs(os.path.dirname(scratch.file(PRIVATE["path"], "x")), exist_ok=True)
    path = scratch.file(PRIVATE["path"], "home.key")
    os.rename(key, path)
    scratch.may_hold(path)
    return ["--key-file", path, "--url", stack.url, "--allow-plain-http", "-o", "Header=X-Door: " + PRIVATE["header"],
            "-o", "Host=" + PRIVATE["Host"], "--gateway", "/^(%s|moss)/" % PRIVATE["expression"], "--proxy",
            proxy.url.replace("//", "//%s:%s@" % (PRIVATE["login"], PRIVATE["password"]))]


def holds_key(text):
    return any(secret[i:i + 10] in text.upper() for secret in paths.SECRETS for i in range(len(secret) - 9))


def test_nothing_private():
    """Ids, EUIs, names, addresses, places, hosts, headers, passwords, paths: none is in the report"""
    login = "%s:%s" % (PRIVATE["login"], PRIVATE["password"])
    with Scratch() as scratch, Standin() as stack, Proxy(login=login) as proxy:
        private_stack(stack)
        words = private_words(stack, scratch, proxy, scratch.key()) + ["--report", "-"]
        told = command.run(words + ["--report-ids"]).out
        # They are there to be found, in what is asked and with --report-ids.
        for what in ("another", "host", "Host"):
            equal(PRIVATE[what] in told, True, what)
        equal(PRIVATE["header"] in str(proxy.asked), True)
        ran = command.run(words + ["-o", "Events=true"])
        equal((ran.status, ran.err), (1, ""))
        matches(r"(?m)^  events +1 x 200", ran.out)
        for what, text in PRIVATE.items():
            equal(re.search(r"(?i)" + re.escape(text), ran.out), None, what)
        for text in ("NNSXS", "127.0.0.1"):
            equal(text in ran.out, False, text)
        equal(holds_key(ran.out), False)


def test_ids_on_request():
    """--report-ids has ids and hosts, but no key, no header's value and no password"""
    login = "%s:%s" % (PRIVATE["login"], PRIVATE["password"])
    with Scratch() as scratch, Standin() as stack, Proxy(login=login) as proxy:
        private_stack(stack)
        ran = command.run(private_words(stack, scratch, proxy, scratch.key()) + ["--report", "-", "--report-ids"])
        for what in ("another", "host", "Host", "expression"):
            equal(PRIVATE[what] in ran.out, True, what)
        equal(stack.url in ran.out, True)
        for what in ("header", "password", "login", "path", "name", "eui", "address", "latitude"):
            equal(PRIVATE[what] in ran.out, False, what)
        equal("NNSXS" in ran.out or holds_key(ran.out), False)


def test_hostile_names():
    """Answers with private texts as names of members, and a stack that tells the key and the header back"""
    with Scratch() as scratch, Standin() as stack:
        stack.register("kirchturm")
        key = key_text("user")
        for kind in ("list", "batch", "auth_info"):
            for body in ('{"kirchturm": 1, "70B3D57ED0000ABC": {"%s": 1}, "a.example.org": 2}' % key,
                         '{"xopen_sesamey": "open_sesame"}', '{"%s' % key, "%s" % key):
                rule = stack.fault({"status": 200, "body": body}, {"kind": kind})
                text = command.run(command.words(stack, scratch) + ["-o", "Header=X-Door: open_sesame", "--timeout",
                                                                    "2", "--report", "-"]).out
                matches("Shapes of the last answers", text)
                stack.unfault(rule)
                for private in ("kirchturm", "70B3D57ED0000ABC", "example", "open_sesame", "NNSXS"):
                    equal(private in text, False, "%s of %s: %s" % (private, kind, text))
                equal(holds_key(text), False)


run(globals())
