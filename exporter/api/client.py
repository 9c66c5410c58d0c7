"""Requests for pages of the list, and the connections that they are made on."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Protocol

import httpx

from exporter import __version__
from exporter.api import body
from exporter.api.errors import ApiError, Reason, redact, response_error, transport_error
from exporter.api.wire import error_message
from exporter.clock import Clock
from exporter.config.addresses import LIST_PATH
from exporter.config.certificates import Certificates
from exporter.config.credentials import Secret
from exporter.config.files import open_files_remedy
from exporter.config.settings import Workspace
from exporter.process import share_files

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]  # as httpcore calls its extension "trace"

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"mihu-trunk-exporter/{__version__}",
}
_ERROR_LIMIT = 2**16  # bytes read of the body of another status than 200
_MAX_IDLE = share_files().idle  # connections of all workspaces


class Observer(Protocol):
    """Counts the requests."""

    def requested(self, code: str, seconds: float) -> None:
        """Count one request; ``code`` is the HTTP status, or ``error`` where no whole answer came."""

    def retried(self, reason: Reason) -> None:
        """Count one request that is about to be made again."""


class Client:
    """Requests pages of one workspace's trunks; ``await aclose()`` when done.

    ``trace`` is called with each event on the connections. ``limiter``, such as a semaphore that clients share, is
    entered for each request.

    All connections are renewed, once none is in use, after certificates change, and after a request is cancelled:
    httpcore may count its connection as in use for ever.
    """

    # Those that may have open connections of which none is in use, the latest last.
    _idle: ClassVar["dict[Client, None]"] = {}

    def __init__(  # noqa: PLR0913 - each is used
        self,
        workspace: Workspace,
        *,
        clock: Clock,
        observer: Observer,
        transport: httpx.AsyncBaseTransport | None = None,
        trace: Trace | None = None,
        limiter: AbstractAsyncContextManager[Any] | None = None,
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self.observer = observer
        self._trace = trace
        self._limiter = limiter or nullcontext()
        query = {"per_page": workspace.per_page, **asdict(workspace.filter)}
        query = {name: value for name, value in query.items() if value is not None}
        self._url = httpx.URL(workspace.base_url + LIST_PATH, params=query)
        self._certificates = Certificates(workspace.tls, workspace=workspace.name)
        if not workspace.tls.files:
            self._certificates.load()
        self._given = transport
        self._transport = self._make_transport()
        self._in_use = 0
        self._open = 0  # at most: one is opened only where all are in use
        self._outdated = False

    async def aclose(self) -> None:
        self._idle.pop(self, None)
        await self._transport.aclose()

    async def get_page(
        self, number: int, token: Secret, on_remaining: Callable[[int | None], None] = lambda _: None
    ) -> body.Body:
        """Return the body of a page; an ApiError is without secrets. A request that is cancelled is not counted.

        ``on_remaining`` is called with the requests left in the API's rate limit, None if the API does not say.
        """
        if number == 1:  # a walk begins
            await self._follow_certificates()
        started = self._clock.monotonic()
        try:
            content = await self._request(number, token, on_remaining)
        except ApiError as error:
            self.observer.requested(str(error.status or "error"), self._clock.monotonic() - started)
            raise redact(error, token, self._workspace.proxy) from None
        self.observer.requested("200", self._clock.monotonic() - started)
        return content

    async def _request(self, number: int, token: Secret, on_remaining: Callable[[int | None], None]) -> body.Body:
        limit = self._workspace.request_timeout
        request = httpx.Request(
            "GET",
            f"{self._url}&page={number}",
            headers={**_HEADERS, "Authorization": f"Bearer {token.reveal}"},
            extensions={"trace": self._make_trace()},
        )
        try:
            async with (
                self._clock.timeout_at(self._clock.monotonic() + limit),
                self._limiter,
                self._lend() as transport,
                aclosing(await transport.handle_async_request(request)) as response,
            ):
                on_remaining(requests_left(response.headers.get("X-RateLimit-Remaining")))
                return await self._read(response)
        except TimeoutError as error:
            seen = f"no complete answer for page {number} within {limit:g}s (request_timeout)"
            raise ApiError(Reason.TIMEOUT, seen) from error
        except (httpx.HTTPError, OSError) as error:  # httpcore passes on what TLS says after the handshake
            raise transport_error(error, self._workspace) from error

    def _make_trace(self) -> Trace:
        """Return the trace of a request: it refuses a response that arrived before, and names the API for TLS.

        A server may send more than one response to a request. httpcore looks for such bytes in the socket before it
        reuses a connection. Bytes that came together with the previous response have been read already: a response
        made of them is there without waiting.

        httpcore's extension sni_hostname would name an https:// proxy instead of the API that a tunnel leads to. The
        dot that keeps resolvers from trying search domains is in no certificate.
        """
        waited = asyncio.Event()

        async def trace(event: str, info: dict[str, Any]) -> None:
            if event == "http11.receive_response_headers.started":
                waited.clear()
                asyncio.get_running_loop().call_soon(waited.set)
            elif event == "http11.receive_response_headers.complete" and not waited.is_set():
                remedy = "if it lasts, check what answers there, and the proxy"
                raise ApiError(Reason.CONNECTION, "an answer was there before it was asked for", remedy)
            elif event == ("proxy" if self._workspace.proxy else "connection") + ".start_tls.started":
                name = self._workspace.tls.server_name or info["server_hostname"]
                info["server_hostname"] = name.removesuffix(".")  # these are the arguments of what starts now
            if self._trace is not None:
                await self._trace(event, info)

        return trace

    async def _read(self, response: httpx.Response) -> body.Body:
        encoding = response.headers.get("Content-Encoding", "")
        if response.status_code == httpx.codes.OK:
            try:
                return await body.read(response.aiter_raw(), encoding)
            except ApiError as error:
                error.status = httpx.codes.OK
                raise
        message = ""
        if not response.is_redirect:
            with suppress(ApiError, httpx.HTTPError, OSError):  # the status tells more than a broken error page
                async with self._clock.timeout_at(self._clock.monotonic() + self._workspace.request_timeout / 2):
                    message = error_message((await body.read(response.aiter_raw(), encoding, _ERROR_LIMIT)).plain)
        now = http_date(response.headers.get("Date", "")) or self._clock.time()  # its clock may differ from ours
        raise response_error(response, message, retry_after(response.headers.get("Retry-After"), now=now))

    async def _follow_certificates(self) -> None:
        """Renew connections if the files of ``tls_config`` have changed; an ApiError says that none can be used."""
        try:
            if await self._certificates.refresh():
                self._outdated = True
        except OSError as error:
            remedy = open_files_remedy(error)
            reason = Reason.CONNECTION if remedy else Reason.TLS
            raise ApiError(reason, f"tls_config: {error.strerror or error}", remedy) from error

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """Lend the transport for one request."""
        if self._outdated and not self._in_use:
            await self._renew()
        self._idle.pop(self, None)
        self._in_use += 1
        self._open = max(self._open, self._in_use)
        try:
            yield self._transport
        except asyncio.CancelledError:
            self._outdated = True
            raise
        finally:
            self._in_use -= 1
            if not self._in_use:
                self._idle[self] = None
        while sum(idle._open for idle in self._idle) > _MAX_IDLE:  # noqa: SLF001 - of the same class
            await next(iter(self._idle))._renew()  # noqa: SLF001 - as above

    async def _renew(self) -> None:
        outdated, self._transport = self._transport, self._make_transport()
        self._outdated = False
        self._open = 0
        self._idle.pop(self, None)
        await outdated.aclose()

    def _make_transport(self) -> httpx.AsyncBaseTransport:
        """Make a transport: it follows no redirect, keeps no cookie, reads no environment.

        It has no time-outs: httpx bounds single reads, and a server may send a byte at a time.
        """
        # Until the files have been read, no certificate is trusted.
        context = self._certificates.context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        proxy = self._workspace.proxy and httpx.Proxy(self._workspace.proxy)
        if proxy and proxy.url.scheme == "https":
            proxy.ssl_context = context  # httpcore's own would trust other authorities
        return self._given or httpx.AsyncHTTPTransport(
            verify=context,
            proxy=proxy,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,  # the throttle bounds them
                max_keepalive_connections=self._workspace.concurrency,
                keepalive_expiry=60.0,  # seconds, so that polls a minute apart may share a connection
            ),
        )


def retry_after(header: str | None, *, now: float) -> float | None:
    """Return the seconds of a ``Retry-After`` (RFC 9110, section 10.2.3).

    None if it is missing, negative, or neither seconds nor a date; a date in the past is 0.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    date = http_date(text)
    return None if date is None else max(date - now, 0.0)


def http_date(text: str) -> float | None:
    """Return the Unix time of a date in an HTTP header; None if it is not a date."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in UTC, as HTTP dates are.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def requests_left(header: str | None) -> int | None:
    """Return the number of an ``X-RateLimit-Remaining``; None if it is not a number."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - any real limit
