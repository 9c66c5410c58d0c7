"""A client on an API that a test scripts, and servers on the loopback interface for real connections."""

import asyncio
from typing import Any

import pytest
from support import polling
from support.exposed import text_of
from support.samples import samples
from support.streams import HEAD_END
from support.transport import Handler
from support.trunks import page, row

from exporter.api.errors import ApiError
from exporter.config.credentials import Authorization, Secret

TOKEN = Secret("12|aGVsbG8gd29ybGQhIQ")
PAGE = page([row()], total=1)
_REQUESTS, _SECONDS = "mihu_api_requests_total", "mihu_api_request_duration_seconds_sum"


class Bench(polling.Bench):
    """One whose client a test asks, on an API that it scripts; without one, on real connections."""

    def __init__(self, api: Handler | None = None, **chosen: Any) -> None:  # noqa: ANN401 - as its parent
        super().__init__(api, credentials=Authorization(credentials=TOKEN), **chosen)

    async def get_page(self, number: int = 1, token: Secret = TOKEN) -> bytes:
        try:
            return (await self.client.get_page(number, token)).plain
        finally:
            await self.client.aclose()

    async def page_or_error(self, number: int = 1) -> bytes | ApiError:
        try:
            return await self.get_page(number)
        except ApiError as error:
            return error

    def error(self, token: Secret = TOKEN) -> ApiError:
        with pytest.raises(ApiError) as caught:
            asyncio.run(self.get_page(token=token))
        return caught.value

    def counted(self) -> tuple[str, float]:
        """Return the code of the only request, and how many seconds it took, as metrics have it."""
        found = samples(text_of(self.api_metrics.render().values()))
        ((labels, count),) = [(labels, value) for (name, labels), value in found.items() if name == _REQUESTS]
        assert count == 1
        return dict(labels)["code"], found[_SECONDS, frozenset({("workspace", "acme")})]


class Answering:
    """A server that answers the first request of a connection with a page, and keeps its first line."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        self.asked.append(head.split(b"\r\n")[0].decode())
        await send_page(writer)


async def send_page(writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE)
    await writer.drain()


async def send_pages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(HEAD_END):
        await send_page(writer)
