"""Polls a workspace once, as the exporter does, and records its connections and requests."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from exporter.api.client import Client, http_date, requests_left
from exporter.api.errors import ApiError, Reason
from exporter.clock import Clock
from exporter.config.credentials import CredentialsError, Secret, read_token
from exporter.config.settings import Metrics, Workspace
from exporter.polling.buckets import BucketMaker
from exporter.polling.fleet import Fleet
from exporter.polling.poll import Poll, PollContext
from exporter.polling.snapshot import Snapshot
from exporter.polling.walk import Page

# Where TLS is spoken, as httpcore names it.
ON_CONNECTION = "connection"
WITHIN_TUNNEL = "proxy"

_NO_TOKEN = Secret("no-token-is-configured")  # sent without a token, to check the steps before it


class Host(NamedTuple):
    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Handshake(NamedTuple):
    name: str  # expected in the certificate
    version: str | None = None  # of the protocol; None until the handshake has succeeded
    expires_at: float | None = None  # Unix time; None if the certificate is not checked


class Head(NamedTuple):
    """The head of a response of the API; times are Unix seconds."""

    status: int
    date: float | None  # by the API's clock
    received_at: float  # by this machine's clock
    requests_left: int | None  # in the API's rate limit


@dataclass(kw_only=True)
class Recording:
    """What is observed of one poll, by its client's observer and the trace of its connections."""

    workspace: Workspace
    clock: Clock
    watch: Callable[[Page], None]
    token_error: CredentialsError | None = None  # why there is no token
    host: Host | None = None  # connected to, the API or a proxy; None without an attempt
    peer: str | None = None  # address of the first connection
    addresses: tuple[str, ...] = ()  # of the host's name
    handshakes: dict[str, Handshake] = field(default_factory=dict)  # ON_CONNECTION, and WITHIN_TUNNEL of a proxy
    answers: list[Head] = field(default_factory=list)  # in the order of arrival
    durations: list[float] = field(default_factory=list)  # seconds of each request
    retries: Counter[Reason] = field(default_factory=Counter)
    first_page: Page | None = None
    fleet: Fleet | None = None  # None if the poll failed
    error: ApiError | None = None
    seconds: float = 0.0  # duration of the poll
    ended_at: float = 0.0  # Unix time
    _asking_proxy: set[asyncio.Task[Any] | None] = field(default_factory=set)

    def requested(self, code: str, seconds: float) -> None:  # noqa: ARG002 - the protocol's
        self.durations.append(seconds)

    def retried(self, reason: Reason) -> None:
        self.retries[reason] += 1

    def read(self, page: Page) -> None:
        self.first_page = self.first_page or page
        self.watch(page)

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Note an event of a connection; the keys of ``info`` depend on the event (httpcore, Trace Extension)."""
        match event.split("."):
            case ["connection", "connect_tcp", "started"]:
                self.host = Host(info["host"], info["port"])
            case ["connection", "connect_tcp", "complete"]:
                self.peer = self.peer or info["return_value"].get_extra_info("server_addr")[0]
            case [layer, "start_tls", "started"]:
                # An earlier success says more than a beginning.
                self.handshakes.setdefault(layer, Handshake(info["server_hostname"]))
            case [layer, "start_tls", "complete"]:
                connection: ssl.SSLObject = info["return_value"].get_extra_info("ssl_object")
                # Python does not give the content of a certificate that was not checked.
                until = (connection.getpeercert() or {}).get("notAfter")
                expires_at = ssl.cert_time_to_seconds(until) if isinstance(until, str) else None
                self.handshakes[layer] = Handshake(self.handshakes[layer].name, connection.version(), expires_at)
            case ["http11", "send_request_headers", "started"]:
                # A task makes one request at a time, to a proxy or to the API.
                if info["request"].method == b"CONNECT":
                    self._asking_proxy.add(asyncio.current_task())
                else:
                    self._asking_proxy.discard(asyncio.current_task())
            case ["http11", "receive_response_headers", "complete"] if asyncio.current_task() not in self._asking_proxy:
                _, status, _, headers = info["return_value"]
                named = {name.lower(): value.decode("latin-1") for name, value in headers}
                date, left = http_date(named.get(b"date", "")), requests_left(named.get(b"x-ratelimit-remaining"))
                self.answers.append(Head(status, date, self.clock.time(), left))


async def record(  # noqa: PLR0913 - what polling depends on
    workspace: Workspace,
    metrics: Metrics,
    watch: Callable[[Page], None],
    *,
    clock: Clock,
    random: Random,
    executor: Executor,
) -> Recording:
    recording = Recording(workspace=workspace, clock=clock, watch=watch)
    token = _NO_TOKEN
    try:
        token = await read_token(workspace.credentials)
    except CredentialsError as error:
        recording.token_error = error
    client = Client(workspace, clock=clock, observer=recording, trace=recording.trace)
    polling = PollContext(
        workspace=workspace,
        maker=BucketMaker(workspace, metrics),
        client=client,
        clock=clock,
        random=random,
        executor=executor,
        on_page=recording.read,
    )
    started = clock.monotonic()
    try:
        snapshot, _ = await Poll(polling, Snapshot()).run(token)
        recording.fleet = snapshot.fleet
    except ApiError as error:
        recording.error = error
    finally:
        await client.aclose()
    recording.seconds = clock.monotonic() - started
    recording.ended_at = clock.time()
    if recording.peer is not None:
        recording.addresses = (recording.peer,)
    elif recording.host is not None:
        recording.addresses = await _resolve(recording.host, workspace.request_timeout, clock)
    return recording


async def _resolve(host: Host, timeout: float, clock: Clock) -> tuple[str, ...]:  # noqa: ASYNC109 - by the clock
    """Return the addresses of a host without a connection."""
    loop = asyncio.get_running_loop()
    try:
        async with clock.timeout_at(clock.monotonic() + timeout):
            # As bytes, like the client: encoding a text refuses some names with another error.
            found = await loop.getaddrinfo(host.name.encode(), host.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
