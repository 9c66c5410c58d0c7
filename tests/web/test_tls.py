"""TLS on real sockets: which clients are answered, with which protocols and certificates."""

import asyncio
import os
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, nullcontext
from dataclasses import replace
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support import event_loop
from support.certificates import Authority, lax
from support.files import hanging
from support.serving import OK, Site, serving

from exporter.config.files import begin_reading
from exporter.web.config import ClientAuthType, ServerTLS, WebConfig
from exporter.web.middleware import Access
from exporter.web.server import Limits

anyio_backend = event_loop.on_each

V1_1, V1_2, V1_3 = (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
REFUSED = (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)


class Certificates:
    """The server's certificates, and clients' of a trusted authority and of another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.stranger = Authority(folder, "ca"), Authority(folder, "strange-ca")
        self.authority.sign("first")
        self.authority.sign("second")
        self.authority.sign("client")
        self.stranger.sign("strange-client")

    def use(self, name: str) -> None:
        for kind in ("pem", "key"):
            shutil.copy(self.folder / f"{name}.{kind}", self.folder / f"server.{kind}")

    def server(self) -> ServerTLS:
        shutil.copy(self.authority.certificate, self.folder / "client-ca.pem")
        self.use("first")
        return ServerTLS(cert_file=self.folder / "server.pem", key_file=self.folder / "server.key")

    def strict_server(self, verify: ClientAuthType = "RequireAndVerifyClientCert") -> ServerTLS:
        return replace(self.server(), client_auth_type=verify, client_ca_file=self.folder / "client-ca.pem")

    def client(self, name: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if name is not None:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def limited(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = version
    return context


async def shown(site: Site, context: ssl.SSLContext) -> str:
    """Ask once; return the name in the certificate that the server shows."""
    async with site.connected(context) as peer:
        assert await peer.get() == b"fine\n"
        certificate = peer.writer.get_extra_info("peercert")
        return str(dict(part for (part,) in certificate["subject"])["commonName"])


@asynccontextmanager
async def secured(tls: ServerTLS, limits: Limits | None = None) -> AsyncIterator[tuple[Site, Access]]:
    """Serve with TLS; yield the server, and the configuration in force."""
    access = Access(WebConfig(tls=tls))
    async with serving(OK, access.context, limits) as site:
        yield site, access


class TestClientCertificates:
    @pytest.mark.parametrize("client", ["client", None, "strange-client"])
    @pytest.mark.parametrize(
        ("verify", "allowed"),
        [("RequireAndVerifyClientCert", {"client"}), ("VerifyClientCertIfGiven", {"client", None})],
    )
    async def test_only_certificates_of_the_authority_are_accepted_and_others_are_told(
        self, certificates: Certificates, verify: ClientAuthType, allowed: set[str | None], client: str | None
    ) -> None:
        async with secured(certificates.strict_server(verify)) as (site, _):
            for version in (V1_2, V1_3):
                with nullcontext() if client in allowed else pytest.raises(ssl.SSLError, match="ALERT"):
                    await shown(site, limited(certificates.client(client), version))

    async def test_an_authority_may_have_an_old_form(self, certificates: Certificates) -> None:
        authority = lax(certificates.folder, "lax")
        async with secured(replace(certificates.strict_server(), client_ca_file=authority)) as (site, _):
            await shown(site, certificates.client("lax-signed"))
            with pytest.raises(REFUSED):
                await shown(site, certificates.client("client"))

    async def test_a_replaced_authority_is_not_trusted_by_an_old_session(self, certificates: Certificates) -> None:
        def ask(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
            with (
                ssl.create_connection(("127.0.0.1", port)) as plain,  # type: ignore[attr-defined]  # as ssl imports it
                context.wrap_socket(plain, server_hostname="localhost", session=session) as encrypted,
            ):
                encrypted.sendall(b"GET / HTTP/1.1\r\nHost: exporter\r\n\r\n")
                assert encrypted.recv(1000).startswith(b"HTTP/1.1 200 ")
                assert encrypted.session_reused is (session is not None)
                return encrypted.session

        async with secured(certificates.strict_server()) as (site, _):
            context = limited(certificates.client("client"), ssl.TLSVersion.TLSv1_2)
            session = await asyncio.to_thread(ask, site.port, context, None)
            await asyncio.to_thread(ask, site.port, context, session)
            shutil.copy(certificates.stranger.certificate, certificates.folder / "client-ca.pem")
            with pytest.raises(REFUSED):
                await asyncio.to_thread(ask, site.port, context, session)


STRONG, WEAK = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
ANY = "ALL:@SECLEVEL=0"  # the client accepts all, so that the server refuses


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(
    ("settings", "version", "suites", "spoken"),
    [
        ({}, V1_2, ANY, True),
        ({}, V1_3, ANY, True),
        ({}, V1_1, ANY, False),
        ({"min_version": "TLS13"}, V1_2, ANY, False),
        ({"max_version": "TLS12"}, V1_3, ANY, False),
        ({"cipher_suites": (STRONG,)}, V1_2, STRONG, True),
        ({"cipher_suites": (STRONG,)}, V1_2, WEAK, False),
    ],
)
async def test_only_the_versions_and_suites_that_are_configured_are_spoken(
    certificates: Certificates, settings: dict[str, Any], version: ssl.TLSVersion, suites: str, *, spoken: bool
) -> None:
    client = limited(certificates.client(), version)
    client.set_ciphers(suites)
    async with secured(replace(certificates.server(), **settings)) as (site, _):
        with nullcontext() if spoken else pytest.raises(ssl.SSLError, match="ALERT"):
            await shown(site, client)


class TestRotation:
    async def test_an_incomplete_rotation_changes_nothing_and_is_logged_once(self, certificates: Certificates) -> None:
        async with secured(certificates.server()) as (site, _), site.connected(certificates.client()) as old:
            await old.get()
            with capture_logs() as log:
                shutil.copy(certificates.folder / "second.key", certificates.folder / "server.key")
                for _ in range(3):
                    assert await shown(site, certificates.client()) == "first"
                certificates.use("second")
                assert await shown(site, certificates.client()) == "second"
            assert await old.get() == b"fine\n"  # an old connection goes on
            assert [entry["event"] for entry in log if entry["log_level"] != "debug"] == [
                "changed certificates cannot be used; the ones in force stay",
                "certificates reloaded",
            ]

    async def test_a_reload_changes_the_settings_of_new_connections(self, certificates: Certificates) -> None:
        async with secured(certificates.server()) as (site, access):
            await shown(site, certificates.client())
            access.apply(WebConfig(tls=certificates.strict_server()))
            with pytest.raises(REFUSED):
                await shown(site, certificates.client())
            await shown(site, certificates.client("client"))

    async def test_turning_tls_on_or_off_needs_a_restart_and_is_logged(self, certificates: Certificates) -> None:
        plain = Access(WebConfig())
        async with secured(certificates.server()) as (site, access):
            with capture_logs() as log:
                access.apply(WebConfig())
                plain.apply(WebConfig(tls=certificates.server()))
            await shown(site, certificates.client())
        assert sum("needs a restart" in entry["event"] for entry in log) == 2
        assert await plain.context() is None


async def test_files_that_hang_do_not_delay_a_reload_to_others(certificates: Certificates) -> None:
    before = certificates.server()
    async with secured(before) as (site, access):
        with hanging(certificates.folder / "server.pem"):
            begin_reading(certificates.folder / "server.pem", timeout=0)
            assert await shown(site, certificates.client()) == "first"
            second = certificates.folder / "second.pem"
            access.apply(WebConfig(tls=replace(before, cert_file=second, key_file=second.with_suffix(".key"))))
            assert await shown(site, certificates.client()) == "second"
        assert await shown(site, certificates.client()) == "second"


class TestSlowHandshakes:
    async def test_a_missing_handshake_times_out_or_ends_with_the_server(self, certificates: Certificates) -> None:
        for limits, stops in ((Limits(head_seconds=0.3), False), (Limits(), True)):
            async with secured(certificates.server(), limits=limits) as (site, _), site.connected() as peer:
                started = time.monotonic()
                await peer.send(b"\x16\x03\x01")
                if stops:
                    await asyncio.sleep(0.05)
                    site.server.should_exit = True
                assert await peer.rest() == b""
                assert stops or time.monotonic() - started > 0.2
                assert time.monotonic() - started < Limits().head_seconds

    async def test_slow_ones_and_plain_http_make_room_for_others(self, certificates: Certificates) -> None:
        limits = Limits(connections=5)
        async with secured(certificates.server(), limits=limits) as (site, _), AsyncExitStack() as stack:
            files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
            for number in range(50):
                peer = await stack.enter_async_context(site.connected())
                await peer.send(b"GET / HTTP/1.1\r\n\r\n" if number % 2 else b"")
                if number % 2:
                    assert (await peer.head()).startswith(b"HTTP/1.1 400 ")
                    assert await peer.read(48) == b"Client sent an HTTP request to an HTTPS server.\n"
            await shown(site, certificates.client())
            assert len(os.listdir("/proc/self/fd")) - files < 50 + 5 + 5  # noqa: PTH208 - a count of names


async def test_an_idle_client_is_not_waited_for_when_the_server_ends(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    def ask(connection: HTTPSConnection) -> bytes:
        connection.request("GET", "/")
        return connection.getresponse().read()

    async with secured(certificates.server()) as (site, _):
        idle = HTTPSConnection("localhost", site.port, context=certificates.client(), timeout=10)
        with closing(idle):  # it reads nothing meanwhile, so that it does not answer a goodbye
            assert await asyncio.to_thread(ask, idle) == b"fine\n"
            site.server.should_exit = True
            await site.running
    assert not caplog.records


async def test_failed_handshakes_are_logged_at_debug_level_only(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as log:
        async with secured(certificates.strict_server()) as (site, _):
            with pytest.raises(REFUSED):
                await shown(site, certificates.client())
            await asyncio.sleep(0.05)
    assert {entry["log_level"] for entry in log} == {"debug"}
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in log[0]["error"]
    assert caplog.records == []
