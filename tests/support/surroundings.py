"""Simulated APIs on the loopback interface, and what stands before them: certificates of every kind, and proxies."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator
from support.certificates import Authority
from support.exposed import TOKEN
from support.streams import HEAD_END, Listening, listening, pass_on, tunnel


@dataclass(frozen=True)
class TlsFront:
    """Speaks TLS before a server that does not."""

    certificates: Path
    context: ssl.SSLContext
    server: Listening

    @property
    def port(self) -> int:
        return self.server.port

    def show(self, kind: str) -> None:
        """Show this certificate from now on, to everybody."""
        self.context.load_cert_chain(self.certificates / f"{kind}.pem", self.certificates / f"{kind}.key")
        self.server.abort()


@dataclass(frozen=True)
class Surroundings:
    """Where workspaces are put up, each on an API of its own; certificates and keys are in a folder, by kind."""

    stack: AsyncExitStack
    certificates: Path
    simulators: list[Simulator] = field(default_factory=list)

    async def simulator(
        self, name: str, behaviour: Behaviour | None = None, *, trunks: int, token: str = TOKEN
    ) -> Simulator:
        simulator = Simulator([Tenant(name, token, Fleet.generate(trunks, seed=1))], behaviour)
        await simulator.start()
        self.simulators.append(simulator)
        return simulator

    async def front(self, simulator: Simulator, kind: str = "good") -> TlsFront:
        serve, context = partial(pass_on, simulator.port), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        front = TlsFront(self.certificates, context, await self.stack.enter_async_context(listening(serve, context)))
        front.show(kind)
        return front

    async def proxy(self, refusal: str = "") -> str:
        """Run a proxy that tunnels, and return its URL; it may refuse with a status line's end."""

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(HEAD_END)
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())

        server = await self.stack.enter_async_context(listening(refuse if refusal else tunnel))
        return f"http://user:proxy-password@127.0.0.1:{server.port}"


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[Surroundings]:
    """Put up what is asked for, until the block is left; certificates are in the folder."""
    known, soon = Authority(folder, "known"), datetime.now(UTC) + timedelta(days=2)
    known.sign("good", not_after=soon)
    known.sign("lasting", not_after=soon + timedelta(days=88))
    known.sign("wrong-name", ["elsewhere.test"])
    known.sign("expired", not_after=datetime(2001, 1, 1, tzinfo=UTC))
    Authority(folder, "unknown").sign("unknown-ca")
    async with AsyncExitStack() as stack:
        around = Surroundings(stack, folder)
        yield around
        # All at once, since each takes a moment to end.
        await asyncio.gather(*(simulator.stop() for simulator in around.simulators))
