"""Accepts connections, encrypted or not, while there are seats."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable

import structlog

from exporter.web.limits import Limits
from exporter.web.listening import ListenAddress, ListenError
from exporter.web.seats import Seats

_PAUSE = 1.0  # seconds until files may be free again
_UNUSABLE = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})  # others concern the one connection
_NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = structlog.get_logger()


class Doorway:
    """Takes connections from listening sockets and gives each a protocol.

    The event loop's own servers know a connection only when TLS has begun; here it has a seat from its first moment,
    and a context of its own, as certificates are when it begins.

    Args:
        protocol: makes a connection's protocol, which notes its seat from the time that it is connected.
        context: how to encrypt a connection that begins now.
        seats: bounds how many there are.
        limits: how long TLS may take.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.Protocol],
        context: Callable[[], Awaitable[ssl.SSLContext | None]],
        seats: Seats,
        limits: Limits,
    ) -> None:
        self._protocol = protocol
        self._context = context
        self._seats = seats
        self._limits = limits
        self._beginning: dict[socket.socket, asyncio.Task[None]] = {}

    async def accept(self, listener: socket.socket) -> None:
        """Accept from a listening socket until cancelled.

        Raises:
            ListenError: the socket is of no use any more.
        """
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
            if self._seats.make_room():
                self._beginning[connection] = asyncio.create_task(self._connect(connection))
            else:
                connection.close()

    def close(self) -> None:
        """Hang up where nothing has begun."""
        for connection in self._beginning:
            _hang_up(connection)

    async def _connect(self, connection: socket.socket) -> None:
        protocol = self._protocol()
        self._seats.wait(protocol, lambda: _hang_up(connection))
        try:
            await self._begin(connection, protocol)
        except OSError as error:
            self._seats.leave(protocol)
            _log.debug("a connection did not begin", error=str(error) or type(error).__name__)
        finally:
            self._beginning.pop(connection, None)

    async def _begin(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        loop = asyncio.get_running_loop()
        context = await self._context()
        if context is None:
            await loop.connect_accepted_socket(lambda: protocol, connection)
        else:
            await loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.answer_seconds,  # the protocol is stricter, but waits for readers
            )


def _hang_up(connection: socket.socket) -> None:
    """End a connection that belongs to the event loop, which sees that and closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
