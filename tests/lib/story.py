# SPDX-License-Identifier: MIT
"""The story that every writer's test tells, and its truth: a gateway that reconnects and goes offline, one
that is offline and comes back, one that never was there.

    fleet(stack)
    tell(stack, read)        # read(wanted) -> {(plugin, instance, type, type_instance): number}

read() gives the newest value of each series as the program at the other end has it: of those that are
wanted at least, and of all that there are if that is None.
"""

from tap import equal, wait_for

KINDS = ("uplink", "downlink", "tx_ack")
# Of the first connection; so many that nobody takes them for a rate.
AT_FIRST = {"uplink": 1000, "downlink": 30, "tx_ack": 20}


def fleet(stack):
    """roof has all there is, barn went away, lost was never there."""
    for gateway in ("roof", "barn", "lost"):
        stack.register(gateway, name="On the " + gateway)
    stack.connect("roof", at=-100)
    stack.uplink("roof", AT_FIRST["uplink"])
    stack.downlink("roof", AT_FIRST["downlink"])
    stack.tx_ack("roof", AT_FIRST["tx_ack"])
    for seconds, times in ((0.03, 9), (0.04, 10), (0.07, 1)):
        stack.round_trip("roof", seconds, times)
    stack.status("roof", metrics={"rxok": 7, "temp": -31.5})
    stack.sub_bands("roof", [{"min": 868000000, "max": 868600000, "limit": 0.01, "used": 0.0025}])
    stack.connect("barn")
    stack.uplink("barn", 4)
    stack.disconnect("barn")


# Without what moves by itself, which is in ELAPSED, and the account's counts of errors and answers.
FIXED = {
    ("ttn", "roof", "bool", "connected"): 1,
    ("ttn", "roof", "duration", "rtt_min"): 0.03, ("ttn", "roof", "duration", "rtt_median"): 0.04,
    ("ttn", "roof", "duration", "rtt_max"): 0.07,
    ("ttn", "roof", "percent", "duty_cycle_868000_868600"): 25,
    ("ttn", "roof", "gauge", "status_rxok"): 7, ("ttn", "roof", "gauge", "status_temp"): -31.5,
    ("ttn", "barn", "bool", "connected"): 0, ("ttn", "lost", "bool", "connected"): 0,
    ("ttn_api", "home", "bool", "up"): 1, ("ttn_api", "home", "count", "gateways"): 3,
    ("ttn_api", "home", "count", "connected"): 1, ("ttn_api", "home", "count", "disconnected"): 2,
    ("ttn_api", "home", "count", "unknown"): 0,
}
# Seconds since the beginning of the story, or that many more.
ELAPSED = {("ttn", "roof", "duration", "since_" + what): 0 for what in KINDS + ("status",)}
ELAPSED.update({("ttn", "barn", "duration", "since_uplink"): 0, ("ttn", "roof", "uptime", "connection"): 100})
PATIENCE = 30


def packets(gateway, *numbers):
    """Those of KINDS, None for none."""
    return {("ttn", gateway, "packets", kind): number for kind, number in zip(KINDS, numbers) if number is not None}


def name(key):
    """As collectd's identifiers have it, without the host."""
    return "%s-%s/%s-%s" % key


def key(name):
    directory, _, series = name.partition("/")
    return (*directory.split("-", 1), *series.split("-", 1))


def wait(read, truth, what):
    """Until all of these series have these numbers; six decimals are enough for anyone."""
    def wrong():
        seen = read(truth)
        return {name(one): seen.get(one) for one, number in truth.items()
                if one not in seen or not abs(seen[one] - number) <= 1e-6}
    wait_for(lambda: not wrong(), what, PATIENCE, wrong)


def begin(read, counts=True):
    """All names and all values are there, and none besides."""
    truth = dict(FIXED)
    if counts:
        truth.update(packets("roof", *AT_FIRST.values()))
        truth.update(packets("barn", 4))
    names = set(truth) | set(ELAPSED) | set(packets("roof", 0, 0, 0)) | set(packets("barn", 0))

    def of_gateways(keys):
        return {key for key in keys if key[0] == "ttn"}
    wait_for(lambda: of_gateways(read(None)) >= of_gateways(names), "all series at first", PATIENCE,
             lambda: of_gateways(names) - of_gateways(read(None)))
    wait(read, truth, "the values at first")
    seen = read(None)
    equal(of_gateways(seen), of_gateways(names), "series of gateways")
    for one, number in ELAPSED.items():
        # The answer's Date, which they are counted to, has whole seconds.
        if not number - 1 <= seen[one] < number + PATIENCE:
            raise AssertionError("%s: got %r, wanted %r or a bit more" % (name(one), seen[one], number))


def reconnect(stack, read):
    """Counts go on, though the stack's begin again."""
    stack.uplink("roof", 5)
    wait(read, packets("roof", 1005, 30, 20), "counts before the reconnect")
    stack.connect("roof")
    stack.uplink("roof", 4)
    stack.tx_ack("roof")
    wait(read, packets("roof", 1009, 30, 21), "counts after the reconnect")
    equal(stack.true("roof"), (1009, 30, 21), "the truth")


def swap(stack, read):
    """One goes, another comes."""
    stack.disconnect("roof")
    stack.connect("barn")
    stack.uplink("barn", 2)
    truth = packets("roof", 1009, 30, 21)
    truth.update(packets("barn", 6))
    truth.update({("ttn", "roof", "bool", "connected"): 0, ("ttn", "barn", "bool", "connected"): 1,
                  ("ttn_api", "home", "count", "connected"): 1})
    wait(read, truth, "roof is gone, barn is there")


def tell(stack, read):
    begin(read)
    reconnect(stack, read)
    swap(stack, read)


def never_falls(history):
    """history: every number that roof's uplinks ever had at the other end, in their order."""
    equal(history, sorted(history), "all uplinks of roof")
    equal((history[0], history[-1]), (1000, 1009), "first and last uplinks of roof")
