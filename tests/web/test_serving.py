"""The server on real sockets, on either event loop: its answers, and what it makes of slow, large and many clients."""

import asyncio
import gc
import os
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import bcrypt
import pytest
from starlette.types import Receive, Scope, Send
from support import event_loop
from support.processes import eventually
from support.serving import OK, Peer, Site, serving
from support.trunks import row
from support.views import exposition, view
from web.site import Site as WebSite
from web.site import refuse

from exporter.config.settings import ValidatedConfig
from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exposition import View
from exporter.metrics.gzip_segments import Segment, compress
from exporter.web.config import WebConfig
from exporter.web.middleware import Access, Middleware
from exporter.web.routes import Endpoints, create_application
from exporter.web.server import Limits
from exporter.web.settings import WebSettings

anyio_backend = event_loop.on_each

# More than the kernel and the server together take in for a client that does not read.
MUCH = 32 * 1024 * 1024
LINE = 'mihu_trunks{workspace="large",status="active"} 1\n'
LARGE = View(workspace="large", reading={"mihu_trunks": compress(LINE * (MUCH // len(LINE) + 1))})


@asynccontextmanager
async def running(*views: View) -> AsyncIterator[Site]:
    async with serving(WebSite([*views], pages={}).application()) as site:
        yield site


async def ask(peer: Peer, path: str, method: str = "GET", *headers: str) -> dict[str, str]:
    """Send a request, read the head of the answer, and return its headers, with the status under an empty name."""
    await peer.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: exporter", *headers, "", ""]).encode())
    status, *lines = (await peer.head()).decode().rstrip().split("\r\n")
    fields = (line.partition(": ") for line in lines)
    return {"": status.split(" ")[1]} | {name.lower(): value for name, _, value in fields}


async def test_head_has_no_body() -> None:
    async with running(view("acme", [row()])) as site, site.connected() as peer:
        for path in ("/metrics?workspace=acme", "/", "/-/healthy", "/-/ready"):
            head = await ask(peer, path, "HEAD")
            got = await ask(peer, path)  # a body of HEAD would stand in the place of this answer's head
            assert len(await peer.read(int(got["content-length"]))) > 0
            assert {**head, "date": ""} == {**got, "date": ""}
            assert "server" not in head


async def test_stopping_finishes_the_answer_under_way() -> None:
    async with running(LARGE) as site, site.connected() as under_way, site.connected() as idle:
        head = await ask(under_way, "/metrics?workspace=large")
        await idle.read(int((await ask(idle, "/-/healthy"))["content-length"]))
        site.server.should_exit = True
        assert await idle.rest() == b""  # closed, since nothing is under way there
        with pytest.raises(ConnectionRefusedError):
            async with site.connected():
                pass
        await asyncio.sleep(0.3)  # the server looks every 0.1 s whether it may give up waiting
        body = await under_way.rest()
        assert len(body) == int(head["content-length"])
        assert body.endswith(LINE.encode())


PIECES, PIECE, SCRAPERS = 32, 2**18, 3


def pieces() -> View:
    found = {family.name: Segment(os.urandom(PIECE), 0, PIECE, 0) for family in SHOWN_FAMILIES[:PIECES]}
    return View(workspace="acme", reading={}, trunks=found, expires_at=1e9, polled=True)


async def test_slow_scrapers_hold_one_old_body_together() -> None:
    shown = exposition()
    endpoints = Endpoints(
        exposition=shown,
        config=lambda: ValidatedConfig(workspaces=()),
        web=WebSettings(),
        is_healthy=lambda: True,
        reload=refuse,
    )
    async with serving(create_application(endpoints, {})) as site, AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(site.connected()) for _ in range(SCRAPERS)]
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        shown.show(pieces())
        for peer in slow:
            assert (await ask(peer, "/metrics", "GET", "Accept-Encoding: gzip"))[""] == "200"
        for _ in range(5):
            shown.show(pieces())
            async with site.connected() as fast:
                await fast.get("/-/healthy")
        held, _ = tracemalloc.get_traced_memory()
        # The old body, the new one, and what is on its way to each: a piece, which asyncio copies.
        body = PIECES * PIECE
        assert 2 * body <= held < 2 * body + SCRAPERS * 4 * PIECE


SMALL = Limits(connections=20, request_bytes=4096)
GET = b"GET / HTTP/1.1\r\nHost: exporter\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: exporter\r\nContent-Length: 100\r\n\r\n"


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
    @pytest.fixture
    def anyio_backend(self) -> event_loop.Backend:
        return event_loop.ADVANCED

    @pytest.mark.parametrize(
        ("asked", "sent", "seconds"),
        [
            pytest.param(False, b"", 10, id="a request that does not come"),
            pytest.param(False, b"G", 10, id="its first byte"),
            pytest.param(False, GET[:-2], 10, id="all but its end"),
            pytest.param(True, b"", 90, id="an idle connection"),
            pytest.param(True, GET[:10], 10, id="a second request"),
        ],
    )
    async def test_an_unfinished_request_times_out(self, asked: bool, sent: bytes, seconds: int) -> None:  # noqa: FBT001
        async with serving() as site, site.connected() as peer:
            if asked:
                await peer.get()
                await event_loop.advance(60 if sent else 0)
            await peer.send(sent)
            await event_loop.advance(seconds - 3)  # the machine's own clock goes on meanwhile
            assert not peer.is_closed
            await event_loop.advance(4)
            assert peer.is_closed

    @pytest.mark.parametrize("posts", [False, True], ids=["a head", "a body after the answer"])
    async def test_dripping_does_not_extend_the_time(self, posts: bool) -> None:  # noqa: FBT001 - a parameter
        async with serving() as site, site.connected() as peer:
            await peer.send(POST if posts else GET[:-4])
            if posts:
                await peer.read(len(await peer.head()) and len(b"fine\n"))
            with suppress(ConnectionError):
                for _ in range(12):
                    await event_loop.advance(1)
                    await peer.send(b"x")
            assert peer.is_closed

    @pytest.mark.parametrize(("seconds", "answered"), [(119, True), (121, False)])
    async def test_an_answer_may_take_two_minutes(self, seconds: int, answered: bool) -> None:  # noqa: FBT001
        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(seconds)
            await OK(scope, receive, send)

        async with serving(slow) as site, site.connected() as peer:
            await peer.send(GET)
            await event_loop.advance(seconds + 1)
            assert (b" 200 OK" in await peer.head()) if answered else (await peer.rest() == b"")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([b"GET / HTTP/1.1\r\nX: " + b"x" * 5000], id="a header without an end"),
        pytest.param([b"GET /" + b"x" * 5000], id="a path without an end"),
        pytest.param([b"GET / HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n"], id="a large header"),
        pytest.param([b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 1000], id="many headers"),
        pytest.param([b"GET / HTTP/1.1\r\n", *[b"X: " + b"x" * 500 + b"\r\n"] * 9], id="one in parts"),
        pytest.param([b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000], id="a large body"),
        pytest.param([b"x" * 300_000], id="much that is none"),
        *([text] for text in (b"\0\n\n", b"HELO mail\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01")),
    ],
)
async def test_oversized_and_malformed_requests_are_refused_and_not_logged(
    sent: Sequence[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(limits=SMALL) as site, site.connected() as peer:
        for part in sent:
            await peer.send(part)
            await asyncio.sleep(0.01 if part is not sent[-1] else 0)
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")
    assert caplog.records == []


async def test_a_request_needs_one_valid_host() -> None:
    heads = {"1.1": 400, "1.1\r\nHost: [::1]": 200, "1.1\r\nHost: a/b": 400, "1.1" + "\r\nHost: a" * 2: 400, "1.0": 200}
    async with running() as site, site.connected() as peer:
        for head, status in heads.items():
            await peer.send(f"HEAD /-/healthy HTTP/{head}\r\n\r\n".encode())
            assert (await peer.head()).startswith(b"HTTP/1.1 %d " % status)


async def test_requests_may_be_sent_ahead_and_many_of_a_connection_are_not_one_large_one() -> None:
    async with serving(limits=SMALL) as site, site.connected() as peer:
        await peer.send(GET * 8)
        for _ in range(8):
            assert await peer.read(len(await peer.head()) and len(b"fine\n")) == b"fine\n"
        for _ in range(300):
            assert await peer.get("/" + "x" * 100) == b"fine\n"
        await peer.send(GET * 3)
        peer.writer.write_eof()  # closes its side, as nc does
        assert (await peer.rest()).count(b"fine\n") == 3
        async with site.connected() as confused:
            await confused.send(GET * 3 + b"no request\r\n\r\n")
            assert (await confused.rest()).count(b"fine\n") == 3


async def test_a_client_that_leaves_after_requests_sent_ahead_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with running(LARGE) as site:
        async with site.connected() as peer:
            await peer.send(b"GET /metrics?workspace=large HTTP/1.1\r\nHost: exporter\r\n\r\n" * 2)
            await peer.head()
        await eventually(lambda: not site.server.open, "the connection is closed")
    assert caplog.records == []


class TestNumber:
    async def test_the_connection_that_waits_longest_makes_room(self) -> None:
        async with serving(limits=SMALL) as site, clients(site, 20, GET[:5]) as slow:
            async with site.connected() as peer:
                assert await peer.get() == b"fine\n"
                assert await slow[0].rest() == b""
            await slow[1].send(GET[5:])
            assert (await slow[1].head()).startswith(b"HTTP/1.1 200 ")

    async def test_connections_that_are_answered_make_no_room(self) -> None:
        go_on = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await go_on.wait()
            await OK(scope, receive, send)

        async with serving(slow, limits=Limits(connections=20)) as site, clients(site, 20, GET) as answered:
            async with site.connected() as late:
                assert await asyncio.wait_for(late.rest(), 5) == b""
            go_on.set()
            for peer in answered:
                assert (await peer.head()).startswith(b"HTTP/1.1 200 ")

    async def test_hundreds_of_connections_leave_nothing_behind(self) -> None:
        async with serving(limits=SMALL) as site:
            files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
            for number in range(300):
                async with site.connected() as peer:
                    if number % 2:
                        await peer.get()
                    if number % 3:
                        await peer.send(GET[: number % 30])
            await eventually(lambda: not site.server.server_state.connections, "no connection is left")
            gc.collect()
            assert len(os.listdir("/proc/self/fd")) <= files + 2  # noqa: PTH208 - a count of names

    async def test_wrong_passwords_beside_idle_connections_do_not_keep_out_a_scraper(self) -> None:
        def request(password: int) -> bytes:
            return GET.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic %b\r\n\r\n" % b64encode(b"alice:%d" % password))

        access = Access(WebConfig(users={"alice": bcrypt.hashpw(b"300", bcrypt.gensalt(6))}))
        application = Middleware(OK, access, Limits(), WebSettings())
        async with serving(application) as site, clients(site, 150), clients(site, 300) as guessing:
            for number, peer in enumerate(guessing):
                await peer.send(request(number))
            for _ in range(3):
                async with site.connected() as scraper:
                    await scraper.send(request(300))
                    assert (await scraper.head()).startswith(b"HTTP/1.1 200 ")
            refused = [await peer.head() for peer in guessing]
            assert {head.split(b" ")[1] for head in refused} == {b"401", b"503"}
            assert all(b"\r\nretry-after: 1\r\n" in head for head in refused if b" 503 " in head)

    @pytest.mark.parametrize("number", [500, 700], ids=["fewer than allowed", "more than allowed"])
    async def test_slow_clients_keep_out_no_scraper(self, number: int) -> None:
        async with serving() as site, clients(site, number, GET[:20]) as slow:
            for count in range(100):
                with suppress(ConnectionError):  # it may have made room
                    await slow[count].send(b"x")
                async with site.connected() as scraper:
                    assert await scraper.get("/metrics") == b"fine\n"
            assert len(site.server.server_state.connections) <= Limits().connections
