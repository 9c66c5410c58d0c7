"""The HTTP server: uvicorn, with limits on the number of connections, on time and on size."""

import asyncio
import contextlib
import math
import socket
import ssl
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_GRACE = 3  # seconds that answers under way have to finish; the whole shutdown has 5
_PAUSE = 1.0  # seconds until file descriptors may be free again

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits beyond which a connection is closed or a request is refused."""

    connections: int = 512  # beyond them, the one that has waited longest for its client makes room
    scrapes: int = 128  # answered at the same time
    others: int = 32  # other requests answered at the same time
    request_bytes: int = 16 * 1024  # sent by the client before it is answered; no endpoint needs a body
    head_seconds: float = 10.0  # for the TLS handshake; from connection or first byte to the end of the headers
    answer_seconds: float = 120.0  # to answer, and for the client to read the answer
    stall_seconds: float = 10.0  # without the client reading anything of an answer
    idle_seconds: int = 90  # longer than usual scrape intervals, so that Prometheus keeps its connection


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on a client's time and bytes."""

    def __init__(self, server: "Server", connection: socket.socket) -> None:
        super().__init__(config=server.config, server_state=server.server_state, app_state={})
        self.connection = connection
        self._limits = server.limits
        self._open = server.open
        self._received = 0  # bytes since the last answer
        self._unanswered = deque[RequestResponseCycle]()  # requests may be sent ahead
        self._is_at_end = False  # of what the client sends, as far as it is understood
        self._allow(self._limits.head_seconds)

    @property
    def is_answering(self) -> bool:
        return bool(self._unanswered)

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in self._unanswered:  # uvicorn tells only the last one
            cycle.disconnected = True
        super().connection_lost(exc)
        self._open.pop(self, None)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        was_answering = self.is_answering
        if not self._received:
            self._allow(self._limits.head_seconds)
        self._received += len(data)
        if self._received <= self._limits.request_bytes:
            super().data_received(data)
        else:
            self.send_400_response("The request is too large.\n")
        if self.is_answering and not was_answering:
            self._allow(self._limits.answer_seconds)

    def send_400_response(self, msg: str) -> None:
        if self.is_answering:  # an error cannot be sent in the middle of an answer: that is the last of the connection
            self._is_at_end = True
            self.flow.pause_reading()
        else:
            super().send_400_response(msg)

    def eof_received(self) -> bool:  # type: ignore[override]  # None is False to asyncio
        """Keep a connection whose client has closed its side, as nc does, for the answer; TLS closes both sides."""
        self._is_at_end = True
        return self.is_answering and self.scheme == "http"

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._unanswered.append(self.cycle)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unanswered.popleft()
        if self.is_answering:  # a request that was sent ahead
            self._allow(self._limits.answer_seconds)
        elif self._is_at_end:
            self.transport.close()
        elif not self.transport.is_closing():
            self._received = 0
            self._allow(math.inf)  # uvicorn has started its keep-alive timer
            self._open.pop(self, None)
            self._open[self] = None

    def cut(self) -> None:
        """Close the connection at once, also during its TLS handshake."""
        if self in self.connections:
            self.transport.abort()
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)  # the event loop closes it then

    def _allow(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds  # when the server cuts it


class Server(uvicorn.Server):
    """Serves an application until ``should_exit`` is set; it does not handle signals.

    It accepts connections itself, because the event loop's servers report a connection only after the TLS handshake.
    Here connections count towards the limit from the start, and each gets the current TLS context.
    """

    def __init__(
        self,
        application: ASGIApp,
        context: Callable[[], Awaitable[ssl.SSLContext | None]],  # of a new connection; None for plain HTTP
        limits: Limits,
    ) -> None:
        config = uvicorn.Config(
            application,
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
        super().__init__(config)
        self._context = context
        self.limits = limits
        self.open: dict[LimitedProtocol, None] = {}  # the one that has waited longest for its client first
        self._accepting: list[asyncio.Task[None]] = []
        self._beginning: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in sockets or ()]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Cut clients that are too slow; uvicorn calls this ten times a second."""
        now = asyncio.get_running_loop().time()
        for protocol in [each for each in self.open if each.deadline < now]:
            protocol.cut()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, close those without a request, and wait for the others."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for protocol in list(self.open):
            is_sending = protocol in protocol.connections and protocol.transport.get_write_buffer_size()
            if not (protocol.is_answering or is_sending):  # a TLS client would be waited for until it says goodbye
                protocol.cut()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as error:
                _log.warning("cannot accept connections", error=error.strerror)
                await asyncio.sleep(_PAUSE)
                continue
            if len(self.open) >= self.limits.connections:
                # Clients that send slowly, or nothing, take places from each other, not from those that send at once.
                longest = next((protocol for protocol in self.open if not protocol.is_answering), None)
                if longest is None:
                    connection.close()
                    continue
                del self.open[longest]
                longest.cut()
            protocol = LimitedProtocol(self, connection)
            self.open[protocol] = None
            beginning = asyncio.create_task(self._begin(protocol))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    async def _begin(self, protocol: LimitedProtocol) -> None:
        try:
            if sys.platform == "linux":
                # The kernel closes a connection whose client has read nothing of the waiting data for this time.
                milliseconds = int(self.limits.stall_seconds * 1000)
                protocol.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            context = await self._context()
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                protocol.connection,
                ssl=context,
                # A client may still be reading the last answer.
                ssl_shutdown_timeout=self.limits.answer_seconds if context else None,
            )
        except OSError as error:
            self.open.pop(protocol, None)
            _log.debug("a connection did not begin", error=str(error) or type(error).__name__)
