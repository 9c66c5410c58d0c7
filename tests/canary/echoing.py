"""An API and a proxy that repeat what they were sent, each in every place where something of it might be shown."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.marks import PROXY_PASSWORD
from support.streams import HEAD_END, listening
from support.trunks import page


@dataclass
class Heads:
    """A server, by its port on 127.0.0.1, and the heads of the requests that it was sent."""

    port: int
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def heads(answers: Callable[[str], bytes]) -> AsyncIterator[Heads]:
    found = Heads(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(HEAD_END)).decode("latin-1"):
            found.seen.append(head)
            writer.write(answers(head))
            await writer.drain()

    async with listening(serve) as server:
        found.port = server.port
        yield found


def header(head: str, name: str) -> str:
    """Return the value of a header, named in lower case, empty where there is none."""
    lines = (line.partition(": ") for line in head.split("\r\n"))
    return next((value for found, _, value in lines if found.lower() == name), "")


def answer(status: str, body: bytes = b"", header: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *filter(None, [header]), "", ""]
    return "\r\n".join(lines).encode() + body


def _envelope(said: str) -> bytes:
    # The second time it stands where messages are cut.
    return json.dumps({"error": {"code": said, "message": f"{'x' * 150} {said}", "details": said}}).encode()


def _refusing(code: int) -> Callable[[str], bytes]:
    return lambda token: answer(f"{code} No", _envelope(token))


ECHOES: Mapping[str, Callable[[str], bytes]] = {
    **{f"status-{code}": _refusing(code) for code in (400, 401, 403, 404, 422, 429, 500)},
    "redirect": lambda token: answer("302 Found", header=f"Location: http://{token}.test/{token}?token={token}"),
    "html": lambda token: answer("200 OK", f"{token}<html>".encode()),
    "no-success": lambda token: answer("200 OK", json.dumps({"success": False, "message": token}).encode()),
    "encoding": lambda token: answer("200 OK", b"{}", header=f"Content-Encoding: {token}"),
    "key": lambda token: answer("200 OK", json.dumps({token: {"data": token}}).encode()),
    "total": lambda token: answer("200 OK", page([], total=0).replace(b'"total": 0', f'"total": "{token}"'.encode())),
    "reason": lambda token: answer(f"401 {token}"),
    "length": lambda token: f"HTTP/1.1 200 OK\r\nContent-Length: {token}\r\n\r\n".encode(),
    "header": lambda token: f"HTTP/1.1 200 OK\r\n{token}\r\n\r\n".encode(),
    "status-line": lambda token: f"{token} 200 OK\r\n\r\n".encode(),
}
"""What the API makes of the token, by the first part of the path."""


def echo(head: str) -> bytes:
    name = head.split("/")[1]
    return ECHOES[name](header(head, "authorization").split()[-1])


def refuse_proxying(head: str) -> bytes:
    """Refuse as a proxy does that wants to be logged in to."""
    sent = header(head, "proxy-authorization").split()[-1]
    return answer(f"407 {sent}", _envelope(f"{sent} {PROXY_PASSWORD}"))
