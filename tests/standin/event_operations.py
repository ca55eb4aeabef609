"""The operations on streams of events. Options of a cluster (event_…, see cluster.py) do the rest: a store of past
events, doubled ones, lost ones, another order, refusals."""

from uplink_events import Radio


class EventOperations:
    def streams(self, cluster=None):
        """The open streams: [{stream, cluster, key, ids, names, after, tail, lines, bytes, silent}]; lines and bytes
        sent so far."""
        with self.lock:
            return [one.describe() for one in self.hub.streams(cluster)]

    def streams_told(self):
        """Has each open stream sent all that is due by now, and its client on this machine read it? Not through TLS. A
        silent one has nothing to tell."""
        with self.lock:
            self.hub.settle_all()
            streams = self.hub.streams()
        return all(stream.told() for stream in streams)

    def stream_requests(self, last=None):
        """Each request for a stream (of all, the last): {at, cluster, key, status, stream (null: refused), ids,
        names, after, tail, sse, gzip}."""
        with self.lock:
            rows = list(self.hub.log)
        return rows[-last:] if last else rows

    def end_streams(self, how="cut", cluster=None):
        """Ends the open streams after what they still have to send: "cut" in the middle of a line, "reset" the same
        with RST, "close" after a line, "error" with the line of a stack that ends, "end" whole. Returns how many."""
        with self.lock:
            streams = self.hub.streams(cluster)
            for stream in streams:
                stream.end(how)
        return len(streams)

    def silence_streams(self, silent=True, cluster=None):
        """No byte more on the streams that are open now, which stay open; false: what has waited is sent."""
        with self.lock:
            for stream in self.hub.streams(cluster):
                stream.silent = silent

    def flood(self, id, n, what="stats", cluster=None, server=None, radio=None):
        """n events at once of a connected gateway: its statistics as they are, or "uplink": uplinks that are in no
        count, and not in radio(id) either."""
        with self.lock:
            link, connection = self.fleet_of.live(id, cluster, server)
            now = self.clock.now()
            radio = Radio(radio or {})
            for number in range(1, n + 1):
                if what == "stats":
                    link.tell_stats(connection, now)
                else:
                    link.tell.uplink(number, radio, now)

    def event(self, id, name, data, rights=("RIGHT_GATEWAY_TRAFFIC_READ",), cluster=None):
        """An event of a gateway that the stand-in has no operation for, such as gs.txack.drop: data as recorded, its
        "@type" first; rights: it is for keys that have one of these."""
        with self.lock:
            self.fleet_of.link(id, cluster).tell.other(name, data, tuple(rights))

    def send_line(self, text, cluster=None):
        """One line of a test's own on each open stream; text need not be JSON."""
        with self.lock:
            for stream in self.hub.streams(cluster):
                stream.put(text)

    def long_event(self, id, size=300000, cluster=None):
        """An event with so many characters more than usual: a status of which one text is that long."""
        with self.lock:
            link, connection = self.fleet_of.live(id, cluster)
            link.tell.long_status(connection, size, self.clock.now())

    def forget_events(self, cluster=None):
        """The store loses what it has."""
        with self.lock:
            self.hub.forget(cluster)
