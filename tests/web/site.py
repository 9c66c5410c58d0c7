"""The exporter's web application on some views, without a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp
from support.views import exposition

from exporter.config.settings import ValidatedConfig
from exporter.metrics.exposition import View
from exporter.web.config import WebConfig
from exporter.web.middleware import Access, Middleware
from exporter.web.routes import Endpoint, Endpoints, create_application
from exporter.web.server import Limits
from exporter.web.settings import WebSettings


async def front_page(_: Request) -> Response:
    return HTMLResponse("<!DOCTYPE html>")


async def refuse() -> None:
    raise AssertionError


@dataclass
class Site:
    views: list[View] = field(default_factory=list)
    web: WebSettings = field(default_factory=WebSettings)
    access: Access = field(default_factory=lambda: Access(WebConfig()))
    limits: Limits = field(default_factory=Limits)
    pages: Mapping[str, Endpoint] = field(default_factory=lambda: {"/": front_page})
    healthy: bool = True
    ready: bool = True
    config: ValidatedConfig = field(default_factory=lambda: ValidatedConfig(workspaces=()))
    reload: Callable[[], Awaitable[None]] = field(default=refuse)

    def application(self) -> ASGIApp:
        endpoints = Endpoints(
            exposition=exposition(*(replace(view, polled=self.ready) for view in self.views)),
            config=lambda: self.config,
            web=self.web,
            is_healthy=lambda: self.healthy,
            reload=self.reload,
        )
        return Middleware(create_application(endpoints, self.pages), self.access, self.limits, self.web)

    @asynccontextmanager
    async def client(self, port: int = 1) -> AsyncIterator[httpx.AsyncClient]:
        """Connect a client, whose end has this port, that says nothing about encodings."""
        transport = httpx.ASGITransport(self.application(), client=("192.0.2.1", port))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter", timeout=20) as client:
            client.headers.pop("Accept-Encoding")
            yield client

    def ask(self, path: str, method: str = "GET", **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        async def ask() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **request)

        return asyncio.run(ask())
