"""Certificates of every kind that a client must not trust, and a front of TLS before a server without it."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from support.certificates import Authority


@dataclass(frozen=True)
class Certificates:
    """Certificates and keys in a folder, by kind."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        known, unknown = Authority(folder, "known"), Authority(folder, "unknown")
        soon = datetime.now(UTC) + timedelta(days=2)
        known.sign("good", not_after=soon)
        known.sign("lasting", not_after=soon + timedelta(days=88))
        known.sign("wrong-name", ["elsewhere.test"])
        known.sign("expired", not_after=datetime(2001, 1, 1, tzinfo=UTC))
        unknown.sign("unknown-ca")
        return cls(folder)

    def certificate(self, kind: str) -> Path:
        return self.folder / f"{kind}.pem"

    def key(self, kind: str) -> Path:
        return self.folder / f"{kind}.key"


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
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
