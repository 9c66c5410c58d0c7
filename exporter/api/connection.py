"""How connections to the API are made, and what their failures mean."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, ClassVar

import httpx

from exporter import __version__
from exporter.api import responses
from exporter.api.certificates import Certificates
from exporter.api.errors import ApiError, ProxyLoginError, Reason
from exporter.api.responses import printable
from exporter.clock import Clock
from exporter.config.files import open_files_remedy
from exporter.config.settings import Proxy, Workspace
from exporter.process import share_files

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]  # as httpcore calls its extension "trace"

USER_AGENT = f"mihu-trunk-exporter/{__version__}"
_UNASKED = "if it lasts, check what answers there, and the proxy"
_NETWORK = "if it lasts, check the network, proxy and firewall"
_KEEP_ALIVE = 60.0  # seconds an idle connection is kept, so that polls a minute apart may share it
_MOST_IDLE = share_files().idle  # connections of all workspaces


class Connections:
    """The connections to one workspace's API.

    A request that is cancelled may leave its connection to nobody: httpcore then counts it as taken for good, and with
    enough of them no request gets one any more. So after a cancellation all are made anew, once none is in use; so
    they are when certificates have changed.
    """

    # Those that may have open connections of which none is in use, the latest last.
    _idle: ClassVar["dict[Connections, None]"] = {}

    def __init__(self, workspace: Workspace, transport: httpx.AsyncBaseTransport | None, clock: Clock) -> None:
        self._workspace = workspace
        self._transport = transport
        self._certificates = Certificates(workspace.name, workspace.tls, clock)
        self._http = self._make_http()
        self._in_use = 0
        self._open = 0  # at most: one is opened only where all are in use
        self._doubtful = False

    async def aclose(self) -> None:
        """Close them."""
        self._idle.pop(self, None)
        await self._http.aclose()

    async def follow_certificates(self) -> None:
        """Make connections as the files of ``tls_config`` say now.

        Raises:
            ApiError: they cannot be used, and never could.
        """
        if await self._certificates.look():
            self._doubtful = True

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend the client that has them, for one request."""
        if self._doubtful and not self._in_use:
            await self._renew()
        self._idle.pop(self, None)
        self._in_use += 1
        self._open = max(self._open, self._in_use)
        try:
            yield self._http
        except asyncio.CancelledError:
            self._doubtful = True
            raise
        finally:
            self._in_use -= 1
            if not self._in_use:
                self._idle[self] = None
        while sum(idle._open for idle in self._idle) > _MOST_IDLE:  # noqa: SLF001 - of the same class
            await next(iter(self._idle))._renew()  # noqa: SLF001 - as above

    async def _renew(self) -> None:
        doubtful, self._http = self._http, self._make_http()
        self._doubtful = False
        self._open = 0
        self._idle.pop(self, None)
        await doubtful.aclose()

    def _make_http(self) -> httpx.AsyncClient:
        return _open_http(self._workspace, self._certificates.context, self._transport)


def _open_http(
    workspace: Workspace, context: ssl.SSLContext, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """Make the HTTP client for a workspace: its proxy, its certificates, nothing from the environment.

    Time-outs are the caller's: httpx bounds each read, which a server that drips bytes never exceeds.
    """
    return httpx.AsyncClient(
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": USER_AGENT,
        },
        verify=context,
        proxy=workspace.proxy.url_to(workspace.base_url),
        trust_env=False,
        follow_redirects=False,
        event_hooks={"response": [_refuse_redirect]},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # a session would outlive a change of token
        timeout=None,  # noqa: S113 - the caller bounds the whole request
        limits=httpx.Limits(
            max_connections=None,  # as many as there are requests, which the caller bounds too
            max_keepalive_connections=workspace.concurrency,
            keepalive_expiry=_KEEP_ALIVE,
        ),
        transport=transport,
    )


async def _refuse_redirect(response: httpx.Response) -> None:
    """Refuse a redirect before httpx reads where it leads, which fails where that is no address."""
    if response.has_redirect_location:
        raise responses.redirect(response)


def only_if_asked(trace: Trace | None) -> Trace:
    """Refuse an answer that was there before its request, and so is none to it; ``trace`` is told what happens.

    A server may send more than it was asked for. httpcore looks at what is in the socket when it uses a connection
    again. What came in one piece with the answer before has been read already: such an answer is not waited for.
    """
    waited = False

    def wait() -> None:
        nonlocal waited
        waited = True

    async def watch(event: str, info: dict[str, Any]) -> None:
        nonlocal waited
        if event == "http11.receive_response_headers.started":
            waited = False
            asyncio.get_running_loop().call_soon(wait)
        elif event == "http11.receive_response_headers.complete" and not waited:
            raise ApiError(Reason.CONNECTION, "an answer was there before it was asked for", _UNASKED)
        if trace is not None:
            await trace(event, info)

    return watch


# TLS's words for a connection that the other side closed, which is nothing about certificates.
_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


_RENEWAL = "have the certificate renewed, or set the clock right"
_TRUST = "trust who signed the certificate, with ca_file in tls_config, or check the address"
_NAME = "check the address, or say in tls_config which server_name the certificate is for"
_BY_VERIFICATION = {  # OpenSSL's X509_V_ERR_…, x509_vfy.h
    9: _RENEWAL,  # not yet valid
    10: _RENEWAL,  # expired
    18: _TRUST,  # signed by itself
    19: _TRUST,  # an authority that is signed by itself
    20: _TRUST,  # an authority that is not known
    21: _TRUST,  # no authority beside the certificate
    62: _NAME,
    64: _NAME,  # an address instead of a name
}


def transport_error(error: httpx.HTTPError, proxy: Proxy) -> ApiError:  # noqa: PLR0911 - one for each kind
    """Classify a request that got no whole answer, and that may have gone through a proxy."""
    cause = _root(error)
    said = printable(str(cause) or str(error)) or "closed by the other side"
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, _HUNG_UP):
        return _tls_error(cause, said)
    if remedy := open_files_remedy(cause):
        return ApiError(Reason.CONNECTION, f"no file is left to connect with: {said}", remedy)
    if isinstance(cause, socket.gaierror):
        return ApiError(
            Reason.CONNECTION,
            f"cannot resolve {error.request.url.host}{' or its proxy' if proxy != Proxy() else ''}: {said}",
            "check subdomain or base_url, proxy_url and DNS",
        )
    match error:
        case httpx.TimeoutException():
            return ApiError(Reason.TIMEOUT, f"the connection timed out: {said}", _NETWORK)
        case httpx.ProxyError() if said.startswith("407"):
            return ProxyLoginError(Reason.CONNECTION, f"the proxy refused: {said}", responses.PROXY_LOGIN)
        case httpx.ProxyError():
            return ApiError(Reason.CONNECTION, f"the proxy refused: {said}", "check proxy_url")
        case httpx.ConnectError():
            return ApiError(Reason.CONNECTION, f"cannot connect: {said}")
        case _:
            return ApiError(Reason.CONNECTION, f"the connection broke: {said}", _NETWORK)


def _tls_error(error: ssl.SSLError, said: str) -> ApiError:
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        return ApiError(
            Reason.TLS, "what answers there does not speak TLS", "check base_url: its port, or http for https"
        )
    return ApiError(Reason.TLS, f"TLS failed: {said}", _BY_VERIFICATION.get(getattr(error, "verify_code", 0)))


def _root(error: BaseException) -> BaseException:
    """Return the error at the bottom: httpx and httpcore wrap what the socket said.

    httpcore hides its causes by ``from None``. Below it causes alone count: a reset in the middle of a TLS
    handshake has TLS's wish to read on as its context.
    """
    while (inner := _beneath(error)) is not None:
        error = inner
    return error


def _beneath(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):  # of a name with several addresses
        return error.exceptions[-1]
    return error.__cause__ or (error.__context__ if _wraps(error) else None)


def _wraps(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in {"httpx", "httpcore"}
