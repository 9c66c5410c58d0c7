"""The server on a real socket, inside the test's own event loop."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.web.config import WebConfig
from exporter.web.listening import ListenAddress, listen
from exporter.web.middleware import Access
from exporter.web.server import Limits, Server

OK = PlainTextResponse("fine\n")


class Peer:
    """One connection of a client that sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed the connection, and everything was read."""
        return self._reader.at_eof() or self._reader.exception() is not None

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return await self._reader.readuntil(b"\r\n\r\n")

    async def get(self, path: str = "/") -> bytes:
        """Send a request, and return the body of the answer, which must have succeeded."""
        await self.send(f"GET {path} HTTP/1.1\r\nHost: exporter\r\n\r\n".encode())
        head = await self.head()
        assert head.startswith(b"HTTP/1.1 200 "), head
        return await self._reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))

    async def read(self, length: int) -> bytes:
        return await self._reader.readexactly(length)

    async def rest(self) -> bytes:
        read = bytearray()
        with suppress(ConnectionError, ssl.SSLError):
            while part := await self._reader.read(65536):
                read += part
        return bytes(read)


@dataclass(frozen=True)
class Site:
    """A server that runs, and how to reach it."""

    server: Server
    port: int
    running: asyncio.Task[None]

    @asynccontextmanager
    async def connected(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serving(
    application: ASGIApp = OK,
    context: Callable[[], Awaitable[ssl.SSLContext | None]] | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Site]:
    server = Server(application, context or Access(WebConfig()).context, limits or Limits())
    with closing(listen(ListenAddress("127.0.0.1", 0))) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield Site(server, listener.getsockname()[1], running)
        finally:
            server.should_exit = True
            await running


@dataclass
class Webhook:
    """A server that keeps the JSON that is posted to it, each document with its path."""

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
