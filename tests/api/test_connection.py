"""Real connections to servers on the loopback interface: how they break, and how they are kept and renewed."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from api.bench import PAGE, TOKEN, Answering, Bench, send_page, send_pages
from support import event_loop
from support.certificates import Authority
from support.exposed import proxied
from support.files import no_file_left
from support.processes import eventually
from support.streams import HEAD_END, Serve, listening, tunnel

from exporter.api.client import Client
from exporter.api.errors import ApiError, Reason
from exporter.clock import Clock
from exporter.config.settings import TLS


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close the connection at once."""


async def ask(server: Serve, context: ssl.SSLContext | None = None, **workspace: Any) -> bytes | ApiError:  # noqa: ANN401
    """Ask a server that has a context by https, another by http; ``base_url`` may name it otherwise."""
    async with listening(server, context) as api:
        address = workspace.pop("base_url", f"http{'s' if context else ''}://localhost:{{port}}")
        return await Bench(base_url=address.format(port=api.port), **workspace).page_or_error()


async def error_of(server: Serve, context: ssl.SSLContext | None = None, **workspace: Any) -> ApiError:  # noqa: ANN401
    outcome = await ask(server, context, **workspace)
    assert isinstance(outcome, ApiError)
    return outcome


class TestAConnection:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    @pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
    async def test_for_which_no_file_is_left_says_so(self, host: str) -> None:
        async with listening(Answering()) as api:
            bench = Bench(base_url=f"http://{host}:{api.port}")  # httpx imports httpcore for the first client
            with no_file_left():
                error = await bench.page_or_error()
        assert isinstance(error, ApiError)
        assert error.reason is Reason.CONNECTION
        assert error.seen.startswith("no file is left to connect with: ")
        assert "LimitNOFILE" in error.remedy


@pytest.mark.parametrize("ends", [True, False])
async def test_a_status_counts_without_the_rest_of_its_page(*, ends: bool) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(HEAD_END)
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\n{")
        await (writer.drain() if ends else reader.read())

    assert (await error_of(refuse, request_timeout=0.2, clock=Clock())).reason is Reason.AUTH


@dataclass
class Talkative:
    """Answers each request for a page with its number, and with one more answer."""

    pieces: int
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(HEAD_END):
            bodies = head.split(b"&page=")[1].split()[0], b"unasked"
            asked, unasked = (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies)
            for piece in (asked + unasked,) if self.pieces == 1 else (asked, unasked):
                writer.write(piece)
            await writer.drain()


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("anyio_backend", event_loop.EACH, ids=["asyncio", "uvloop"])
async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(
    pieces: int, *, encrypted: bool, certificates: "Certificates"
) -> None:
    server = Talkative(pieces)
    errors: set[tuple[Reason, str]] = set()
    async with listening(server, certificates[1]["own"] if encrypted else None) as api:
        address = f"http{'s' if encrypted else ''}://localhost:{api.port}"
        client = Bench(base_url=address, tls=TLS(insecure_skip_verify=True)).client
        for number in range(1, 10):
            try:
                answer = (await client.get_page(number, TOKEN)).plain
            except ApiError as error:
                errors.add((error.reason, error.seen))
                answer = (await client.get_page(number, TOKEN)).plain
            assert answer == str(number).encode()
        await client.aclose()
    assert server.connections > 1
    assert errors <= {(Reason.CONNECTION, "an answer was there before it was asked for")}


async def test_all_workspaces_together_keep_few_connections_that_are_not_in_use(certificates: "Certificates") -> None:
    tls = TLS(ca_file=certificates[0])  # the system's authorities take long to load
    async with listening(send_pages) as api:
        bench = Bench(base_url=f"http://127.0.0.1:{api.port}", tls=tls)
        clients = [Client(bench.workspace, clock=bench.clock, observer=bench.api_metrics) for _ in range(280)]
        for client in clients:
            assert (await client.get_page(1, TOKEN)).plain == PAGE
        await eventually(lambda: len(api.connected) <= 256, "connections are closed that nobody uses")
        assert len(api.connected) > 200
        # The client opens another.
        assert (await clients[0].get_page(1, TOKEN)).plain == PAGE
        for client in clients:
            await client.aclose()


@pytest.mark.parametrize("turns", range(40))
async def test_a_request_that_is_cancelled_at_any_moment_does_not_block_others(turns: int) -> None:
    finish = asyncio.Event()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        if b"page=9 " in head:
            await finish.wait()
        await send_page(writer)

    async with listening(server) as api, asyncio.timeout(10):
        client = Bench(base_url=f"http://127.0.0.1:{api.port}", concurrency=2).client
        long = asyncio.create_task(client.get_page(9, TOKEN))
        cancelled = asyncio.create_task(client.get_page(1, TOKEN))
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert (await client.get_page(2, TOKEN)).plain == PAGE
        finish.set()
        assert (await long).plain == PAGE
        assert (await client.get_page(3, TOKEN)).plain == PAGE
        await client.aclose()


Certificates = tuple[Path, Mapping[str, ssl.SSLContext]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return an authority and contexts: one that it signed for ``trunks.test`` and 127.0.0.1, one signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    authority, own = Authority(folder, "authority"), Authority(folder, "own")
    contexts = {name: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for name in ("signed", "own")}
    contexts["signed"].load_cert_chain(*authority.sign("signed", ["trunks.test", "127.0.0.1"]))
    contexts["own"].load_cert_chain(own.certificate, own.key)
    return authority.certificate, contexts


class TestTls:
    @pytest.mark.parametrize(
        ("certificate", "host", "settings", "seen"),
        [
            ("own", "127.0.0.1", "", "self-signed certificate"),
            ("signed", "127.0.0.1", "", "local issuer certificate"),
            ("signed", "127.0.0.1", "ca_file", None),
            ("signed", "localhost", "ca_file", "not valid for 'localhost'"),
            ("signed", "localhost", "ca_file server_name", None),
            ("own", "localhost", "insecure_skip_verify", None),
        ],
    )
    @pytest.mark.parametrize("proxy", ["", "http", "https"])
    async def test_takes_a_certificate_for_the_address_from_a_trusted_authority(  # noqa: PLR0913 - each is used
        self, certificates: Certificates, certificate: str, host: str, settings: str, seen: str | None, *, proxy: str
    ) -> None:
        authority, contexts = certificates
        values: dict[str, Any] = {"ca_file": authority, "server_name": "trunks.test.", "insecure_skip_verify": True}
        tls = TLS(**{key: values[key] for key in settings.split()})
        server = Answering()
        async with listening(tunnel, contexts[certificate] if proxy == "https" else None) as way:
            through = proxied(f"{proxy}://127.0.0.1:{way.port}") if proxy else {}
            found = await ask(server, contexts[certificate], base_url=f"https://{host}:{{port}}", tls=tls, **through)
        if seen is None:
            assert found == PAGE
        else:
            assert isinstance(found, ApiError)
            assert found.reason is Reason.TLS
            assert seen in found.seen
            assert ("with ca_file in tls_config" in found.remedy) is ("ca_file" not in settings)
            assert server.asked == []

    async def test_with_a_server_that_speaks_http_is_refused(self) -> None:
        async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        error = await error_of(complain, base_url="https://localhost:{port}")
        assert error.reason is Reason.TLS
        assert str(error) == "what answers there does not speak TLS; check base_url, proxy_url: port, http or https"

    @pytest.mark.parametrize("server", [reset, hang_up])
    async def test_that_breaks_off_in_the_handshake_is_a_connection_error(self, server: Serve) -> None:
        """It may be a server that restarts: unlike a bad certificate, it is worth another try."""
        assert (await error_of(server, base_url="https://localhost:{port}")).reason is Reason.CONNECTION


class TestProxies:
    @pytest.mark.parametrize(
        ("proxy", "asked"),
        [
            pytest.param(lambda _: {}, "origin", id="of the environment are not consulted"),
            pytest.param(proxied, "proxy", id="that are configured are used"),
            pytest.param(lambda address: proxied(address, "127.0.0.1"), "origin", id="but not for all"),
        ],
    )
    async def test_are_used_as_configured(
        self, monkeypatch: pytest.MonkeyPatch, proxy: Callable[[str], dict[str, Any]], asked: str
    ) -> None:
        servers = {"origin": Answering(), "proxy": Answering()}
        async with listening(servers["origin"]) as api, listening(servers["proxy"]) as through:
            address = f"http://127.0.0.1:{through.port}"
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, address)
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            assert await Bench(base_url=f"http://127.0.0.1:{api.port}", **proxy(address)).get_page() == PAGE
        ((name, line),) = [(name, line) for name, server in servers.items() for line in server.asked]
        assert name == asked
        assert line.startswith("GET http://127.0.0.1:" if asked == "proxy" else "GET /api/v1/")

    @pytest.mark.parametrize("scheme", ["http", "https"])
    async def test_that_want_a_password_are_asked_once_a_poll(self, scheme: str) -> None:
        """A proxy may lock an account after a few wrong passwords."""
        asked: list[bytes] = []

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(HEAD_END))
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        async with listening(refuse) as api:
            proxy = f"http://user:wrong-password@127.0.0.1:{api.port}"
            bench = Bench(base_url=f"{scheme}://api.example", **proxied(proxy))
            error = str(await bench.poller.poll())
            await bench.client.aclose()
        assert [b"Proxy-Authorization: Basic dXNlcjp3cm9uZy1wYXNzd29yZA==" in head for head in asked] == [True]
        assert "407" in error
        assert error.endswith("; check the user and password in proxy_url")
