"""A proxy that connects to where it is asked to, as HTTP's CONNECT has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.streams import HEAD_END, listening, pipe


@asynccontextmanager
async def connecting_proxy(refusal: str = "") -> AsyncIterator[str]:
    """Run a proxy until the block is left, and yield its address; it may refuse with a status line's end."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        if refusal:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, behind_writer), pipe(behind_reader, writer))

    async with listening(carry) as server:
        yield f"http://127.0.0.1:{server.port}"
