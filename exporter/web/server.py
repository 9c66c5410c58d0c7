"""The HTTP server: uvicorn on sockets that are open already, as a part of the program."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from exporter.web.connections import Connections, LimitedProtocol, Limits
from exporter.web.listening import ListenAddress, ListenError

_GRACE = 3  # seconds that answers under way have to finish; the whole shutdown has 5
_PAUSE = 1.0  # seconds until files may be free again
_UNUSABLE = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})  # others concern the one connection
_NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = structlog.get_logger()


async def _unencrypted() -> None:
    return None


class Server(uvicorn.Server):
    """Serves an application until ``should_exit`` is set; signals belong to whoever runs the event loop.

    It accepts connections itself: the event loop's own servers know a connection only when TLS has begun. Here it
    counts from its first moment, and has a context of its own, as certificates are when it begins.

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
        self._context = context
        self._limits = limits or Limits()
        super().__init__(
            uvicorn.Config(
                application,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # what a client does wrong is not worth a line, and could be made to fill the disk
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=self._limits.idle_seconds,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._connections = Connections(self._limits.connections)
        self._accepting: list[asyncio.Task[None]] = []
        self._beginning: dict[socket.socket, asyncio.Task[None]] = {}

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
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in sockets or ()]
        for accepting in self._accepting:
            accepting.add_done_callback(self._stop)
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, hang up where nothing is under way, and wait for the rest."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for connection in self._beginning:
            _hang_up(connection)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    def _stop(self, _: asyncio.Task[None]) -> None:
        """Serve nothing rather than a part of the addresses."""
        self.should_exit = True

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        address = ListenAddress(*listener.getsockname()[:2])
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _UNUSABLE:
                    raise ListenError(
                        f"cannot accept connections on {address} any more ({error.strerror}); start the exporter again"
                    ) from error
                if error.errno in _NOTHING_LEFT:
                    _log.warning("cannot accept connections", error=error.strerror)
                    await asyncio.sleep(_PAUSE)
                continue
            if self._connections.make_room():
                self._beginning[connection] = asyncio.create_task(self._begin(connection))
            else:
                connection.close()

    async def _begin(self, connection: socket.socket) -> None:
        protocol = LimitedProtocol(self.config, self.server_state, self._limits, self._connections)
        self._connections.wait(protocol, lambda: _hang_up(connection))
        try:
            context = await self._context()
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds if context else None,
                # The protocol is stricter, but waits for clients that read.
                ssl_shutdown_timeout=self._limits.answer_seconds if context else None,
            )
        except OSError as error:
            self._connections.remove(protocol)
            _log.debug("a connection did not begin", error=str(error) or type(error).__name__)
        finally:
            self._beginning.pop(connection, None)


def _hang_up(connection: socket.socket) -> None:
    """End a connection that belongs to the event loop, which sees that and closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
