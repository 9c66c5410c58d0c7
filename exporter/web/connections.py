"""HTTP connections, within limits of number, time and size."""

import asyncio
import contextlib
import fcntl
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_CHECKS = 10  # of whether a client reads, until patience is lost
_TOO_LARGE = b"The request is too large.\n"
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_TOO_LARGE), _TOO_LARGE)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is allowed before a connection is closed or a request is turned away.

    Attributes:
        connections: open at once; beyond it, the one that keeps us waiting longest makes room.
        scrapes: being answered at once.
        others: likewise, of pages and whatever else is not a scrape.
        pipelined: requests that a connection may send ahead of their answers.
        request_bytes: that a connection may send until it is answered; no request of ours needs a body.
        handshake_seconds: for TLS to begin.
        head_seconds: from a connection's begin, or a request's first byte, to the end of its headers.
        answer_seconds: to answer, and for the client to read that.
        stall_seconds: for the client to read on while an answer waits for it.
        idle_seconds: between requests; longer than usual scrape intervals, so that Prometheus keeps its connection.
        closing_seconds: for a client to agree to the end, once it has read what was sent.
    """

    connections: int = 512
    scrapes: int = 128
    others: int = 32
    pipelined: int = 8
    request_bytes: int = 16 * 1024
    handshake_seconds: float = 10.0
    head_seconds: float = 10.0
    answer_seconds: float = 120.0
    stall_seconds: float = 10.0
    idle_seconds: int = 90
    closing_seconds: float = 1.0


class Connections:
    """The open connections, of which there may be so many.

    A client that sends its request slowly, or not at all, costs nothing but its place. So when all are taken, the
    connection that has kept us waiting longest is closed: however many such clients there are, whoever sends a
    request at once is answered.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[object, Callable[[], None]] = {}  # the longest first
        self._answered: set[object] = set()

    def wait(self, connection: object, close: Callable[[], None]) -> None:
        """Note that a connection, new or not, waits for its client from now on."""
        self.remove(connection)
        self._waiting[connection] = close

    def answer(self, connection: object) -> None:
        """Note that a connection is being answered."""
        self.remove(connection)
        self._answered.add(connection)

    def remove(self, connection: object) -> None:
        """Note that a connection has ended."""
        self._waiting.pop(connection, None)
        self._answered.discard(connection)

    def make_room(self) -> bool:
        """Tell whether one more may come, after closing the one that waits longest where there are too many."""
        if len(self._waiting) + len(self._answered) < self._limit:
            return True
        if not self._waiting:
            return False
        longest = next(iter(self._waiting))
        self._waiting.pop(longest)()
        return True


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with what it does not limit: how long a client may take, and how much it may send.

    At any time there is one deadline, for what has to happen next. When it passes the connection is closed, and cut
    if the client does not agree to that. Beside it, a client for which an answer waits has to read on.
    """

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, limits: Limits, connections: Connections
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state={})
        self._limits = limits
        self._open = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._received = 0  # bytes since the last answer
        self._unanswered = 0  # requests

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Wait for the first request."""
        super().connection_made(transport)
        self._open.wait(self, transport.abort)
        self._set_deadline(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the place."""
        super().connection_lost(exc)
        self._unset_deadline()
        self._unset_stall()
        self._open.remove(self)

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request."""
        if self.transport.is_closing():
            return
        if self._received == 0 and not self._unanswered:
            self._set_deadline(self._limits.head_seconds)
        self._received += len(data)
        if self._received > self._limits.request_bytes:
            self._refuse()
            return
        super().data_received(data)
        if self.transport.is_closing():  # it was no request
            self._watch()

    def on_message_begin(self) -> None:
        """Begin to read a request, unless too many wait for their turn."""
        if self._unanswered > self._limits.pipelined:
            self.transport.abort()
            raise OverflowError  # ends the parser's work on what was received with it
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        super().on_headers_complete()
        self._unanswered += 1
        self._open.answer(self)
        self._set_deadline(self._limits.answer_seconds)

    def on_response_complete(self) -> None:
        """Wait for the next request, or answer it if it is there already."""
        self._unanswered -= 1
        super().on_response_complete()
        self._watch()
        if self.transport.is_closing():
            pass  # the deadline stays
        elif self._unanswered:
            self._set_deadline(self._limits.answer_seconds)
            return
        else:
            self._unset_deadline()  # uvicorn has begun to count the idle time
        self._received = 0
        self._open.wait(self, self.transport.abort)

    def pause_writing(self) -> None:
        """Wait for the client to read on."""
        super().pause_writing()
        self._watch()

    def shutdown(self) -> None:
        """Close the connection, after the answer that is under way."""
        super().shutdown()
        if self.transport.is_closing():
            self._watch()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, since it was idle for too long."""
        self._expire()

    def _refuse(self) -> None:
        if self._unanswered:  # nothing can be said in the middle of an answer
            self.transport.abort()
            return
        self.transport.write(_REFUSAL)
        self._expire()

    def _expire(self) -> None:
        if self._unanswered or self.transport.is_closing():
            self.transport.abort()
            return
        self.transport.close()
        self._set_deadline(self._limits.answer_seconds)
        self._watch()

    def _watch(self) -> None:
        """Cut the connection once the client, which has something to read, reads nothing for too long."""
        self._unset_stall()
        self._check(self._unread(), self.loop.time())

    def _check(self, before: int, since: float) -> None:
        unread, now = self._unread(), self.loop.time()
        if not (before or unread or self.transport.is_closing()):  # once may be before the next bytes go out
            return
        if unread != before:
            since = now
        patience = self._limits.stall_seconds if unread else self._limits.closing_seconds
        if now - since >= patience:
            self.transport.abort()
        else:
            self._stall = self.loop.call_later(patience / _CHECKS, self._check, unread, since)

    def _unread(self) -> int:
        """Return how many bytes the client has not taken in yet, as far as is known; it changes as the client reads.

        Those in the kernel count: it takes more from us only when much of that has gone, which takes slow clients
        long, and where a connection is encrypted, what waits for the kernel is not known.
        """
        queued = bytes(4)
        try:
            with contextlib.suppress(OSError):
                queued = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
            return self.transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)
        except AttributeError:  # asyncio's TLS transport lets go of all it has when the connection is lost
            return 0

    def _unset_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _set_deadline(self, seconds: float) -> None:
        self._unset_deadline()
        self._deadline = self.loop.call_later(seconds, self._expire)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
