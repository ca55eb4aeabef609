"""The operations of the stand-in: what tests, the control port and the demo can do to it.

Each public method with a docstring is one; its signature and docstring are its documentation,
which client.py shows as a table.
"""

import inspect
import textwrap
import threading

import keys
from clock import stamp
from event_operations import EventOperations

_RECORDED = (
    ("alice-gw-1", "alice", 1, {"name": 'Büro "1" \\ Dach', "eui": "00800000C0000001",
                                "gateway_server_address": "localhost", "attributes": {"site": "roof"},
                                "antennas": [{"gain": 3, "location": {"latitude": 52.5, "longitude": 13.4,
                                              "altitude": 40, "source": "SOURCE_REGISTRY"},
                                              "placement": "OUTDOOR"}]}),
    ("alice-gw-2", "alice", 2, {"eui": "00800000C0000002", "gateway_server_address": "127.0.0.2"}),
    ("alice-gw-3", "alice", 1, {"eui": "00800000C0000003", "gateway_server_address": "wss://localhost:8887"}),
    ("alice-gw-4", "alice", 1, {"eui": None, "gateway_server_address": ""}),
    ("town-gw-1", "organization:town", 1, {"eui": "00800000C0000011", "gateway_server_address": "localhost"}),
    ("admin-gw-1", "admin", 1, {"eui": "00800000C0000021", "gateway_server_address": "localhost"}),
    ("public-gw-1", "admin", 1, {"eui": "00800000C0000022", "gateway_server_address": "localhost",
                                 "status_public": True}),
    ("sim-gw-1", "admin", 1, {"eui": "00800000A0000001", "gateway_server_address": "localhost"}),
    ("sim-gw-2", "admin", 1, {"eui": "00800000A0000002", "gateway_server_address": "localhost"}),
    ("sim-gw-3", "admin", 1, {"eui": "00800000A0000003", "gateway_server_address": "localhost"}))


class Operations(EventOperations):
    def do(self, asked):
        asked = dict(asked)
        op = asked.pop("op")
        if op not in _names():
            raise ValueError("no operation is called %s" % op)
        return getattr(self, op)(*asked.pop("args", ()), **asked)

    # The registry.

    def register(self, id, owner="alice", cluster=1, **fields):
        """A new gateway in the owner's list (user name, or organization:NAME). fields: name, eui,
        gateway_server_address (default: the cluster's address), and whatever else a list shows."""
        with self.lock:
            entry = {"name": id, "eui": "%016X" % (0x00800000C1000000 + len(self.world.gateways)),
                     "gateway_server_address": self.hosts[min(cluster, len(self.hosts)) - 1],
                     "frequency_plan_id": "EU_863_870", "frequency_plan_ids": ["EU_863_870"],
                     "enforce_duty_cycle": True, "home": min(cluster, len(self.hosts))}
            entry.update(fields)
            self.world.register(id, owner, entry)

    def unregister(self, id):
        """Deletes a gateway; a batch that asks for it is refused from now on."""
        with self.lock:
            self.world.unregister(id)

    def edit(self, id, **fields):
        """Changes fields of its list entry, also `home`, the cluster it connects to by default."""
        with self.lock:
            self.world.edit(id, fields)

    def collaborator(self, id, who, rights):
        """What a user (or organization:NAME) may do with it: list of rights, "all", null: nothing.
        Without RIGHT_GATEWAY_STATUS_READ it is listed but refuses every batch it is in."""
        with self.lock:
            self.world.collaborator(id, who, rights)

    def at_pages(self, steps):
        """What happens while lists are read: before each page that is answered, the next of these steps, each
        a list of operations, as {"op": "unregister", "id": "roof"}."""
        with self.lock:
            self.world.before_pages = [lambda step=step: [self.do(one) for one in step] for step in steps]

    def recorded_world(self):
        """Registers the gateways of the recorded answers."""
        with self.lock:
            for id, owner, cluster, fields in _RECORDED:
                self.register(id, owner, cluster, **fields)
            self.world.collaborator("admin-gw-1", "alice", [keys.INFO])

    def fleet(self, n, clusters=None, pattern="full", owner="alice", prefix="gw"):
        """Registers n gateways PREFIX-00001... over the clusters in turn. pattern: registered (never
        connected), idle (connected), full (idle with counts, status, round trips and sub-bands),
        mixed (of ten: 7 full, 1 idle, 1 disconnected, 1 never connected). Returns the ids."""
        wanted = {"mixed": ("full",) * 7 + ("idle", "gone", "registered")}.get(pattern, (pattern,))
        numbers = clusters or list(range(1, len(self.clusters) + 1))
        ids = []
        with self.lock:
            # What was before is no event.
            self.hub.muted = True
            for index in range(n):
                id = "%s-%05d" % (prefix, index + 1)
                self.register(id, owner, numbers[index % len(numbers)])
                self._bring(id, wanted[index % len(wanted)], index)
                ids.append(id)
            self.hub.muted = False
        return ids

    def _bring(self, id, state, index):
        if state == "registered":
            return
        self.connect(id, at=-3600 - index)
        if state == "idle":
            return
        self.uplink(id, 1000 + index)
        self.downlink(id, 100 + index % 50)
        self.tx_ack(id, 100 + index % 50)
        for step in range(10):
            self.round_trip(id, 0.03 + (index * 13 + step * 7) % 50 / 1000)
        self.status(id)
        if state == "gone":
            self.disconnect(id)

    # Accounts and keys.

    def user(self, name, state="approved"):
        """A user's state: approved, requested, rejected, suspended, flagged. A new name is a new user."""
        with self.lock:
            self.world.set_user(name, state)

    def admin(self, user, on=True):
        """Makes a user an admin of the stack, or no longer one."""
        with self.lock:
            self.world.set_admin(user, on)

    def member(self, organization, user, rights):
        """Makes a user a member of an organization, with these rights on what belongs to it."""
        with self.lock:
            self.world.set_member(organization, user, keys.GATEWAY_RIGHTS if rights == "all" else rights)

    def key(self, kind, owner="alice", rights=None, expires=None):
        """A new or changed key. owner: user name, organization:NAME or gateway:ID; expires: an `at`.
        Returns the key's text."""
        entity, _, name = owner.rpartition(":")
        with self.lock:
            expires = None if expires is None else self.clock.when(expires)
            rights = (keys.LIST, keys.STATUS) if rights is None else rights
            self.world.set_key(keys.Key(kind, entity or "user", name, rights, expires, self.clock.now()))
        return keys.text_of(kind)

    def delete_key(self, kind):
        """The key is not found any more (401)."""
        with self.lock:
            self.world.keys.remove(kind)

    def key_text(self, kind):
        """The text of a kind of key."""
        return keys.text_of(kind)

    # Gateways.

    def connect(self, id, cluster=None, protocol="udp", at=None, status=None, ip="127.0.0.1", duty_cycle=True,
                server=0):
        """A new connection (udp, mqtt, semtechws/lbslns) to one of the cluster's Gateway Servers; one that is there
        ends without a trace, those to others stay. status: true or fields of last_status sent with it. duty_cycle
        false: one sub-band without limit. Returns connected_at."""
        with self.lock:
            return self.fleet_of.connect(id, cluster, protocol, at, status, ip, duty_cycle, server)

    def uplink(self, id, n=1, cluster=None, server=None, rtt=None, radio=None):
        """n uplinks. server: which of several Gateway Servers took them, null: the one it connected to last. Each
        counts its own, and what the last one stored is what answers show. radio, for their events: spreading_factor,
        bandwidth, coding_rate; data_rate instead: {"fsk": {bit_rate}} or {"lrfhss": {modulation_type,
        operating_channel_width, coding_rate}}; frequency; rssi, channel_rssi, snr; antennas: [{rssi, channel_rssi,
        snr}], what is left out as before; crc (false: dropped as message_crc; null: none); drop: host_handle,
        pool_full, validation or an error {code, namespace, name, text, attributes, cause}; short (too short to be
        LoRaWAN: counted, but no event); time (of the gateway); confirmed; f_cnt."""
        with self.lock:
            self.fleet_of.uplink(id, n, cluster, server, rtt, radio)

    def downlink(self, id, n=1, cluster=None, server=None):
        """n downlinks handed to the gateway; the first brings the sub-bands. Events: each is attempted and sent."""
        with self.lock:
            self.fleet_of.downlink(id, n, cluster, server)

    def unscheduled(self, id, causes=("conflict", "conflict"), n=1, cluster=None, server=None):
        """n downlinks that cannot be scheduled, which are in no count. causes: by window, of conflict, too_late,
        duty_cycle, blocked, dwell_time or any other name; one text: why no window is tried, such as not_allowed."""
        with self.lock:
            self.fleet_of.unscheduled(id, causes, n, cluster, server)

    def tx_ack(self, id, n=1, cluster=None, server=None, rtt=None, result="SUCCESS"):
        """n transmit acknowledgments, with their air time and (UDP) one round trip of rtt seconds. result: SUCCESS,
        UNKNOWN_ERROR, TOO_LATE, TOO_EARLY, COLLISION_PACKET, COLLISION_BEACON, TX_FREQ, TX_POWER or GPS_UNLOCKED."""
        with self.lock:
            self.fleet_of.tx_ack(id, n, cluster, server, rtt, result)

    def status(self, id, cluster=None, metrics=None, **fields):
        """A status message; what is left out is made up. A field that is null is left out of it."""
        with self.lock:
            self.fleet_of.status(id, cluster, metrics, **fields)

    def round_trip(self, id, seconds, n=1, cluster=None):
        """n round trips of that long."""
        with self.lock:
            self.fleet_of.round_trip(id, seconds, n, cluster)

    def sub_bands(self, id, bands, cluster=None):
        """Sets them: [{min, max, limit, used}] (Hz, fractions), "unlimited", or null for none."""
        with self.lock:
            self.fleet_of.sub_bands(id, bands, cluster)

    def disconnect(self, id, cluster=None, at=None, server=None, why=None):
        """The connection ends (server null: the latest); registry updates still waiting (debounce) are lost.
        why: {code, namespace, name, text, attributes} of the event's error, null: as that kind of gateway has it."""
        with self.lock:
            self.fleet_of.disconnect(id, cluster, at, server, why)

    def silent(self, id, cluster=None):
        """Sends nothing more, not even pulls; the connection ends when the expiry has passed."""
        with self.lock:
            self.fleet_of.silent(id, cluster)

    def awake(self, id, cluster=None):
        """Pulls again (any message does that too)."""
        with self.lock:
            self.fleet_of.awake(id, cluster)

    def forget(self, id, cluster=None):
        """The cluster forgets connection and stored entry: as if never connected."""
        with self.lock:
            self.fleet_of.forget(id, cluster)

    def move(self, n=1, share=1.0, ids=None):
        """n uplinks, downlinks and acknowledgments on every connected gateway (or those ids); with a
        share below 1 on about that part of them, another each time. Returns how many moved."""
        with self.lock:
            return self.fleet_of.move(n, share, ids)

    # The ledger.

    def ledger(self, ids=None):
        """{id: {true, announced: {uplink, downlink, tx_ack}, connections: [{cluster, server, connected_at,
        ended_at, true, announced, shown_connected, shown_disconnected, streamed}]}}; streamed: by events."""
        self.await_ledger()
        with self.lock:
            return self.fleet_of.ledger(ids)

    def radio(self, id, clear=False):
        """What a gateway really received and sent by radio since it was registered, told or not: {uplinks: all that
        are counted, data_rates: {sf7, fsk, lrfhss: n}, frequencies: {kHz: n}, rssi and snr (LoRa's): [of the antenna
        that heard it best], drops: {reason: n}, downlinks: {sent, ok, too_late: n}, unscheduled: {cause of the last
        window: n}, no_event: n of the uplinks, in none of the rest}. Of more than 1000 uplinks at once the lists have
        1000, in all the latest 100000. clear: counts from nothing again."""
        with self.lock:
            return self.fleet_of.radio(id, clear)

    def reset_ledger(self):
        """Drops the ended connections."""
        with self.lock:
            self.fleet_of.reset_ledger()

    # The clock.

    def now(self):
        """The stand-in's time, RFC 3339."""
        return stamp(self.clock.now())

    def advance(self, seconds):
        """Moves the clock; what expires meanwhile has expired. Returns the new time."""
        with self.lock:
            self.clock.advance(seconds)
        return self.now()

    def set_clock(self, at):
        """Sets the clock."""
        with self.lock:
            self.clock.set(at)

    def freeze(self, frozen=True):
        """Stops the clock, or lets it run on."""
        with self.lock:
            self.clock.freeze(frozen)

    # Clusters and faults.

    def cluster(self, n, **options):
        """Changes options of cluster n, see OPTIONS in cluster.py; also limits: {kind: {rate, burst}}
        a minute, kind list, batch, get, auth_info, gateway, rights or any; {}: none."""
        with self.lock:
            self.clusters[n - 1].configure(options)

    def fault(self, action, match=None, times=None, skip=0, p=1.0):
        """Adds a rule, returns its number. match (all optional): cluster, kind (list, batch, get,
        events, auth_info, gateway, rights, other, any), ids (any of them asked), key, path (part), method.
        times: how often, null for ever; skip: so many first; p: chance. action, combined at will:
        status, headers {name: value or null}, body, error {code, namespace, name,
        text, attributes}, delay (s), hang, close ("before", "head", "body" or bytes), reset (with
        RST), length (n added to Content-Length; null: no header), trickle [bytes, s], raw (instead
        of all), end (close afterwards), transform [[name, ...]]: swap a b |
        exchange (batches get each other's) | another (account's) | extra id [json] | drop id |
        duplicate [id] | set id-or-"*" field json | unset id field |
        total value-or-null | replace old new | html [status] | redirect url [status] |
        gzip_garbage | gzip_cut | gzip_bomb megabytes | indent | cut_json bytes."""
        with self.lock:
            return self.fault_rules.add(match, action, times, skip, p)

    def unfault(self, rule=None):
        """Removes a rule, or all; what hangs by it goes on."""
        with self.lock:
            self.fault_rules.remove(rule)

    def faults(self):
        """The rules, with how often each was hit."""
        with self.lock:
            return self.fault_rules.describe()

    def seed_faults(self, seed):
        """Makes chances (p) repeatable."""
        with self.lock:
            self.fault_rules.seed(seed)

    def refuse(self, cluster, refused=True):
        """Connections to a cluster are refused, plain and TLS, open ones closed; false: served again."""
        self.listeners[cluster - 1].refuse(refused)
        if self.front:
            # Left running, the proxy would answer 502, and for a while after its backend is back.
            self.front.use(cluster, "off" if refused else None)

    def certificate(self, cluster, kind="good"):
        """TLS of a cluster starts again with a certificate that is good, expired, not-yet-valid,
        wrong-host, self-signed or of an unknown-ca; "off": nobody listens there."""
        self.front.use(cluster, kind)

    def drop_connections(self, cluster=None):
        """Closes the open plain connections, as a restart does."""
        for number, listener in enumerate(self.listeners, 1):
            if cluster in (None, number):
                listener.drop_connections()

    # What was asked.

    def asked(self):
        """{requests: [{cluster, kind, key, status, n}], total, connections {cluster: accepted}, open,
        bytes_in, bytes_out, tls: {cluster: {connections, requests, alpn}}}. Behind TLS, connections
        are those of the proxy in front; clients' own are under tls."""
        with self.lock:
            rows = [{"cluster": c, "kind": kind, "key": key, "status": status, "n": n}
                    for (c, kind, key, status), n in sorted(self.counted.items())]
            return {"requests": rows, "total": sum(self.counted.values()),
                    "connections": {str(n): one.accepted for n, one in enumerate(self.listeners, 1)},
                    "open": {str(n): one.open_now() for n, one in enumerate(self.listeners, 1)},
                    "bytes_in": self.bytes_in, "bytes_out": self.bytes_out,
                    "tls": self.front.asked() if self.front else {}}

    def reset_asked(self):
        """Counts from nothing again; forgets the recorded requests."""
        with self.lock:
            self.counted.clear()
            self.log.clear()
            self.hub.log.clear()
            self.bytes_in = self.bytes_out = 0
            for listener in self.listeners:
                listener.accepted = 0
            if self.front:
                self.front.reset_asked()

    def record(self, on=True):
        """From now on keep every request, with ids, mask and headers (never the key)."""
        self.recording = on

    def requests(self, last=None):
        """The recorded requests (of all, the last)."""
        with self.lock:
            rows = list(self.log)
        return rows[-last:] if last else rows

    # The rest.

    def many(self, ops):
        """Several operations [{op, ...}] at one instant; returns their results."""
        with self.lock:
            return [self.do(one) for one in ops]

    def script(self, steps, speed=1.0, loop=False):
        """Does [{at: s, op, ...}] in the background, at those (real) seconds from now."""
        threading.Thread(target=self._play, args=(steps, speed, loop), daemon=True).start()

    def _play(self, steps, speed, loop):
        while True:
            passed = 0.0
            for step in sorted(steps, key=lambda one: one.get("at", 0)):
                due = step.get("at", 0) / speed
                if self.stopped.wait(max(0, due - passed)):
                    return
                passed = due
                self.do({k: v for k, v in step.items() if k != "at"})
            if not loop:
                return

    def info(self):
        """The line the program printed: URLs, hosts, CA file, keys."""
        return self.describe()

    def quit(self):
        """Ends the program."""
        self.stopped.set()


def _names():
    return [name for owner in (Operations, EventOperations) for name, method in vars(owner).items()
            if not name.startswith("_") and name != "do" and method.__doc__]


def table():
    """The operations with their parameters, as text."""
    out = []
    for name in _names():
        method = getattr(Operations, name)
        parameters = str(inspect.signature(method)).replace("(self, ", "(").replace("(self)", "()")
        text = " ".join(method.__doc__.split())
        out.append("    %s%s" % (name, parameters))
        out += textwrap.wrap(text, 96, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return "\n".join(out) + "\n"
