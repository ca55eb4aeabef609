"""The endpoints under /api/v3, as recorded: who may ask what, and what the answer looks like.

A call runs through: route, Identity Server reachable, rate limit, the rules of the call. What is
wrong is raised as an ApiError and becomes the answer.
"""

import json
import urllib.parse

import errors
import events
import keys
import stats
import world as worlds
from clock import stamp
from errors import ApiError, dumps
from stats import BATCH, GET

JSON = "application/json"
_ORDERS = frozenset(("gateway_id", "-gateway_id", "gateway_eui", "-gateway_eui", "name", "-name",
                     "created_at", "-created_at"))
_METHODS = {"list": "GatewayRegistry/List", "search": "EntityRegistrySearch/SearchGateways", "gateway": "GatewayRegistry/Get", "rights": "GatewayAccess/ListRights",
            "auth_info": "EntityAccess/AuthInfo", "get": "Gs/GetGatewayConnectionStats",
            "batch": "Gs/BatchGetGatewayConnectionStats", "events": "Events/Stream"}
_IDENTITY = frozenset(("list", "search", "gateway", "rights", "auth_info"))


class Answer:
    """One HTTP answer. `sights`: what it shows of gateways, for the ledger once it was sent whole. `leaving`: the
    client may have it whole from now on. `stream`: what follows it, for as long as the client listens."""

    __slots__ = ("status", "headers", "body", "sights", "gzip", "wire", "chunked", "leaving", "stream")

    def __init__(self, status, body, headers=None, content_type=JSON):
        self.status = status
        self.body = body
        self.headers = [("Cache-Control", "no-store"), ("Content-Type", content_type)] + (headers or [])
        self.sights = ()
        self.gzip = None
        self.wire = None
        self.chunked = False
        self.leaving = False
        self.stream = None

    def make_chunked(self):
        self.chunked = True
        self.headers.append(("Transfer-Encoding", "chunked"))
        return self


class Call:
    """What a request turned out to be: its kind, and the one name in its path. `asked`: the body of one for events."""

    __slots__ = ("kind", "name", "entity", "ids", "mask", "asked")

    def __init__(self, kind, name=None, entity=None):
        self.kind = kind
        self.name = name
        self.entity = entity
        self.ids = ()
        self.mask = None
        self.asked = None


class Page:
    """A list's query, checked. `message`: the request's name, for errors."""

    def __init__(self, query, default_limit, message="ListGateways"):
        values = {}
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
            values.setdefault(name, []).append(value)
        masks = values.get("field_mask", [])
        if len(masks) > 1:
            raise errors.too_many_values("field_mask", masks)
        paths = [p for p in (masks[0].split(",") if masks else []) if p] + values.get("field_mask.paths", [])
        self.limit = self._number(values, "limit")
        self.page = max(1, self._number(values, "page"))
        self.order = values.get("order", [""])[0] or "gateway_id"
        if self.limit > 1000:
            raise errors.bad_limit(message)
        self.limit = self.limit or default_limit or 1 << 30
        if self.order not in _ORDERS:
            raise errors.bad_order(message)
        self.mask = list_mask(paths)

    @staticmethod
    def _number(values, field):
        text = values.get(field, ["0"])[0]
        if not text.isascii() or not text.isdigit():
            raise errors.not_a_number(field, text)
        return int(text)


def list_mask(paths):
    tops = [p.partition(".")[0] for p in paths]
    bad = [p for p, top in zip(paths, tops) if top not in worlds.MASK_PATHS]
    if bad:
        raise errors.forbidden_paths(bad)
    if "frequency_plan_ids" in tops:
        tops.append("frequency_plan_id")
    return frozenset(tops)


def route(cluster, method, path):
    """The Call of a path; raises what the stack answers for a path or method it does not have."""
    parts = path[len("/api/v3/"):].split("/")
    length = len(parts)
    wanted = "GET"
    call = None
    if parts[0] == "gs" and parts[1:2] == ["gateways"]:
        if parts[2:] == ["connection", "stats"] and cluster.batch:
            call, wanted = Call("batch"), "POST"
        elif length == 5 and parts[3:] == ["connection", "stats"]:
            call = Call("get", urllib.parse.unquote(parts[2]))
    elif parts == ["events"] and cluster.events:
        call, wanted = Call("events"), "POST"
    elif cluster.identity:
        if parts == ["gateways"]:
            call = Call("list")
        elif parts == ["search", "gateways"] and cluster.search:
            call = Call("search")
        elif parts == ["auth_info"]:
            call = Call("auth_info")
        elif parts[0] == "gateways" and length == 2:
            call = Call("gateway", parts[1])
        elif parts[0] == "gateways" and length == 3 and parts[2] == "rights":
            call = Call("rights", parts[1])
        elif parts[0] in ("users", "organizations") and length == 3 and parts[2] == "gateways":
            call = Call("list", parts[1], parts[0][:-1])
    if call is None:
        raise errors.not_found()
    if method != wanted:
        raise errors.method_not_allowed()
    return call


class Api:
    """The endpoints of all clusters; `take` is called with the stand-in's lock held."""

    def __init__(self, clock, world, fleet, hub):
        self.clock = clock
        self.world = world
        self.fleet = fleet
        self.hub = hub
        self._pages = {}
        self._calls = {"list": self._list, "search": self._search, "gateway": self._gateway, "rights": self._rights,
                       "auth_info": self._auth_info, "get": self._get, "batch": self._batch, "events": self._events}

    def take(self, cluster, request):
        """(Call or None, Answer)."""
        if not request.path.startswith("/api/v3/"):
            return None, self._outside(request.path)
        extra, call = [], None
        try:
            call = route(cluster, request.method, request.path)
            if call.kind == "events":
                call.asked = events.Asked(request)
            answer = self._limited(cluster, call, request, extra)
        except ApiError as error:
            answer = self._refusal(call, error)
        answer.headers += extra
        return call, answer

    @staticmethod
    def _refusal(call, error):
        """A stream that was understood is refused in its own form."""
        if call is None or call.asked is None:
            return Answer(error.status, error.body(), error.headers())
        return Answer(error.status, error.line().encode() + b"\n", content_type=_type_of(call.asked)).make_chunked()

    @staticmethod
    def _outside(path):
        if path != "/api/v3" and not path.startswith("/api/"):
            return Answer(404, b"404 page not found\n", content_type="text/plain; charset=utf-8")
        error = ApiError(5, "pkg/webhandlers", "route_not_found", "route `{route}` not found", {"route": path})
        body = json.dumps(json.loads(error.body()), indent="\t") + "\n"
        return Answer(404, body.encode())

    def _limited(self, cluster, call, request, extra):
        if cluster.identity_away:
            raise errors.identity_server_away()
        header = request.headers.get("authorization")
        entity = "gateway:" + call.name if call.kind in ("get", "gateway", "rights") else ""
        resource = "grpc:%s:/ttn.lorawan.v3.%s:%s:token:%s" % (
            "stream:accept" if call.asked else "method", _METHODS[call.kind], entity, keys.token_id(header))
        taken = cluster.limits.take(call.kind, resource, self.clock.now())
        if taken:
            burst, allowed, headers = taken
            extra += headers
            if not allowed:
                raise errors.rate_limited(burst, resource)
        return self._calls[call.kind](cluster, call, request, self._key(call, header, extra))

    def _key(self, call, header, extra):
        key = self.world.keys.check(header, self.clock.now())
        if call.kind in _IDENTITY and self.world.warning(key):
            extra.append(("X-Warning", self.world.warning(key)))
        return key

    # Identity Server.

    def _list(self, cluster, call, request, key):
        page = self._page(request.query, cluster.default_limit)
        if call.entity is None:
            if key is None or key.entity == "gateway":
                return Answer(200, b"{}")
            entity, name, indirect = key.entity, key.entity_id, True
        else:
            entity, name, indirect = call.entity, call.name, False
        self._may_list(key, entity, name)
        return self._paged((entity, name, indirect, page.order, page.limit, page.page, page.mask))

    def _search(self, cluster, _call, request, key):
        """What the key's owner collaborates on, whatever the key's rights; for an admin, everything."""
        page = self._page(request.query, cluster.default_limit, "SearchGateways")
        if key is None or key.entity == "gateway":
            raise errors.search_forbidden()
        entity = "all" if self.world.is_admin(key) else key.entity
        return self._paged((entity, key.entity_id, True, page.order, page.limit, page.page, page.mask))

    def _paged(self, what):
        if self.world.before_pages:
            self.world.before_pages.pop(0)()
        answer = Answer(200, None)
        answer.body, total, answer.gzip = self.world.page(what, lambda: self._render(*what))
        answer.headers.append(("X-Total-Count", str(total)))
        return answer

    def _page(self, query, default_limit, message="ListGateways"):
        page = self._pages.get((query, default_limit))
        if page is None:
            page = Page(query, default_limit, message)
            if len(self._pages) < 1000:
                self._pages[query, default_limit] = page
        return page

    def _may_list(self, key, entity, name):
        if entity == "user":
            mine = key is not None and key.entity == "user" and (key.entity_id == name or self.world.is_admin(key))
            rights = key.rights if mine and not self.world.warning(key) else ()
            wanted = keys.LIST
        else:
            rights = self.world.organization_rights(key, name)
            wanted = keys.LIST_ORGANIZATION
        if not rights:
            raise errors.no_rights(entity, name)
        if wanted not in rights:
            raise errors.insufficient_rights_for(entity, name, wanted)

    def _render(self, entity, name, indirect, order, limit, page, mask):
        """(body, total, a place for the zipped body) of one page of a list."""
        listed = self.world.listed(entity, name, indirect, order)
        texts = [g.text(mask, private) for g, private in listed[(page - 1) * limit:page * limit]]
        body = '{"gateways":[%s]}' % ",".join(texts) if texts else "{}"
        return body.encode(), len(listed), {}

    def _gateway(self, _cluster, call, request, key):
        page = self._page(request.query, 0)
        gateway = self.world.gateways.get(call.name)
        if gateway is None:
            raise errors.gateway_not_found(call.name)
        if key is None:
            raise errors.no_rights("gateway", call.name)
        private = keys.INFO in self.world.rights(key, call.name)
        return Answer(200, gateway.text(page.mask, private).encode())

    def _rights(self, _cluster, call, _request, key):
        rights = self.world.rights(key, call.name)
        listed = [r for r in keys.GATEWAY_RIGHTS if r in rights]
        return Answer(200, dumps({"rights": listed} if listed else {}).encode())

    def _auth_info(self, _cluster, _call, _request, key):
        if key is None:
            return Answer(200, b"{}")
        inner = {"id": key.id, "name": key.kind}
        if not self.world.warning(key):
            inner["rights"] = list(key.rights)
        inner["created_at"] = inner["updated_at"] = stamp(key.created // 1000 * 1000)
        ids = {key.entity + "_ids": {key.entity + "_id": key.entity_id}}
        out = {"api_key": {"api_key": inner, "entity_ids": ids}}
        if self.world.warning(key):
            out["universal_rights"] = {}
        if self.world.is_admin(key):
            out["universal_rights"] = {"rights": list(key.rights)}
            out["is_admin"] = True
        return Answer(200, dumps(out).encode())

    # Gateway Server.

    def _get(self, cluster, call, _request, key):
        gateway_id = call.name
        call.ids = (gateway_id,)
        if len(gateway_id) > 36 or not worlds.GATEWAY_ID.match(gateway_id):
            raise errors.bad_path_id()
        self._may_read(cluster, key, gateway_id)
        shown = self._view(cluster, gateway_id)
        if shown is None:
            raise errors.not_connected(gateway_id, cluster.registry)
        mask = cluster.masks.get(())
        answer = Answer(200, shown.text(GET, mask).encode())
        answer.sights = ((gateway_id, shown, mask.shown),)
        return answer

    def _may_read(self, cluster, key, gateway_id):
        gateway = self.world.gateways.get(gateway_id)
        if key is None and not cluster.single_process:
            raise errors.unauthenticated()
        if gateway is not None and gateway.fields.get("status_public"):
            return
        if gateway is None and self.world.is_admin(key):
            raise errors.gateway_not_found(gateway_id)
        rights = self.world.rights(key, gateway_id)
        if not rights:
            raise errors.no_rights("gateway", gateway_id)
        if keys.STATUS not in rights:
            raise errors.insufficient_rights_for("gateway", gateway_id, keys.STATUS)

    def _view(self, cluster, gateway_id):
        gateway = self.world.gateways.get(gateway_id)
        link = gateway.links.get(cluster.number) if gateway is not None else None
        return link.view(self.clock.now()) if link is not None else None

    def _batch(self, cluster, call, request, key):
        ids, paths = self._batch_body(request.body)
        call.ids, call.mask = ids, paths
        mask = cluster.masks.get(paths)
        if not 1 <= len(ids) <= 100:
            raise errors.bad_batch_size()
        for index, gateway_id in enumerate(ids):
            if len(gateway_id) > 36 or not worlds.GATEWAY_ID.match(gateway_id):
                raise errors.bad_batch_id(index)
        self._may_read_all(key, ids)
        sights, parts = [], []
        for gateway_id in sorted(set(ids)):
            shown = self._view(cluster, gateway_id)
            sights.append((gateway_id, shown, mask.shown))
            if shown is not None:
                parts.append('"%s":%s' % (gateway_id, shown.text(BATCH, mask)))
        body = '{"entries":{%s}}' % ",".join(parts) if parts else "{}"
        answer = Answer(200, body.encode())
        answer.sights = sights
        return answer

    @staticmethod
    def _batch_body(body):
        try:
            asked = json.loads(body or b"{}")
            ids = tuple(one["gateway_id"] for one in asked.get("gateway_ids", ()))
            mask = asked.get("field_mask", ())
            paths = mask.split(",") if isinstance(mask, str) else dict(mask or {}).get("paths", ())
            if not all(isinstance(text, str) for text in ids + tuple(paths)):
                raise TypeError("not a string")
            return ids, tuple(p for p in paths if p)
        except json.JSONDecodeError as error:
            ended = error.pos >= len(error.doc.rstrip())
            raise errors.plain(3, "unexpected EOF" if ended else "invalid character in JSON") from None
        except (UnicodeDecodeError, AttributeError, KeyError, TypeError, ValueError):
            raise errors.plain(3, "proto: syntax error: unexpected token") from None

    def _may_read_all(self, key, ids):
        """All or nothing: one gateway that the key may not read refuses the whole batch."""
        if key is None:
            raise errors.unauthenticated()
        if key.entity == "gateway":
            raise errors.neither_user_nor_organization()
        if self.world.warning(key) or keys.STATUS not in key.rights_set:
            raise errors.insufficient_rights()
        readable = self.world.readable(key)
        if any(gateway_id not in readable for gateway_id in ids):
            if self.world.is_admin(key):
                raise errors.some_gateways_not_found()
            raise errors.insufficient_rights()

    # Events.

    def _events(self, cluster, call, _request, key):
        call.ids, call.mask = call.asked.gateways, call.asked.names
        stream, headers = self.hub.open(cluster, key, call.asked)
        answer = Answer(200, b"", headers, _type_of(call.asked)).make_chunked()
        answer.stream = stream
        return answer


def _type_of(asked):
    return "text/event-stream" if asked.sse else JSON
