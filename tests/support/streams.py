"""Servers of plain streams on the loopback interface."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD_END = b"\r\n\r\n"


class Listening:
    """A server: its port, and those who are connected."""

    def __init__(self, serve: Serve) -> None:
        self.port = 0
        self._serve = serve
        self.connected: set[asyncio.StreamWriter] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        self.connected.discard(writer)
        writer.close()

    def abort(self) -> None:
        for writer in [*self.connected]:
            writer.transport.abort()


@asynccontextmanager
async def listening(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[Listening]:
    """Serve on a free port until the block is left; what is connected then is broken off."""
    found = Listening(serve)
    server = await asyncio.start_server(found.accept, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        found.abort()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends."""
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a proxy that leads to this machine, whatever host is asked for."""
    head = await reader.readuntil(HEAD_END)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await pass_on(int(head.split()[1].rpartition(b":")[2]), reader, writer)


async def pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(behind_writer):
        await asyncio.gather(pipe(reader, behind_writer), pipe(behind_reader, writer))
