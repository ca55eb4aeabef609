"""One cluster: a Gateway Server at an address of its own, with the options that make it what it is."""

import limits
import stats

# What `--mode` and the "cluster" operation may set, with the default.
OPTIONS = {
    "mode": "registry",           # or "live"
    "identity": None,             # has the Identity Server; None: cluster 1 has
    "identity_away": False,       # the Identity Server does not answer it: 503
    "single_process": None,       # with the Identity Server in one process; None: cluster 1 is
    "search": True,               # knows the search of gateways
    "batch": True,                # knows the batch; servers before 3.21 do not
    "unknown_paths": (),          # mask paths that it does not know, as an older server
    "default_limit": 100,         # of a list without limit; 0: none, as before 3.32.2
    "retention": 48 * 3600,       # s a disconnected entry is kept (registry)
    "debounce": 0,                # s until a change is stored (registry) and told as an event; 30 on the real ones
    "again": 60,                  # s after which a connection's statistics are told again, changed or not
    "udp_expiry": 180,            # s without PUSH_DATA until a UDP connection's uplinks are idle
    "udp_downlink_expiry": 90,    # s without PULL_DATA until its downlinks are
    "station_expiry": 81,         # s until a frozen Basic Station is noticed
    "mqtt_expiry": 43,            # s until a frozen MQTT gateway is
    "events": True,               # knows the stream of events
    "event_store": False,         # keeps past events, so that a stream may begin `after` one
    "event_store_count": 100,     # of one gateway
    "event_store_time": 600,      # s that it keeps them
    "event_after_off": 0,         # s added to `after`: below 0 old events come again, above 0 some are missing
    "event_twice": False,         # sends each event twice
    "event_disorder": 0,          # s (real ones) of events that are sent in another order
    "event_loss": 0,              # chance that a live event is lost, for each stream
    "event_lump": 0,              # bytes that gather before they are sent, as behind a proxy; 0: none
    "events_refused": False,      # refuses new streams, as if the key had lost its rights: 403; of these ids, or True
    "gzip": True,
    "idle_close": 120,            # s (real ones) after which an idle client connection is closed
}


class Cluster:
    def __init__(self, number, host, mode):
        self.number = number
        self.host = host
        self.limits = limits.Limits()
        self.masks = stats.Masks()
        self.options = dict(OPTIONS, mode=mode)
        self.configure({})

    def configure(self, changes):
        unknown = set(changes) - set(OPTIONS) - {"limits"}
        if unknown:
            raise ValueError("a cluster has no %s" % ", ".join(sorted(unknown)))
        if "limits" in changes:
            self.limits.configure(changes["limits"])
        self.options.update((k, v) for k, v in changes.items() if k != "limits")
        if self.options["mode"] not in ("registry", "live"):
            raise ValueError("mode is registry or live")
        for name, value in self.options.items():
            if value is None:
                value = self.number == 1
            setattr(self, name, value)
        self.registry = self.mode == "registry"
        self.masks.forget(self.unknown_paths)

    def expiry(self, protocol):
        if protocol == "udp":
            return self.udp_expiry
        return self.mqtt_expiry if protocol == "mqtt" else self.station_expiry
