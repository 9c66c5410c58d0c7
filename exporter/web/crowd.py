"""How many requests are answered at once."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Crowd:
    """Turns requests away while too many are being answered, as by clients that do not read."""

    def __init__(self, application: ASGIApp, most: int) -> None:
        self._application = application
        self._most = most
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._count >= self._most:
            busy = PlainTextResponse(
                "Too many requests are being answered; try again.\n", 503, headers={"Retry-After": "1"}
            )
            await busy(scope, receive, send)
            return
        self._count += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._count -= 1
