"""Requests for pages of the list, and the classification of errors (the vendor's documentation, Errors)."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import asdict
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx

from exporter import __version__
from exporter.api import body
from exporter.api.connection import PROXY_LOGIN, Connections, Trace, check_order, transport_error
from exporter.api.errors import ApiError, Reason, excerpt, redact
from exporter.api.wire import error_message
from exporter.clock import Clock
from exporter.config.addresses import LIST_PATH
from exporter.config.credentials import Secret
from exporter.config.settings import Workspace

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"mihu-trunk-exporter/{__version__}",
}
_ERROR_LIMIT = 2**16  # bytes read of the body of another status than 200


class Observer(Protocol):
    """Counts the requests."""

    def requested(self, code: str, seconds: float) -> None:
        """Count one request; ``code`` is the HTTP status, or ``error`` where no whole answer came."""

    def retried(self, reason: Reason) -> None:
        """Count one request that is about to be made again."""


class Client:
    """Requests pages of one workspace's trunks.

    It owns the connections: ``await aclose()`` when done. ``trace`` is called with each event on them. Each request is
    made within ``turn``, such as a semaphore that clients share.
    """

    def __init__(  # noqa: PLR0913 - each is used
        self,
        workspace: Workspace,
        *,
        clock: Clock,
        observer: Observer,
        transport: httpx.AsyncBaseTransport | None = None,
        trace: Trace | None = None,
        turn: AbstractAsyncContextManager[Any] | None = None,
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self.observer = observer
        self._connections = Connections(workspace, transport)
        self._trace = trace
        self._turn = turn or nullcontext()
        query = {"per_page": workspace.per_page, **asdict(workspace.filter)}
        query = {name: value for name, value in query.items() if value is not None}
        self._url = httpx.URL(workspace.base_url + LIST_PATH, params=query)
        server_name = workspace.tls.server_name
        self._extensions = {} if server_name is None else {"sni_hostname": server_name}

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def get_page(
        self, number: int, token: Secret, on_remaining: Callable[[int | None], None] = lambda _: None
    ) -> body.Body:
        """Return the body of a page; an ApiError is without secrets. A request that is cancelled is not counted.

        ``on_remaining`` is called with the requests left in the API's rate limit, None if the API does not say.
        """
        if number == 1:  # a walk begins
            await self._connections.follow_certificates()
        limit = self._workspace.request_timeout
        started = self._clock.monotonic()
        code = "error"
        try:
            async with self._clock.timeout_at(started + limit):
                content = await self._exchange(number, token, on_remaining)
            code = "200"
        except asyncio.CancelledError:
            code = ""
            raise
        except TimeoutError as error:
            seen = f"no complete answer for page {number} within {limit:g}s (request_timeout)"
            raise ApiError(Reason.TIMEOUT, seen) from error
        except (httpx.HTTPError, OSError) as error:  # httpcore passes on what TLS says after the handshake
            raise redact(transport_error(error, self._workspace), token, self._workspace.proxy) from None
        except ApiError as error:
            code = str(error.status or "error")
            raise redact(error, token, self._workspace.proxy) from None
        finally:
            if code:
                self.observer.requested(code, self._clock.monotonic() - started)
        return content

    async def _exchange(self, number: int, token: Secret, on_remaining: Callable[[int | None], None]) -> body.Body:
        request = httpx.Request(
            "GET",
            self._url.copy_merge_params({"page": number}),
            headers={**_HEADERS, "Authorization": f"Bearer {token.reveal}"},
            extensions={**self._extensions, "trace": check_order(self._trace)},
        )
        async with (
            self._turn,
            self._connections.lend() as transport,
            aclosing(await transport.handle_async_request(request)) as response,
        ):
            on_remaining(requests_left(response.headers.get("X-RateLimit-Remaining")))
            if response.status_code != httpx.codes.OK:
                raise await _response_error(response, now=self._clock.time())
            try:
                return await body.read(response.aiter_raw(), response.headers.get("Content-Encoding", ""))
            except ApiError as error:
                error.status = httpx.codes.OK
                raise


_BY_STATUS = {
    401: (Reason.AUTH, "the token is missing, invalid, expired or revoked"),
    403: (Reason.PERMISSION, "the token may not list trunks"),
    404: (Reason.NOT_FOUND, "there is no such API there"),
    407: (Reason.CLIENT_ERROR, "the proxy wants a user and password, or others"),
    422: (Reason.CLIENT_ERROR, "the API refuses a parameter"),
    429: (Reason.RATE_LIMITED, "the API's rate limit is reached"),
}
_BY_CLASS = {
    4: (Reason.CLIENT_ERROR, "the API refuses the request"),
    5: (Reason.SERVER_ERROR, "the API is failing or unavailable"),
}
_OTHER_SUCCESS = (Reason.INVALID_RESPONSE, "the API answers a listing with 200")


async def _response_error(response: httpx.Response, *, now: float) -> ApiError:
    """Classify a response by its HTTP status; ``now`` is Unix time, for a ``Retry-After`` that is a date."""
    status = response.status_code
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, section 15.4
        try:
            parts = urlsplit(response.headers.get("Location", ""))
            # Without user, password, query and fragment, which may be secret.
            target = excerpt(urlunsplit((parts.scheme, parts.hostname or "", parts.path, "", ""))) or "nowhere"
        except ValueError:
            target = "an invalid address"
        return ApiError(Reason.REDIRECT, f"HTTP {status}, a redirect to {target}", status=status)
    try:
        encoding = response.headers.get("Content-Encoding", "")
        message = error_message((await body.read(response.aiter_raw(), encoding, _ERROR_LIMIT)).plain)
    except ApiError:
        message = ""  # the status tells more than a broken error page
    reason, meaning = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _OTHER_SUCCESS)
    return ApiError(
        reason,
        f"HTTP {status}{f' ({message})' if message else ''}: {meaning}",
        PROXY_LOGIN if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED else None,
        status=status,
        retry_after=retry_after(response.headers.get("Retry-After"), now=now),
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
