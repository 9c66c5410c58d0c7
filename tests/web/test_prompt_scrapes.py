"""Nothing that the exporter does beside them delays scrapes."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import bcrypt
import httpx
import pytest
from starlette.types import Message
from support.clock import ManualClock
from support.trunks import row
from support.views import exposition, view

from exporter.config.settings import ValidatedConfig
from exporter.metrics.gzip_segments import compress
from exporter.polling.status import Status
from exporter.status.endpoints import StatusPages
from exporter.web.config import WebConfig
from exporter.web.middleware import Access, Middleware
from exporter.web.routes import Endpoints, create_application, segments_response
from exporter.web.server import Limits
from exporter.web.settings import WebSettings

PASSWORD = "right"
SCRAPES = ["/metrics", "/metrics?workspace=acme"]


class Stuck(Sequence[Status]):
    """Statuses that nobody gets to see until the test says so."""

    def __init__(self) -> None:
        self.asked_for = threading.Event()
        self.let_go = threading.Event()

    def __iter__(self) -> Iterator[Status]:
        self.asked_for.set()
        self.let_go.wait()
        return iter(())

    def __getitem__(self, index: object) -> Status:  # type: ignore[override]
        raise IndexError

    def __len__(self) -> int:
        return 0


@asynccontextmanager
async def site(
    users: dict[str, bytes] | None = None, statuses: Sequence[Status] = ()
) -> AsyncIterator[httpx.AsyncClient]:
    web, clock = WebSettings(), ManualClock()
    shown = exposition(view("acme", [row()]), clock=clock)
    endpoints = Endpoints(shown, is_healthy=lambda: True, is_ready=lambda: True)
    pages = StatusPages(lambda: statuses, lambda: ValidatedConfig(workspaces=()), clock, "metrics").endpoints()
    application = Middleware(
        create_application(endpoints, pages, web), Access(WebConfig(users=users or {})), Limits(others=4), web
    )
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter", timeout=20) as client:
        yield client


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test for 20 seconds at most, in an event loop that has one thread by default."""

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            asyncio.get_running_loop().set_default_executor(executor)
            await asyncio.wait_for(test(), 20)

    asyncio.run(main())


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'alice:{password}'.encode()).decode()}"}


@pytest.mark.parametrize("path", [*SCRAPES, "/", "/trunks", "/trunks.csv", "/config"])
def test_threads_of_the_event_loop_that_hang_delay_nobody(path: str) -> None:
    """As when names do not resolve."""

    async def test() -> None:
        let_go = threading.Event()
        users = {"alice": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))}
        hanging = asyncio.get_running_loop().run_in_executor(None, let_go.wait)
        try:
            async with site(users) as client:
                assert (await client.get(path, headers=basic(PASSWORD))).status_code == 200
        finally:
            let_go.set()
            await hanging

    run(test)


@pytest.mark.parametrize("path", SCRAPES)
def test_pages_that_take_long_delay_no_scrape(path: str) -> None:
    async def test() -> None:
        stuck = Stuck()
        async with site(statuses=stuck) as client:
            loading = [asyncio.create_task(client.get("/trunks")) for _ in range(20)]
            try:
                await asyncio.to_thread(stuck.asked_for.wait)
                assert (await client.get(path)).status_code == 200
            finally:
                stuck.let_go.set()
            pages = [answer.status_code for answer in await asyncio.gather(*loading)]
            assert sorted(pages) == [200] * 4 + [503] * 16

    run(test)


@pytest.mark.parametrize("path", SCRAPES)
def test_passwords_that_are_checked_delay_no_scrape_of_who_is_known(path: str) -> None:
    async def test() -> None:
        users = {"alice": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10))}
        async with site(users) as client:
            assert (await client.get(path, headers=basic(PASSWORD))).status_code == 200
            guesses = [asyncio.create_task(client.get("/", headers=basic(f"{number}"))) for number in range(10)]
            await asyncio.sleep(0)
            assert (await client.get(path, headers=basic(PASSWORD))).status_code == 200
            assert not any(guess.done() for guess in guesses[1:])
            await asyncio.gather(*guesses)

    run(test)


@pytest.mark.parametrize("gzip", [False, True], ids=["identity", "gzip"])
def test_others_have_their_turn_between_the_parts_of_an_answer(gzip: bool) -> None:  # noqa: FBT001 - a parameter
    async def test() -> None:
        turns, seen = 0, []

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def send(message: Message) -> None:
            if message.get("body"):
                seen.append(turns)

        segments = [compress("line\n" * 500_000)] * 4
        counting = asyncio.create_task(count())
        response = segments_response(segments, method="GET", headers={}, gzip=gzip)
        await response({"type": "http", "method": "GET"}, asyncio.Event().wait, send)  # type: ignore[arg-type]  # asked for nothing
        counting.cancel()
        assert len(seen) > len(segments)
        assert len(set(seen)) == len(seen)

    run(test)


@pytest.mark.parametrize("gzip", [False, True], ids=["identity", "gzip"])
def test_nothing_is_done_for_a_client_that_has_left(gzip: bool) -> None:  # noqa: FBT001 - a parameter
    async def test() -> None:
        parts, left = 0, asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal parts
            parts += bool(message.get("body"))
            left.set()

        segments = [compress("line\n" * 500_000)] * 4
        response = segments_response(segments, method="GET", headers={}, gzip=gzip)
        await response({"type": "http", "method": "GET"}, receive, send)
        assert parts <= 2

    run(test)
