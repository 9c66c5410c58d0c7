"""Watches a poll: an observer of its client, told every step of its connections."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from exporter.api.client import http_date, requests_left
from exporter.api.errors import Reason
from exporter.clock import Clock
from exporter.doctor.sight import Answer, FirstPage, Handshake, Host, Sight
from exporter.polling.walk import Page, last_page

_Info: TypeAlias = dict[str, Any]  # what httpcore tells depends on the event


class Witness:
    """Keeps what it sees of one poll; ``tell`` is told in words how far that is."""

    def __init__(self, clock: Clock, tell: Callable[[str], None]) -> None:
        self.sight = Sight()
        self._clock = clock
        self._tell = tell
        self._retries: Counter[Reason] = Counter()
        self._asks_proxy: set[asyncio.Task[Any] | None] = set()

    def requested(self, code: str, seconds: float) -> None:  # noqa: ARG002 - the protocol's
        """Note how long a request took."""
        self.sight = replace(self.sight, seconds=(*self.sight.seconds, seconds))

    def retried(self, reason: Reason) -> None:
        """Note that a request is made again."""
        self._retries[reason] += 1
        self.sight = replace(self.sight, retries=dict(self._retries))
        self._tell(f"trying again ({reason})")

    def read(self, page: Page) -> None:
        """Note a page that was read."""
        first = self.sight.first_page or FirstPage(len(page.rows), page.answer.position.total, last_page(page))
        self.sight = replace(self.sight, first_page=first)
        self._tell(f"page {page.number}{f' of {first.last}' if first.last else ''}")

    async def trace(self, event: str, info: _Info) -> None:
        """Note what happens on a connection, as httpcore calls it."""
        match event.split("."):
            case ["connection", "connect_tcp", "started"]:
                host = Host(info["host"], info["port"])
                self.sight = replace(self.sight, host=host)
                self._tell(f"connecting to {host}")
            case ["connection", "connect_tcp", "complete"]:
                peer = info["return_value"].get_extra_info("server_addr")[0]
                self.sight = replace(self.sight, peer=self.sight.peer or peer)
            case [layer, "start_tls", "started"]:
                begun = {layer: Handshake(info["server_hostname"])}
                # One that succeeded before tells more than one that has only begun.
                self.sight = replace(self.sight, handshakes=begun | self.sight.handshakes)
            case [layer, "start_tls", "complete"]:
                self._shook_hands(layer, info["return_value"].get_extra_info("ssl_object"))
            case ["http11", "send_request_headers", "started"]:
                self._note_whom_it_asks(info["request"].method)
            case ["http11", "receive_response_headers", "complete"]:
                self._answered(info["return_value"])

    def _shook_hands(self, layer: str, connection: ssl.SSLObject) -> None:
        # Of a certificate that nobody checks, Python does not tell what it says.
        until = (connection.getpeercert() or {}).get("notAfter")
        expires_at = ssl.cert_time_to_seconds(until) if isinstance(until, str) else None
        done = replace(self.sight.handshakes[layer], version=connection.version(), expires_at=expires_at)
        self.sight = replace(self.sight, handshakes={**self.sight.handshakes, layer: done})

    def _note_whom_it_asks(self, method: bytes) -> None:
        """Tell a request to a proxy to connect from those to the API; a task makes one request at a time."""
        task = asyncio.current_task()
        if method == b"CONNECT":
            self._asks_proxy.add(task)
        else:
            self._asks_proxy.discard(task)

    def _answered(self, head: tuple[bytes, int, bytes, list[tuple[bytes, bytes]]]) -> None:
        if asyncio.current_task() in self._asks_proxy:
            return
        _, status, _, headers = head
        named = {name.lower(): value.decode("latin-1") for name, value in headers}
        answer = Answer(
            status,
            http_date(named.get(b"date", "")),
            self._clock.time(),
            requests_left(named.get(b"x-ratelimit-remaining")),
        )
        self.sight = replace(self.sight, answers=(*self.sight.answers, answer))
