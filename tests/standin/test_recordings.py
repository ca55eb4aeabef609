#!/usr/bin/python3
"""Holds the stand-in against every recorded answer of a real stack.

For each file the stand-in is put into the state that the file's folder, name and note tell of, is
asked the same, and has to answer the same: status, headers that matter, the same keys in the same
order with values of the same type and format; errors, lists and rights even word for word. Only
what differs from run to run (times, counts, ids of keys and requests) is compared by its format.

A file without a state, and an exception without a file, fail. Output is TAP.
"""

import http.client
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import keys  # noqa: E402  (the modules lie beside this program)
from stack import Stack  # noqa: E402

ANSWERS = os.path.join(HERE, "..", "answers")
START = "2026-11-22T15:41:27.390985835Z"
HEADERS = ("content-type", "cache-control", "x-total-count", "x-warning", "www-authenticate",
           "x-rate-limit-available", "x-rate-limit-limit", "x-rate-limit-reset", "x-rate-limit-retry")
KEY_NAMES = {"user, sent without the word Bearer": "bearer-forgotten"}
LIMITS = {"any": {"rate": 6, "burst": 3}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
DURATION = re.compile(r"\d+(\.\d+)?s$")
KEY_ID = re.compile(r"\b[A-Z2-7]{39}\b")
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
MAPS = ("versions", "metrics", "attributes")


# States. Each brings a new stand-in to where the recording was made.

def traffic(stack, gateway, n, acknowledged=None):
    stack.uplink(gateway, n)
    stack.downlink(gateway, n)
    if acknowledged != 0:
        stack.tx_ack(gateway, acknowledged or n)


def connected(stack):
    stack.connect("alice-gw-1")
    stack.advance(3)


def with_traffic(stack):
    connected(stack)
    for _ in range(2):
        traffic(stack, "alice-gw-1", 1)
        stack.advance(2.000000123)


def fleet(stack):
    """The account's gateways in full swing; in live mode alice-gw-2's status at connect is seen."""
    with_traffic(stack)
    live = stack.clusters[0].mode == "live"
    stack.connect("alice-gw-2", status=live)
    stack.connect("town-gw-1")
    traffic(stack, "alice-gw-1", 4)
    stack.uplink("alice-gw-2", 2)
    stack.uplink("town-gw-1", 2)
    stack.advance(1.000000123)
    stack.status("alice-gw-1")


def idle(seconds):
    def state(stack):
        fleet(stack)
        stack.advance(seconds)
    return state


def gone(seconds):
    def state(stack):
        idle(26)(stack)
        stack.silent("alice-gw-1")
        stack.advance(seconds)
    return state


def reconnected(stack):
    gone(45)(stack)
    stack.connect("alice-gw-1", status=stack.clusters[0].mode == "live")
    # A status at connect is in the registry only with the first update; none came yet.


def reconnected_traffic(stack):
    reconnected(stack)
    stack.advance(3)
    traffic(stack, "alice-gw-1", 2)


def expired(stack):
    for number in (1, 2):
        stack.cluster(number, retention=20, limits=LIMITS)
    with_traffic(stack)
    stack.disconnect("alice-gw-1")
    stack.advance(21)


def nothing(_stack):
    pass


def gone_25(stack):
    """A server looks for expired connections now and then only: the recorded one with a registry had not
    looked yet after 25 s, the one without had."""
    if stack.clusters[0].registry:
        stack.cluster(1, udp_expiry=26)
    gone(25)(stack)


UDP = {"never-connected": nothing, "connected-no-traffic": connected, "traffic": with_traffic,
       "idle-8s": idle(8), "idle-26s": idle(26), "gone-2s": gone(2), "gone-10s": gone(10), "gone-25s": gone_25,
       "gone-45s": gone(45), "reconnected-no-traffic": reconnected, "reconnected-traffic": reconnected_traffic,
       "expired": expired, "no-forwarder-status": fleet, "other-cluster": fleet, "cluster-2": fleet,
       "fleet": fleet, "fleet-cluster-2": fleet, "list-at-cluster-2": nothing}


def other_protocol(gateway, protocol):
    """The states of a Basic Station or an MQTT gateway, by the names of their recordings."""
    mqtt = protocol == "mqtt"

    def connect(seconds):
        def state(stack):
            stack.register(gateway)
            stack.connect(gateway, protocol=protocol)
            stack.advance(seconds)
        return state

    def status(stack):
        connect(8)(stack)
        if mqtt:
            stack.status(gateway)
            stack.advance(4)

    def first(stack):
        status(stack)
        traffic(stack, gateway, 1, 0)

    def six(stack):
        status(stack)
        traffic(stack, gateway, 6)

    def frozen(stack):
        status(stack)
        traffic(stack, gateway, 5, 4)
        stack.silent(gateway)
        stack.advance(60)

    def ended(seconds):
        def state(stack):
            six(stack)
            stack.disconnect(gateway)
            stack.advance(seconds)
        return state

    def again(seconds, uplink=False):
        def state(stack):
            ended(5)(stack)
            stack.connect(gateway, protocol=protocol)
            stack.advance(seconds)
            if uplink:
                traffic(stack, gateway, 1, 0)
        return state

    def quiet(stack):
        six(stack)
        stack.advance(40)

    def registered(stack):
        stack.register(gateway)

    return {"never-connected": registered, "connected-at-once": connect(0), "connected-no-uplink": connect(8),
            "connected-status-no-uplink": status, "first-uplink": first, "traffic": six, "idle-40s": quiet,
            "frozen-60s": frozen, "disconnected": ended(0), "disconnected-5s": ended(5),
            "disconnected-40s": ended(40), "disconnected-killed": ended(0), "disconnected-killed-5s": ended(5),
            "reconnected-at-once": again(0), "reconnected-no-uplink": again(8),
            "reconnected-first-uplink": again(8, uplink=True)}


def limited(name):
    """Rate limits: so many calls of the same kind went before, each a moment after the other."""
    kind, _, which = name.partition("-")
    before = {"after-retry": 5, "other-key": 5, "other-gateway": 5}.get(which) or int(which or 1) - 1

    def state(stack):
        for number in (1, 2):
            stack.cluster(number, limits=LIMITS)
        connected(stack)
        stack.uplink("alice-gw-1", 2)
        same = {"batch": "batch-1", "get": "get-1", "list": "list-1", "auth_info": "auth_info"}[kind]
        earlier = load("rate-limit/%s.json" % same)["request"]
        for _ in range(before):
            ask(stack, 1, earlier)
            stack.advance(0.01)
        if which == "after-retry":
            stack.advance(9)
    return state


def account(name):
    state = name.split(".")[0].partition("-")[2]
    return lambda stack: stack.user("bob", state)


def seven(stack):
    """These recordings are of a stack with fewer gateways, two of them connected."""
    for gateway in ("sim-gw-1", "sim-gw-2", "sim-gw-3"):
        stack.unregister(gateway)
    for gateway in ("alice-gw-1", "town-gw-1"):
        stack.connect(gateway)
        stack.advance(3)
        stack.uplink(gateway, 18)
        stack.advance(3)


def identity_away(stack):
    fleet(stack)
    stack.cluster(2, identity_away=True)


def state_of(folder, name):
    """The function that makes the state of a recording; None: nobody knows it."""
    if folder == "search":
        return seven
    if folder in ("list", "auth_info", "gateway", "routes"):
        return nothing
    if folder in ("registry", "live"):
        return fleet if name.startswith("batch-masked-") else UDP.get(name)
    if folder in ("registry/keys", "registry/keys-cluster-2", "registry/bad", "live/keys", "live/keys-cluster-2",
                  "live/bad"):
        return fleet
    if folder == "lbs":
        return other_protocol("lbs-gw-1", "semtechws/lbslns").get(name)
    if folder == "mqtt":
        return other_protocol("mqtt-gw-1", "mqtt").get(name)
    if folder == "rate-limit":
        return limited(name)
    if folder == "account":
        return account(name)
    return identity_away if folder == "unavailable" else None


def at_cluster_2(folder, name):
    return folder in ("unavailable", "registry/keys-cluster-2", "live/keys-cluster-2") or name.endswith("cluster-2")


# Asking and comparing.

def load(path):
    with open(os.path.join(ANSWERS, path), encoding="utf-8") as file:
        return json.load(file)


def ask(stack, cluster, request):
    kind = KEY_NAMES.get(request["key"], request["key"])
    headers = {}
    if kind != "none":
        headers["Authorization"] = ("" if kind == "bearer-forgotten" else "Bearer ") + keys.text_of(kind)
    body = request.get("body")
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    connection = http.client.HTTPConnection(stack.hosts[cluster - 1], stack.port, timeout=10)
    connection.request(request["method"], request["path"], body, headers)
    response = connection.getresponse()
    out = {"status": response.status, "body": response.read(),
           "headers": {k.lower(): v for k, v in response.getheaders()}}
    connection.close()
    return out


def text_form(name, text, exact):
    if TIME.match(text):
        digits = len(text.partition(".")[2])
        return "<time with %s>" % {0: "seconds", 7: "microseconds", 10: "nanoseconds"}.get(digits, digits)
    if DURATION.match(text):
        return "<duration>"
    if name == "correlation_id":
        return "<%d digits>" % len(text)
    if name.endswith("_count"):
        return "<count>"
    if name == "name" and (text == "x" or text in keys.all_kinds()):
        return "<name of a key>"
    if exact or name in ("protocol", "ip", "min_frequency", "max_frequency"):
        return KEY_ID.sub("<key id>", text)
    return "<text>"


def form(name, value, ordered, exact):
    """A value with all that may differ replaced by what it looks like."""
    if isinstance(value, dict):
        pairs = [(k, form(k, v, ordered, exact)) for k, v in value.items()]
        return pairs if ordered or name not in MAPS else sorted(pairs)
    if name == "rights" and isinstance(value, list):
        return sorted(value)  # in an order of chance
    if isinstance(value, list):
        return [form(name, v, ordered, exact) for v in value]
    if isinstance(value, str):
        return text_form(name, value, exact)
    if isinstance(value, bool) or (exact and isinstance(value, int)):
        return value
    return "<number>"


def names_matter(value):
    """Errors and what the Identity Server says are compared word for word, statistics are not."""
    return not (isinstance(value, dict) and ("entries" in value or "connected_at" in value
                                             or "disconnected_at" in value))


def body_form(body, ordered):
    try:
        value = json.loads(body)
    except ValueError:
        return body
    exact = names_matter(value)
    blanks = bool(re.search(rb"\s", STRINGS.sub(b"", body).strip()))
    return [form("", value, ordered, exact), "blanks" if blanks else "compact"]


def header_form(headers):
    lower = {k.lower(): v for k, v in headers.items()}
    return {name: KEY_ID.sub("<key id>", lower[name]) for name in HEADERS if name in lower}


def differences(recorded, answer, ordered, blanks=True):
    out = []
    if recorded["status"] != answer["status"]:
        out.append("status %s, recorded %s" % (answer["status"], recorded["status"]))
    wanted, got = header_form(recorded["headers"]), header_form(answer["headers"])
    if not wanted.get("content-type"):
        # One recording was kept without its common headers.
        got.pop("content-type", None)
        got.pop("cache-control", None)
    if wanted != got:
        out.append("headers %s, recorded %s" % (got, wanted))
    wanted = body_form(recorded["body"].encode(), ordered)
    got = body_form(answer["body"], ordered)
    if not blanks and isinstance(wanted, list) and isinstance(got, list):
        wanted, got = wanted[:1], got[:1]
    if wanted != got:
        out.append("body     %s" % (got,))
        out.append("recorded %s" % (wanted,))
    return out


def check(path):
    """What differs between the stand-in and one recording, as lines."""
    folder, _, file = path.rpartition("/")
    name = re.sub(r"[.-](get|batch)$", "", file[:-len(".json")])
    if folder in ("rate-limit", "account"):
        name = file[:-len(".json")]
    state = state_of(folder, name)
    if state is None:
        return ["no state is known for it"]
    recorded = load(path)
    mode = "live" if folder.startswith("live") else "registry"
    with Stack(2, mode, at=START) as stack:
        stack.recorded_world()
        for number in (1, 2):
            stack.cluster(number, udp_expiry=20)
        state(stack)
        answer = ask(stack, 2 if at_cluster_2(folder, name) else 1, recorded["request"])
    # Whether Go puts blanks into an error differs from build to build, and this folder is of another one.
    return differences(recorded, answer, ordered="batch" in file, blanks=folder != "search")


def files():
    out = []
    for folder, _, names in os.walk(ANSWERS):
        if folder.endswith(("events", "two-servers")):
            continue  # streams: test_event_recordings.py has them; and a row of answers that tests/ledger replays
        out += [os.path.relpath(os.path.join(folder, n), ANSWERS) for n in names if n.endswith(".json")]
    return sorted(out)


def main():
    wanted = sys.argv[1:]
    paths = [path for path in files() if not wanted or path in wanted]
    failed = 0
    print("1..%d" % len(paths))
    for number, path in enumerate(paths, 1):
        problems = check(path)
        print("%s %d - %s" % ("not ok" if problems else "ok", number, path))
        for line in problems:
            print("#   " + line)
        failed += bool(problems)
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
