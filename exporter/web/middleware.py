"""The web configuration in force, and the middleware that applies it."""

import re
import ssl
from collections import Counter
from dataclasses import replace

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.config.certificates import Certificates
from exporter.web.auth import BasicAuth
from exporter.web.config import ServerTLS, WebConfig
from exporter.web.server import Limits
from exporter.web.settings import WebSettings

_PROBES = ("/-/healthy", "/-/ready")
_HOST = re.compile(rb"[\w.:%!$&'()*+,;=~\[\]-]*")  # RFC 3986, section 3.2.2, and a port; RFC 9112, section 3.2
_HEADERS = {"X-Content-Type-Options": "nosniff"}
_HTML_HEADERS = {
    # A page with styles and scripts sets its own policy.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "deny",
}


_log = structlog.get_logger()


class Access:
    """The web configuration in force; reloads replace it."""

    def __init__(self, config: WebConfig) -> None:
        self.config = config
        self.auth = BasicAuth(config.users)
        self._certificates = None if config.tls is None else _certificates(config.tls)
        if self._certificates is not None:
            self._certificates.load()  # an OSError says that they have changed since the configuration was loaded

    async def context(self) -> ssl.SSLContext | None:
        """Return the TLS context for a new connection; None for plain HTTP.

        ``sni_callback`` would not do: replacing the context of a handshake replaces the certificate, and keeps the old
        versions and the old requirement of a client certificate. With a new context, earlier session tickets are not
        accepted either, so an authority that was removed is not trusted any more.
        """
        if self._certificates is None:
            return None
        await self._certificates.refresh()
        return self._certificates.context

    def apply(self, config: WebConfig) -> None:
        """Apply a reloaded configuration: users and headers to the next request, TLS to the next connection."""
        if (config.tls is None) != (self._certificates is None):
            # Clients would have to change their URLs at the same moment.
            _log.warning(
                "tls_server_config was added or removed, which needs a restart; the other changes are taken over",
                tls=self._certificates is not None,
            )
            config = replace(config, tls=self.config.tls)
        self.auth.users = config.users
        if config.tls is not None and self._certificates is not None and config.tls != self.config.tls:
            self._certificates = _certificates(config.tls, self._certificates.context)
        self.config = config
        self.log("web configuration reloaded")

    def log(self, message: str) -> None:
        for warning in self.config.warnings:
            _log.warning(warning)
        _log.info(message, tls=self.config.tls is not None, users=len(self.config.users))


def _certificates(tls: ServerTLS, context: ssl.SSLContext | None = None) -> Certificates:
    return Certificates(tls, context, cert_file=str(tls.cert_file))


class Middleware:
    """Adds security headers, asks for passwords, and limits the number of requests that are answered at once.

    Probes are always answered. Scrapes have a limit of their own, so that status pages do not displace them.
    """

    def __init__(self, application: ASGIApp, access: Access, limits: Limits, web: WebSettings) -> None:
        self._application = application
        self._access = access
        self._probes = {web.route_prefix + path for path in _PROBES}
        self._metrics_path = web.metrics_path
        self._limits = {True: limits.scrapes, False: limits.others}
        self._answering = Counter[bool]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_html = headers.get("content-type", "").startswith("text/html")
                for name, value in (_HEADERS | _HTML_HEADERS if is_html else _HEADERS).items():
                    headers.setdefault(name, value)
                headers.update(self._access.config.headers)  # configured ones win
            await send(message)

        is_scrape = scope["path"] == self._metrics_path
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if (len(hosts) != 1 and scope["http_version"] == "1.1") or not all(map(_HOST.fullmatch, hosts)):
            await PlainTextResponse("A request needs one valid Host header.\n", 400)(scope, receive, send_with_headers)
        elif scope["path"] in self._probes:
            await self._application(scope, receive, send_with_headers)
        elif refusal := await self._access.auth.refusal(Request(scope)):
            await refusal(scope, receive, send_with_headers)
        elif self._answering[is_scrape] >= self._limits[is_scrape]:
            text = "Too many requests are being answered; try again.\n"
            busy = PlainTextResponse(text, 503, headers={"Retry-After": "1"})
            await busy(scope, receive, send_with_headers)
        else:
            self._answering[is_scrape] += 1
            try:
                await self._application(scope, receive, send_with_headers)
            finally:
                self._answering[is_scrape] -= 1
