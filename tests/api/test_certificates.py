"""The files that tls_config names: what happens when they change while the exporter runs."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from api.bench import PAGE, TOKEN, Bench, send_pages
from support.certificates import Authority, lax
from support.files import hanging, no_file_left
from support.logged import captured_log
from support.streams import listening

from exporter.api.errors import ApiError, Reason
from exporter.config.files import begin_reading
from exporter.config.settings import TLS

Files = dict[str, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return certificates and keys by name: of an old and a new authority, and of those that they signed."""
    folder = tmp_path_factory.mktemp("certificates")
    files = {}
    for age in ("old", "new"):
        authority = Authority(folder, f"{age}-authority")
        files[f"{age} authority"] = authority.certificate
        for name in ("server", "exporter"):
            files[f"{age} {name}"], files[f"{age} {name}'s key"] = authority.sign(f"{age}-{name}")
    return files


class Workspace:
    def __init__(self, port: int, tls: TLS) -> None:
        self.address = f"https://localhost:{port}"
        self.shown: list[str] = []  # who opened a connection
        self.client = Bench(base_url=self.address, tls=tls).client

    async def poll(self) -> bytes | ApiError:
        try:
            return (await self.client.get_page(1, TOKEN)).plain
        except ApiError as error:
            return error

    async def error(self) -> ApiError:
        found = await self.poll()
        assert isinstance(found, ApiError)
        return found


@asynccontextmanager
async def polling(made: Files, tls: TLS, server: str = "old server") -> AsyncIterator[Workspace]:
    """Run an API that answers every request with a page, and asks for a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made[server], made[f"{server}'s key"])
    for age in ("old", "new"):
        context.load_verify_locations(made[f"{age} authority"])
    context.verify_mode = ssl.CERT_OPTIONAL

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject = (writer.get_extra_info("peercert") or {}).get("subject", ())
        names = {name: value for part in subject for name, value in part}
        workspace.shown.append(names.get("commonName", "nobody"))
        await send_pages(reader, writer)

    async with listening(serve, context) as api:
        workspace = Workspace(api.port, tls)
        try:
            yield workspace
        finally:
            await workspace.client.aclose()


@pytest.fixture
def ca_file(made: Files, tmp_path: Path) -> Path:
    return put(made["old authority"], tmp_path / "ca.pem")


def put(content: Path, place: Path) -> Path:
    """Replace a file as tools do that renew certificates."""
    new = place.with_suffix(".new")
    new.write_bytes(content.read_bytes())
    return new.rename(place)


@pytest.mark.parametrize("shown", ["old", "new"])
async def test_only_the_new_authority_is_trusted_from_the_next_poll_on(made: Files, ca_file: Path, shown: str) -> None:
    async with polling(made, TLS(ca_file=ca_file), f"{shown} server") as workspace:
        for age in ("old", "new"):
            put(made[f"{age} authority"], ca_file)
            found = await workspace.poll()
            assert found == PAGE if age == shown else isinstance(found, ApiError) and found.reason is Reason.TLS


async def test_connections_stay_open_while_nothing_changes(made: Files, ca_file: Path) -> None:
    async with polling(made, TLS(ca_file=ca_file)) as workspace:
        for _ in range(3):
            assert await workspace.poll() == PAGE
            put(made["old authority"], ca_file)  # another file with the same content
        assert workspace.shown == ["nobody"]


async def test_a_new_client_certificate_is_shown_once_its_key_fits(made: Files, ca_file: Path, tmp_path: Path) -> None:
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    put(made["old exporter"], cert_file)
    put(made["old exporter's key"], key_file)
    tls = TLS(ca_file=ca_file, cert_file=cert_file, key_file=key_file)
    with captured_log() as log:
        async with polling(made, tls) as workspace:
            assert await workspace.poll() == PAGE
            put(made["new exporter's key"], key_file)
            for _ in range(3):
                assert await workspace.poll() == PAGE
            put(made["new exporter"], cert_file)
            assert await workspace.poll() == PAGE
    assert workspace.shown == ["old-exporter", "new-exporter"]
    assert re.findall('level=(?:warning|info) msg="(.*?)"', log.getvalue()) == [
        "changed certificates cannot be used; the ones in force stay",
        "certificates reloaded",
    ]
    assert str(key_file) not in log.getvalue()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda file: file.write_text("nothing"), "NO_CERTIFICATE_OR_CRL_FOUND"),
        (lambda file: file.unlink(), "(No such file or directory)"),
        (lambda file: (file.unlink(), file.symlink_to("/dev/zero")), "(it is larger than 16384 KiB)"),
    ],
)
async def test_an_unusable_file_is_warned_of_once_and_the_previous_one_stays_in_force(
    spoil: Callable[[Path], object], problem: str, made: Files, ca_file: Path
) -> None:
    with captured_log() as log:
        async with polling(made, TLS(ca_file=ca_file)) as workspace:
            assert await workspace.poll() == PAGE
            spoil(ca_file)
            for _ in range(3):
                assert await workspace.poll() == PAGE
            put(made["old authority"], ca_file)
            for _ in range(2):
                assert await workspace.poll() == PAGE
    assert workspace.shown == ["nobody"]
    assert log.getvalue().count("level=warning") == 1
    assert log.getvalue().count("certificates can be used again") == 1
    assert problem in log.getvalue()


async def test_without_a_usable_file_polls_fail_until_there_is_one(made: Files, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    async with polling(made, TLS(ca_file=ca_file)) as workspace:
        missing = await workspace.error()
        assert missing.reason is Reason.TLS
        assert str(missing).startswith("tls_config: ca_file cannot be read (No such file or directory); check tls_conf")
        put(made["old authority"], ca_file)
        with no_file_left():
            unopened = await workspace.error()
        assert unopened.reason is Reason.CONNECTION  # the certificate is not to blame
        assert unopened.seen == "tls_config: ca_file cannot be read (Too many open files)"
        assert "LimitNOFILE" in unopened.remedy
        assert await workspace.poll() == PAGE


@pytest.mark.parametrize(
    ("version", "shown", "seen"),
    [
        ("TLSv1_3", "", "what answers there wants a client certificate; show one, with cert_file"),
        ("TLSv1_2", "", "what answers there refuses TLS; if it wants a certificate, show one, with"),
        ("TLSv1_3", "new", "what answers there does not trust who signed the client certificate; show another, with"),
    ],
)
async def test_wanted_certificates_are_named(made: Files, ca_file: Path, version: str, shown: str, seen: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["old server"], made["old server's key"])
    context.load_verify_locations(made["old authority"])
    context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, ssl.TLSVersion[version]
    files = (made["new server"], made["new server's key"]) if shown else (None, None)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Refuse a client, without breaking its connection before it has read so."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while data := await reader.read(2**16):
            incoming.write(data)
            with suppress(ssl.SSLError):
                tls.do_handshake()
            writer.write(outgoing.read())

    async with listening(refuse) as api:
        error = await Workspace(api.port, TLS(ca_file=ca_file, cert_file=files[0], key_file=files[1])).error()
    assert (error.reason, str(error)[: len(seen)]) == (Reason.TLS, seen)


class TestAFileThatHangs:
    async def test_fails_its_own_workspace_alone(self, made: Files, ca_file: Path) -> None:
        async with polling(made, TLS(ca_file=ca_file)) as workspace:
            with hanging(ca_file):
                failing = asyncio.create_task(workspace.error())
                assert await Bench(base_url=workspace.address, tls=TLS(insecure_skip_verify=True)).get_page() == PAGE
                assert not failing.done()
            await failing

    async def test_leaves_what_was_read_before(self, made: Files, ca_file: Path) -> None:
        with captured_log() as log:
            async with polling(made, TLS(ca_file=ca_file)) as workspace:
                assert await workspace.poll() == PAGE
                with hanging(ca_file):
                    begin_reading(ca_file, timeout=0)  # polls join this read, whose time is up
                    for _ in range(2):
                        assert await workspace.poll() == PAGE
        assert workspace.shown == ["nobody"]
        assert log.getvalue().count("level=warning") == 1
        assert "ca_file cannot be read (nothing came within 5s)" in log.getvalue()


def strict(**arguments: Path | None) -> ssl.SSLContext:
    """Make a default context as Python 3.13 and later do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(arguments["cafile"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


async def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    async with listening(send_pages, server) as api:
        _, writer = await asyncio.open_connection("localhost", api.port, ssl=client)
        writer.transport.abort()


@pytest.mark.programs
async def test_a_private_authority_need_not_pass_the_strict_checks_of_python_3_13(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = lax(tmp_path, "lax")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "lax-signed.pem", tmp_path / "lax-signed.key")
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server, strict(cafile=authority))
    monkeypatch.setattr(ssl, "create_default_context", strict)
    context = TLS(ca_file=authority).context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    await handshake(server, context)


def test_public_authorities_are_checked_as_python_does() -> None:
    assert TLS().context().verify_flags == ssl.create_default_context().verify_flags
