"""Nothing that the exporter does beside them delays scrapes."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from starlette.types import Message
from support.clock import ManualClock
from support.trunks import row
from support.views import view
from web.site import Site

from exporter.config.settings import ValidatedConfig
from exporter.metrics.gzip_segments import compress
from exporter.status.endpoints import StatusPages
from exporter.web.config import WebConfig
from exporter.web.middleware import Access
from exporter.web.routes import segments_response
from exporter.web.server import Limits

SCRAPES = ["/metrics", "/metrics?workspace=acme"]


class StuckClock(ManualClock):
    """Holds the thread that asks for the time until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_for, self.let_go = threading.Event(), threading.Event()

    def time(self) -> float:
        self.asked_for.set()
        self.let_go.wait()
        return super().time()


def site(clock: ManualClock, **users: bytes) -> Site:
    config = ValidatedConfig(workspaces=())
    pages = StatusPages(lambda: (), lambda: config, clock, "metrics").endpoints()
    access = Access(WebConfig(users=users))
    return Site([view("acme", [row()])], access=access, limits=Limits(others=4), pages=pages)


@pytest.mark.parametrize("path", [*SCRAPES, "/", "/trunks", "/trunks.csv", "/config"])
async def test_threads_of_the_event_loop_that_hang_delay_nobody(path: str) -> None:
    """As when names do not resolve."""
    let_go = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    hanging = loop.run_in_executor(None, let_go.wait)
    try:
        async with site(ManualClock(), alice=bcrypt.hashpw(b"right", bcrypt.gensalt(4))).client() as client:
            assert (await client.get(path, auth=("alice", "right"))).status_code == 200
    finally:
        let_go.set()
        await hanging


@pytest.mark.parametrize("path", SCRAPES)
async def test_pages_that_take_long_delay_no_scrape(path: str) -> None:
    stuck = StuckClock()
    async with site(stuck).client() as client:
        loading = [asyncio.create_task(client.get("/trunks")) for _ in range(20)]
        try:
            await asyncio.to_thread(stuck.asked_for.wait)
            assert (await client.get(path)).status_code == 200
        finally:
            stuck.let_go.set()
        pages = [answer.status_code for answer in await asyncio.gather(*loading)]
        assert sorted(pages) == [200] * 4 + [503] * 16


@pytest.mark.parametrize("gzip", [False, True], ids=["identity", "gzip"])
async def test_a_long_answer_does_not_block_the_event_loop(gzip: bool) -> None:  # noqa: FBT001 - a parameter
    turns, seen = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def send(message: Message) -> None:
        if message.get("body"):
            seen.append(turns)

    counting = asyncio.create_task(count())
    answer = segments_response([compress("line\n" * 500_000)] * 4, method="GET", headers={}, gzip=gzip)
    await answer({"type": "http", "method": "GET"}, asyncio.Event().wait, send)  # type: ignore[arg-type]  # asked for nothing
    counting.cancel()
    assert len(seen) > 4
    assert len(set(seen)) == len(seen)
