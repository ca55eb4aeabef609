"""Rate limits as the stack applies them: GCRA, one bucket per call, entity and key.

The headers are truncated to whole seconds, so a client that waits exactly the seconds named
is refused again with Retry 0: that is recorded behaviour, and clients are tested against it.
"""

from clock import SECOND


class Limits:
    """Limits of one cluster: {kind: {"rate": a minute, "burst": n}}; kind "any" is for the rest."""

    def __init__(self):
        self._rules = {}
        self._full_at = {}

    def configure(self, rules):
        self._rules = {}
        for kind, rule in (rules or {}).items():
            rate = rule["rate"]
            self._rules[kind] = (60 * SECOND // rate, rule.get("burst", rate))
        self._full_at = {}

    def take(self, kind, resource, now):
        """(burst, allowed, headers) of one more access, or None when nothing limits `kind`."""
        rule = self._rules.get(kind) or self._rules.get("any")
        if rule is None:
            return None
        step, burst = rule
        before = max(now, self._full_at.get(resource, 0))
        after = before + step
        wait = after - burst * step - now
        if wait > 0:
            return burst, False, self._headers(burst, 0, before - now, wait)
        self._full_at[resource] = after
        left = (burst * step - (after - now)) // step
        return burst, True, self._headers(burst, left, after - now, 0)

    @staticmethod
    def _headers(burst, available, reset, retry):
        return [("X-Rate-Limit-Available", str(available)), ("X-Rate-Limit-Limit", str(burst)),
                ("X-Rate-Limit-Reset", str(reset // SECOND)), ("X-Rate-Limit-Retry", str(retry // SECOND))]
