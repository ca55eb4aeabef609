"""Test keys: real-looking strings made from a kind's name, and what an Authorization header says.

The strings are the same in every run, so that a test can write one into a file before the
stand-in is started. None of them opens anything.
"""

import base64
import hashlib

import errors

LIST = "RIGHT_USER_GATEWAYS_LIST"
LIST_ORGANIZATION = "RIGHT_ORGANIZATION_GATEWAYS_LIST"
STATUS = "RIGHT_GATEWAY_STATUS_READ"
INFO = "RIGHT_GATEWAY_INFO"
TRAFFIC = "RIGHT_GATEWAY_TRAFFIC_READ"
GATEWAY_RIGHTS = (INFO, "RIGHT_GATEWAY_SETTINGS_BASIC", "RIGHT_GATEWAY_SETTINGS_API_KEYS",
                  "RIGHT_GATEWAY_SETTINGS_COLLABORATORS", "RIGHT_GATEWAY_DELETE",
                  TRAFFIC, "RIGHT_GATEWAY_TRAFFIC_DOWN_WRITE",
                  "RIGHT_GATEWAY_LINK", STATUS, "RIGHT_GATEWAY_LOCATION_READ",
                  "RIGHT_GATEWAY_READ_SECRETS", "RIGHT_GATEWAY_WRITE_SECRETS")
_EVERYTHING = (LIST, LIST_ORGANIZATION, "RIGHT_USER_INFO") + GATEWAY_RIGHTS

# kind: (entity, its id, rights). The account is the one of the recordings.
KINDS = {
    "user": ("user", "alice", (LIST, STATUS)),
    "user-info": ("user", "alice", (LIST, STATUS, INFO, "RIGHT_USER_INFO")),
    "user-all": ("user", "alice", (LIST, "RIGHT_USER_INFO") + GATEWAY_RIGHTS),
    "user-traffic": ("user", "alice", (LIST, STATUS, TRAFFIC)),
    "user-traffic-only": ("user", "alice", (LIST, TRAFFIC)),
    "user-no-list": ("user", "alice", (STATUS,)),
    "user-no-status": ("user", "alice", (LIST,)),
    "user-without-gateways": ("user", "bob", (LIST, STATUS)),
    "organization": ("organization", "town", (LIST_ORGANIZATION, STATUS)),
    "organization-no-list": ("organization", "town", (STATUS,)),
    "organization-no-status": ("organization", "town", (LIST_ORGANIZATION,)),
    "gateway": ("gateway", "alice-gw-1", (INFO, STATUS)),
    "gateway-no-status": ("gateway", "alice-gw-1", (INFO,)),
    "admin": ("user", "admin", _EVERYTHING),
    "admin-traffic": ("user", "admin", (LIST, STATUS, TRAFFIC)),
    "admin-status": ("user", "admin", (STATUS,)),
    "admin-list": ("user", "admin", (LIST,)),
    "admin-list-status": ("user", "admin", (LIST, STATUS)),
    "admin-info-status": ("user", "admin", (INFO, STATUS)),
    "admin-info-location-status": ("user", "admin", (INFO, "RIGHT_GATEWAY_LOCATION_READ", STATUS)),
    "expired": ("user", "alice", (LIST, STATUS)),
}


def _letters(text, count):
    digest = hashlib.sha512(text.encode()).digest()
    return base64.b32encode(digest).decode()[:count]


def key_id(kind):
    return _letters("id of " + kind, 39)


def secret(kind):
    return _letters("secret of " + kind, 52)


def text_of(kind):
    """What a client of this kind of key puts after "Bearer "."""
    if kind == "none":
        return ""
    if kind == "not-a-key":
        return "this-is-not-an-api-key"
    if kind == "two-parts":
        return "NNSXS.%s" % key_id("user")
    if kind == "other-prefix":
        return "ABCDE.%s.%s" % (key_id("user"), secret("user"))
    if kind == "wrong-secret":
        return "NNSXS.%s.%s" % (key_id("user"), secret(kind))
    if kind == "bearer-forgotten":
        return text_of("user")
    return "NNSXS.%s.%s" % (key_id(kind), secret(kind))


def all_kinds():
    return list(KINDS) + ["deleted", "unknown-id", "wrong-secret", "not-a-key", "two-parts",
                          "other-prefix", "none", "bearer-forgotten"]


class Key:
    """An API key. `entity`: "user", "organization" or "gateway"."""

    def __init__(self, kind, entity, entity_id, rights, expires=None, created=0):
        self.kind = kind
        self.id = key_id(kind)
        self.secret = secret(kind)
        self.entity = entity
        self.entity_id = entity_id
        self.rights = tuple(rights)
        self.rights_set = frozenset(rights)
        self.expires = expires
        self.created = created


class KeyRing:
    def __init__(self, now):
        self._by_id = {}
        self._name_of = {text_of(kind): kind for kind in all_kinds() if kind != "bearer-forgotten"}
        for kind, (entity, entity_id, rights) in KINDS.items():
            self.add(Key(kind, entity, entity_id, rights, 1 if kind == "expired" else None, now))

    def add(self, key):
        self._by_id[key.id] = key
        self._name_of[text_of(key.kind)] = key.kind

    def remove(self, kind):
        """From now on the key answers like one that was deleted."""
        self._by_id.pop(key_id(kind), None)

    def name(self, header):
        """The kind of key in a header, for the log of what was asked; never the key itself."""
        if not header:
            return "none"
        scheme, _, token = header.partition(" ")
        if not token:
            return "bearer-forgotten"
        return self._name_of.get(token, "other")

    def check(self, header, now):
        """The Key of an Authorization header, None for a caller without one; raises ApiError."""
        scheme, blank, token = (header or "").partition(" ")
        if not blank:
            return None
        if scheme.lower() != "bearer":
            raise errors.unsupported_authorization()
        parts = token.split(".")
        if len(parts) != 3 or parts[0] != "NNSXS":
            raise errors.invalid_token()
        key = self._by_id.get(parts[1])
        if key is None:
            raise errors.key_not_found(parts[1])
        if key.secret != parts[2]:
            raise errors.wrong_secret()
        if key.expires is not None and now >= key.expires:
            raise errors.key_expired()
        return key


def token_id(header):
    """The id part of whatever token was sent: rate limits are kept by it."""
    parts = (header or "").split(".")
    return parts[1] if len(parts) == 3 else ""
