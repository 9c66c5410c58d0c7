"""The simulated API as an ASGI application: strict about what it accepts, true to the documented shape."""

import math
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import msgspec
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from exporter.clock import Clock
from exporter.simulator.behaviour import Behaviour, Strike
from exporter.simulator.faults import FAULTS
from exporter.simulator.faults.pages import EDIT_LIST
from exporter.simulator.faults.responses import error_response
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Trunk

# Of the list, after the workspace, whose name as a path prefix stands for the vendor's subdomain.
PATH = "/api/v1/phone-numbers/trunks"

_MAX_PER_PAGE = 100
_WINDOW = 60.0  # seconds, of the rate limit
_FILTERS = {"search", "channel", "agent_uuid"}
# All documented query parameters: the pattern of their values, and the same in words.
_PARAMETERS = {
    "page": (r"[1-9][0-9]{0,8}", "an integer of at least 1"),
    "per_page": (r"[1-9][0-9]{0,8}", "an integer of at least 1"),
    "search": (r"\+?[0-9]+", "digits, with or without a plus sign before them"),
    "channel": (r"call|whatsapp", "call or whatsapp"),
    "agent_uuid": (r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "a UUID"),
}


@dataclass(slots=True)
class Tenant:
    """A workspace and who may read it."""

    name: str  # the path prefix
    token: str = field(repr=False)  # assigning another one revokes it
    fleet: Fleet


def generate_tenants(workspaces: int, trunks: int, seed: int) -> tuple[Tenant, ...]:
    """Return workspaces with this number of trunks each: acme, globex, workspace-3, workspace-4 and so on."""
    names = ("acme", "globex", *(f"workspace-{number}" for number in range(3, workspaces + 1)))[:workspaces]
    return tuple(
        Tenant(name, f"demo-token-{name}", Fleet.generate(trunks, seed + offset)) for offset, name in enumerate(names)
    )


class Traffic(NamedTuple):
    """Counts requests by workspace as they arrive, before any latency; unknown workspaces count as ""."""

    requests: Counter[str]
    statuses: Counter[tuple[str, int]]  # by workspace and HTTP status
    sent: Counter[str]  # bytes that the client reads, or that fit the buffers


class Api:
    """The ASGI application that serves workspaces. Latency and rate limit go by the clock, the system's by default."""

    def __init__(
        self, tenants: Iterable[Tenant], behaviour: Behaviour | None = None, *, clock: Clock | None = None
    ) -> None:
        self.behaviour = behaviour or Behaviour()  # may be replaced at any time
        self.traffic = Traffic(Counter(), Counter(), Counter())
        self._tenants = {tenant.name: tenant for tenant in tenants}
        self._clock = clock or Clock()
        self._windows: dict[str, tuple[float, int]] = {}  # of the rate limit: when begun, and requests
        self._drawn_for: Behaviour | None = None
        self._random = Random()  # noqa: S311 - draws faults, keeps no secret
        self._struck = Counter[str]()  # requests, by fault
        # The demo shares its process with the exporter: speed before size.
        self._compressed = GZipMiddleware(self._answer_or_fail, compresslevel=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, and answer it after the latency."""
        workspace = scope["path"].removeprefix("/").partition("/")[0]
        if workspace not in self._tenants:
            workspace = ""
        self.traffic.requests[workspace] += 1

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.traffic.statuses[workspace, message["status"]] += 1
            await send(message)
            self.traffic.sent[workspace] += len(message.get("body", b""))

        await self._clock.sleep(self.behaviour.latency)
        await self._compressed(scope, receive, count_and_send)

    async def _answer_or_fail(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Draw each fault independently; if several are drawn for a request, one of them strikes."""
        behaviour = self.behaviour
        if behaviour is not self._drawn_for:  # it is seeded again, so that draws repeat
            self._drawn_for = behaviour
            self._random.seed(behaviour.fault_seed)
            self._struck.clear()
        drawn = [name for name, rate in behaviour.faults.items() if self._random.random() < rate]
        if not drawn:
            await self._answer(scope, receive, send)
            return
        name = self._random.choice(drawn)
        strike = Strike(self._answer, scope, receive, send, clock=self._clock, count=self._struck[name])
        self._struck[name] += 1
        await FAULTS[name].effect(strike)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = self._respond(Request(scope))
        except _ApiError as error:
            (response,) = error.args
        await response(scope, receive, send)

    def _respond(self, request: Request) -> Response:
        """Check what a Laravel backend checks, in its order, and return a page."""
        path = request.scope["path"]
        tenant = self._tenants.get(path.removesuffix(PATH).removeprefix("/"))
        if tenant is None or path != f"/{tenant.name}{PATH}":
            raise _ApiError(error_response(404, "NOT_FOUND", "There is no such path."))
        if request.method != "GET":
            allowed = {"Allow": "GET"}
            raise _ApiError(error_response(405, "METHOD_NOT_ALLOWED", "The only method is GET.", headers=allowed))
        _authenticate(request, tenant)
        behaviour = self.behaviour
        headers = {} if behaviour.rate_limit is None else self._count(tenant.name, behaviour.rate_limit)
        parameters = _parameters(request)
        rows = tenant.fleet.rows(behaviour.listing)
        if parameters.keys() & _FILTERS:
            rows = [row for row in rows if _matches(row, parameters)]
        if edit := request.scope.get(EDIT_LIST):
            rows = edit(rows)
        page = _page(rows, int(parameters["page"]), min(int(parameters["per_page"]), _MAX_PER_PAGE))
        content = msgspec.json.encode({"success": True, "data": page})
        return Response(content, headers=headers, media_type="application/json")

    def _count(self, workspace: str, limit: int) -> dict[str, str]:
        """Count a request in a window that begins with the workspace's first, as in Laravel; return the headers."""
        now = self._clock.monotonic()
        start, used = self._windows.get(workspace, (now, 0))
        if now - start >= _WINDOW:
            start, used = now, 0
        headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(max(0, limit - used - 1))}
        if used >= limit:
            headers["Retry-After"] = str(max(1, math.ceil(start + _WINDOW - now)))
            raise _ApiError(error_response(429, "RATE_LIMIT_EXCEEDED", "Too Many Attempts.", headers=headers))
        self._windows[workspace] = (start, used + 1)
        return headers


class _ApiError(Exception):
    """Has a response that is an error; but for those about tokens, the codes are made up in the vendor's manner."""


def _authenticate(request: Request, tenant: Tenant) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        code, message = "MISSING_AUTH_TOKEN", "Authentication token is required."
    # Headers are latin-1 to Starlette; compare_digest takes other than ASCII only as bytes.
    elif not secrets.compare_digest(token.encode("latin-1"), tenant.token.encode()):
        code, message = "INVALID_AUTH_TOKEN", "Authentication token is invalid or has been revoked."
    else:
        return
    accepted = ",".join(request.headers.getlist("accept")).split(",")
    if "application/json" not in {part.split(";")[0].strip().lower() for part in accepted}:
        # Laravel takes a client that does not accept JSON for a browser.
        raise _ApiError(RedirectResponse("/login", status_code=302))
    raise _ApiError(error_response(401, code, message))


def _parameters(request: Request) -> dict[str, str]:
    """Return the query parameters, with ``page`` and ``per_page``; an _ApiError names the first that is wrong."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if name not in _PARAMETERS:
            raise _invalid(name, "is not known")
        if count > 1:
            raise _invalid(name, f"is given {count} times")
    parameters = {"page": "1", "per_page": "25", **request.query_params}
    for name, (pattern, description) in _PARAMETERS.items():
        if name in parameters and not re.fullmatch(pattern, parameters[name]):
            raise _invalid(name, f"must be {description}")
    return parameters


def _invalid(name: str, problem: str) -> _ApiError:
    return _ApiError(error_response(422, "VALIDATION_ERROR", f"The {name} parameter {problem}.", name))


def _matches(row: Trunk, parameters: dict[str, str]) -> bool:
    bindings = row["bindings"]
    agent = parameters.get("agent_uuid", "").lower()
    return (
        # With its plus sign a number is looked for from its start, as no other place has one.
        parameters.get("search", "") in row["number"]
        and ("channel" not in parameters or bindings[parameters["channel"]]["bound"])
        and (not agent or any(bound["agent_uuid"] == agent for bound in bindings.values()))
    )


def _page(rows: Sequence[Trunk], page: int, per_page: int) -> dict[str, object]:
    last_page = max(1, math.ceil(len(rows) / per_page))
    start = (page - 1) * per_page
    items = rows[start : start + per_page]
    return {
        "items": items,
        "pagination": {
            "current_page": page,
            "per_page": per_page,
            "total": len(rows),
            "last_page": last_page,
            "from": start + 1 if items else None,
            "to": start + len(items) if items else None,
            "has_more": page < last_page,
        },
    }
