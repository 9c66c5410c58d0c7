"""What stands between the network and the routes."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.access.basic_auth import BasicAuth
from exporter.web.access.control import Access
from exporter.web.crowd import Crowd
from exporter.web.headers import SecurityHeaders
from exporter.web.limits import Limits
from exporter.web.settings import WebSettings

_PROBES = ("/-/healthy", "/-/ready")


def guard(application: ASGIApp, access: Access, limits: Limits, web: WebSettings) -> ASGIApp:
    """Let in who may come in, and not too many at once; whoever probes is always answered.

    Scrapes are counted apart, so that people who load pages do not keep them out.
    """
    counted = _ByPath({web.metrics_path: Crowd(application, limits.scrapes)}, Crowd(application, limits.others))
    probes = {web.route_prefix + path: application for path in _PROBES}
    return SecurityHeaders(_ByPath(probes, BasicAuth(counted, access)), access)


class _ByPath:
    """Sends some paths to applications of their own, everything else to another."""

    def __init__(self, applications: Mapping[str, ASGIApp], rest: ASGIApp) -> None:
        self._applications = applications
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._applications.get(scope["path"], self._rest)(scope, receive, send)
