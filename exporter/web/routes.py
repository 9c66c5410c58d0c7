"""The routes, and what each answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from exporter.config.problems import ConfigError
from exporter.config.settings import Shard, ValidatedConfig
from exporter.config.showing import shown
from exporter.metrics.exposition import Exposition, UnknownWorkspaceError
from exporter.metrics.gzip_segments import Segment
from exporter.metrics.text import Format
from exporter.web.negotiation import accepts_gzip, choose_format
from exporter.web.response import segments_response
from exporter.web.settings import DEFAULT_PORTS, WebSettings

Answer = Callable[[Request], Awaitable[Response]]


class Endpoints:
    """What each path answers."""

    def __init__(
        self,
        exposition: Exposition,
        *,
        is_healthy: Callable[[], bool],
        is_ready: Callable[[], bool],
        other_owner: Callable[[str], Shard | None] = lambda _: None,
        reload: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._exposition = exposition
        self._is_healthy = is_healthy
        self._is_ready = is_ready
        self._other_owner = other_owner
        self._reload = reload

    async def metrics(self, request: Request) -> Response:
        """Answer a scrape: of everything, of the workspaces named, or of the exporter itself alone."""
        format_ = choose_format(_joined(request, "accept"))
        try:
            segments = await self._collect(request.query_params, format_)
        except UnknownWorkspaceError as unknown:
            return PlainTextResponse(f"{self._explain_absence(*unknown.args)}\n", status_code=404)
        if segments is None:
            return PlainTextResponse("collect takes the value exporter, and no workspace beside it\n", status_code=400)
        return segments_response(
            segments,
            method=request.method,
            headers={"Vary": "Accept, Accept-Encoding"},
            content_type=format_.content_type,
            gzip=accepts_gzip(_joined(request, "accept-encoding")),
        )

    def _explain_absence(self, workspace: str) -> str:
        if shard := self._other_owner(workspace):
            return f"the workspace {workspace!a} is not polled here but by shard {shard}"
        return f"no workspace is called {workspace!a}"

    async def _collect(self, params: QueryParams, format_: Format) -> Sequence[Segment] | None:
        """Return what is asked for; None where that makes no sense."""
        match params.getlist("workspace"), params.getlist("collect"):
            case [], []:
                return await self._exposition.everything(format_)
            case workspaces, []:
                return await self._exposition.some(workspaces, format_)
            case [], ["exporter"]:
                return self._exposition.exporter(format_)
            case _:
                return None

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


class Configured:
    """What ``/config`` and ``/sd`` answer."""

    def __init__(self, config: Callable[[], ValidatedConfig], web: WebSettings) -> None:
        self._config = config
        self._web = web
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="config")

    async def yaml(self, _: Request) -> Response:
        """Show the configuration, without its secrets."""
        text = await asyncio.get_running_loop().run_in_executor(self._executor, shown, self._config())
        return PlainTextResponse(text, headers={"Cache-Control": "no-store"})

    async def targets(self, request: Request) -> Response:
        """Tell Prometheus which targets there are, one for each workspace ("HTTP SD" in its documentation)."""
        parts = urlsplit(self._web.metrics_url(str(request.url)))
        target = f"{parts.netloc}:{DEFAULT_PORTS[parts.scheme]}" if parts.port is None else parts.netloc
        shared = {"__scheme__": parts.scheme, "__metrics_path__": parts.path}
        groups = [
            {"targets": [target], "labels": {**shared, "__param_workspace": name, "__meta_mihu_workspace": name}}
            for name in (workspace.name for workspace in self._config().workspaces)
        ]
        return Response(msgspec.json.encode(groups), media_type="application/json")


def create_application(endpoints: Endpoints, pages: Mapping[str, Answer], web: WebSettings) -> Starlette:
    """Make the ASGI application; ``pages`` are more answers, by path."""
    prefix = web.route_prefix
    answers: dict[str, Answer] = {
        **pages,
        web.telemetry_path: endpoints.metrics,
        "/-/healthy": endpoints.healthy,
        "/-/ready": endpoints.ready,
    }
    routes = [Route(prefix + path, answer) for path, answer in answers.items()]
    routes.append(Route(f"{prefix}/-/reload", endpoints.reload, methods=["POST", "PUT"]))
    if prefix:
        routes += [Route(path, _to(f"{prefix}/")) for path in ("/", prefix)]
    application = Starlette(routes=routes, exception_handlers={HTTPException: _plain})
    application.router.redirect_slashes = False
    return application


def _to(path: str) -> Answer:
    async def redirect(_: Request) -> Response:
        return RedirectResponse(path, status_code=302)

    return redirect


async def _plain(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)


def _joined(request: Request, header: str) -> str:
    """Return a header's value, which may have come on several lines (RFC 9110, section 5.2)."""
    return ",".join(request.headers.getlist(header))
