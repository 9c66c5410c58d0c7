"""Clients that stop reading an answer are cut by the kernel; those that read slowly get all of it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from support import event_loop
from support.certificates import Authority
from support.processes import eventually
from support.serving import Peer, Site, serving

from exporter.web.config import ServerTLS, WebConfig
from exporter.web.middleware import Access
from exporter.web.server import Limits

MUCH = 8 * 1024 * 1024  # more than the kernel takes in for a client that does not read
PART = 2 * 1024 * 1024  # more than a client is given without reading
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
    """A server that answers at length, and how its client encrypts."""

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


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "ca")


@asynccontextmanager
async def in_parts_unencrypted(_: Authority) -> AsyncIterator[Stage]:
    async with serving(in_parts, limits=LIMITS) as site:
        yield Stage(site, None)


@asynccontextmanager
async def at_once_encrypted(authority: Authority) -> AsyncIterator[Stage]:
    certificate, key = authority.sign("server")
    access = Access(WebConfig(tls=ServerTLS(cert_file=certificate, key_file=key)))
    async with serving(PlainTextResponse("x" * MUCH), access.context, LIMITS) as site:
        yield Stage(site, ssl.create_default_context(cafile=authority.certificate))


Staging = Callable[[Authority], AbstractAsyncContextManager[Stage]]
anyio_backend = event_loop.on_each
pytestmark = pytest.mark.parametrize("staging", [in_parts_unencrypted, at_once_encrypted])


@pytest.mark.parametrize("read", [0, MUCH // 4], ids=["nothing", "a part"])
async def test_a_client_that_reads_no_more_is_cut(authority: Authority, staging: Staging, read: int) -> None:
    async with staging(authority) as stage, stage.asking(GET) as peer:
        await peer.read(read)
        state = stage.site.server.server_state
        await eventually(lambda: not state.connections and not state.tasks, "the connection is cut")


async def test_those_that_read_slowly_get_everything(authority: Authority, staging: Staging) -> None:
    async with staging(authority) as stage, stage.asking(GET) as kept, stage.asking(LAST_GET) as closed:
        for _ in range(MUCH // PART):
            await asyncio.sleep(LIMITS.stall_seconds / 4)
            for peer in (kept, closed):
                assert await peer.read(PART) == b"x" * PART
        await asyncio.sleep(LIMITS.stall_seconds * 1.5)  # it may wait with its next request
        await kept.send(GET)
        assert (await kept.head()).startswith(b"HTTP/1.1 200 ")


async def test_one_that_does_not_agree_to_the_end_does_not_keep_the_server_from_stopping(
    authority: Authority, staging: Staging
) -> None:
    async with staging(authority) as stage, stage.asking(GET) as peer:
        await peer.read(MUCH)
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is one that can be read
        stage.site.server.should_exit = True
        await asyncio.wait_for(stage.site.running, 5)
