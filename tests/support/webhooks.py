"""A server that keeps the JSON that is posted to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.web.listening import ListenAddress, listen, url
from exporter.web.server import Server


class Webhook:
    """Receives documents.

    Attributes:
        documents: what was posted so far, each with its path.
        url: where it listens.
    """

    def __init__(self) -> None:
        self.documents: list[tuple[str, Any]] = []
        self.url = ""
        self.application = Starlette(routes=[Route("/{path:path}", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        self.documents.append((request.url.path, await request.json()))
        return PlainTextResponse("ok")


@asynccontextmanager
async def running_webhook() -> AsyncIterator[Webhook]:
    """Listen on a free port until the block is left."""
    webhook = Webhook()
    server = Server(webhook.application)
    listener = listen(ListenAddress("127.0.0.1", 0))
    webhook.url = url(listener)
    serving = asyncio.create_task(server.serve_on([listener]))
    try:
        yield webhook
    finally:
        server.should_exit = True
        await serving
