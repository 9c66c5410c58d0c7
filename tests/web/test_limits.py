"""Clients that take too long, send too much or are too many, on real sockets and either event loop."""

import asyncio
import gc
import os
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace

import bcrypt
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from support.serving import OK, Peer, Site, serving

from exporter.web.config import WebConfig
from exporter.web.middleware import Access, Middleware
from exporter.web.server import Limits
from exporter.web.settings import WebSettings

Run = Callable[[Awaitable[None]], None]

QUICK = Limits(
    connections=20,
    head_seconds=0.3,
    answer_seconds=0.5,
    stall_seconds=0.3,
    idle_seconds=1,
    request_bytes=4096,
)
GET = b"GET / HTTP/1.1\r\nHost: exporter\r\n\r\n"
MUCH = 16 * 1024 * 1024  # more than the kernel takes in for a client that does not read


@contextmanager
def takes(shortest: float, longest: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert shortest <= time.monotonic() - started <= longest


@asynccontextmanager
async def clients(site: Site, number: int, sent: bytes = b"") -> AsyncIterator[list[Peer]]:
    """Connect a number of clients that send the same and then nothing more."""
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(site.connected()) for _ in range(number)]
        for peer in peers:
            await peer.send(sent)
        await asyncio.sleep(0.05)
        yield peers


class TestTime:
    @pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: expo", GET[:-2]])
    def test_a_request_that_does_not_come_is_not_waited_for(self, run: Run, sent: bytes) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                with takes(0.2, 0.9):
                    await peer.send(sent)
                    assert await peer.rest() == b""

        run(test())

    def test_dripping_does_not_extend_the_time(self, run: Run) -> None:
        async def drip(peer: Peer) -> None:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 100:
                await peer.send(bytes([byte]))
                await asyncio.sleep(0.02)

        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                dripping = asyncio.create_task(drip(peer))
                with takes(0.2, 0.9):
                    assert await peer.rest() == b""
                await asyncio.gather(dripping, return_exceptions=True)

        run(test())

    def test_the_second_request_has_no_more_time_than_the_first(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.get()
                await asyncio.sleep(0.5)  # idle, which may take longer
                await peer.get()
                await peer.send(GET[:10])
                with takes(0.2, 0.9):
                    assert await peer.rest() == b""

        run(test())

    def test_an_idle_connection_is_closed(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.get()
                with takes(0.8, 1.6):
                    assert await peer.rest() == b""

        run(test())

    def test_a_body_that_drips_in_after_the_answer_is_not_waited_for(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.send(b"POST / HTTP/1.1\r\nHost: exporter\r\nContent-Length: 100\r\n\r\n")
                await peer.head()
                with takes(0.2, 1.5), suppress(ConnectionError):
                    while True:
                        await peer.send(b"x")
                        await asyncio.sleep(0.05)

        run(test())

    def test_an_answer_may_take_longer_than_a_request(self, run: Run) -> None:
        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.4)
            await OK(scope, receive, send)

        async def test() -> None:
            async with serving(slow, limits=replace(QUICK, answer_seconds=5)) as site, site.connected() as peer:
                assert await peer.get() == b"fine\n"

        run(test())

    def test_a_client_that_does_not_read_is_cut(self, run: Run) -> None:
        async def test() -> None:
            async with serving(PlainTextResponse("x" * MUCH), limits=QUICK) as site, site.connected() as peer:
                await peer.send(GET)
                await asyncio.sleep(1.5)
                assert site.server.server_state.connections == set()
                assert site.server.server_state.tasks == set()

        run(test())


class TestSize:
    @pytest.mark.parametrize(
        "request_",
        [
            b"GET / HTTP/1.1\r\nX: " + b"x" * 5000,
            b"GET /" + b"x" * 5000,
            b"GET / HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 1000,
            b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
            b"x" * 300_000,
        ],
    )
    def test_too_large_a_request_is_refused(self, run: Run, request_: bytes) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.send(request_)
                assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")

        run(test())

    def test_one_that_comes_in_parts_is_refused_too(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.send(b"GET / HTTP/1.1\r\n")
                for _ in range(9):
                    await peer.send(b"X: " + b"x" * 500 + b"\r\n")
                    await asyncio.sleep(0.01)
                assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")

        run(test())

    def test_many_requests_of_a_connection_are_not_one_large_one(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                for _ in range(300):
                    assert await peer.get("/" + "x" * 100) == b"fine\n"

        run(test())

    def test_a_few_requests_may_be_sent_ahead(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.send(GET * 8)
                for _ in range(8):
                    assert (await peer.head()).endswith(b"\r\n\r\n")

        run(test())

    def test_many_are_not(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.send(GET * 100)
                assert (await peer.rest()).count(b"200 OK") < 8

        run(test())

    @pytest.mark.parametrize("sent", [b"\0\n\n", b"HELO mail\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01"])
    def test_what_is_no_request_is_refused_and_not_logged(
        self, run: Run, sent: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as peer:
                await peer.send(sent)
                assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")

        run(test())
        assert caplog.records == []


class TestNumber:
    def test_the_connection_that_waits_longest_makes_room(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, clients(site, 20, GET[:5]) as slow:
                async with site.connected() as peer:
                    assert await peer.get() == b"fine\n"
                    assert await slow[0].rest() == b""
                await slow[1].send(GET[5:])
                assert (await slow[1].head()).startswith(b"HTTP/1.1 200 ")

        run(test())

    def test_connections_that_are_answered_make_no_room(self, run: Run) -> None:
        async def test() -> None:
            go_on = asyncio.Event()

            async def slow(scope: Scope, receive: Receive, send: Send) -> None:
                await go_on.wait()
                await PlainTextResponse("fine\n")(scope, receive, send)

            async with serving(slow, limits=Limits(connections=20)) as site, clients(site, 20, GET) as answered:
                async with site.connected() as late:
                    assert await asyncio.wait_for(late.rest(), 5) == b""
                go_on.set()
                for peer in answered:
                    assert (await peer.head()).startswith(b"HTTP/1.1 200 ")

        run(test())

    def test_connections_that_have_ended_take_no_seats(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site, site.connected() as good:
                await good.get()
                for _ in range(30):
                    async with site.connected() as peer:
                        await peer.get()
                assert await good.get() == b"fine\n"

        run(test())

    def test_a_thousand_comings_and_goings_leave_nothing_behind(self, run: Run) -> None:
        async def test() -> None:
            async with serving(limits=QUICK) as site:
                files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
                for number in range(1000):
                    async with site.connected() as peer:
                        if number % 2:
                            await peer.get()
                        if number % 3:
                            await peer.send(GET[: number % 30])
                await asyncio.sleep(0.6)
                gc.collect()
                assert site.server.server_state.connections == set()
                assert len(os.listdir("/proc/self/fd")) <= files + 2  # noqa: PTH208 - a count of names
                for _ in range(20):  # every seat is free again
                    async with site.connected() as peer:
                        await peer.get()

        run(test())

    def test_wrong_passwords_beside_idle_connections_do_not_keep_out_a_scraper(self, run: Run) -> None:
        def request(password: int) -> bytes:
            return GET.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic %b\r\n\r\n" % b64encode(b"alice:%d" % password))

        async def test() -> None:
            access = Access(WebConfig(users={"alice": bcrypt.hashpw(b"200", bcrypt.gensalt(6))}))
            application = Middleware(OK, access, Limits(), WebSettings())
            async with serving(application) as site, clients(site, 250), clients(site, 200, b"") as guessing:
                for number, peer in enumerate(guessing):
                    await peer.send(request(number))
                for _ in range(3):
                    async with site.connected() as scraper:
                        await scraper.send(request(200))
                        assert (await scraper.head()).startswith(b"HTTP/1.1 200 ")
                refused = [await peer.head() for peer in guessing]
                assert {head.split(b" ")[1] for head in refused} <= {b"401", b"503"}
                assert all(b"\r\nretry-after: 1\r\n" in head for head in refused if b" 503 " in head)

        run(test())

    @pytest.mark.parametrize("number", [500, 700])
    def test_slowloris_does_not_harm_scraping(self, run: Run, number: int) -> None:
        """With as many connections as there are seats, and with more."""

        async def test() -> None:
            async with serving() as site, AsyncExitStack() as stack:
                scraper = await stack.enter_async_context(site.connected())
                await scraper.get("/metrics")
                slow = await stack.enter_async_context(clients(site, number, GET[:20]))
                longest = 0.0
                for count in range(100):
                    with suppress(ConnectionError):  # it may have made room
                        await slow[count % number].send(b"x")
                    started = time.monotonic()
                    async with site.connected() as new:
                        assert await new.get("/metrics") == b"fine\n"
                    longest = max(longest, time.monotonic() - started)
                assert longest < 0.2
                assert len(site.server.server_state.connections) <= Limits().connections

        run(test())
