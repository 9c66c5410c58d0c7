"""What stands between the network and the routes."""

from collections.abc import Set as AbstractSet

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.access.basic_auth import BasicAuth
from exporter.web.access.control import Access
from exporter.web.crowd import Crowd
from exporter.web.headers import SecurityHeaders
from exporter.web.limits import Limits

_PROBES = ("/-/healthy", "/-/ready")


def guard(application: ASGIApp, access: Access, limits: Limits, route_prefix: str = "") -> ASGIApp:
    """Let in who may come in, and not too many at once; whoever probes is always answered."""
    inside = BasicAuth(Crowd(application, limits.answers), access)
    probes = frozenset(route_prefix + path for path in _PROBES)
    return SecurityHeaders(_ProbesPass(inside, application, probes), access)


class _ProbesPass:
    """Sends probes to one application, everything else to another."""

    def __init__(self, guarded: ASGIApp, open_: ASGIApp, probes: AbstractSet[str]) -> None:
        self._guarded = guarded
        self._open = open_
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        application = self._open if scope["path"] in self._probes else self._guarded
        await application(scope, receive, send)
