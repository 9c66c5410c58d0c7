"""A server that keeps the JSON that is posted to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from support.serving import serving


@dataclass
class Webhook:
    """Where it listens, and what was posted so far, each document with its path."""

    url: str = ""
    documents: list[tuple[str, Any]] = field(default_factory=list)


@asynccontextmanager
async def running_webhook() -> AsyncIterator[Webhook]:
    """Listen on a free port until the block is left."""
    webhook = Webhook()

    async def receive(request: Request) -> Response:
        webhook.documents.append((request.url.path, await request.json()))
        return PlainTextResponse("ok")

    async with serving(Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])) as site:
        webhook.url = f"http://127.0.0.1:{site.port}"
        yield webhook
