"""The running exporter: pollers and web server, wired together, started and stopped."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

import structlog
from starlette.applications import Starlette

from exporter import __version__
from exporter.clock import Clock, SystemClock
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics
from exporter.metrics.rendering import Renderer
from exporter.metrics.view import Showcase
from exporter.mihu.client import Client
from exporter.polling.poll import Polling
from exporter.polling.poller import Poller
from exporter.polling.readings import Readings
from exporter.web.application import Endpoints, create_application
from exporter.web.serving import Server

_SPREAD = 0.01  # seconds of start-up a workspace: at most a second for a hundred

_log = structlog.get_logger()


class Exporter:
    """Polls the workspaces of a configuration, and answers scrapes by ``application``.

    Everything runs in the event loop that it is started in; pages are decoded and rendered in one thread beside
    it, since more would only contend for the interpreter.
    """

    def __init__(
        self,
        config: ValidatedConfig,
        *,
        telemetry_path: str = "/metrics",
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311 - spreads polls, keeps no secret
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._showcase = Showcase()
        self._clients: list[Client] = []
        self._pollers = [self._poller(workspace, config.metrics) for workspace in config.workspaces]
        self._tasks: list[asyncio.Task[None]] = []
        own = OwnMetrics()
        own.loaded(config.hash, now=self._clock.time())
        self.application: Starlette = create_application(
            Endpoints(
                Exposition(self._showcase, own, self._clock),
                telemetry_path=telemetry_path,
                is_healthy=self.is_healthy,
                is_ready=self.is_ready,
            ),
            telemetry_path=telemetry_path,
        )

    def is_healthy(self) -> bool:
        """Tell whether every poller lives."""
        return not any(task.done() for task in self._tasks)

    def is_ready(self) -> bool:
        """Tell whether every workspace has had its first poll, successful or not."""
        return all(view.polled for view in self._showcase.views())

    async def serve(self, listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
        """Poll and answer until ``stop`` is set; answers under way are finished."""
        server = Server(self.application)
        spread = len(self._pollers) * _SPREAD
        self._tasks = [asyncio.create_task(poller.run(self._random.uniform(0, spread))) for poller in self._pollers]
        serving = asyncio.create_task(server.serve_on(listeners))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            server.should_exit = True
            await serving
            await self._stop_polling()

    async def _stop_polling(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.aclose() for client in self._clients))
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _poller(self, workspace: Workspace, metrics: Metrics) -> Poller:
        readings = Readings(workspace)
        client = Client(workspace, clock=self._clock, observer=readings)
        self._clients.append(client)
        polling = Polling(
            workspace=workspace,
            renderer=Renderer(workspace, metrics),
            client=client,
            observer=readings,
            clock=self._clock,
            random=self._random,
            executor=self._executor,
        )
        return Poller(polling, readings, self._showcase)


def log_start(config: ValidatedConfig, addresses: Sequence[str]) -> None:
    """Say in three lines what runs, what it polls and where it answers."""
    _log.info("starting mihu-trunk-exporter", version=__version__, config_hash=f"{config.hash:012x}")
    for warning in config.warnings:
        _log.warning(warning)
    _log.info(
        "polling",
        workspaces=len(config.workspaces),
        names=", ".join(workspace.name for workspace in config.workspaces[:10])
        + (", …" if len(config.workspaces) > 10 else ""),  # noqa: PLR2004 - a line, not a list
    )
    _log.info("listening", addresses=", ".join(addresses))
