"""The server on a real socket of this machine, on either event loop."""

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from support import event_loop
from support.serving import Peer, Site, serving
from support.trunks import row
from support.views import exposition, view

from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exposition import View
from exporter.metrics.gzip_segments import Segment, compress
from exporter.web.routes import Endpoints, create_application
from exporter.web.settings import WebSettings

anyio_backend = event_loop.on_each

# More than the kernel and the server together take in for a client that does not read.
MUCH = 32 * 1024 * 1024
LINE = 'mihu_trunks{workspace="large",status="active"} 1\n'
LARGE = View(workspace="large", reading={"mihu_trunks": compress(LINE * (MUCH // len(LINE) + 1))})


@asynccontextmanager
async def running(*views: View) -> AsyncIterator[Site]:
    endpoints = Endpoints(exposition(*views), is_healthy=lambda: True, is_ready=lambda: True)
    async with serving(create_application(endpoints, {}, WebSettings())) as site:
        yield site


def client(site: Site) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}", trust_env=False, timeout=5)


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


async def test_a_slow_reader_gets_everything_and_does_not_block_others() -> None:
    async with running(view("acme", [row()]), LARGE) as site, client(site) as http, site.connected() as slow:
        head = await ask(slow, "/metrics?workspace=large")
        assert int(head["content-length"]) > MUCH
        assert (await http.get("/-/healthy")).status_code == 200
        assert (await http.get("/metrics?workspace=acme")).status_code == 200
        fast = await http.get("/metrics?workspace=large")
        assert fast.headers["Content-Encoding"] == "gzip"
        assert await slow.read(int(head["content-length"])) == fast.content


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
    endpoints = Endpoints(shown, is_healthy=lambda: True, is_ready=lambda: True)
    async with serving(create_application(endpoints, {}, WebSettings())) as site, AsyncExitStack() as stack:
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
