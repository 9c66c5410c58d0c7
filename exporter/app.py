"""The running exporter: pollers and web server, wired together, started and stopped."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

import structlog
from starlette.types import ASGIApp

from exporter import __version__
from exporter.clock import Clock, SystemClock
from exporter.config.durations import format_duration
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.config.sharding import other_owner
from exporter.config.together import load_both
from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics
from exporter.metrics.view import Showcase
from exporter.polling.pollers import Pollers
from exporter.status.endpoints import StatusPages
from exporter.web.access.control import Access
from exporter.web.connections import Limits
from exporter.web.middleware import guard
from exporter.web.routes import Configured, Endpoints, create_application
from exporter.web.server import Server
from exporter.web.settings import WebSettings

_SHOWN_NAMES = 10  # of workspaces, in a line of the log

_log = structlog.get_logger()


class Exporter:
    """Polls the workspaces of a configuration, and answers scrapes by ``application``.

    Everything runs in the event loop that it is started in; pages are decoded and rendered in one thread beside
    it, since more would only contend for the interpreter.

    Args:
        config: what is in force at the start.
        load: reads the configuration anew, for a reload; raises ConfigError.
        web: what the application answers.
        clock: the system's by default.
        random: spreads polls.
    """

    def __init__(
        self,
        config: ValidatedConfig,
        load: Callable[[], ValidatedConfig],
        web: WebSettings,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self._config = config
        self._load = load
        self._clock = clock or SystemClock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._showcase = Showcase()
        self._pollers = Pollers(
            self._showcase,
            clock=self._clock,
            random=random or Random(),  # noqa: S311 - spreads polls, keeps no secret
            executor=self._executor,
        )
        self._own = OwnMetrics()
        self._reloading = asyncio.Lock()
        self._web = web
        self._access = Access(web.config)
        self._limits = Limits()
        status = StatusPages(self._pollers.statuses, self._clock, web.telemetry_path.removeprefix("/"))
        configured = Configured(lambda: self._config, web)
        routes = create_application(
            Endpoints(
                Exposition(self._showcase, self._own, self._clock),
                is_healthy=self._pollers.is_healthy,
                is_ready=self.is_ready,
                other_owner=lambda workspace: other_owner(self._config, workspace),
                reload=self.reload if web.enable_lifecycle else None,
            ),
            {
                "/": status.html,
                "/status.json": status.json,
                "/docs": status.documentation,
                "/config": configured.yaml,
                "/sd": configured.targets,
            },
            web,
        )
        self.application: ASGIApp = guard(routes, self._access, self._limits, web)

    def is_ready(self) -> bool:
        """Tell whether every workspace has had its first poll, successful or not."""
        return all(view.polled for view in self._showcase.views())

    async def reload(self) -> None:
        """Read the configuration anew and apply it, whole or not at all.

        Raises:
            ConfigError: it cannot be used; the one in force stays.
        """
        async with self._reloading:
            try:
                config, web_config = await asyncio.to_thread(load_both, self._load, self._web.load_config)
            except ConfigError as error:
                self._own.reload_failed()
                _log.error("configuration not reloaded; the one in force stays", error=str(error))
                raise
            await self._pollers.apply(config)
            self._config = config
            self._own.loaded(config, now=self._clock.time())
            _warn(config)
            _log.info("configuration reloaded", config_hash=config.hash, **_what_is_polled(config))
            if self._web.config_file is not None:
                self._access.apply(web_config)

    async def serve(self, listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
        """Poll and answer until ``stop`` is set; answers under way are finished.

        Raises:
            ListenError: a socket failed.
        """
        if self._web.config_file is not None:
            self._access.log("web configuration loaded")
        server = Server(self.application, self._access.context, self._limits)
        async with self._reloading:
            await self._pollers.apply(self._config)
            self._own.loaded(self._config, now=self._clock.time())
        serving = asyncio.create_task(server.serve_on(listeners))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            server.should_exit = True
            try:
                await serving
            finally:
                await self._stop_polling()

    async def _stop_polling(self) -> None:
        if dead := self._pollers.dead():
            _log.error("pollers had died, so that /-/healthy answered 503", workspaces=", ".join(dead))
        await self._pollers.end()
        self._executor.shutdown(wait=False, cancel_futures=True)


def log_start(config: ValidatedConfig, addresses: Sequence[str]) -> None:
    """Say in three lines what runs, what it polls and where it answers."""
    _warn(config)
    _log.info("starting mihu-trunk-exporter", version=__version__, config_hash=config.hash)
    _log.info("polling", **_what_is_polled(config))
    _log.info("listening", addresses=", ".join(addresses))


def _warn(config: ValidatedConfig) -> None:
    for warning in config.warnings:
        _log.warning(warning)


def _what_is_polled(config: ValidatedConfig) -> dict[str, object]:
    """Return what a line of the log says of the workspaces: how many, which, and how often each is polled."""
    names = [workspace.name for workspace in config.workspaces]
    everywhere = len(names) + len(config.elsewhere)
    shard = {"shard": str(config.shard), "configured": everywhere} if config.shard.total > 1 else {}
    intervals = sorted({workspace.poll_interval for workspace in config.workspaces})
    return {
        **shard,
        "workspaces": len(names),
        "names": ", ".join(names[:_SHOWN_NAMES]) + (", …" if len(names) > _SHOWN_NAMES else ""),
        "poll_intervals": ", ".join(map(format_duration, intervals)),
    }
