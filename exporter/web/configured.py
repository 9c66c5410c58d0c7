"""Answers requests for the configuration in force: to people whole, to Prometheus as targets."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.config.settings import ValidatedConfig
from exporter.config.showing import shown
from exporter.web.discovery import target_groups
from exporter.web.settings import WebSettings


class Configured:
    """What ``/config`` and ``/sd`` answer."""

    def __init__(self, config: Callable[[], ValidatedConfig], web: WebSettings) -> None:
        self._config = config
        self._web = web
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="config")

    async def yaml(self, _: Request) -> Response:
        """Show the configuration, without its secrets."""
        text = await asyncio.get_running_loop().run_in_executor(self._executor, shown, self._config())
        return PlainTextResponse(text, headers={"Cache-Control": "no-store"})

    async def targets(self, request: Request) -> Response:
        """Tell Prometheus which targets there are, one for each workspace."""
        names = [workspace.name for workspace in self._config().workspaces]
        groups = target_groups(names, self._web.metrics_url(str(request.url)))
        return Response(msgspec.json.encode(groups), media_type="application/json")
