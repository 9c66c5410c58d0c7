"""An exporter in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from exporter.app import Exporter
from exporter.config.credentials import Authorization, Secret
from exporter.config.settings import ValidatedConfig
from exporter.simulator.api import Tenant
from exporter.simulator.server import Simulator
from exporter.web.listening import ListenAddress, listen, url
from exporter.web.settings import WebSettings
from support.exposed import workspace


def hourly(simulator: Simulator, tenants: Sequence[Tenant], **settings: Any) -> ValidatedConfig:  # noqa: ANN401 - any of a workspace
    chosen = {"poll_interval": 3600.0, "max_staleness": 36000.0} | settings
    polled = []
    for each in tenants:
        credentials = Authorization(credentials=Secret(each.token))
        reached = {"base_url": simulator.base_url(each.name), "credentials": credentials}
        polled.append(workspace(each.name, **reached | chosen))
    return ValidatedConfig(workspaces=tuple(polled))


class Running:
    """A running exporter; its next reload calls ``load``."""

    def __init__(self, config: ValidatedConfig, listener: socket.socket | None, **options: Any) -> None:  # noqa: ANN401 - of an exporter
        self.load: Callable[[], ValidatedConfig] = lambda: config
        exporter = Exporter(config, lambda: self.load(), WebSettings(enable_lifecycle=True), **options)  # noqa: PLW0108 - tests replace it
        if listener is None:
            transport = httpx.ASGITransport(exporter.application)
            self.http = httpx.AsyncClient(base_url="http://exporter", transport=transport, timeout=20)
        else:
            self.http = httpx.AsyncClient(base_url=url(listener), trust_env=False, timeout=60)
        self.serving = asyncio.create_task(exporter.serve([listener] if listener else []))

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def end(self) -> None:
        self.serving.cancel()
        with suppress(asyncio.CancelledError):
            await self.serving

    async def reload(self) -> httpx.Response:
        return await self.http.post("/-/reload")


@asynccontextmanager
async def running(
    config: ValidatedConfig, listener: socket.socket | None = None, **options: object
) -> AsyncIterator[Running]:
    """Run an exporter until the block is left; without a listener it is asked without sockets."""
    exporter = Running(config, listener, **options)
    try:
        yield exporter
    finally:
        await exporter.end()
        await exporter.http.aclose()


def on_loopback() -> socket.socket:
    return listen(ListenAddress("127.0.0.1", 0))
