"""Faults of the connection, and answers that are too much for it."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import repeat

from exporter.simulator.faults.fault import Fault, Strike

RESET = "simulator.reset"
"""The ASGI extension that resets a connection: a function without arguments, where the server has one."""

_DRIP = 1.0  # seconds between two bytes
_CHUNK = 2**16
_HUGE = 100 * 10**6  # bytes
_BOMB = 2**36  # bytes when decompressed
_PLAIN = {"content-encoding": "identity"}  # keeps the middleware from compressing


async def _start(strike: Strike, headers: Mapping[str, str]) -> None:
    fields = {"content-type": "application/json", **headers}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await strike.send({"type": "http.response.start", "status": 200, "headers": raw})


async def _send(strike: Strike, body: bytes, *, more: bool = True) -> None:
    await strike.send({"type": "http.response.body", "body": body, "more_body": more})


@asynccontextmanager
async def _watch(strike: Strike) -> AsyncIterator[Callable[[], bool]]:
    """Yield a function that tells whether the client is gone; a server drops what is sent then."""

    async def disconnected() -> None:
        while (await strike.receive())["type"] != "http.disconnect":
            pass

    watching = asyncio.create_task(disconnected())
    try:
        yield watching.done
    finally:
        watching.cancel()


async def _stream(strike: Strike, chunks: Iterable[bytes]) -> None:
    """Send a body until it ends, or the client goes."""
    async with _watch(strike) as is_gone:
        for chunk in chunks:
            await _send(strike, chunk)
            await asyncio.sleep(0)  # what is sent without waiting would leave no turn to anybody
            if is_gone():
                return
        await _send(strike, b"", more=False)


async def _no_answer(strike: Strike) -> None:
    while (await strike.receive())["type"] != "http.disconnect":
        pass


async def _slow_drip(strike: Strike) -> None:
    page = await strike.page()
    if page is None:
        return
    await _start(strike, {**_PLAIN, "content-length": str(len(page))})
    async with _watch(strike) as is_gone:
        for position in range(len(page)):
            await _send(strike, page[position : position + 1])
            await strike.clock.sleep(_DRIP)
            if is_gone():
                return
        await _send(strike, b"", more=False)


async def _reset(strike: Strike) -> None:
    page = await strike.page()
    if page is None:
        return
    await _start(strike, {**_PLAIN, "content-length": str(len(page))})
    await _send(strike, page[: len(page) // 2])
    # The server may write at the end of the event loop's turn.
    await asyncio.sleep(0)
    reset: Callable[[], None] = strike.scope.get("extensions", {}).get(RESET, _cannot_reset)
    reset()


def _cannot_reset() -> None:
    raise ConnectionResetError("a fault of the simulated API")


async def _huge_page(strike: Strike) -> None:
    await _start(strike, _PLAIN)
    start = b'{"success":true,"data":{"items":[{"number":"'
    await _stream(strike, (start, *repeat(b"0" * _CHUNK, _HUGE // _CHUNK)))


async def _bomb(strike: Strike) -> None:
    await _start(strike, {"content-encoding": "gzip"})
    await _stream(strike, _bomb_chunks())


def _bomb_chunks() -> Iterator[bytes]:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield compressor.compress(b" " * _CHUNK) + compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers to what came before, so the same bytes may follow again and again.
    size = 2**22
    chunk = compressor.compress(b" " * size) + compressor.flush(zlib.Z_FULL_FLUSH)
    yield from repeat(chunk, _BOMB // size)


FAULTS = (
    Fault("reset", "a connection reset in the middle of the body", _reset),
    Fault("slow-drip", "a body that comes at a byte a second", _slow_drip),
    Fault("no-answer", "a connection that is accepted and never answered", _no_answer),
    Fault("gzip-bomb", f"{_BOMB // 2**30} GiB of blanks, compressed a thousandfold", _bomb),
    Fault("huge-page", f"a page of {_HUGE // 10**6} MB", _huge_page),
)
