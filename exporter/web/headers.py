"""Headers that keep a browser from doing more with an answer than showing it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.access.control import Access

_OF_EVERY_ANSWER = {"X-Content-Type-Options": "nosniff"}
_OF_HTML = {
    # A page that has styles and scripts says itself which.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "deny",
}


class SecurityHeaders:
    """Adds the headers to an application's answers; those that are configured stand above the exporter's own."""

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
