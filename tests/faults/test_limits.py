"""What an answer may cost: bytes that are read, and turns of the event loop that others wait for."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from support.exposed import workspace
from support.trunks import page, row

from exporter.api.body import LIMIT, read
from exporter.api.client import Client
from exporter.api.errors import ApiError, Reason
from exporter.api.wire import decode_page
from exporter.clock import SystemClock
from exporter.config.credentials import Secret
from exporter.metrics.api_metrics import ApiMetrics

_CHUNK = 2**14


class Endless(httpx.AsyncByteStream):
    """A body that never ends."""

    def __init__(self, start: bytes) -> None:
        self.start = start
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.start
        while True:
            self.taken += _CHUNK
            yield b"x" * _CHUNK


class Answering(httpx.AsyncBaseTransport):
    def __init__(self, status: int, stream: httpx.AsyncByteStream) -> None:
        self.status = status
        self.stream = stream

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, stream=self.stream, request=request)


def fault_of(status: int, stream: httpx.AsyncByteStream) -> ApiError:
    async def scenario() -> ApiError:
        client = Client(
            workspace(), clock=SystemClock(), observer=ApiMetrics("acme"), transport=Answering(status, stream)
        )
        with pytest.raises(ApiError) as caught:
            await client.get_page(1, Secret("test-token"))
        await client.aclose()
        return caught.value

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "reason"), [(401, Reason.AUTH), (429, Reason.RATE_LIMITED), (500, Reason.SERVER_ERROR)]
)
def test_of_an_error_little_is_read_and_its_status_tells(status: int, reason: Reason) -> None:
    endless = Endless(b'{"message": "')
    fault = fault_of(status, endless)
    assert (fault.reason, fault.status) == (reason, status)
    assert endless.taken < 100_000


def test_of_a_page_no_more_is_read_than_its_limit() -> None:
    endless = Endless(b'{"success": true')
    assert fault_of(200, endless).reason is Reason.TOO_LARGE
    assert LIMIT - _CHUNK < endless.taken <= LIMIT + _CHUNK


def test_a_chunk_that_inflates_a_thousandfold_lets_others_have_their_turns() -> None:
    turns = 0

    async def chunks() -> AsyncIterator[bytes]:
        yield gzip.compress(b" " * LIMIT)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        counting = asyncio.create_task(count())
        assert len((await read(chunks(), "gzip")).plain) == LIMIT
        counting.cancel()

    asyncio.run(scenario())
    assert turns >= 12


class TestAPageThatIsNotQuiteJson:
    def test_is_repaired(self) -> None:
        text = page([row(0, billing={"monthly_fee": float("nan")})], total=1)
        assert decode_page(text).position.total == 1

    def test_is_given_up_where_repairing_it_would_hold_up_everything(self) -> None:
        text = page([row(0, billing={"monthly_fee": float("nan")}, location="x" * 3_000_000)], total=1)
        with pytest.raises(ApiError, match="not the documented JSON") as caught:
            decode_page(text)
        assert caught.value.reason is Reason.INVALID_RESPONSE

    def test_needs_no_repair_where_it_is_json(self) -> None:
        text = page([row(0, location="x" * 3_000_000)], total=1)
        assert len(decode_page(text).items) == 1
