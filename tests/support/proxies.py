"""A proxy that connects to where it is asked to, as HTTP's CONNECT has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from faults.certificates import pipe


@asynccontextmanager
async def connecting_proxy(refusal: str = "") -> AsyncIterator[str]:
    """Run a proxy until the block is left, and yield its address; it may refuse with a status line's end."""
    writers: set[asyncio.StreamWriter] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if refusal:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
        writers.add(behind_writer)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, behind_writer), pipe(behind_reader, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            with suppress(RuntimeError):
                writer.transport.abort()
