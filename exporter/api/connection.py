"""Connections to the API: making, keeping and renewing them, and classifying their errors."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx

from exporter.api.errors import ApiError, ProxyLoginError, Reason, excerpt
from exporter.config.certificates import Certificates
from exporter.config.files import open_files_remedy
from exporter.config.settings import Workspace
from exporter.process import share_files

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]  # as httpcore calls its extension "trace"

PROXY_LOGIN = "check the user and password in proxy_url"
_NETWORK = "if it lasts, check the network, proxy and firewall"
_KEEP_ALIVE = 60.0  # seconds an idle connection is kept, so that polls a minute apart may share it
_MAX_IDLE = share_files().idle  # connections of all workspaces


class Connections:
    """The connections to one workspace's API.

    All are renewed, once none is in use, after certificates change, and after a request is cancelled: httpcore may
    count its connection as in use for ever.
    """

    # Those that may have open connections of which none is in use, the latest last.
    _idle: ClassVar["dict[Connections, None]"] = {}

    def __init__(self, workspace: Workspace, transport: httpx.AsyncBaseTransport | None) -> None:
        self._workspace = workspace
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

    async def follow_certificates(self) -> None:
        """Renew them if the files of ``tls_config`` have changed; an ApiError says that these never could be used."""
        try:
            if await self._certificates.refresh():
                self._outdated = True
        except OSError as error:
            remedy = open_files_remedy(error)
            reason = Reason.CONNECTION if remedy else Reason.TLS
            raise ApiError(reason, f"tls_config: {error.strerror or error}", remedy) from error

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[httpx.AsyncBaseTransport]:
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
        return self._given or httpx.AsyncHTTPTransport(
            # Until the files have been read, no certificate is trusted.
            verify=self._certificates.context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            proxy=self._workspace.proxy,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,  # the throttle bounds them
                max_keepalive_connections=self._workspace.concurrency,
                keepalive_expiry=_KEEP_ALIVE,
            ),
        )


def check_order(trace: Trace | None) -> Trace:
    """Return a trace that refuses a response which arrived before its request, and calls ``trace``.

    A server may send more than one response to a request. httpcore looks for such bytes in the socket before it reuses
    a connection. Bytes that came together with the previous response have been read already: a response made of them
    is there without waiting.
    """
    waited = asyncio.Event()

    async def check(event: str, info: dict[str, Any]) -> None:
        if event == "http11.receive_response_headers.started":
            waited.clear()
            asyncio.get_running_loop().call_soon(waited.set)
        elif event == "http11.receive_response_headers.complete" and not waited.is_set():
            remedy = "if it lasts, check what answers there, and the proxy"
            raise ApiError(Reason.CONNECTION, "an answer was there before it was asked for", remedy)
        if trace is not None:
            await trace(event, info)

    return check


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
_BY_REASON: Mapping[str | None, tuple[str, str | None]] = {  # as OpenSSL calls it
    "WRONG_VERSION_NUMBER": ("what answers there does not speak TLS", "check base_url: its port, or http for https"),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": (
        "what answers there wants a client certificate",
        "show one, with cert_file and key_file in tls_config",
    ),
}


def transport_error(error: httpx.HTTPError | OSError, workspace: Workspace) -> ApiError:  # noqa: PLR0911 - one for each kind
    """Classify the error of a request without a complete response."""
    cause = _root(error)
    text = excerpt(str(cause) or str(error)) or "closed by the other side"
    if remedy := open_files_remedy(cause):
        return ApiError(Reason.CONNECTION, f"no file is left to connect with: {text}", remedy)
    match cause:
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            pass  # the other side closed the connection, which is nothing about certificates
        case ssl.SSLError():
            remedy = _BY_VERIFICATION.get(getattr(cause, "verify_code", 0))
            return ApiError(Reason.TLS, *_BY_REASON.get(cause.reason, (f"TLS failed: {text}", remedy)))
        case socket.gaierror():
            host = httpx.URL(workspace.base_url).host + (" or its proxy" if workspace.proxy else "")
            remedy = "check subdomain or base_url, proxy_url and DNS"
            return ApiError(Reason.CONNECTION, f"cannot resolve {host}: {text}", remedy)
    match error:
        case httpx.TimeoutException():
            return ApiError(Reason.TIMEOUT, f"the connection timed out: {text}", _NETWORK)
        case httpx.ProxyError() if text.startswith("407"):
            return ProxyLoginError(Reason.CONNECTION, f"the proxy refused: {text}", PROXY_LOGIN)
        case httpx.ProxyError():
            return ApiError(Reason.CONNECTION, f"the proxy refused: {text}", "check proxy_url")
        case httpx.ConnectError():
            return ApiError(Reason.CONNECTION, f"cannot connect: {text}")
        case _:
            return ApiError(Reason.CONNECTION, f"the connection broke: {text}", _NETWORK)


def _root(error: BaseException) -> BaseException:
    """Return the error of the socket that httpx and httpcore wrap.

    httpcore hides its causes by ``from None``, so its contexts count too. Below it only causes count: a reset during a
    TLS handshake has an unrelated context.
    """
    while True:
        is_wrapper = type(error).__module__.startswith(("httpx", "httpcore"))
        if isinstance(error, BaseExceptionGroup):  # of a name with several addresses
            error = error.exceptions[-1]
        elif inner := error.__cause__ or (error.__context__ if is_wrapper else None):
            error = inner
        else:
            return error
