"""What stands between the network and the routes."""

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.access.basic_auth import BasicAuth
from exporter.web.access.control import Access
from exporter.web.crowd import Crowd
from exporter.web.headers import SecurityHeaders
from exporter.web.limits import Limits

_PROBES = frozenset({"/-/healthy", "/-/ready"})


def guard(application: ASGIApp, access: Access, limits: Limits) -> ASGIApp:
    """Let in who may come in, and not too many at once; whoever probes is always answered."""
    inside = BasicAuth(Crowd(application, limits.answers), access)
    return SecurityHeaders(_ProbesPass(inside, application), access)


class _ProbesPass:
    """Sends probes to one application, everything else to another."""

    def __init__(self, guarded: ASGIApp, open_: ASGIApp) -> None:
        self._guarded = guarded
        self._open = open_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        application = self._open if scope["path"] in _PROBES else self._guarded
        await application(scope, receive, send)
