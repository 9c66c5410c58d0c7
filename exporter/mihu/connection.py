"""How connections to the API are made, and what their failures mean."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from exporter import __version__
from exporter.config.settings import TLS, Proxy, Workspace
from exporter.mihu.answers import legible
from exporter.mihu.faults import Fault, Reason

USER_AGENT = f"mihu-trunk-exporter/{__version__}"
_NETWORK = "if it lasts, check the network, proxy and firewall"
_KEEP_ALIVE = 60.0  # seconds an idle connection is kept, so that polls a minute apart may share it


class Connections:
    """The connections to one workspace's API.

    A request that is cancelled may leave its connection to nobody: httpcore then counts it as taken for good, and with
    enough of them no request gets one any more. So after a cancellation all are made anew, once none is in use.
    """

    def __init__(self, workspace: Workspace, transport: httpx.AsyncBaseTransport | None) -> None:
        self._workspace = workspace
        self._transport = transport
        self._http = _open_http(workspace, transport)
        self._in_use = 0
        self._doubtful = False

    async def aclose(self) -> None:
        """Close them."""
        await self._http.aclose()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend the client that has them, for one request."""
        if self._doubtful and not self._in_use:
            await self._renew()
        self._in_use += 1
        try:
            yield self._http
        except asyncio.CancelledError:
            self._doubtful = True
            raise
        finally:
            self._in_use -= 1

    async def _renew(self) -> None:
        doubtful, self._http = self._http, _open_http(self._workspace, self._transport)
        self._doubtful = False
        await doubtful.aclose()


def _open_http(workspace: Workspace, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """Make the HTTP client for a workspace: its proxy, its certificates, nothing from the environment.

    Time-outs are the caller's: httpx bounds each read, which a server that drips bytes never exceeds.
    """
    return httpx.AsyncClient(
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": USER_AGENT,
        },
        verify=_context(workspace.tls),
        proxy=workspace.proxy.url_to(workspace.base_url),
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # a session would outlive a change of token
        timeout=None,  # noqa: S113 - the caller bounds the whole request
        limits=httpx.Limits(
            max_connections=None,  # as many as there are requests, which the caller bounds too
            max_keepalive_connections=workspace.concurrency,
            keepalive_expiry=_KEEP_ALIVE,
        ),
        transport=transport,
    )


@lru_cache(maxsize=64)
def _context(tls: TLS) -> ssl.SSLContext:
    """Share contexts: loading the certificate authorities takes longer than a page."""
    return tls.context()


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


def transport_fault(error: httpx.HTTPError, proxy: Proxy) -> Fault:
    """Classify a request that got no whole answer, and that may have gone through a proxy."""
    cause = _root(error)
    said = legible(str(cause) or str(error)) or "closed by the other side"
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, _HUNG_UP):
        return _tls_fault(cause, said)
    if isinstance(cause, socket.gaierror):
        return Fault(
            Reason.CONNECTION,
            f"cannot resolve {error.request.url.host}{' or its proxy' if proxy != Proxy() else ''}: {said}",
            "check subdomain or base_url, proxy_url and DNS",
        )
    match error:
        case httpx.TimeoutException():
            return Fault(Reason.TIMEOUT, f"the connection timed out: {said}", _NETWORK)
        case httpx.ProxyError():
            return Fault(Reason.CONNECTION, f"the proxy refused: {said}", "check proxy_url")
        case httpx.ConnectError():
            return Fault(Reason.CONNECTION, f"cannot connect: {said}")
        case _:
            return Fault(Reason.CONNECTION, f"the connection broke: {said}", _NETWORK)


def _tls_fault(error: ssl.SSLError, said: str) -> Fault:
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        return Fault(Reason.TLS, "what answers there does not speak TLS", "check base_url: its port, or http for https")
    return Fault(Reason.TLS, f"TLS failed: {said}", _BY_VERIFICATION.get(getattr(error, "verify_code", 0)))


def _root(error: BaseException) -> BaseException:
    """Return the error at the bottom: httpx and httpcore wrap what the socket said.

    httpcore hides its causes by ``from None``. Below it causes alone count: a reset in the middle of a TLS
    handshake has TLS's wish to read on as its context.
    """
    while (inner := error.__cause__ or (error.__context__ if _wraps(error) else None)) is not None:
        error = inner
    return error


def _wraps(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in {"httpx", "httpcore"}
