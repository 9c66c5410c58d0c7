"""The HTTP server: uvicorn on sockets that are open already, as a part of the program."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

from exporter.web.accepting import Doorway
from exporter.web.limits import Limits
from exporter.web.protocol import LimitedProtocol
from exporter.web.seats import Seats

_GRACE = 3  # seconds that answers under way have to finish; the whole shutdown has 5


async def _unencrypted() -> None:
    return None


class Server(uvicorn.Server):
    """Serves an application until ``should_exit`` is set; signals belong to whoever runs the event loop.

    Args:
        application: what answers.
        context: how to encrypt a connection that begins now, None for not at all.
        limits: how much clients may take up.
    """

    def __init__(
        self,
        application: ASGIApp,
        context: Callable[[], Awaitable[ssl.SSLContext | None]] = _unencrypted,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        super().__init__(
            uvicorn.Config(
                application,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # what a client does wrong is not worth a line, and could be made to fill the disk
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=limits.idle_seconds,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._seats = Seats(limits.connections)
        self._doorway = Doorway(
            lambda: LimitedProtocol(self.config, self.server_state, limits, self._seats), context, self._seats, limits
        )
        self._accepting: list[asyncio.Task[None]] = []

    async def serve_on(self, listeners: Sequence[socket.socket]) -> None:
        """Serve until told to stop, then let answers under way finish.

        Raises:
            ListenError: a socket failed.
        """
        await self.serve(sockets=list(listeners))
        for accepting in self._accepting:
            if not accepting.cancelled():
                accepting.result()  # raises what ended it

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections in our own way instead of uvicorn's."""
        self.servers = []
        self._accepting = [asyncio.create_task(self._doorway.accept(listener)) for listener in sockets or ()]
        for accepting in self._accepting:
            accepting.add_done_callback(self._stop_accepting)
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, hang up where nothing is under way, and wait for the rest."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        self._doorway.close()
        await super().shutdown(sockets)

    def _stop_accepting(self, _: asyncio.Task[None]) -> None:
        """Serve nothing rather than a part of the addresses."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
