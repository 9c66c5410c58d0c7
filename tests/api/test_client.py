"""One request for one page: what is sent, what comes of the answers, and what is counted."""

import asyncio
import contextlib
import gzip
import json
import shutil
import socket
import ssl
import struct
import subprocess
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import uvloop
from support.clock import LeapingClock, ManualClock
from support.files import no_file_left
from support.processes import eventually
from support.transport import Handler, StreamingTransport
from support.trunks import page, row

from exporter import __version__
from exporter.api.body import LIMIT
from exporter.api.client import Client
from exporter.api.errors import ApiError, Reason
from exporter.api.throttle import Throttle
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import TLS, Filter, Proxy, Workspace
from exporter.event_loop import EventLoop

TOKEN = Secret("12|aGVsbG8gd29ybGQhIQ")
PAGE = page([row()], total=1)


@dataclass
class Counting:
    """An observer that remembers what it was told."""

    requests: list[tuple[str, float]] = field(default_factory=list)

    def requested(self, code: str, seconds: float) -> None:
        self.requests.append((code, seconds))

    def retried(self, reason: Reason) -> None:
        raise AssertionError(f"one request is no retry ({reason})")


class Bench:
    """A client on an API that a test scripts; without one, on real connections."""

    def __init__(
        self,
        api: Handler | None = None,
        *,
        clock: ManualClock | None = None,
        **workspace: Any,  # noqa: ANN401 - any setting
    ) -> None:
        self.observer = Counting()
        settings: dict[str, Any] = {"base_url": "https://acme.mihu.ai"} | workspace
        self.client = Client(
            Workspace(name="acme", credentials=InlineCredentials(TOKEN), **settings),
            clock=clock or ManualClock(),
            observer=self.observer,
            transport=None if api is None else StreamingTransport(api),
        )

    async def get_page(self, number: int = 1, token: Secret = TOKEN) -> bytes:
        try:
            return (await self.client.get_page(number, token)).plain
        finally:
            await self.client.aclose()

    def fault(self, token: Secret = TOKEN) -> ApiError:
        with pytest.raises(ApiError) as caught:
            asyncio.run(self.get_page(token=token))
        return caught.value


def answering(status: int = 200, content: bytes = PAGE, **headers: str) -> Handler:
    """Return an API that always gives the same answer."""

    def answer(_: httpx.Request) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, stream=httpx.ByteStream(content))

    return answer


def failing(error: Exception) -> Handler:
    """Return an API that no connection can be made to."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


def request_for(number: int = 1, token: Secret = TOKEN, **workspace: Any) -> httpx.Request:  # noqa: ANN401 - any setting
    """Return the request that is sent for a page."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=PAGE)

    asyncio.run(Bench(answer, **workspace).get_page(number, token))
    (request,) = sent
    return request


class TestTheRequest:
    @pytest.mark.parametrize(
        ("base_url", "address"),
        [
            ("https://acme.mihu.ai", "https://acme.mihu.ai/api/v1/phone-numbers/trunks"),
            (
                "https://gateway.example:8443/mihu/acme",
                "https://gateway.example:8443/mihu/acme/api/v1/phone-numbers/trunks",
            ),
            ("http://[::1]:8080", "http://[::1]:8080/api/v1/phone-numbers/trunks"),
        ],
        ids=["host alone", "with port and path", "IPv6"],
    )
    def test_goes_to_the_list_of_trunks_under_base_url(self, base_url: str, address: str) -> None:
        request = request_for(base_url=base_url)
        assert request.method == "GET"
        assert str(request.url.copy_with(query=None)) == address

    def test_asks_for_a_page_of_the_configured_size(self) -> None:
        assert dict(request_for(7, per_page=50).url.params) == {"page": "7", "per_page": "50"}

    def test_asks_for_what_the_filter_wants(self) -> None:
        wanted = Filter(channel="whatsapp", agent_uuid="a-1", search="+39 06")
        request = request_for(filter=wanted)
        assert dict(request.url.params) == {
            "page": "1",
            "per_page": "100",
            "channel": "whatsapp",
            "agent_uuid": "a-1",
            "search": "+39 06",
        }

    def test_encodes_the_plus_sign_of_a_number(self) -> None:
        """A bare one would be a space."""
        assert b"search=%2B39" in request_for(filter=Filter(search="+39")).url.query

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip"),
            ("User-Agent", f"mihu-trunk-exporter/{__version__}"),
            ("Authorization", f"Bearer {TOKEN.reveal}"),
        ],
    )
    def test_carries_the_header(self, name: str, value: str) -> None:
        assert request_for().headers.get_list(name) == [value]

    def test_carries_the_token_of_the_moment(self) -> None:
        assert request_for(token=Secret("another")).headers["Authorization"] == "Bearer another"

    def test_does_not_carry_the_token_in_its_address(self) -> None:
        assert TOKEN.reveal not in str(request_for().url)


class TestAnAnswer:
    def test_is_a_page(self) -> None:
        bench = Bench(answering())
        assert asyncio.run(bench.get_page()) == PAGE

    def test_may_be_compressed(self) -> None:
        bench = Bench(answering(content=gzip.compress(PAGE), content_encoding="gzip"))
        assert asyncio.run(bench.get_page()) == PAGE

    def test_is_not_judged_by_its_content(self) -> None:
        """Whether it is a page at all is for the decoder to say, off the event loop."""
        assert asyncio.run(Bench(answering(content=b"<html>")).get_page()) == b"<html>"

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (204, Reason.INVALID_RESPONSE),
            (401, Reason.AUTH),
            (403, Reason.PERMISSION),
            (404, Reason.NOT_FOUND),
            (422, Reason.CLIENT_ERROR),
            (429, Reason.RATE_LIMITED),
            (503, Reason.SERVER_ERROR),
        ],
    )
    def test_other_than_200_is_a_fault(self, status: int, reason: Reason) -> None:
        fault = Bench(answering(status, b'{"message": "No"}')).fault()
        assert (fault.reason, fault.status) == (reason, status)
        assert "(No)" in str(fault)

    def test_tells_by_the_clock_how_long_to_wait(self) -> None:
        fault = Bench(answering(429, retry_after="Tue, 14 Nov 2023 22:14:20 GMT")).fault()
        assert fault.retry_after == 60.0  # the clock stands at 22:13:20

    @pytest.mark.parametrize("location", ["https://elsewhere.example/login", "/login"])
    def test_that_redirects_is_not_followed(self, location: str) -> None:
        hosts: list[str] = []

        def redirect(request: httpx.Request) -> httpx.Response:
            hosts.append(request.url.host)
            return httpx.Response(302, headers={"Location": location})

        fault = Bench(redirect).fault()
        assert fault.reason is Reason.REDIRECT
        assert location in str(fault)
        assert hosts == ["acme.mihu.ai"]

    @pytest.mark.parametrize(
        "location", ["http://[", "https://a:b/", "http://a..b/", "//\\", "http://" + "a" * 70_000, "\t", "http:///x:y"]
    )
    def test_that_redirects_to_what_is_no_address_is_a_redirect_all_the_same(self, location: str) -> None:
        fault = Bench(answering(302, location=location)).fault()
        assert (fault.reason, fault.status) == (Reason.REDIRECT, 302)
        assert str(fault).startswith("HTTP 302, a redirect to ")

    def test_of_a_proxy_that_wants_a_password_names_its_setting(self) -> None:
        fault = Bench(answering(407)).fault()
        assert (fault.reason, fault.status) == (Reason.CLIENT_ERROR, 407)
        assert str(fault) == (
            "HTTP 407: the proxy wants a user and password, or others; check the user and password in proxy_url"
        )

    def test_that_is_too_large_is_refused(self) -> None:
        assert Bench(answering(content=bytes(LIMIT + 1))).fault().reason is Reason.TOO_LARGE

    def test_in_an_encoding_that_was_not_asked_for_is_refused(self) -> None:
        fault = Bench(answering(content_encoding="br")).fault()
        assert (fault.reason, fault.status) == (Reason.INVALID_RESPONSE, 200)

    @pytest.mark.parametrize("content_encoding", ["gzip", "br"])
    def test_with_a_broken_error_page_still_tells_its_status(self, content_encoding: str) -> None:
        fault = Bench(answering(503, b"broken", content_encoding=content_encoding)).fault()
        assert (fault.reason, fault.status) == (Reason.SERVER_ERROR, 503)


class Dripping(httpx.AsyncByteStream):
    """A body of which a byte comes every three seconds."""

    def __init__(self, clock: ManualClock, content: bytes) -> None:
        self._clock = clock
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for byte in self._content:
            await self._clock.sleep(3)
            yield bytes([byte])


class TestTheTimeOut:
    @staticmethod
    def get_page(api: Callable[[ManualClock], Handler], *, seconds: float) -> tuple[bytes | ApiError, Counting]:
        """Ask for a page and let so much time pass."""
        clock = ManualClock()
        bench = Bench(api(clock), clock=clock, request_timeout=10.0)

        async def run() -> bytes | ApiError:
            getting = asyncio.create_task(bench.get_page(3))
            await clock.advance(seconds)
            assert getting.done()
            try:
                return await getting
            except ApiError as fault:
                return fault

        return asyncio.run(run()), bench.observer

    def test_ends_a_request_that_is_not_answered(self) -> None:
        def silent(clock: ManualClock) -> Handler:
            async def keep_silent(_: httpx.Request) -> httpx.Response:
                await clock.sleep(3600)
                raise AssertionError

            return keep_silent

        fault, observer = self.get_page(silent, seconds=10)
        assert isinstance(fault, ApiError)
        assert fault.reason is Reason.TIMEOUT
        assert str(fault) == (
            "no complete answer for page 3 within 10s (request_timeout); raise request_timeout if the API is slow, "
            "else check the network, proxy and firewall"
        )
        assert observer.requests == [("error", 10.0)]

    def test_ends_a_request_whose_answer_drips(self) -> None:
        fault, observer = self.get_page(
            lambda clock: lambda _: httpx.Response(200, stream=Dripping(clock, PAGE)), seconds=10
        )
        assert isinstance(fault, ApiError)
        assert fault.reason is Reason.TIMEOUT
        assert observer.requests == [("error", 10.0)]

    def test_lets_a_slow_answer_finish(self) -> None:
        content, observer = self.get_page(
            lambda clock: lambda _: httpx.Response(200, stream=Dripping(clock, b"{ }")), seconds=9
        )
        assert content == b"{ }"
        assert observer.requests == [("200", 9.0)]


class TestAFailingConnection:
    @pytest.mark.parametrize(
        ("error", "reason", "said"),
        [
            pytest.param(httpx.ConnectError("no route"), Reason.CONNECTION, "cannot connect: no route", id="connect"),
            pytest.param(httpx.ReadError(""), Reason.CONNECTION, "broke: closed by the other side", id="read"),
            pytest.param(httpx.WriteError("broken pipe"), Reason.CONNECTION, "broke: broken pipe", id="write"),
            pytest.param(httpx.RemoteProtocolError("bad"), Reason.CONNECTION, "broke: bad", id="protocol"),
            pytest.param(httpx.ProxyError("407"), Reason.CONNECTION, "the proxy refused: 407", id="proxy"),
            pytest.param(httpx.ConnectTimeout("slow"), Reason.TIMEOUT, "timed out: slow", id="connect time-out"),
            pytest.param(httpx.ReadTimeout("slow"), Reason.TIMEOUT, "timed out: slow", id="read time-out"),
        ],
    )
    def test_is_a_fault(self, error: Exception, reason: Reason, said: str) -> None:
        bench = Bench(failing(error))
        fault = bench.fault()
        assert (fault.reason, fault.status) == (reason, None)
        assert said in str(fault)
        assert bench.observer.requests == [("error", 0.0)]

    def test_is_described_by_what_lies_beneath(self) -> None:
        error = httpx.ConnectError("All connection attempts failed")
        error.__cause__ = OSError(111, "Connection refused")
        assert "cannot connect: [Errno 111] Connection refused" in str(Bench(failing(error)).fault())

    def test_is_described_legibly(self) -> None:
        assert str(Bench(failing(httpx.ReadError("\x1b[31m\n" * 200))).fault()).isprintable()

    def test_because_of_a_certificate_is_a_matter_of_tls(self) -> None:
        error = httpx.ConnectError("certificate verify failed")
        error.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
        fault = Bench(failing(error)).fault()
        assert fault.reason is Reason.TLS
        assert "check tls_config" in str(fault)

    def test_by_a_port_without_tls_is_told_in_plain_words(self) -> None:
        cause = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
        cause.reason = "WRONG_VERSION_NUMBER"
        error = httpx.ConnectError("wrong version number")
        error.__cause__ = cause
        fault = Bench(failing(error)).fault()
        assert fault.reason is Reason.TLS
        assert str(fault) == "what answers there does not speak TLS; check base_url: its port, or http for https"


class TestCounting:
    @pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 429, 500])
    def test_a_request_is_counted_by_its_status(self, status: int) -> None:
        bench = Bench(answering(status))
        with contextlib.suppress(ApiError):
            asyncio.run(bench.get_page())
        assert bench.observer.requests == [(str(status), 0.0)]

    def test_a_request_takes_as_long_as_its_whole_answer(self) -> None:
        clock = ManualClock()
        bench = Bench(lambda _: httpx.Response(200, stream=Dripping(clock, b"12")), clock=clock)

        async def run() -> None:
            getting = asyncio.create_task(bench.get_page())
            await clock.advance(6)
            await getting

        asyncio.run(run())
        assert bench.observer.requests == [("200", 6.0)]

    def test_a_request_that_is_called_off_is_not_counted(self) -> None:
        clock = ManualClock()
        bench = Bench(lambda _: httpx.Response(200, stream=Dripping(clock, PAGE)), clock=clock)

        async def run() -> None:
            getting = asyncio.create_task(bench.get_page())
            await clock.advance(2)
            getting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await getting

        asyncio.run(run())
        assert bench.observer.requests == []


class TestTheToken:
    """It is in no message, not even when a server echoes it."""

    @pytest.mark.parametrize(
        "api",
        [
            pytest.param(answering(401, json.dumps({"message": f"bad {TOKEN.reveal}!"}).encode()), id="message"),
            pytest.param(answering(500, json.dumps({"error": {"code": TOKEN.reveal}}).encode()), id="code"),
            pytest.param(answering(302, location=f"/login/{TOKEN.reveal}"), id="redirect"),
            pytest.param(answering(content_encoding=TOKEN.reveal), id="encoding"),
            pytest.param(failing(httpx.RemoteProtocolError(f"illegal line: b'Bearer {TOKEN.reveal}'")), id="protocol"),
        ],
    )
    def test_is_struck_out(self, api: Handler) -> None:
        fault = Bench(api).fault()
        assert TOKEN.reveal not in str(fault)
        assert "<secret>" in str(fault)

    @pytest.mark.parametrize("before", range(170, 200))
    def test_is_struck_out_where_a_message_is_cut(self, before: int) -> None:
        body = json.dumps({"message": "x" * before + TOKEN.reveal}).encode()
        assert TOKEN.reveal[:8] not in str(Bench(answering(401, body)).fault())

    def test_may_be_short(self) -> None:
        fault = Bench(answering(401, b'{"message": "bad s3cr3t!"}')).fault(Secret("s3cr3t"))
        assert "(bad <secret>!)" in str(fault)

    def test_is_not_shown_by_what_led_to_the_fault(self) -> None:
        fault = Bench(failing(httpx.RemoteProtocolError(TOKEN.reveal))).fault()
        assert TOKEN.reveal not in "".join(traceback.format_exception(fault))


# What follows needs real connections: to a server on the loopback interface.

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD_END = b"\r\n\r\n"


@asynccontextmanager
async def serving(server: Server, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server and give its port; in the end it serves those who are connected until they leave."""
    serving: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await server(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, serving))


class Answering:
    """A server that answers each request with a page, and remembers the first lines of what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        self.asked.append(head.split(b"\r\n")[0].decode())
        await send_page(writer)


async def send_page(writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE)
    await writer.drain()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection off, without the end that TCP provides for."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(HEAD_END)
    await reset(reader, writer)


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close the connection at once."""


async def hang_up_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(HEAD_END)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the head of the request, made a broken head of an answer."""
    head = await reader.readuntil(HEAD_END)
    writer.write(b"HTTP/1.1 200 OK\r\n" + head.split(b"\r\n", 1)[1].replace(b":", b""))
    await writer.drain()


async def page_or_fault(bench: Bench) -> bytes | ApiError:
    try:
        return await bench.get_page()
    except ApiError as fault:
        return fault


def ask(server: Server, context: ssl.SSLContext | None = None, **workspace: Any) -> bytes | ApiError:  # noqa: ANN401
    """Ask a server that has a context by https, another by http; ``base_url`` may name it otherwise."""

    async def run() -> bytes | ApiError:
        async with serving(server, context) as port:
            address = workspace.pop("base_url", f"http{'s' if context else ''}://localhost:{{port}}")
            return await page_or_fault(Bench(base_url=address.format(port=port), **workspace))

    return asyncio.run(run())


def refused(found: bytes | ApiError) -> ApiError:
    assert isinstance(found, ApiError)
    return found


class TestAConnection:
    def test_brings_a_page(self) -> None:
        assert ask(Answering()) == PAGE

    @pytest.mark.parametrize("server", [reset, reset_after_request, hang_up, hang_up_in_the_middle])
    def test_that_breaks_is_a_connection_fault(self, server: Server) -> None:
        assert refused(ask(server)).reason is Reason.CONNECTION

    def test_to_where_nobody_listens_is_a_connection_fault(self) -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            fault = refused(ask(hang_up, base_url=f"http://127.0.0.1:{reserved.getsockname()[1]}"))
        assert fault.reason is Reason.CONNECTION
        assert "Connect call failed" in str(fault)

    def test_to_a_name_that_nobody_has_is_told_apart(self) -> None:
        too_long = "a" * 64  # for a label: the resolver refuses it without asking anybody
        fault = refused(ask(hang_up, base_url=f"http://{too_long}.example"))
        assert fault.reason is Reason.CONNECTION
        assert fault.seen.startswith(f"cannot resolve {too_long}.example: [Errno ")
        assert fault.remedy == "check subdomain or base_url, proxy_url and DNS"
        fault = refused(ask(hang_up, proxy=Proxy(url=f"http://{too_long}.example")))
        assert fault.seen.startswith("cannot resolve localhost or its proxy: [Errno ")

    def test_to_a_name_with_several_addresses_is_told_by_one_of_them(self) -> None:
        """By each of them it was refused, and how many there are helps nobody."""
        errors = [ConnectionRefusedError(111, f"Connect call failed ('{host}', 443)") for host in ("::1", "127.0.0.1")]
        group = OSError("All connection attempts failed")
        group.__cause__ = ExceptionGroup("multiple connection attempts failed", errors)
        error = httpx.ConnectError("All connection attempts failed")
        error.__cause__ = group
        assert "cannot connect: [Errno 111] Connect call failed ('127.0.0.1', 443)" in str(
            Bench(failing(error)).fault()
        )

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_for_which_no_file_is_left_says_so(self, host: str) -> None:
        async def run() -> bytes | ApiError:
            async with serving(Answering()) as port:
                with no_file_left():
                    return await page_or_fault(Bench(base_url=f"http://{host}:{port}"))

        fault = refused(uvloop.run(run(), loop_factory=EventLoop))
        assert fault.reason is Reason.CONNECTION
        assert "too many open files" in fault.seen.lower()
        assert "LimitNOFILE" in fault.remedy

    def test_to_what_echoes_the_request_does_not_show_the_token(self) -> None:
        fault = refused(ask(echo))
        assert fault.reason is Reason.CONNECTION
        assert TOKEN.reveal not in str(fault)


@dataclass
class Talkative:
    """A server that answers each request for a page with its number, and sends something more that looks like one."""

    pieces: int
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(HEAD_END):
            asked, unasked = (answer_with(body) for body in (head.split(b"&page=")[1].split()[0], b"unasked"))
            for piece in (asked + unasked,) if self.pieces == 1 else (asked, unasked):
                writer.write(piece)
            await writer.drain()


def answer_with(body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("run_on", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(
    run_on: Callable[[Any], None], pieces: int, *, encrypted: bool, certificate: "Certificate"
) -> None:
    server = Talkative(pieces)
    faults: set[tuple[Reason, str]] = set()

    async def run() -> None:
        async with serving(server, certificate.context if encrypted else None) as port:
            address = f"http{'s' if encrypted else ''}://localhost:{port}"
            client = Bench(base_url=address, tls=TLS(insecure_skip_verify=True)).client
            for number in range(1, 10):
                try:
                    answer = (await client.get_page(number, TOKEN)).plain
                except ApiError as fault:
                    faults.add((fault.reason, fault.seen))
                    answer = (await client.get_page(number, TOKEN)).plain
                assert answer == str(number).encode()
            await client.aclose()

    run_on(run())
    assert server.connections > 1
    assert faults <= {(Reason.CONNECTION, "an answer was there before it was asked for")}


def test_a_connection_is_used_again_while_its_server_sends_what_it_is_asked_for() -> None:
    connections = 0

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readuntil(HEAD_END):
            await send_page(writer)

    async def run() -> None:
        async with serving(server) as port:
            client = Bench(base_url=f"http://127.0.0.1:{port}").client
            for number in range(1, 20):
                assert (await client.get_page(number, TOKEN)).plain == PAGE
            await client.aclose()

    asyncio.run(run())
    assert connections == 1


def test_all_workspaces_together_keep_few_connections_that_are_not_in_use() -> None:
    open_now = 0

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(HEAD_END):
                await send_page(writer)
        open_now -= 1

    async def run() -> None:
        async with serving(server) as port:
            clients = [Bench(base_url=f"http://127.0.0.1:{port}").client for _ in range(280)]
            for client in clients:
                assert (await client.get_page(1, TOKEN)).plain == PAGE

            async def are_few() -> bool:
                return open_now <= 256

            await eventually(are_few, "connections are closed that nobody uses")
            assert open_now > 200
            # Which ones they were, nobody notices.
            assert (await clients[0].get_page(1, TOKEN)).plain == PAGE
            for client in clients:
                await client.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("turns", range(40))
def test_a_request_that_is_called_off_at_any_moment_does_not_stand_in_the_way_of_others(turns: int) -> None:
    async def run() -> None:
        finish = asyncio.Event()

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(HEAD_END)
            if b"page=9 " in head:
                await finish.wait()
            await send_page(writer)

        async with serving(server) as port, asyncio.timeout(10):
            client = Bench(base_url=f"http://127.0.0.1:{port}", concurrency=2).client
            long = asyncio.create_task(client.get_page(9, TOKEN))
            called_off = asyncio.create_task(client.get_page(1, TOKEN))
            for _ in range(turns):
                await asyncio.sleep(0)
            called_off.cancel()
            await asyncio.wait([called_off])
            assert (await client.get_page(2, TOKEN)).plain == PAGE
            finish.set()
            assert (await long).plain == PAGE
            assert (await client.get_page(3, TOKEN)).plain == PAGE
            await client.aclose()

    asyncio.run(run())


@dataclass(frozen=True)
class Certificate:
    """A certificate for ``trunks.test`` and 127.0.0.1 that nobody has signed but itself."""

    cert_file: Path
    key_file: Path

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    openssl = shutil.which("openssl")
    assert openssl, "openssl is missing; install it: apt-get install openssl"
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    what = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=trunks.test"
    names = [
        "-addext",
        "subjectAltName=DNS:trunks.test,IP:127.0.0.1",
        "-addext",
        "keyUsage=digitalSignature,keyCertSign",
    ]
    files = ["-keyout", str(made.key_file), "-out", str(made.cert_file)]
    subprocess.run([openssl, *what.split(), *names, *files], check=True, capture_output=True)  # noqa: S603 - as above
    return made


@pytest.mark.programs
class TestTls:
    def test_with_a_certificate_that_nobody_vouches_for_is_refused(self, certificate: Certificate) -> None:
        server = Answering()
        fault = refused(ask(server, certificate.context, base_url="https://127.0.0.1:{port}"))
        assert fault.reason is Reason.TLS
        assert "self-signed certificate" in str(fault)
        assert "with ca_file in tls_config" in str(fault)
        assert server.asked == []

    def test_with_a_certificate_of_the_configured_authority_brings_a_page(self, certificate: Certificate) -> None:
        tls = TLS(ca_file=certificate.cert_file)
        assert ask(Answering(), certificate.context, base_url="https://127.0.0.1:{port}", tls=tls) == PAGE

    def test_with_a_certificate_for_another_name_is_refused(self, certificate: Certificate) -> None:
        fault = refused(ask(Answering(), certificate.context, tls=TLS(ca_file=certificate.cert_file)))
        assert fault.reason is Reason.TLS
        assert "not valid for 'localhost'" in str(fault)

    def test_checks_the_configured_name_instead(self, certificate: Certificate) -> None:
        tls = TLS(ca_file=certificate.cert_file, server_name="trunks.test")
        assert ask(Answering(), certificate.context, tls=tls) == PAGE

    def test_checks_nothing_where_that_is_configured(self, certificate: Certificate) -> None:
        assert ask(Answering(), certificate.context, tls=TLS(insecure_skip_verify=True)) == PAGE

    def test_with_a_server_that_speaks_http_is_refused(self) -> None:
        async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        assert refused(ask(complain, base_url="https://localhost:{port}")).reason is Reason.TLS

    @pytest.mark.parametrize("server", [reset, hang_up])
    def test_that_breaks_off_in_the_handshake_is_a_connection_fault(self, server: Server) -> None:
        """It may be a server that restarts: unlike a bad certificate, it is worth another try."""
        assert refused(ask(server, base_url="https://localhost:{port}")).reason is Reason.CONNECTION

    @pytest.mark.parametrize("server", [reset, reset_after_request, hang_up, hang_up_in_the_middle])
    def test_that_breaks_off_later_is_a_connection_fault(self, server: Server, certificate: Certificate) -> None:
        tls = TLS(insecure_skip_verify=True)
        assert refused(ask(server, certificate.context, tls=tls)).reason is Reason.CONNECTION


class TestProxies:
    """The origin and the proxy are both servers of ours; who was asked tells which way a request went."""

    @staticmethod
    def ways_to(
        monkeypatch: pytest.MonkeyPatch, proxy: Callable[[str], Proxy]
    ) -> tuple[bytes | ApiError, list[str], list[str]]:
        """Ask with a proxy in the environment; return the answer and what was asked of origin and proxy."""
        at_origin, at_proxy = Answering(), Answering()

        async def run() -> bytes | ApiError:
            async with serving(at_origin) as port, serving(at_proxy) as proxy_port:
                address = f"http://127.0.0.1:{proxy_port}"
                for name in ("http_proxy", "https_proxy", "all_proxy"):
                    monkeypatch.setenv(name, address)
                    monkeypatch.setenv(name.upper(), address)
                for name in ("no_proxy", "NO_PROXY"):
                    monkeypatch.delenv(name, raising=False)
                return await page_or_fault(Bench(base_url=f"http://127.0.0.1:{port}", proxy=proxy(address)))

        return asyncio.run(run()), at_origin.asked, at_proxy.asked

    def test_of_the_environment_are_not_consulted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer, at_origin, at_proxy = self.ways_to(monkeypatch, lambda _: Proxy())
        assert answer == PAGE
        assert (len(at_origin), len(at_proxy)) == (1, 0)

    def test_that_are_configured_are_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, at_origin, at_proxy = self.ways_to(monkeypatch, lambda address: Proxy(url=address))
        assert at_origin == []
        (line,) = at_proxy
        assert line.startswith("GET http://127.0.0.1:")

    def test_are_not_used_for_the_hosts_that_are_excepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, at_origin, at_proxy = self.ways_to(monkeypatch, lambda address: Proxy(url=address, no_proxy=("127.0.0.1",)))
        assert (len(at_origin), len(at_proxy)) == (1, 0)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_that_want_a_password_are_asked_once_a_poll(self, scheme: str) -> None:
        """Whoever comes again and again with a wrong one is locked out."""
        asked: list[bytes] = []

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(HEAD_END))
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

        async def poll() -> None:
            async with serving(refuse) as port:
                proxy = Proxy(url=f"http://user:wrong-password@127.0.0.1:{port}")
                bench = Bench(base_url=f"{scheme}://api.example", proxy=proxy)
                settings: dict[str, Any] = {"concurrency": 4, "deadline": 60, "clock": LeapingClock()}
                throttle = Throttle(**settings, random=Random(1), observer=bench.observer)  # noqa: S311 - no secret
                await throttle.run(bench.get_page)

        with pytest.raises(ApiError) as caught:
            asyncio.run(poll())
        assert len(asked) == 1
        assert "407" in caught.value.seen
        assert caught.value.remedy == "check the user and password in proxy_url"
