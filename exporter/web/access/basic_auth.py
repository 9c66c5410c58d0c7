"""Asks for user and password (RFC 7617)."""

import base64
import binascii

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.access.control import Access
from exporter.web.access.passwords import TooManyChecksError

_CHALLENGE = 'Basic realm="mihu-trunk-exporter", charset="UTF-8"'


class BasicAuth:
    """Lets requests pass to an application that show a user's password; all of them where there are no users."""

    def __init__(self, application: ASGIApp, access: Access) -> None:
        self._application = application
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            allowed = await self._allows(Request(scope))
        except TooManyChecksError:
            busy = PlainTextResponse(
                "Too many passwords are being checked; try again.\n", 503, headers={"Retry-After": "1"}
            )
            await busy(scope, receive, send)
            return
        if allowed:
            await self._application(scope, receive, send)
            return
        unauthorized = PlainTextResponse("Unauthorized\n", 401, headers={"WWW-Authenticate": _CHALLENGE})
        await unauthorized(scope, receive, send)

    async def _allows(self, request: Request) -> bool:
        passwords = self._access.passwords
        if not passwords.are_needed:
            return True
        shown = _credentials(request.headers.get("authorization", ""))
        client = request.client.host if request.client else ""
        return shown is not None and await passwords.fit(*shown, client)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Return user and password in a header; None where it holds none."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
