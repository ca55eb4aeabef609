# SPDX-License-Identifier: MIT
"""The shape of ttn-check's JSON, as ttn-check(1) promises it: what each member may be. A set is of values, a list of
what its entries are, a tuple of both, and a pattern of texts."""

import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SCHEMA = {
    "schema": {1}, "version": str, "at": TIME, "status": {0, 1, 3},
    "account": {"url": str, "kind": {"user", "organization", "gateway", "other", None}, "id": (str, None),
                "rights": ([str], None)},
    "clusters": [{"host": str, "url": str, "state": {"ok", "failed", "limited", "not_asked", "not_allowed"},
                  "gateways": (int, None)}],
    "gateways": ([{"id": str, "name": (str, None), "eui": (str, None), "cluster": (str, None), "registered_cluster": (str, None),
                   "address": (str, None), "state": {"connected", "disconnected", "unknown"},
                   "connected_at": (TIME, None), "disconnected_at": (TIME, None),
                   "last_uplink_age": (float, None), "uplink": (int, None), "downlink": (int, None),
                   "tx_ack": (int, None), "latitude": (float, None), "longitude": (float, None),
                   "altitude": (float, None)}], None),
    "cost": {"series": (int, None), "memory": (int, None), "packets_per_minute": (float, None),
             "requests_per_minute": (float, None)},
    "problems": [{"severity": {"error", "down", "note"}, "kind": str, "message": str, "fix": str}],
    "collectd_conf": str,
}
