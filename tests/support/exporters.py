"""An exporter in the test's own event loop, asked without sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from exporter.app import Exporter
from exporter.clock import Clock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.simulator.api import Tenant
from exporter.simulator.server import Simulator
from exporter.web.settings import WebSettings


def hourly(simulator: Simulator, tenants: Sequence[Tenant], **settings: Any) -> ValidatedConfig:  # noqa: ANN401 - any of a workspace
    """Return a configuration that polls simulated workspaces once an hour."""
    workspaces = (
        Workspace(
            name=tenant.name,
            base_url=simulator.base_url(tenant.name),
            credentials=InlineCredentials(Secret(tenant.token)),
            poll_interval=3600.0,
            max_staleness=36000.0,
        )
        for tenant in tenants
    )
    return ValidatedConfig(workspaces=tuple(replace(workspace, **settings) for workspace in workspaces))


class Running:
    """A running exporter; its next reload calls ``load``."""

    def __init__(self, config: ValidatedConfig, clock: Clock | None, storage_path: Path | None) -> None:
        self.load: Callable[[], ValidatedConfig] = lambda: config
        self._exporter = Exporter(
            config,
            lambda: self.load(),  # noqa: PLW0108 - tests replace it
            WebSettings(enable_lifecycle=True),
            clock=clock,
            storage_path=storage_path,
        )
        self.http = httpx.AsyncClient(
            base_url="http://exporter", transport=httpx.ASGITransport(self._exporter.application), timeout=20
        )
        self.stop = asyncio.Event()
        self.serving = asyncio.create_task(self._exporter.serve([], self.stop))

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def reload(self) -> httpx.Response:
        return await self.http.post("/-/reload")


@asynccontextmanager
async def running(
    config: ValidatedConfig, *, clock: Clock | None = None, storage_path: Path | None = None
) -> AsyncIterator[Running]:
    exporter = Running(config, clock, storage_path)
    try:
        yield exporter
    finally:
        exporter.stop.set()
        await exporter.serving
        await exporter.http.aclose()
