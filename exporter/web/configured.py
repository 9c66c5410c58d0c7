"""Answers requests for the configuration in force: to people whole, to Prometheus as targets."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.config.settings import ValidatedConfig
from exporter.config.showing import shown
from exporter.web.settings import DEFAULT_PORTS, WebSettings


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
        """Tell Prometheus which targets there are, one for each workspace ("HTTP SD" in its documentation)."""
        parts = urlsplit(self._web.metrics_url(str(request.url)))
        target = f"{parts.netloc}:{DEFAULT_PORTS[parts.scheme]}" if parts.port is None else parts.netloc
        shared = {"__scheme__": parts.scheme, "__metrics_path__": parts.path}
        groups = [
            {"targets": [target], "labels": {**shared, "__param_workspace": name, "__meta_mihu_workspace": name}}
            for name in (workspace.name for workspace in self._config().workspaces)
        ]
        return Response(msgspec.json.encode(groups), media_type="application/json")
