#!/usr/bin/python3
"""Holds the stand-in's streams of events against the recorded ones: tests/answers/events, and that of two servers.

For each file the stand-in is brought to the state that the file tells of and asked the same; then the same happens.
Status, headers and lines have to be the same: keys in their order, values of the same type and format, names, types,
rights and errors word for word, and a blank where there is one. Only what differs from run to run is compared by its
format. In the recordings of a whole life each kind of line has to be there, not as many of it. Output is TAP.
"""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from links import EU868  # noqa: E402  (the modules lie beside this program)
from listening import Late, Listening  # noqa: E402
from stack import Stack  # noqa: E402

ANSWERS = os.path.join(HERE, "..", "answers")
GATEWAY, SENDER = "alice-gw-3", "sim-gw-1"
HEADERS = ("content-type", "cache-control", "transfer-encoding", "x-warning", "www-authenticate")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
ULID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
DURATION = re.compile(r"\d+\.(\d+)s$")
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
BASE64 = ("raw_payload", "mic", "frm_payload", "uplink_token")
MAPS = ("versions", "metrics")
FREE = ("dev_addr", "hal", "fpga", "dsp", "ttn-lw-gateway-server", "frequency", "rx1_frequency",
        "concentrator_timestamp")
VERSIONS = {"fpga": "33", "hal": "5.1.0", "ttn-lw-gateway-server": "3.32.1-dev"}


# Lives. A generator: the stream is opened where it yields, which may be more than once.

def nothing(_stack):
    yield


def connects(stack):
    yield
    stack.connect(GATEWAY)
    stack.status(GATEWAY, versions=VERSIONS)
    for crc in (True, False, None):
        stack.uplink(GATEWAY, radio={"crc": crc})
        stack.now()
    stack.advance(0.01)


def udp_life(stack):
    stack.cluster(1, udp_expiry=20, again=5, debounce=1)
    yield from connects(stack)
    for _ in range(5):
        stack.advance(5.000000123)
        yield
    stack.advance(5.000000123)


def two_servers(stack):
    stack.cluster(1, udp_expiry=20, udp_downlink_expiry=40)
    yield
    stack.connect(GATEWAY)
    stack.uplink(GATEWAY)
    stack.advance(5.000000123)
    stack.connect(GATEWAY, server=1)
    stack.uplink(GATEWAY, server=1)
    yield
    stack.silent(GATEWAY)
    stack.advance(60.000000123)


def downlinks(stack):
    stack.cluster(1, debounce=1)
    yield
    stack.connect(SENDER)
    stack.status(SENDER)
    # A downlink's air time is in the statistics only some seconds later.
    for f_cnt, (result, used) in enumerate((("SUCCESS", {}), ("SUCCESS", {2: 1.2871111e-05}),
                                            ("TOO_LATE", {2: 1.2871111e-05, 4: 0.00032085335}))):
        answered(stack, f_cnt)
        stack.tx_ack(SENDER, result=result)
        stack.sub_bands(SENDER, bands(used))
        stack.advance(1.000000123)
    stack.unscheduled(SENDER)


def answered(stack, f_cnt):
    stack.uplink(SENDER, radio={"confirmed": True, "time": True, "f_cnt": f_cnt})
    stack.advance(1.000000123)
    stack.downlink(SENDER)
    stack.advance(1.000000123)


def bands(used):
    """EU868's sub-bands, some of which are used."""
    return [{"min": low, "max": high, "limit": limit, "used": used.get(index)}
            for index, (low, high, limit) in enumerate(EU868)]


def again(stack):
    stack.connect(GATEWAY)
    stack.cluster(1, again=5)
    yield
    stack.advance(5.000000123)


def sse(stack):
    yield from again(stack)
    yield
    stack.uplink(GATEWAY)


def uplinks(stack, *times):
    for at in times:
        stack.set_clock("2026-11-26T13:06:%sZ" % at)
        stack.uplink(GATEWAY)


def resume_1(stack):
    stack.cluster(1, event_store=True)
    stack.connect(GATEWAY)
    yield
    uplinks(stack, "22.095903455", "22.397764086", "22.697336883", "22.998725968", "23.303242444")


def resume_2(stack):
    for _ in resume_1(stack):
        pass
    uplinks(stack, "23.604462298", "23.905969258", "24.207319009", "24.509264963")
    stack.set_clock("2026-11-26T13:06:24.819348173Z")
    yield
    uplinks(stack, "26.111083344", "26.411895735")


def resumed(at):
    def state(stack):
        for _ in resume_2(stack):
            pass
        # What the statistics tell comes between the last two uplinks and the stream.
        stack.set_clock("2026-11-26T13:06:%sZ" % at)
        yield
    return state


def restart(stack):
    yield
    stack.end_streams("error")


STATES = {"downlinks": downlinks, "udp-life-traffic": udp_life, "udp-life-status": udp_life, "udp-life-names": udp_life,
          "two-servers-redis": two_servers, "resume-1": resume_1, "resume-2-after": resume_2,
          "resume-3-tail": resumed("27.224032608"), "resume-4-after-two-gateways": resumed("28.546815475"),
          "restart": restart, "who-names-regex": again, "who-sse": sse}
# As many lines as recorded do not come, but each kind of line.
LIVES = frozenset(("downlinks", "udp-life-traffic", "udp-life-status", "udp-life-names", "two-servers-redis",
                   "who-sse"))


# Comparing.

def text_form(name, text):
    if TIME.match(text):
        return "<time of %d digits>" % len(text.partition(".")[2]) if name != "received_at" else "<time>"
    if DURATION.match(text):
        return "<duration of %d digits>" % len(DURATION.match(text).group(1))
    if name == "correlation_id":
        return "<%d digits>" % len(text)
    if name.endswith("_count"):
        return "<count>"
    if name in BASE64:
        return "<base64>" if re.match(r"[A-Za-z0-9+/]+=*$", text) else text
    return "<text>" if name in FREE else ULID.sub("<ULID>", text)


def form(name, value):
    if isinstance(value, dict):
        pairs = [(key, form(key, one)) for key, one in value.items()]
        return sorted(pairs) if name in MAPS else pairs
    if isinstance(value, list):
        return [form(name, one) for one in value]
    if isinstance(value, str):
        return text_form(name, value)
    return value if isinstance(value, bool) else "<number>"


def line_form(line):
    """The form of a line's values, and its text without them, which shows the blanks."""
    bare = NUMBERS.sub("0", STRINGS.sub('""', line))
    value = json.loads(line)
    if "result" in value:
        # Of nine digits the last three are left out when they are 0, as once in the recordings.
        value["result"]["time"] = TIME.sub("<time>", value["result"]["time"])
    return json.dumps([form("", value), bare])


def headers_of(headers):
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: lower[name] for name in HEADERS if name in lower}


def received(stream, n):
    """The text that came, at least n lines if there are so many; and then all that comes at once."""
    text = b""
    try:
        while stream.how is None:
            text += stream.line(2 if text.count(b"\n") < n else 0.12)
    except Late:
        pass
    return text.decode()


def differences(recorded, name):
    wanted = "".join(piece["text"] for piece in recorded["stream"])
    with Stack(at="2026-11-26T13:00:00.390985835Z") as stack:
        stack.recorded_world()
        life = STATES.get(name, nothing)(stack)
        next(life)
        with Listening(stack, key=recorded["request"]["key"], body=recorded["request"]["body"],
                       headers={"Accept": "text/event-stream"} if name == "who-sse" else None) as stream:
            got = ""
            for _ in life:
                got += received(stream, 1)
            got += received(stream, 1 if name in LIVES else wanted.count("\n"))
            out = []
            if stream.status != recorded["status"]:
                out.append("status %s, recorded %s" % (stream.status, recorded["status"]))
            if headers_of(stream.headers) != headers_of(recorded["headers"]):
                out.append("headers %s, recorded %s" % (headers_of(stream.headers), headers_of(recorded["headers"])))
            ended = stream.how or "open"
    if ended != {"closed by the client": "open", "closed by the server": "end"}[recorded["end"]]:
        out.append("the stream is %s" % ended)
    return out + different_lines(wanted, got, name in LIVES)


def different_lines(wanted, got, by_kind):
    parted = "\n\n" if wanted.endswith("\n\n") else "\n"
    if not got.endswith(parted):
        return ["the text ends with %r" % got[-40:]]
    wanted, got = ([line_form(line) for line in text.split(parted) if line] for text in (wanted, got))
    if by_kind:
        return (["recorded, but did not come: " + one for one in dict.fromkeys(wanted) if one not in got]
                + ["came, but is not recorded: " + one for one in dict.fromkeys(got) if one not in wanted])
    return [] if wanted == got else ["came     %s" % (got,), "recorded %s" % (wanted,)]


def files():
    folder = os.path.join(ANSWERS, "events")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))] + [
        os.path.join(ANSWERS, "two-servers", "two-servers-redis.json")]


def main():
    paths = [path for path in files() if not sys.argv[1:] or os.path.basename(path) in sys.argv[1:]]
    names = {os.path.basename(path)[:-len(".json")] for path in files()}
    problems = ["%s has a state and no recording" % name for name in set(STATES) - names]
    print("1..%d" % (len(paths) + 1))
    print("%s 1 - each state has its recording" % ("not ok" if problems else "ok"))
    failed = len(problems)
    for number, path in enumerate(paths, 2):
        name = os.path.basename(path)[:-len(".json")]
        with open(path, encoding="utf-8") as file:
            problems = differences(json.load(file), name)
        print("%s %d - %s" % ("not ok" if problems else "ok", number, os.path.relpath(path, ANSWERS)))
        for line in problems:
            print("#   " + line)
        failed += bool(problems)
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
