"""The Identity Server's side: users, organizations, registered gateways and who may do what.

Rights of a key on a gateway are the rights of its owner's membership, cut to those of the key,
as in the stack; everything the list and the batch decide follows from that one rule. What is
derived from it is kept until the next edit, because a poll of thousands asks for it each time.
"""

import re

import keys
from clock import stamp
from errors import dumps
from radio_ledger import RadioLedger

GATEWAY_ID = re.compile(r"^[a-z0-9](?:[-]?[a-z0-9]){2,}$")
_ALL = frozenset(keys.GATEWAY_RIGHTS)
# What the list shows, in the order of its JSON.
FIELDS = ("name", "description", "attributes", "administrative_contact", "technical_contact", "version_ids",
          "gateway_server_address", "auto_update", "update_channel", "frequency_plan_id", "frequency_plan_ids",
          "antennas", "status_public", "location_public", "schedule_downlink_late", "enforce_duty_cycle",
          "downlink_path_constraint", "schedule_anytime_delay", "update_location_from_status",
          "require_authenticated_connection", "disable_packet_broker_forwarding")
# Paths a mask may name although nothing here ever has them.
_SILENT = ("ids", "created_at", "updated_at", "deleted_at", "contact_info", "lrfhss", "lbs_lns_secret",
           "claim_authentication_code", "target_cups_uri", "target_cups_key")
MASK_PATHS = frozenset(FIELDS) | frozenset(_SILENT)
_PUBLIC = frozenset(("name", "description", "frequency_plan_id", "frequency_plan_ids", "status_public",
                     "location_public", "administrative_contact", "technical_contact", "antennas"))
_WARNINGS = {"suspended": "Restricted rights after account suspension",
             "requested": "Restricted rights while account pending",
             "rejected": "Restricted rights after account rejection"}


class Gateway:
    """A registered gateway: its entry in the list, its links to clusters by number, and what it did by radio."""

    def __init__(self, gateway_id, created, collaborators, fields):
        self.id = gateway_id
        self.eui = fields.pop("eui", None)
        self.created = created
        self.updated = created
        self.collaborators = collaborators
        self.fields = fields
        self.links = {}
        self.radio = RadioLedger()
        self.texts = {}

    def text(self, mask, with_private):
        """Its JSON in a list or a single answer; `mask` a frozenset of top-level names."""
        cached = self.texts.get((mask, with_private))
        if cached is None:
            cached = self.texts[mask, with_private] = dumps(self._entry(mask, with_private))
        return cached

    def _entry(self, mask, with_private):
        ids = {"gateway_id": self.id}
        if self.eui:
            ids["eui"] = self.eui
        out = {"ids": ids, "created_at": stamp(self.created), "updated_at": stamp(self.updated)}
        for name in FIELDS:
            if name in mask and (with_private or self._is_public(name)):
                # The one sub-message that comes even when nothing is in it.
                value = self.fields.get(name, {} if name == "version_ids" else None)
                if value or name == "version_ids":
                    out[name] = value
        return out

    def _is_public(self, name):
        if name == "gateway_server_address":
            return bool(self.fields.get("status_public"))
        return name in _PUBLIC


class World:
    def __init__(self, clock):
        self.clock = clock
        self.keys = keys.KeyRing(clock.now())
        self.gateways = {}
        self.admins = {"admin"}
        self.user_states = {"alice": "approved", "bob": "approved", "admin": "approved"}
        # organization: {user: rights of the membership}. Alice may not list the organization itself.
        self.members = {"town": {"alice": frozenset((keys.INFO, keys.STATUS))}}
        self._derived = {}
        # What happens before each page of a list: functions, one page after the other.
        self.before_pages = []

    # What tests change.

    def register(self, gateway_id, owner, fields):
        entity, _, name = owner.rpartition(":")
        gateway = Gateway(gateway_id, self.clock.now() // 1000 * 1000, {(entity or "user", name): _ALL}, fields)
        self.gateways[gateway_id] = gateway
        self._derived = {}
        return gateway

    def unregister(self, gateway_id):
        del self.gateways[gateway_id]
        self._derived = {}

    def edit(self, gateway_id, fields):
        gateway = self.gateways[gateway_id]
        if "eui" in fields:
            gateway.eui = fields.pop("eui")
        gateway.fields.update(fields)
        gateway.updated = self.clock.now() // 1000 * 1000
        gateway.texts = {}
        self._derived = {}

    def collaborator(self, gateway_id, who, rights):
        """`rights` None: no longer a collaborator; "all": every right on the gateway."""
        entity, _, name = who.rpartition(":")
        collaborators = self.gateways[gateway_id].collaborators
        collaborators.pop((entity or "user", name), None)
        if rights is not None:
            collaborators[entity or "user", name] = _ALL if rights == "all" else frozenset(rights)
        self._derived = {}

    def set_user(self, user, state):
        self.user_states[user] = state
        self._derived = {}

    def set_admin(self, user, on):
        (self.admins.add if on else self.admins.discard)(user)
        self._derived = {}

    def set_member(self, organization, user, rights):
        self.members.setdefault(organization, {})[user] = frozenset(rights)
        self._derived = {}

    def set_key(self, key):
        self.keys.add(key)
        self._derived = {}

    # What endpoints ask.

    def warning(self, key):
        if key is None or key.entity != "user":
            return None
        return _WARNINGS.get(self.user_states.get(key.entity_id))

    def is_admin(self, key):
        return key is not None and key.entity == "user" and key.entity_id in self.admins

    def _membership(self, entity, name, gateway):
        """Rights of a user or organization on a gateway, before they are cut to a key's."""
        rights = gateway.collaborators.get((entity, name), frozenset())
        if entity == "user":
            for organization, members in self.members.items():
                if name in members:
                    through = gateway.collaborators.get(("organization", organization), frozenset())
                    rights = rights | (through & members[name])
        return rights

    def rights(self, key, gateway_id):
        """The key's rights on a gateway; none on one that does not exist."""
        gateway = self.gateways.get(gateway_id)
        if key is None or gateway is None or self.warning(key):
            return frozenset()
        if self.is_admin(key):
            return key.rights_set & _ALL
        if key.entity == "gateway":
            return key.rights_set if key.entity_id == gateway_id else frozenset()
        return self._membership(key.entity, key.entity_id, gateway) & key.rights_set

    def readable(self, key):
        """Ids whose statistics the key may ask for in a batch."""
        cached = self._derived.get(("readable", key.id))
        if cached is None:
            if self.is_admin(key):
                cached = frozenset(self.gateways)
            else:
                cached = frozenset(g.id for g in self.gateways.values()
                                   if keys.STATUS in self.rights(key, g.id) or self._is_open(g))
            self._derived["readable", key.id] = cached
        return cached

    @staticmethod
    def _is_open(gateway):
        return bool(gateway.fields.get("status_public") and gateway.fields.get("location_public"))

    def organization_rights(self, key, organization):
        if key is None or self.warning(key) or organization not in self.members:
            return frozenset()
        if key.entity == "organization":
            return key.rights_set if key.entity_id == organization else frozenset()
        if self.is_admin(key):
            return key.rights_set
        return self.members[organization].get(key.entity_id, frozenset()) & key.rights_set

    def listed(self, entity, name, indirect, order):
        """[(gateway, with private fields)] of an owner, sorted as asked."""
        cached = self._derived.get(("listed", entity, name, indirect, order))
        if cached is None:
            cached = []
            for gateway in self.gateways.values():
                if entity == "all":
                    rights = _ALL
                elif indirect:
                    rights = self._membership(entity, name, gateway)
                else:
                    rights = gateway.collaborators.get((entity, name))
                if rights:
                    cached.append((gateway, keys.INFO in rights))
            cached.sort(key=lambda pair: pair[0].id)
            attribute = order.lstrip("-")
            if attribute in ("name", "created_at"):
                cached.sort(key=lambda pair: pair[0].created if attribute == "created_at"
                            else pair[0].fields.get("name", ""))
            if order.startswith("-"):
                cached.reverse()
            self._derived["listed", entity, name, indirect, order] = cached
        return cached

    def page(self, what, make):
        """A rendered page of a list, kept until the next edit."""
        cached = self._derived.get(what)
        if cached is None:
            cached = self._derived[what] = make()
        return cached
