"""Clients that stop reading an answer are cut; those that read slowly get all of it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from support.certificates import Authority
from support.event_loop import AdvancedLoop
from support.serving import Peer
from uvicorn.server import ServerState

from exporter.web.connections import Connections, LimitedProtocol, Limits
from exporter.web.tls import ServerTLS

MUCH = 32 * 1024 * 1024  # more than the kernel takes in for a client that does not read
PART = 1024 * 1024  # more than a client is given without reading
WHOLE = PlainTextResponse("x" * MUCH)
GET = b"GET / HTTP/1.1\r\nHost: exporter\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n"


async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's
    headers = [(b"content-length", str(MUCH).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for left in range(MUCH // PART, 0, -1):
        await send({"type": "http.response.body", "body": b"x" * PART, "more_body": left > 1})


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection over TCP; the kernel keeps little for whoever does not read."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        stack.pop_all()
    for end in (server, client):
        end.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return server, client


class Connection:
    """A client's connection, and the server's state."""

    def __init__(self, loop: AdvancedLoop, peer: Peer, state: ServerState) -> None:
        self.advance = loop.advance
        self.peer = peer
        self._state = state

    def stop(self) -> None:
        """End the connection as the server does when it stops."""
        for connection in list(self._state.connections):
            connection.shutdown()

    @property
    def is_open(self) -> bool:
        return bool(self._state.connections)

    async def is_cut(self) -> None:
        """Wait until the connection is closed: not much longer than 10 s after what the kernel has still taken in."""
        for _ in range(30):
            await self.advance(1)
        assert not self.is_open

    async def ask(self, request: bytes) -> None:
        await self.peer.send(request)
        await self.peer.head()


Run = Callable[[Callable[[Connection], Awaitable[None]]], None]


class Encryption:
    """The two sides' contexts."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder, "ca")
        certificate, key = authority.sign("server")
        self.server = ServerTLS(cert_file=certificate, key_file=key).context()
        self.client = ssl.create_default_context(cafile=authority.certificate)


@pytest.fixture(scope="module")
def encryption(tmp_path_factory: pytest.TempPathFactory) -> Encryption:
    return Encryption(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["whole", "in parts", "encrypted"])
def run(request: pytest.FixtureRequest, encryption: Encryption) -> Run:
    """Run a script with a client that is answered at length."""
    application: ASGIApp = in_parts if request.param == "in parts" else WHOLE
    server, client = (encryption.server, encryption.client) if request.param == "encrypted" else (None, None)

    async def main(script: Callable[[Connection], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AdvancedLoop)
        state, ours, theirs = ServerState(), *pair()
        config = uvicorn.Config(application, ws="none", log_config=None, timeout_keep_alive=Limits().idle_seconds)
        protocol = LimitedProtocol(config, state, Limits(answer_seconds=600), Connections(1))
        _, (reader, writer) = await asyncio.gather(
            loop.connect_accepted_socket(
                lambda: protocol, ours, ssl=server, ssl_shutdown_timeout=600 if server else None
            ),
            asyncio.open_connection(sock=theirs, ssl=client, server_hostname=client and "localhost"),
        )
        try:
            await script(Connection(loop, Peer(reader, writer), state))
        finally:
            writer.transport.abort()

    def run(script: Callable[[Connection], Awaitable[None]]) -> None:
        with asyncio.Runner(loop_factory=AdvancedLoop) as runner:
            runner.run(main(script))

    return run


def test_a_client_that_reads_nothing_for_ten_seconds_is_cut(run: Run) -> None:
    async def script(connection: Connection) -> None:
        await connection.ask(GET)
        await connection.advance(8)
        assert connection.is_open
        await connection.is_cut()

    run(script)


def test_one_that_stops_in_the_middle_is_cut(run: Run) -> None:
    async def script(connection: Connection) -> None:
        await connection.ask(GET)
        await connection.advance(8)
        await connection.peer.read(MUCH // 4)
        await connection.advance(8)
        assert connection.is_open
        await connection.is_cut()

    run(script)


@pytest.mark.parametrize("request_", [GET, LAST_GET], ids=["kept alive", "closed"])
def test_one_that_reads_slowly_gets_everything(run: Run, request_: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.ask(request_)
        for _ in range(MUCH // PART):
            await connection.advance(8)
            assert await connection.peer.read(PART) == b"x" * PART

    run(script)


def test_a_client_that_has_read_everything_may_wait_with_its_next_request(run: Run) -> None:
    async def script(connection: Connection) -> None:
        await connection.ask(GET)
        await connection.peer.read(MUCH)
        await connection.advance(60)
        assert connection.is_open

    run(script)


def test_one_that_does_not_agree_to_the_end_is_waited_for_shortly(run: Run) -> None:
    async def script(connection: Connection) -> None:
        await connection.ask(GET)
        await connection.peer.read(MUCH)
        await connection.advance(30)
        connection.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is one that can be read
        connection.stop()
        await connection.advance(3)
        assert not connection.is_open

    run(script)
