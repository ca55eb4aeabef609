"""The stack's errors, as recorded: HTTP status, code, message, and the details a client reads.

Every error an endpoint can answer is made here, so that its wording is in one place and the
endpoints read like the rules they implement.
"""

import json
import random

_HTTP = {1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500,
         14: 503, 15: 500, 16: 401}
_TYPE = "type.googleapis.com/ttn.lorawan.v3.ErrorDetails"
_ID_PATTERN = 'value does not match regex pattern "^[a-z0-9](?:[-]?[a-z0-9]){2,}$"'
_ORDERS = "gateway_id -gateway_id gateway_eui -gateway_eui name -name created_at -created_at"


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def spaced(value):
    """As the other of the stack's two writers has it: a blank follows each comma."""
    return json.dumps(value, separators=(", ", ":"), ensure_ascii=False)


class ApiError(Exception):
    """An answer that is not 200. `namespace` None: a plain body without details."""

    def __init__(self, code, namespace, name, text, attributes=None, cause=None, details=None):
        super().__init__(name or text)
        self.code = code
        self.status = _HTTP[code]
        self.namespace = namespace
        self.name = name
        self.text = text
        self.attributes = attributes
        self.cause = cause
        self.details = details

    def filled(self):
        """The text with its {attributes} put in."""
        text = self.text
        for key, value in (self.attributes or {}).items():
            text = text.replace("{%s}" % key, str(value))
        return text

    def message(self):
        if self.namespace is None:
            return self.text
        return "error:%s:%s (%s)" % (self.namespace, self.name, self.filled())

    def detail(self):
        """The fields of ErrorDetails, in the order the stack writes them."""
        out = {}
        if self.namespace != "unknown":
            out.update(namespace=self.namespace, name=self.name)
        out["message_format"] = self.text
        if self.attributes:
            out["attributes"] = self.attributes
        out["correlation_id"] = "%032x" % random.getrandbits(128)
        if self.cause:
            out["cause"] = self.cause.detail()
        out["code"] = self.code
        if self.details:
            out["details"] = self.details
        return out

    def typed_detail(self):
        return dict({"@type": _TYPE}, **self.detail())

    def _fields(self):
        out = {"code": self.code, "message": self.message()}
        if self.namespace is not None:
            out["details"] = [self.typed_detail()]
        return out

    def body(self):
        return dumps(self._fields()).encode()

    def line(self):
        """The last or only line of a stream."""
        return '{"error":%s}' % spaced(self._fields())

    def headers(self):
        return [("Www-Authenticate", self.message())] if self.code == 16 else []


def made(fields):
    """The error that a test describes: {code, namespace, name, text, attributes, cause}."""
    cause = fields.get("cause")
    return ApiError(**dict(fields, cause=cause and made(cause)))


def plain(code, text):
    return ApiError(code, None, None, text)


def not_found():
    return plain(5, "Not Found")


def method_not_allowed():
    return plain(12, "Method Not Allowed")


def invalid_token():
    return ApiError(3, "pkg/auth", "token", "invalid token")


def unsupported_authorization():
    return ApiError(16, "pkg/identityserver", "unsupported_authorization", "unsupported authorization method")


def key_not_found(key_id):
    cause = ApiError(5, "pkg/identityserver/store", "api_key_not_found",
                     "api key with id `{api_key_id}` not found", {"api_key_id": key_id})
    return ApiError(16, "pkg/identityserver", "api_key_not_found", "API key not found", cause=cause)


def key_expired():
    return ApiError(16, "pkg/identityserver", "api_key_expired", "api key expired")


def wrong_secret():
    return ApiError(16, "pkg/identityserver", "invalid_authorization", "invalid authorization")


def unauthenticated():
    return ApiError(16, "pkg/rpcmetadata", "unauthenticated", "the context is not authenticated")


def no_rights(entity, uid):
    """`entity`: gateway, user or organization."""
    return ApiError(7, "pkg/auth/rights", "no_%s_rights" % entity,
                    "no rights for %s `{uid}`" % entity, {"uid": uid})


def insufficient_rights_for(entity, uid, missing):
    return ApiError(7, "pkg/auth/rights", "insufficient_%s_rights" % entity,
                    "insufficient rights for %s `{uid}`" % entity, {"missing": [missing], "uid": uid})


def search_forbidden():
    return ApiError(7, "pkg/identityserver", "search_forbidden", "search is forbidden")


def insufficient_rights():
    return ApiError(7, "pkg/identityserver", "insufficient_rights", "insufficient rights")


def neither_user_nor_organization():
    return ApiError(7, "pkg/identityserver", "neither_user_nor_organization",
                    "caller is neither a user nor an organization")


def some_gateways_not_found():
    return ApiError(5, "pkg/identityserver", "some_gateways_not_found", "some gateways not found")


def gateway_not_found(gateway_id):
    return ApiError(5, "pkg/identityserver/store", "gateway_not_found",
                    "gateway with id `{gateway_id}` not found", {"gateway_id": gateway_id})


def not_connected(uid, registry):
    """With a registry of statistics the cause is its miss; without, there is none."""
    cause = ApiError(5, "pkg/redis", "not_found", "entity not found") if registry else None
    return ApiError(5, "pkg/gatewayserver", "not_connected",
                    "gateway `{gateway_uid}` not connected", {"gateway_uid": uid}, cause)


def rate_limited(burst, resource):
    return ApiError(8, "pkg/ratelimit", "rate_limit_exceeded",
                    "rate limit of `{rate}` accesses per minute exceeded for resource `{key}`",
                    {"key": resource, "rate": burst})


def forbidden_paths(paths):
    return ApiError(3, "pkg/rpcmiddleware/validator", "field_mask_paths",
                    "forbidden path(s) in field mask", {"forbidden_paths": list(paths)})


def _validation(field, name, reason, cause=None):
    return ApiError(3, "pkg/errors", "validation", "invalid `{field}`: {reason}",
                    {"field": field, "name": name, "reason": reason}, cause)


def bad_limit(message):
    return _validation("limit", message + "RequestValidationError",
                       "value must be less than or equal to 1000")


def bad_order(message):
    return _validation("order", message + "RequestValidationError",
                       "value must be in list [ %s]" % _ORDERS)


def bad_batch_size():
    return _validation("gateway_ids", "BatchGetGatewayConnectionStatsRequestValidationError",
                       "value must contain between 1 and 100 items, inclusive")


def _bad_id():
    return _validation("gateway_id", "GatewayIdentifiersValidationError", _ID_PATTERN)


def bad_batch_id(index):
    return _validation("gateway_ids[%d]" % index, "BatchGetGatewayConnectionStatsRequestValidationError",
                       "embedded message failed validation", _bad_id())


def bad_path_id():
    return ApiError(3, "pkg/ttnpb", "identifiers", "invalid identifiers", cause=_bad_id())


def not_a_number(field, text):
    return plain(3, 'parsing field "%s": strconv.ParseUint: parsing "%s": invalid syntax' % (field, text))


def too_many_values(field, values):
    return plain(3, 'too many values for field "%s": %s' % (field, ", ".join(values)))


def identity_server_away():
    """The only recorded error whose details have no namespace."""
    return ApiError(14, "unknown", "unknown", 'connection error: desc = "transport: Error while dialing: '
                    'dial tcp 127.0.0.3:1884: connect: connection refused"')


def no_identifiers():
    return ApiError(3, "pkg/events/grpc", "no_identifiers", "no identifiers")


def unknown_event(name):
    return ApiError(3, "pkg/events", "unknown_event_name", "unknown event `{name}`", {"name": name})


def no_matching_events(regexp):
    """Not recorded, nor is the next: pkg/events/grpc/grpc.go."""
    return ApiError(3, "pkg/events", "no_matching_events", "no matching events for regexp `{regexp}`",
                    {"regexp": regexp})


def bad_regexp():
    return ApiError(3, "pkg/events", "invalid_regexp", "invalid regexp")


def closing():
    """What a stack that ends says to its streams."""
    return ApiError(1, "unknown", "unknown", "grpc: the client connection is closing")


def message_crc():
    return ApiError(3, "pkg/gatewayserver", "message_crc", "message CRC failed")


def drop(name):
    """Why an uplink is dropped, other than for its CRC. Not recorded: pkg/gatewayserver/gatewayserver.go. What code the
    upstream's error may have, and so that of host_handle, is there too."""
    if name == "host_handle":
        cause = ApiError(4, "unknown", "unknown", "context deadline exceeded")
        return ApiError(cause.code, "pkg/gatewayserver", name, "host `{host}` handle message", {"host": "cluster"},
                        cause)
    if name == "pool_full":
        return ApiError(8, "pkg/workerpool", name, "the worker pool is full")
    if name == "validation":
        return _validation("m_hdr", "MessageValidationError", "value is required")
    raise ValueError("an uplink is not dropped for %s" % name)


def new_connection():
    """Not recorded: pkg/gatewayserver/gatewayserver.go."""
    return ApiError(10, "pkg/gatewayserver", "new_connection", "new connection from same gateway")


def connection_ended(protocol):
    """Why a connection ended. Only that of UDP is recorded."""
    if protocol == "udp":
        return ApiError(2, "pkg/gatewayserver/io/udp", "connection_expired", "connection expired")
    return ApiError(2, "unknown", "unknown", "EOF")
