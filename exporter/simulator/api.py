"""The simulated API as an ASGI application: strict about what it accepts, true to the documented shape."""

import math
import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock, SystemClock
from exporter.simulator.behaviour import Behaviour, FaultInjection
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


@dataclass(slots=True)
class Traffic:
    """Counts requests by workspace as they arrive, before any latency; unknown workspaces count as ""."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)  # by workspace and HTTP status
    sent: Counter[str] = field(default_factory=Counter)  # bytes that the client reads, or that fit the buffers


def create_app(
    tenants: Iterable[Tenant], behaviour: Behaviour | None = None, *, clock: Clock | None = None
) -> Starlette:
    """Return the application that serves these workspaces.

    Its ``state.behaviour`` may be replaced at any time; ``state.traffic`` counts requests. Latency and
    rate limit go by the clock, the system's by default.
    """
    by_name = {tenant.name: tenant for tenant in tenants}
    clock = clock or SystemClock()
    traffic = Traffic()
    app = Starlette(
        routes=[Route("/{workspace}" + PATH, _Trunks(by_name, clock).answer, methods=["GET"])],
        middleware=[
            Middleware(_Arrivals, workspaces=by_name.keys(), traffic=traffic, clock=clock),
            # The demo shares its process with the exporter: speed before size.
            Middleware(GZipMiddleware, compresslevel=1),
            Middleware(FaultInjection, faults=FAULTS, clock=clock),
        ],
        exception_handlers={HTTPException: _refuse},
    )
    # A path with a slash too many is a path that does not exist.
    app.router.redirect_slashes = False
    app.state.behaviour = behaviour or Behaviour()
    app.state.traffic = traffic
    return app


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """Middleware that counts every request and delays it by the latency."""

    app: ASGIApp
    workspaces: Collection[str]
    traffic: Traffic
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        traffic = self.traffic
        workspace = scope["path"].removeprefix("/").partition("/")[0]
        if workspace not in self.workspaces:
            workspace = ""
        traffic.requests[workspace] += 1

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                traffic.statuses[workspace, message["status"]] += 1
            await send(message)
            traffic.sent[workspace] += len(message.get("body", b""))

        await self.clock.sleep(scope["app"].state.behaviour.latency)
        await self.app(scope, receive, count_and_send)


class _Refusal(HTTPException):
    """Answers a request with an error; but for those about tokens, the codes are made up in the vendor's manner."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def _refuse(_: Request, error: Exception) -> Response:  # a function would be taken to a thread without the clock
    match error:
        case _Refusal():
            return error.response
        case HTTPException(status_code=405):
            return error_response(405, "METHOD_NOT_ALLOWED", "The only method is GET.", headers={"Allow": "GET"})
        case _:
            return error_response(404, "NOT_FOUND", "There is no such path.")


@dataclass(frozen=True, slots=True)
class _Trunks:
    tenants: dict[str, Tenant]
    clock: Clock
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)  # of the rate limit: when begun, and requests

    async def answer(self, request: Request) -> Response:
        """Check what a Laravel backend checks, in its order, and answer with a page."""
        tenant = self.tenants.get(request.path_params["workspace"])
        if tenant is None:
            raise HTTPException(404)
        if request.method != "GET":
            # Starlette answers HEAD wherever it answers GET; the documentation knows only GET.
            raise HTTPException(405)
        _authenticate(request, tenant)
        behaviour: Behaviour = request.app.state.behaviour
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
        now = self.clock.monotonic()
        start, used = self.windows.get(workspace, (now, 0))
        if now - start >= _WINDOW:
            start, used = now, 0
        headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(max(0, limit - used - 1))}
        if used >= limit:
            headers["Retry-After"] = str(max(1, math.ceil(start + _WINDOW - now)))
            raise _Refusal(error_response(429, "RATE_LIMIT_EXCEEDED", "Too Many Attempts.", headers=headers))
        self.windows[workspace] = (start, used + 1)
        return headers


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
        raise _Refusal(RedirectResponse("/login", status_code=302))
    raise _Refusal(error_response(401, code, message))


def _parameters(request: Request) -> dict[str, str]:
    """Return the query parameters, ``page`` and ``per_page`` among them in any case.

    Raises:
        _Refusal: 422, naming the first parameter that is unknown, repeated or has no sensible value.
    """
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


def _invalid(name: str, problem: str) -> _Refusal:
    return _Refusal(error_response(422, "VALIDATION_ERROR", f"The {name} parameter {problem}.", name))


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
