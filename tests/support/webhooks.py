"""A server that keeps the JSON that is posted to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from support.serving import serving


class Webhook:
    """Receives documents.

    Attributes:
        documents: what was posted so far, each with its path.
        url: where it listens.
    """

    def __init__(self) -> None:
        self.documents: list[tuple[str, Any]] = []
        self.url = ""

    async def receive(self, request: Request) -> Response:
        self.documents.append((request.url.path, await request.json()))
        return PlainTextResponse("ok")


@asynccontextmanager
async def running_webhook() -> AsyncIterator[Webhook]:
    """Listen on a free port until the block is left."""
    webhook = Webhook()
    async with serving(Starlette(routes=[Route("/{path:path}", webhook.receive, methods=["POST"])])) as site:
        webhook.url = f"http://127.0.0.1:{site.port}"
        yield webhook
