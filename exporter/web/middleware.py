"""What stands between the network and the routes: headers, passwords, and how many requests are answered at once."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.access.control import Access
from exporter.web.auth import BasicAuth
from exporter.web.connections import Limits
from exporter.web.settings import WebSettings

_PROBES = ("/-/healthy", "/-/ready")
_OF_EVERY_ANSWER = {"X-Content-Type-Options": "nosniff"}
_OF_HTML = {
    # A page that has styles and scripts says itself which.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "deny",
}


def guard(application: ASGIApp, access: Access, limits: Limits, web: WebSettings) -> ASGIApp:
    """Let in who may come in, and not too many at once; whoever probes is always answered.

    Scrapes are counted apart, so that people who load pages do not keep them out.
    """
    scrapes = ConcurrencyLimit(application, limits.scrapes)
    counted = _ByPath({web.metrics_path: scrapes}, ConcurrencyLimit(application, limits.others))
    probes = {web.route_prefix + path: application for path in _PROBES}
    return SecurityHeaders(_ByPath(probes, BasicAuth(counted, access.passwords)), access)


class SecurityHeaders:
    """Adds headers that keep a browser from doing more with an answer than showing it.

    Those that are configured stand above the exporter's own.
    """

    def __init__(self, application: ASGIApp, access: Access) -> None:
        self._application = application
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_html = headers.get("content-type", "").startswith("text/html")
                for name, value in {**_OF_EVERY_ANSWER, **(_OF_HTML if is_html else {})}.items():
                    headers.setdefault(name, value)
                headers.update(self._access.headers)
            await send(message)

        await self._application(scope, receive, send_with_headers)


class ConcurrencyLimit:
    """Turns requests away while too many are being answered, as by clients that do not read."""

    def __init__(self, application: ASGIApp, limit: int) -> None:
        self._application = application
        self._limit = limit
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._requests >= self._limit:
            busy = PlainTextResponse(
                "Too many requests are being answered; try again.\n", 503, headers={"Retry-After": "1"}
            )
            await busy(scope, receive, send)
            return
        self._requests += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._requests -= 1


class _ByPath:
    """Sends some paths to applications of their own, everything else to another."""

    def __init__(self, applications: Mapping[str, ASGIApp], rest: ASGIApp) -> None:
        self._applications = applications
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._applications.get(scope["path"], self._rest)(scope, receive, send)
