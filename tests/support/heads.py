"""A server that keeps the head of every request, and answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.streams import HEAD_END, listening

Answer = Callable[[str], bytes]  # from the head of a request


@dataclass
class Heads:
    """The server: where it listens, and what it was asked.

    Attributes:
        port: on 127.0.0.1.
        seen: the heads, as they came.
    """

    port: int
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tokens(self) -> set[str]:
        """Return the values of ``Authorization`` that came."""
        return {value for head in self.seen if (value := header(head, "authorization"))}


def header(head: str, name: str) -> str:
    """Return the value of a header, named in lower case, empty where there is none."""
    lines = (line.partition(": ") for line in head.split("\r\n"))
    return next((value for found, _, value in lines if found.lower() == name), "")


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Return an answer; an underscore in a header's name stands for a hyphen."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def heads(answers: Answer) -> AsyncIterator[Heads]:
    """Serve until the block is left."""
    found = Heads(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(HEAD_END)).decode("latin-1"):
            found.seen.append(head)
            writer.write(answers(head))
            await writer.drain()

    async with listening(serve) as server:
        found.port = server.port
        yield found
