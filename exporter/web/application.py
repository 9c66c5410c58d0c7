"""The routes."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.config.problems import ConfigError
from exporter.metrics.exposition import Exposition
from exporter.metrics.view import UnknownWorkspaceError
from exporter.web.bodies import SegmentsResponse
from exporter.web.negotiation import accepts_gzip, choose_format

_LANDING_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Mihu trunk exporter</title></head>
<body>
<h1>Mihu trunk exporter</h1>
<ul>
<li><a href="{telemetry_path}">Metrics</a></li>
<li><a href="/-/healthy">Healthy</a></li>
<li><a href="/-/ready">Ready</a></li>
</ul>
</body>
</html>
"""


class Endpoints:
    """What each path answers."""

    def __init__(
        self,
        exposition: Exposition,
        *,
        telemetry_path: str,
        is_healthy: Callable[[], bool],
        is_ready: Callable[[], bool],
        reload: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._exposition = exposition
        self._landing_page = _LANDING_PAGE.format(telemetry_path=telemetry_path)
        self._is_healthy = is_healthy
        self._is_ready = is_ready
        self._reload = reload

    async def metrics(self, request: Request) -> Response:
        """Answer a scrape, of everything or of the workspaces named."""
        format_ = choose_format(_joined(request, "accept"))
        workspaces = request.query_params.getlist("workspace")
        try:
            segments = await (
                self._exposition.some(workspaces, format_) if workspaces else self._exposition.everything(format_)
            )
        except UnknownWorkspaceError as unknown:
            return PlainTextResponse(f"no workspace is called {unknown.args[0]!a}\n", status_code=404)
        return SegmentsResponse(
            segments,
            headers={"Vary": "Accept, Accept-Encoding"},
            content_type=format_.content_type,
            gzip=accepts_gzip(_joined(request, "accept-encoding")),
        )

    async def landing_page(self, _: Request) -> Response:
        """Show where to go."""
        return HTMLResponse(self._landing_page)

    async def healthy(self, _: Request) -> Response:
        """Tell whether the exporter lives."""
        if self._is_healthy():
            return PlainTextResponse("Mihu trunk exporter is healthy.\n")
        return PlainTextResponse("A poller has died; see the log.\n", status_code=503)

    async def ready(self, _: Request) -> Response:
        """Tell whether every workspace has had its first poll."""
        if self._is_ready():
            return PlainTextResponse("Mihu trunk exporter is ready.\n")
        return PlainTextResponse("Some workspaces are still in their first poll.\n", status_code=503)

    async def reload(self, _: Request) -> Response:
        """Reload the configuration, where that is allowed."""
        if self._reload is None:
            return PlainTextResponse("Reloading is not enabled; start with --web.enable-lifecycle.\n", status_code=403)
        try:
            await self._reload()
        except ConfigError as error:
            return PlainTextResponse(f"The configuration is not reloaded:\n{error}\n", status_code=500)
        return PlainTextResponse("The configuration is reloaded.\n")


def create_application(endpoints: Endpoints, *, telemetry_path: str) -> Starlette:
    """Make the ASGI application."""
    application = Starlette(
        routes=[
            Route(telemetry_path, endpoints.metrics),
            Route("/", endpoints.landing_page),
            Route("/-/healthy", endpoints.healthy),
            Route("/-/ready", endpoints.ready),
            Route("/-/reload", endpoints.reload, methods=["POST", "PUT"]),
        ],
        exception_handlers={HTTPException: _plain},
    )
    application.router.redirect_slashes = False
    return application


async def _plain(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)


def _joined(request: Request, header: str) -> str:
    """Return a header's value, which may have come on several lines (RFC 9110, section 5.2)."""
    return ",".join(request.headers.getlist(header))
