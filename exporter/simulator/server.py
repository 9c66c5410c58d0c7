"""The simulated API on a real socket, in the event loop that is already running."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Self

import uvicorn
from starlette.types import Receive, Scope, Send

from exporter.simulator.api import Api, Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults.responses import RESET

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, on, for no time at all


class Simulator(Api):
    """Serves workspaces; can be stopped and started again on the same port, as an API that dies and returns."""

    def __init__(
        self, tenants: Iterable[Tenant], behaviour: Behaviour | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(tenants, behaviour)
        self.port = port  # 0 takes a free one at the first start
        self._host = host
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    def base_url(self, workspace: str) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}/{workspace}"

    async def start(self) -> None:
        """Listen and serve; an OSError says why that fails, a UnicodeError that the host cannot have this name."""
        # Before the socket is made, which would report an unknown name as another error.
        family, *_, address = socket.getaddrinfo(self._host, self.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family)
        # asyncio sees to this only on sockets made with an explicit protocol; without it, an answer in two
        # writes waits some 40 ms for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                self,
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                timeout_keep_alive=75,  # as nginx has it: longer than clients keep connections, which could else break
                timeout_graceful_shutdown=1,
            )
        )
        # Nothing to wait for: the socket listens, and connections queue until they are accepted.
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="simulator")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._server is not None:
            scope.setdefault("extensions", {})[RESET] = partial(self._server.reset, scope["client"])
        await super().__call__(scope, receive, send)

    async def stop(self) -> None:
        """Refuse connections from now on, and cut the open ones."""
        if self._serving is None or self._server is None:
            return
        self._server.should_exit = True
        try:
            await self._serving
        finally:
            self._serving = self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Server(uvicorn.Server):
    """A server that is part of a program, not the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the program that started the event loop

    def reset(self, client: tuple[str, int]) -> None:
        """Break the connection with this client, so that it notices."""
        for connection in list(self.server_state.connections):
            if connection.transport.get_extra_info("peername")[:2] == client:
                # Of the transport's own socket, options cannot be set on every event loop.
                with socket.socket(fileno=os.dup(connection.transport.get_extra_info("socket").fileno())) as duplicate:
                    duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # An API that dies does not finish its answers, and a latency may be longer than anyone wants to wait.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)
