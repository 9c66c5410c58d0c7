"""The simulated API as an ASGI application: strict about what it accepts, true to the documented shape."""

import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock, SystemClock
from exporter.simulator.behaviour import Behaviour, BeyondLast
from exporter.simulator.faults.effects import relisted
from exporter.simulator.faults.injection import Injection
from exporter.simulator.fleet import Fleet
from exporter.simulator.pace import Pace
from exporter.simulator.query import Query, parse
from exporter.simulator.refusal import Refusal, json_response, unauthenticated
from exporter.simulator.traffic import Exchange, Traffic
from exporter.simulator.trunk import Trunk

PATH = "/api/v1/phone-numbers/trunks"
"""Of the list, after the workspace, whose name as a path prefix stands for the vendor's subdomain."""


@dataclass(slots=True)
class Tenant:
    """A workspace and who may read it.

    Attributes:
        name: the path prefix.
        token: the bearer token; assigning another one revokes it.
        fleet: what there is to read.
    """

    name: str
    token: str = field(repr=False)
    fleet: Fleet


def create_app(
    tenants: Iterable[Tenant],
    behaviour: Behaviour | None = None,
    *,
    traffic: Traffic | None = None,
    clock: Clock | None = None,
) -> Starlette:
    """Return the application that serves these workspaces.

    Args:
        tenants: the workspaces.
        behaviour: its options; may be replaced at any time as ``app.state.behaviour``.
        traffic: what to count requests with; also ``app.state.traffic``.
        clock: what latency and rate limit go by; the system's by default.

    Raises:
        ValueError: two tenants have one name.
    """
    by_name: dict[str, Tenant] = {}
    for tenant in tenants:
        if tenant.name in by_name:
            raise ValueError(f"two tenants are called {tenant.name}")
        by_name[tenant.name] = tenant
    clock = clock or SystemClock()
    traffic = traffic or Traffic()
    app = Starlette(
        routes=[Route("/{workspace}" + PATH, _Trunks(by_name, clock).answer, methods=["GET"])],
        middleware=[
            Middleware(_Arrivals, known=by_name.keys(), traffic=traffic, clock=clock),
            # The demo shares its process with the exporter: speed before size.
            Middleware(GZipMiddleware, compresslevel=1),
            Middleware(Injection, clock=clock),
        ],
        # Coroutines, since Starlette takes functions to other threads, where no simulated clock reaches.
        exception_handlers={Refusal: _refuse, HTTPException: _not_routed},
    )
    # A path with a slash too many is a path that does not exist.
    app.router.redirect_slashes = False
    app.state.behaviour = behaviour or Behaviour()
    app.state.traffic = traffic
    return app


class _Trunks:
    """The list of trunks."""

    def __init__(self, tenants: dict[str, Tenant], clock: Clock) -> None:
        self._tenants = tenants
        self._clock = clock
        self._pace = Pace()

    async def answer(self, request: Request) -> Response:
        """Answer a request, checking what a Laravel backend checks in its order."""
        tenant = self._tenants.get(request.path_params["workspace"])
        if tenant is None:
            raise _not_found("There is no such workspace.")
        if request.method != "GET":
            # Starlette answers HEAD wherever it answers GET; the documentation knows only GET.
            raise _not_allowed()
        refusal = _authenticate(request, tenant)
        if refusal is not None:
            return unauthenticated(request, refusal)
        behaviour: Behaviour = request.app.state.behaviour
        headers = self._spend(tenant, behaviour)
        query = parse(request.query_params.multi_items(), behaviour.excess_per_page)
        rows = relisted(request.scope, _rows(tenant.fleet, query, behaviour))
        return json_response({"success": True, "data": _page(rows, query, behaviour)}, headers=headers)

    def _spend(self, tenant: Tenant, behaviour: Behaviour) -> dict[str, str]:
        if behaviour.rate_limit is None:
            return {}
        allowance = self._pace.take(tenant.name, behaviour.rate_limit, self._clock.monotonic())
        if allowance.retry_after is not None:
            raise Refusal(429, "RATE_LIMIT_EXCEEDED", "Too Many Attempts.", headers=allowance.headers())
        return allowance.headers()


class _Arrivals:
    """Counts every request, and keeps it waiting."""

    def __init__(self, app: ASGIApp, *, known: Iterable[str], traffic: Traffic, clock: Clock) -> None:
        self._app = app
        self._known = frozenset(known)
        self._traffic = traffic
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        workspace = path.removeprefix("/").partition("/")[0]
        exchange = Exchange(
            workspace if workspace in self._known else "", path, scope["query_string"].decode("latin-1")
        )
        self._traffic.arrived(exchange)

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._traffic.answered(exchange, message["status"])
            await send(message)
            self._traffic.sent[exchange.workspace] += len(message.get("body", b""))

        await self._clock.sleep(scope["app"].state.behaviour.latency)
        await self._app(scope, receive, count_and_send)


def _authenticate(request: Request, tenant: Tenant) -> Refusal | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return Refusal(401, "MISSING_AUTH_TOKEN", "Authentication token is required.")
    # Headers are latin-1 to Starlette; compare_digest takes other than ASCII only as bytes.
    if not secrets.compare_digest(token.encode("latin-1"), tenant.token.encode()):
        return Refusal(401, "INVALID_AUTH_TOKEN", "Authentication token is invalid or has been revoked.")
    return None


def _rows(fleet: Fleet, query: Query, behaviour: Behaviour) -> Sequence[Trunk]:
    rows = fleet.rows(behaviour.listing)
    return [row for row in rows if query.matches(row)] if query.is_filtered else rows


def _page(rows: Sequence[Trunk], query: Query, behaviour: Behaviour) -> dict[str, object]:
    total = len(rows)
    last_page = max(1, math.ceil(total / query.per_page))
    if query.page > last_page:
        _go_beyond(behaviour.beyond_last)
    start = (query.page - 1) * query.per_page
    items = rows[start : start + query.per_page]
    return {
        "items": items,
        "pagination": {
            "current_page": query.page,
            "per_page": query.per_page,
            "total": total,
            "last_page": last_page,
            "from": start + 1 if items else None,
            "to": start + len(items) if items else None,
            "has_more": query.page < last_page,
        },
    }


def _go_beyond(beyond_last: BeyondLast) -> None:
    match beyond_last:
        case BeyondLast.EMPTY:
            return
        case BeyondLast.NOT_FOUND:
            raise _not_found("There is no such page.")
        case BeyondLast.REFUSE:
            raise Refusal(422, "VALIDATION_ERROR", "The page parameter is beyond the last page.", field="page")


def _not_found(message: str) -> Refusal:
    return Refusal(404, "NOT_FOUND", message)


def _not_allowed() -> Refusal:
    return Refusal(405, "METHOD_NOT_ALLOWED", "The only method is GET.", headers={"Allow": "GET"})


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - Starlette's handlers are typed for any exception
    return error.response()


async def _not_routed(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's handlers are typed for any exception
    if error.status_code == 405:  # noqa: PLR2004 - an HTTP status
        return _not_allowed().response()
    return _not_found("There is no such path.").response()
