#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ttn-check called wrongly, or where nothing can be reached: one sentence with the fix, and never a key."""

import os
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import command  # noqa: E402
import paths  # noqa: E402
from paths import Scratch  # noqa: E402
from standin import Standin, key_text  # noqa: E402
from tap import equal, matches, note, run  # noqa: E402


def refused(arguments, pattern, **how):
    """Status 2, nothing shown, one line that matches."""
    ran = command.run(arguments, **how)
    note(ran.err.strip())
    equal((ran.status, ran.out), (2, ""), arguments)
    equal(ran.err.count("\n"), 1, "lines")
    matches("^ttn-check: .*" + pattern, ran.err)
    return ran


def test_no_key():
    """No key at all"""
    refused([], "there is no key: put the API key into a file .* --key-file")
    refused([], "there is no key", env={"TTN_API_KEY": ""})


def test_key_files():
    """A directory, a file that isn't there, an empty one, two lines, a blank inside, quotes, "Bearer": each with its fix"""
    with Scratch() as scratch:
        key = key_text()
        for text, pattern in (("", "is empty; put the key into it"),
                              (key + "\n" + key + "\n", "has two lines; it must hold the key alone"),
                              (key[:50] + " " + key[50:], "has a blank or a line break inside; copy the key again"),
                              ('"%s"' % key, "is in quotes; write the key alone"),
                              ("Bearer " + key, 'starts with "Bearer"; leave that out'),
                              (key + "\0", "holds a NUL byte"),
                              (key + "ü", "has a character that no key has"),
                              ("x" * 9000, "is too large; it must hold the key alone")):
            path = scratch.write("key", text, secret=True)
            refused(["--key-file", path], '--key-file "%s" %s' % (path, pattern))
        refused(["--key-file", scratch.path], "is a directory; name the file in it that holds the key")
        refused(["--key-file", scratch.path + "/none"], "can't be read: No such file")
        refused(["--key-file", ""], "--key-file is empty: name the file")
        os.mkfifo(scratch.file("fifo"))
        refused(["--key-file", scratch.file("fifo")], "is a FIFO; the key must be in a regular file")


def test_key_elsewhere():
    """Standard input and the variable: what is wrong with them"""
    key = key_text()
    refused(["--key-file", "-"], "--key-file -: standard input is empty", text="\n")
    refused(["--key-file", "-"], "standard input has two lines", text=key + "\n" + key)
    refused(["--key-file", "-"], "is too large; it must hold the key alone", text="x" * 100000)
    refused([], "the key in the variable TTN_API_KEY has a blank", env={"TTN_API_KEY": key[:40] + " " + key[40:]})


def test_key_as_argument():
    """A key among the words: refused, not repeated, wherever it stands"""
    key = key_text()
    for words in ([key], ["--key-file", key], ["--key-file=" + key], ["--option", "APIKey=" + key],
                  ["--url", key], ["--gatway=" + key], ["-x" + key], ["--help", key]):
        refused(words, "a key doesn't belong on the command line, .* delete that one in the Console, make another")


def test_options():
    """Options that are none, lack a value, or have one that can't be used"""
    with Scratch() as scratch:
        good = ["--key-file", scratch.key()]
        for words, pattern in (
                (["--gatway", "roof"], "--gatway is unknown"),
                (["-x"], "-x is unknown"),
                (["roof"], "a word too many"),
                (["--url"], "--url wants a value"),
                (["--json=yes"], "--json is unknown, unclear or takes no value"),
                (["--color", "pink"], '--color "pink" is none of auto, always, never'),
                (["--timeout", "soon"], "--timeout \"soon\" can't be used: it wants 0.1 to 3600 seconds"),
                (["--timeout", "0.01"], "it wants 0.1 to 3600 seconds"),
                (["--timeout", "nan"], "it wants 0.1 to 3600 seconds"),
                (["--watch=0"], "--watch \"0\" can't be used: it wants 1 to 86400 seconds"),
                (["--watch", "9x"], "--watch \"9x\" can't be used"),
                (["--option", "Interval"], "--option wants NAME=VALUE"),
                (["--option", "Foo=1"], "an option of the plugin's"),
                (["--option", "=1"], "--option wants NAME=VALUE"),
                (["--option", "APIKeyFile=/x"], "--option takes no key"),
                (["--option", "MaxConnections=many"], "--option MaxConnections wants a number, as in MaxConnections=4"),
                (["--option", "MetaData=maybe"], "--option MetaData wants true or false"),
                (["--option", "Interval=0"], "--option Interval wants 0.1 to 86400"),
                (["--option", "Interval=inf", "--json"], "--option Interval wants 0.1 to 86400"),
                (["--option", "Shard=5/4"], 'Shard "5/4" is not a shard'),
                (["--gateway", "UPPER"], '--gateway "UPPER" is not an id'),
                (["--gateway", "/(/"], '--gateway "/\\(/" is not a POSIX extended expression'),
                (["--organization", "a b"], '--organization "a b" is not an id'),
                (["--cluster", "host/path"], '--cluster "host/path" has more than host and port')):
            refused(good + words, pattern)


def test_urls():
    """A URL that is none: the library's own sentences"""
    with Scratch() as scratch:
        good = ["--key-file", scratch.key()]
        for url, pattern in (("eu1.cloud.thethings.network", "has no scheme; put https:// in front"),
                             ("ftp://x.example", "has a scheme other than https and http"),
                             ("https://", "holds no host name"),
                             ("https://x.example/console", "is the address of a page; leave out /console"),
                             ("https://me@x.example", "holds a user name or an '@'"),
                             ("https://x.example:99999", "holds no valid port"),
                             ("", "is empty")):
            refused(good + ["--url", url], "--url .*" + pattern)
        refused(good + ["--url", "http://x.example"],
                "--url http://x.example is not used: .* in clear text; use https://, or allow that with "
                "--allow-plain-http")
        # Another machine by its name, and this one by the kernel's.
        url = "http://[::ffff:127.0.0.1]:1"
        refused(good + ["--url", url], "is not used")
        ran = command.run(good + ["--url", url, "--allow-plain-http", "--json"])
        equal((ran.status, ran.kinds()), (1, [("error", "connect")]))
        matches(r"^ttn-check: warning: --url http://\S+: the API key goes over the network in clear text", ran.err)


def unreachable(arguments, kind, what, fix):
    """Status 1, one problem of that kind, in the table and as JSON."""
    ran = command.run(arguments + ["--json"])
    equal((ran.status, ran.kinds(), ran.err), (1, [("error", kind)], ""), arguments)
    one = ran.json()["problems"][0]
    note("%(message)s. %(fix)s." % one)
    matches(what, one["message"])
    matches(fix, one["fix"])
    equal((ran.json()["gateways"], ran.json()["account"]["kind"]), (None, None))
    text = command.run(arguments)
    equal(text.status, 1)
    equal(text.out.count("Fix: "), 1)
    equal("collectd.conf" in text.out, False, "a block for what doesn't work")


def answer_plainly(listener):
    """Plain HTTP to all clients, until the listener is closed."""
    try:
        while True:
            with listener.accept()[0] as sock:
                sock.recv(4096)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    except OSError:
        pass


def test_nobody_there():
    """Nothing at that port, a name that is none, a port that speaks no https"""
    with Scratch() as scratch, Standin() as stack, socket.create_server(("127.0.0.1", 0)) as plain:
        good = ["--key-file", scratch.key()]
        threading.Thread(target=answer_plainly, args=[plain], daemon=True).start()
        unreachable(good + ["--url", "https://127.0.0.1:%d" % plain.getsockname()[1]], "tls",
                    "^https://127.0.0.1:.* no secure connection",
                    "does that port speak https[?]|check that the port speaks https")
        stack.refuse(1)
        unreachable(good + ["--url", stack.url], "connect", "^%s: could not connect to 127.0.0.1" % stack.url,
                    "check that host and port are right")
        unreachable(good + ["--url", "https://no-such-host.invalid"], "dns",
                    "could not resolve the host name no-such-host.invalid|no name server told", "check that the name")


def test_proxy():
    """A proxy that refuses, by option and by the environment; \"\" goes without"""
    with Scratch() as scratch, Standin(scratch) as stack:
        stack.fleet(1)
        good = command.words(stack, scratch)
        stack.fault({"status": 403, "body": "no"}, {"method": "CONNECT"})
        for proxy in ("http://127.0.0.1:1", stack.url):
            unreachable(good + ["--proxy", proxy], "proxy", "the proxy did not connect to 127.0.0.1",
                        "give the right proxy with --proxy, or none with --proxy \"\"")
        equal(stack.count(kind="list"), 0, "lists by that proxy")
        proxied = {"https_proxy": "http://127.0.0.1:1"}
        ran = command.run(good + ["--json"], env=proxied)
        equal(ran.status, 1)
        matches("give the right proxy .* the environment's", ran.json()["problems"][0]["fix"])
        equal(command.run(good + ["--proxy", ""], env=proxied).status, 0)
        stack.unfault()
        stack.fault({"status": 407, "body": "no"}, {"method": "CONNECT"})
        unreachable(good + ["--proxy", stack.url], "proxy", "did not connect to .* 407[^;]*$",
                    "^see ProxyUserFile and ProxyAuth$")


def test_slow():
    """No answer in time"""
    with Scratch() as scratch, Standin() as stack:
        stack.fault({"hang": True})
        unreachable(command.words(stack, scratch) + ["--timeout", "1.5"], "timeout", "no answer from 127.0.0.1",
                    "allow more time with --timeout")


def test_open_key_file():
    """A key file that others can read works, and is noted"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        key = scratch.write("open.key", key_text() + "\n", mode=0o644, secret=True)
        ran = command.run(["--key-file", key, "--url", stack.url, "--json"])
        equal((ran.status, ran.kinds(), ran.err), (0, [("note", "key_file")], ""))


def test_ways_to_give_a_key():
    """Standard input, the variable, a relative path: all lead to the same"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(1)
        path = scratch.key()
        url = ["--url", stack.url, "--json"]
        for how in (dict(arguments=["--key-file", "-"] + url, text=key_text() + "\n"),
                    dict(arguments=["--key-file=-"] + url, text="  %s\r\n" % key_text()),
                    dict(arguments=url, env={"TTN_API_KEY": key_text()}),
                    dict(arguments=["--key-file", os.path.basename(path)] + url, cwd=scratch.path)):
            ran = command.run(**how)
            equal((ran.status, len(ran.json()["gateways"])), (0, 1), how["arguments"])
        matches('APIKeyFile "%s"' % path, ran.json()["collectd_conf"])


def test_help_and_version():
    """--help fits 80 columns and names every option; --version"""
    ran = command.run(["--help"])
    equal((ran.status, ran.err), (0, ""))
    equal([line for line in ran.out.splitlines() if len(line) > 80], [])
    with open(os.path.join(paths.SRCDIR, "src", "cli", "options.c"), encoding="utf-8") as file:
        table = file.read().split("static const struct option longs[]")[1].split("};")[0]
    for line in table.splitlines():
        if line.strip().startswith('{"') and '"colour"' not in line:
            matches("--" + line.split('"')[1] + r"\b", ran.out)
    ran = command.run(["--version"])
    equal(ran.status, 0)
    matches(r"^ttn-check \(collectd-ttn\) \d+\.\d+\.\d+\n$", ran.out)


def test_a_reader_that_waits():
    """While nobody reads the table, SIGTERM ends it at once"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(2000, pattern="idle")
        reader, writer = os.pipe()
        process = command.start(command.words(stack, scratch), stdout=writer)
        os.close(writer)
        os.read(reader, 1)
        process.terminate()
        equal((process.wait(30), process.stderr.read()), (-signal.SIGTERM, b""))
        process.stderr.close()
        os.close(reader)


def test_nobody_reads():
    """A reader that goes away: no hang, no message"""
    with Scratch() as scratch, Standin() as stack:
        stack.fleet(3)
        reader, writer = os.pipe()
        os.close(reader)
        process = command.start(command.words(stack, scratch) + ["--watch=1"], stdout=writer)
        os.close(writer)
        equal((process.wait(30), process.stderr.read()), (1, b""))
        process.stderr.close()


run(globals())
