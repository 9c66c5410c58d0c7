"""The server on a real socket of this machine, on either event loop."""

import asyncio
import gzip
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing

import httpx
import pytest
import uvloop
from support.trunks import row
from support.views import exposition, view

from exporter.metrics.exposition import View
from exporter.metrics.gzip_segments import compress
from exporter.web.listening import ListenAddress, listen
from exporter.web.routes import Endpoints, create_application
from exporter.web.server import Server
from exporter.web.settings import WebSettings

Runner = Callable[[Awaitable[None]], None]

# More than the kernel and the server together take in for a client that does not read.
MUCH = 32 * 1024 * 1024


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Run a coroutine on either event loop, for 10 seconds at most."""
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[request.param]

    def run(test: Awaitable[None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(test, 10))

    return run


class Running:
    """A server that runs, and what a client needs to reach it."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Connection"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=5)


class Connection:
    """One connection of a client that reads as slowly as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, path: str, method: str = "GET", *headers: str) -> dict[str, str]:
        """Send a request and read the answer's head alone: its headers, and its status by an empty name."""
        self._writer.write("\r\n".join([f"{method} {path} HTTP/1.1", "Host: exporter", *headers, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        lines = (line.partition(": ") for line in head[1:] if line)
        return {"": head[0].split(" ")[1]} | {name.lower(): value for name, _, value in lines}

    async def read(self, length: int) -> bytes:
        return await self._reader.readexactly(length)

    async def read_to_the_end(self) -> bytes:
        return await self._reader.read()


@asynccontextmanager
async def running(*views: View) -> AsyncIterator[Running]:
    endpoints = Endpoints(
        exposition(*views),
        is_healthy=lambda: True,
        is_ready=lambda: True,
    )
    server = Server(create_application(endpoints, {}, WebSettings()))
    with closing(listen(ListenAddress("127.0.0.1", 0))) as listener:
        serving = asyncio.create_task(server.serve_on([listener]))
        try:
            yield Running(server, listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving


def large_view() -> View:
    """Return a view of which a scrape in plain text is more than MUCH."""
    line = 'mihu_trunks{workspace="large",status="active"} 1\n'
    text = compress(line * (MUCH // len(line) + 1))
    return View(workspace="large", reading={"mihu_trunks": text})


def test_a_scrape(run: Runner) -> None:
    async def test() -> None:
        async with running(view("acme", [row()])) as site, site.client() as client:
            answer = await client.get("/metrics")
            assert answer.status_code == 200
            assert answer.headers["Content-Encoding"] == "gzip"
            assert 'mihu_trunks{workspace="acme",status="active"} 1\n' in answer.text

    run(test())


def test_a_connection_serves_many_requests(run: Runner) -> None:
    async def test() -> None:
        async with running(view("acme", [row()])) as site, site.connection() as connection:
            for headers in ([], ["Accept-Encoding: gzip"], []):
                head = await connection.ask("/metrics?workspace=acme", "GET", *headers)
                body = await connection.read(int(head["content-length"]))
                assert b"mihu_trunk_info{" in (gzip.decompress(body) if headers else body)
                head = await connection.ask("/nothing")
                assert head[""] == "404"
                await connection.read(int(head["content-length"]))

    run(test())


def test_head_has_no_body(run: Runner) -> None:
    async def test() -> None:
        async with running(view("acme", [row()])) as site, site.connection() as connection:
            for path in ("/metrics?workspace=acme", "/", "/-/healthy", "/-/ready"):
                head = await connection.ask(path, "HEAD")
                got = await connection.ask(path)  # a body of HEAD would stand in the place of this answer's head
                assert len(await connection.read(int(got["content-length"]))) > 0
                assert {**head, "date": ""} == {**got, "date": ""}

    run(test())


def test_nothing_tells_what_serves(run: Runner) -> None:
    async def test() -> None:
        async with running() as site, site.client() as client:
            assert "Server" not in (await client.get("/")).headers

    run(test())


def test_a_slow_reader_does_not_block_others(run: Runner) -> None:
    async def test() -> None:
        async with running(view("acme", [row()]), large_view()) as site:
            for path in ("/metrics", "/metrics?workspace=large"):
                async with site.connection() as slow:
                    head = await slow.ask(path)
                    assert int(head["content-length"]) > MUCH
                    async with site.client() as client:
                        assert (await client.get("/-/healthy")).status_code == 200
                        assert (await client.get("/metrics?workspace=acme")).status_code == 200
                        zipped = await client.get("/metrics")
                        assert len(zipped.content) > MUCH

    run(test())


def test_a_slow_reader_gets_everything(run: Runner) -> None:
    async def test() -> None:
        async with running(large_view()) as site, site.connection() as slow, site.client() as client:
            head = await slow.ask("/metrics?workspace=large")
            assert (await client.get("/-/healthy")).status_code == 200
            body = await slow.read(int(head["content-length"]))
            assert body == (await client.get("/metrics?workspace=large")).content

    run(test())


def test_a_client_that_leaves_in_the_middle_harms_nobody(run: Runner) -> None:
    async def test() -> None:
        async with running(large_view()) as site:
            async with site.connection() as leaving:
                await leaving.ask("/metrics")
            async with site.client() as client:
                assert len((await client.get("/metrics")).content) > MUCH

    run(test())


def test_stopping_finishes_the_answer_under_way(run: Runner) -> None:
    async def test() -> None:
        async with running(large_view()) as site, site.connection() as under_way, site.connection() as idle:
            head = await under_way.ask("/metrics?workspace=large")
            await idle.read(int((await idle.ask("/-/healthy"))["content-length"]))
            site.server.should_exit = True
            assert await idle.read_to_the_end() == b""  # closed, since nothing is under way there
            with pytest.raises(ConnectionRefusedError):
                async with site.connection():
                    pass
            await asyncio.sleep(0.3)  # the server looks every 0.1 s whether it may give up waiting
            body = await under_way.read_to_the_end()
            assert len(body) == int(head["content-length"])
            assert body.endswith(b'mihu_trunks{workspace="large",status="active"} 1\n')

    run(test())


def test_stopping_without_a_request_is_quick(run: Runner) -> None:
    async def test() -> None:
        started = asyncio.get_running_loop().time()
        async with running() as site, site.client() as client:
            await client.get("/-/healthy")
        assert asyncio.get_running_loop().time() - started < 2

    run(test())


@pytest.fixture
def signals() -> Iterator[Callable[[], list[object]]]:
    def handlers() -> list[object]:
        return [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]

    before = handlers()
    yield handlers
    assert handlers() == before


def test_signals_are_left_to_whoever_runs_the_event_loop(signals: Callable[[], list[object]]) -> None:
    async def test() -> None:
        before = signals()
        async with running() as site, site.client() as client:
            assert (await client.get("/-/healthy")).status_code == 200
            assert signals() == before

    asyncio.run(test())
