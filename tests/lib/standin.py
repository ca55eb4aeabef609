# SPDX-License-Identifier: MIT
"""The stand-in of the stack, in this process: its operations are the methods of what it gives.

The thing under test is another process, so the stand-in's threads have this one for themselves.
"""

import paths
import stack as stack_module


class Standin(stack_module.Stack):
    """With TLS when it gets a Scratch for its certificates. The operations are in
    tests/standin/operations.py."""

    def __init__(self, scratch=None, **options):
        if scratch is not None:
            options["tls_dir"] = scratch.file("tls", "")
        super().__init__(**options)
        self.tls = scratch is not None

    def options(self, scratch, kind="user", cluster=1):
        """The options that lead an account here."""
        out = {"APIKeyFile": scratch.key(kind)}
        if self.tls:
            out.update(URL="https://%s:%d" % (self.hosts[cluster - 1], self.front.port), CACert=self.front.ca)
        else:
            out.update(URL="http://%s:%d" % (self.hosts[cluster - 1], self.port))
        return out

    def true(self, gateway_id):
        """(uplink, downlink, tx_ack): every message there ever was of it."""
        row = self.ledger([gateway_id])[gateway_id]["true"]
        return row["uplink"], row["downlink"], row["tx_ack"]

    def count(self, **match):
        """How many requests there were, by cluster, kind, key, status."""
        return sum(row["n"] for row in self.asked()["requests"]
                   if all(row[name] == value for name, value in match.items()))


def key_text(kind="user"):
    return paths.keys.text_of(kind)


def churn(pages, n):
    """For at_pages: before each page n gateways come in front of all others, or go there; as many go or come behind
    all others, so that the total stays."""
    steps = []
    for page in range(pages):
        came = [{"op": "register", "id": "%s-%d-%d" % (("aa", "zz")[page % 2], page, one)} for one in range(n)]
        steps.append(came + [{"op": "unregister", "id": one["id"]} for one in (steps[-1][:n] if steps else [])])
    return steps
