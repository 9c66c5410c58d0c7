"""Certificates of every kind that a client must not trust, and a front of TLS before a server without it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.certificates import Authority
from support.streams import Listening, listening, pipe


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
@dataclass(frozen=True)
class TlsFront:
    """Speaks TLS before a server that does not."""

    certificates: Certificates
    context: ssl.SSLContext
    server: Listening

    @property
    def port(self) -> int:
        return self.server.port

    def show(self, kind: str) -> None:
        """Show this certificate from now on, to everybody."""
        self.context.load_cert_chain(self.certificates.certificate(kind), self.certificates.key(kind))
        self.server.abort()


@asynccontextmanager
async def tls_front(certificates: Certificates, target: int, kind: str = "good") -> AsyncIterator[TlsFront]:
    """Pass on to a port of the loopback interface until the block is left."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pipe(reader, behind_writer), pipe(behind_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with listening(serve, context) as server:
        front = TlsFront(certificates, context, server)
        front.show(kind)
        yield front
