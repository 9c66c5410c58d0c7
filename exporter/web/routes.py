"""The routes and their endpoints."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from exporter.config.addresses import DEFAULT_PORTS
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.metrics.exposition import Exposition, UnknownWorkspaceError
from exporter.metrics.gzip_segments import Segment, gzip_parts, inflated_parts
from exporter.web.negotiation import accepts_gzip, choose_format
from exporter.web.settings import WebSettings

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Endpoints about the workspaces and the exporter itself."""

    exposition: Exposition
    config: Callable[[], ValidatedConfig]  # in force
    web: WebSettings
    is_healthy: Callable[[], bool]
    reload: Callable[[], Awaitable[None]]

    async def metrics(self, request: Request) -> Response:
        """Answer a scrape of everything, of some workspaces, or of the exporter's own metrics."""
        # A header may come on several lines (RFC 9110, section 5.2).
        accept, accept_encoding = (",".join(request.headers.getlist(name)) for name in ("accept", "accept-encoding"))
        format_ = choose_format(accept)
        try:
            match request.query_params.getlist("workspace"), request.query_params.getlist("collect"):
                case [], []:
                    segments = await self.exposition.everything(format_)
                case workspaces, []:
                    segments = await self.exposition.some(workspaces, format_)
                case [], ["exporter"]:
                    segments = self.exposition.exporter(format_)
                case _:
                    text = "collect takes the value exporter, and no workspace beside it\n"
                    return PlainTextResponse(text, status_code=400)
        except UnknownWorkspaceError as unknown:
            (workspace,) = unknown.args
            shard = self.config().elsewhere.get(workspace)
            text = f"the workspace {workspace!a} is not polled here but by shard {shard}\n"
            return PlainTextResponse(text if shard else f"no workspace is called {workspace!a}\n", status_code=404)
        return segments_response(
            segments,
            method=request.method,
            headers={"Vary": "Accept, Accept-Encoding", "Content-Type": format_.content_type},
            gzip=accepts_gzip(accept_encoding),
        )

    async def healthy(self, _: Request) -> Response:
        if self.is_healthy():
            return PlainTextResponse("Mihu trunk exporter is healthy.\n")
        return PlainTextResponse("A poller has died; see the log.\n", status_code=503)

    async def ready(self, _: Request) -> Response:
        if all(view.polled for view in self.exposition.views()):
            return PlainTextResponse("Mihu trunk exporter is ready.\n")
        return PlainTextResponse("Some workspaces are still in their first poll.\n", status_code=503)

    async def reloaded(self, _: Request) -> Response:
        if not self.web.enable_lifecycle:
            return PlainTextResponse("Reloading is not enabled; start with --web.enable-lifecycle.\n", status_code=403)
        try:
            await self.reload()
        except ConfigError as error:
            return PlainTextResponse(f"The configuration is not reloaded:\n{error}\n", status_code=500)
        return PlainTextResponse("The configuration is reloaded.\n")

    async def targets(self, request: Request) -> Response:
        """Answer Prometheus's HTTP service discovery with a target for each workspace."""
        parts = urlsplit(self.web.metrics_url(str(request.url)))
        target = f"{parts.netloc}:{DEFAULT_PORTS[parts.scheme]}" if parts.port is None else parts.netloc
        shared = {"__scheme__": parts.scheme, "__metrics_path__": parts.path}
        groups = [
            {"targets": [target], "labels": {**shared, "__param_workspace": name, "__meta_mihu_workspace": name}}
            for name in (workspace.name for workspace in self.config().workspaces)
        ]
        return Response(msgspec.json.encode(groups), media_type="application/json")


def create_application(endpoints: Endpoints, pages: Mapping[str, Endpoint]) -> Starlette:
    """Make the ASGI application; ``pages`` are more endpoints, by path."""
    prefix = endpoints.web.route_prefix
    paths: dict[str, Endpoint] = {
        **pages,
        endpoints.web.telemetry_path: endpoints.metrics,
        "/sd": endpoints.targets,
        "/-/healthy": endpoints.healthy,
        "/-/ready": endpoints.ready,
    }
    routes = [Route(prefix + path, endpoint) for path, endpoint in paths.items()]
    routes.append(Route(f"{prefix}/-/reload", endpoints.reloaded, methods=["POST", "PUT"]))
    if prefix:
        to_front_page = RedirectResponse(f"{prefix}/", status_code=302)
        routes += [Route(path, to_front_page, methods=["GET"]) for path in ("/", prefix)]
    application = Starlette(routes=routes, exception_handlers={HTTPException: _plain})
    application.router.redirect_slashes = False
    return application


def segments_response(segments: Sequence[Segment], *, method: str, headers: Mapping[str, str], gzip: bool) -> Response:
    """Answer with segments, as gzip or inflated in parts, so that the whole text is never in memory."""
    parts: Iterable[bytes] = inflated_parts(segments)
    length = sum(segment.length for segment in segments)
    if gzip:
        parts = gzip_parts(segments)
        length = sum(map(len, parts))
        headers = {**headers, "Content-Encoding": "gzip"}
    headers = {**headers, "Content-Length": str(length)}

    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            await asyncio.sleep(0)  # other tasks run meanwhile: sending to a fast client never waits

    return Response(headers=headers) if method == "HEAD" else StreamingResponse(stream(), headers=headers)


async def _plain(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)
