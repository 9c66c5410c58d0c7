"""Certificates of every kind that a client must not trust, and a front of TLS before a server without it."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_KINDS = {
    # name: (authority, host name, days)
    "good": ("known", "localhost", 2),
    "lasting": ("known", "localhost", 90),
    "wrong-name": ("known", "elsewhere.test", 2),
    "expired": ("known", "localhost", -1),
    "unknown-ca": ("unknown", "localhost", 2),
}


def openssl(*arguments: str | Path) -> None:
    program = shutil.which("openssl")
    assert program, "openssl is missing; install it: apt-get install openssl"
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)  # noqa: S603 - fixed arguments


@dataclass(frozen=True)
class Certificates:
    """Certificates and keys in a folder, by kind."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        made = cls(folder)
        for authority in ("known", "unknown"):
            made._make_key(authority)
            extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
            flags = [part for extension in extensions for part in ("-addext", extension)]
            openssl(
                *("req", "-x509", "-new", "-subj", f"/CN={authority} authority", "-days", "2", *flags),
                *("-key", made.key(authority), "-out", made.certificate(authority)),
            )
        for kind, (authority, host, days) in _KINDS.items():
            made._make_leaf(kind, authority, host, days)
        return made

    def certificate(self, kind: str) -> Path:
        return self.folder / f"{kind}.pem"

    def key(self, kind: str) -> Path:
        return self.folder / f"{kind}.key"

    def _make_key(self, kind: str) -> None:
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key(kind))

    def _make_leaf(self, kind: str, authority: str, host: str, days: int) -> None:
        self._make_key(kind)
        request, extensions = self.folder / f"{kind}.csr", self.folder / f"{kind}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")
        openssl("req", "-new", "-key", self.key(kind), "-subj", f"/CN={host}", "-out", request)
        openssl(
            *("x509", "-req", "-in", request, "-extfile", extensions, "-days", str(days)),
            *("-CA", self.certificate(authority), "-CAkey", self.key(authority), "-CAcreateserial"),
            *("-out", self.certificate(kind)),
        )


@dataclass
class TlsFront:
    """Speaks TLS and passes on to a port of the loopback interface."""

    certificates: Certificates
    target: int
    port: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load("good")

    def show(self, kind: str) -> None:
        """Show this certificate from now on, to everybody."""
        self._load(kind)
        for writer in self._connections:
            writer.transport.abort()

    def _load(self, kind: str) -> None:
        self._context.load_cert_chain(self.certificates.certificate(kind), self.certificates.key(kind))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._connections.add(writer)
        try:
            await asyncio.gather(pipe(reader, behind_writer), pipe(behind_reader, writer))
        finally:
            self._connections.discard(writer)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()
