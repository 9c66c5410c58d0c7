"""Clients that stop reading an answer are cut by the kernel; those that read slowly get all of it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from support.certificates import Authority
from support.processes import eventually
from support.serving import Peer, Site, serving

from exporter.web.config import ServerTLS, WebConfig
from exporter.web.middleware import Access
from exporter.web.server import Limits

MUCH = 8 * 1024 * 1024  # more than the kernel takes in for a client that does not read
PART = 1024 * 1024  # more than a client is given without reading
GET = b"GET / HTTP/1.1\r\nHost: exporter\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n"
LIMITS = Limits(stall_seconds=1)


async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's
    headers = [(b"content-length", str(MUCH).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for left in range(MUCH // PART, 0, -1):
        await send({"type": "http.response.body", "body": b"x" * PART, "more_body": left > 1})


@dataclass
class Stage:
    """A server, and how its client encrypts."""

    site: Site
    client: ssl.SSLContext | None

    @asynccontextmanager
    async def asking(self, request: bytes) -> AsyncIterator[Peer]:
        """Send a request, and read the head of the answer; the kernel keeps little for a client that does not read."""
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        end.connect(("127.0.0.1", self.site.port))
        name = "localhost" if self.client else None
        reader, writer = await asyncio.open_connection(sock=end, ssl=self.client, server_hostname=name)
        peer = Peer(reader, writer)
        try:
            await peer.send(request)
            await peer.head()
            yield peer
        finally:
            writer.transport.abort()

    async def is_free(self) -> bool:
        return not self.site.server.server_state.connections and not self.site.server.server_state.tasks


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "ca")


@pytest.fixture(params=["in parts", "encrypted"])
def play(request: pytest.FixtureRequest, authority: Authority, run: Callable[[Awaitable[None]], None]) -> Play:
    """Run a script with a server that answers at length."""
    application: ASGIApp = in_parts if request.param == "in parts" else PlainTextResponse("x" * MUCH)
    config, client = WebConfig(), None
    if request.param == "encrypted":
        certificate, key = authority.sign("server")
        config = WebConfig(tls=ServerTLS(cert_file=certificate, key_file=key))
        client = ssl.create_default_context(cafile=authority.certificate)

    async def main(script: Callable[[Stage], Awaitable[None]]) -> None:
        async with serving(application, Access(config).context, LIMITS) as site:
            await script(Stage(site, client))

    return lambda script: run(main(script))


@pytest.mark.parametrize("read", [0, MUCH // 4], ids=["nothing", "a part"])
def test_a_client_that_reads_no_more_is_cut(play: Play, read: int) -> None:
    async def script(stage: Stage) -> None:
        async with stage.asking(GET) as peer:
            await peer.read(read)
            await eventually(stage.is_free, "the connection is cut")

    play(script)


@pytest.mark.parametrize("request_", [GET, LAST_GET], ids=["kept alive", "closed"])
def test_one_that_reads_slowly_gets_everything(play: Play, request_: bytes) -> None:
    async def script(stage: Stage) -> None:
        async with stage.asking(request_) as peer:
            for _ in range(MUCH // PART):
                await asyncio.sleep(LIMITS.stall_seconds / 4)
                assert await peer.read(PART) == b"x" * PART
            if request_ == GET:  # it may wait with its next one
                await asyncio.sleep(LIMITS.stall_seconds * 1.5)
                await peer.send(GET)
                assert (await peer.head()).startswith(b"HTTP/1.1 200 ")

    play(script)


def test_one_that_does_not_agree_to_the_end_does_not_keep_the_server_from_stopping(play: Play) -> None:
    async def script(stage: Stage) -> None:
        async with stage.asking(GET) as peer:
            await peer.read(MUCH)
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is one that can be read
            stage.site.server.should_exit = True
            await asyncio.wait_for(stage.site.running, 5)

    play(script)
