"""The running exporter: pollers and web server, wired together, started and stopped."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import structlog
from starlette.types import ASGIApp

from exporter import __version__, threads
from exporter.clock import Clock, SystemClock
from exporter.config.problems import ConfigError, Problem, load_both
from exporter.config.settings import ValidatedConfig
from exporter.config.sharding import other_owner
from exporter.config.values import format_duration
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.polling.pollers import Pollers, Prepared
from exporter.polling.storage import Storage
from exporter.process import share_files
from exporter.status.endpoints import StatusPages
from exporter.web.access.control import Access
from exporter.web.access.settings import WebConfig
from exporter.web.connections import Limits
from exporter.web.middleware import guard
from exporter.web.routes import Configured, Endpoints, create_application
from exporter.web.server import Server
from exporter.web.settings import WebSettings

_SHOWN_NAMES = 10  # of workspaces, in a line of the log
_READING_SECONDS = 60.0  # for a configuration to be read; a file on a mount that hangs never is

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
        storage_path: the folder in which is kept what is remembered; None keeps nothing across restarts.
    """

    def __init__(  # noqa: PLR0913 - what it runs on
        self,
        config: ValidatedConfig,
        load: Callable[[], ValidatedConfig],
        web: WebSettings,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        storage_path: Path | None = None,
    ) -> None:
        self._config = config
        self._load = load
        self._clock = clock or SystemClock()
        files = share_files()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._exporter_metrics = ExporterMetrics()
        self._exposition = Exposition(self._exporter_metrics, self._clock)
        self._storage = (
            None if storage_path is None else Storage(storage_path, self._clock, self._exporter_metrics.storage_health)
        )
        self._pollers = Pollers(
            self._exposition,
            self._storage,
            clock=self._clock,
            random=random or Random(),  # noqa: S311 - spreads polls, keeps no secret
            executor=self._executor,
            requests=files.requests,
        )
        self._reloading = asyncio.Lock()
        self._reading: asyncio.Future[Any] | None = None  # a configuration
        self._ending = False
        self._web = web
        self._access = Access(web.config)
        self._limits = Limits(connections=files.connections)
        status = StatusPages(self._pollers.statuses, self._clock, web.telemetry_path.removeprefix("/"))
        configured = Configured(lambda: self._config, web)
        routes = create_application(
            Endpoints(
                self._exposition,
                is_healthy=self._pollers.is_healthy,
                is_ready=self.is_ready,
                other_owner=lambda workspace: other_owner(self._config, workspace),
                reload=self.reload if web.enable_lifecycle else None,
            ),
            {
                "/": status.html,
                "/status.json": status.json,
                "/changes.json": status.changes,
                "/docs": status.documentation,
                "/config": configured.yaml,
                "/sd": configured.targets,
            },
            web,
        )
        self.application: ASGIApp = guard(routes, self._access, self._limits, web)

    def is_ready(self) -> bool:
        """Tell whether every workspace has had its first poll, successful or not."""
        return all(view.polled for view in self._exposition.views())

    async def reload(self) -> None:
        """Read the configuration anew and apply it, whole or not at all.

        Raises:
            ConfigError: it cannot be used; the one in force stays.
        """
        async with self._reloading:
            try:
                prepared, web_config = await self._load_and_prepare()
                await self._apply(prepared)
                if self._web.config_file is not None:
                    self._access.apply(web_config)
            except Exception as error:
                self._exporter_metrics.reload_failed()
                if isinstance(error, ConfigError):
                    _log.error("configuration not reloaded; the one in force stays", error=str(error))
                    raise
                _log.exception("configuration not reloaded; this is a bug in the exporter")
                raise _not_reloaded(f"{type(error).__name__} in the exporter, which is a bug; see the log") from error
            config = prepared.config
            _warn(config)
            _log.info("configuration reloaded", config_hash=config.hash, **_what_is_polled(config))

    async def _load_and_prepare(self) -> tuple[Prepared, WebConfig]:
        """Read files in a thread of its own, which is left alone where one of them hangs.

        Raises:
            ConfigError: they cannot be used, it took too long, or the exporter is to end.
        """

        def read() -> tuple[Prepared, WebConfig]:
            config, web_config = load_both(self._load, self._web.load_config)
            return self._pollers.prepare(config), web_config

        if self._ending:
            raise _not_reloaded("the exporter is ending")
        self._reading = reading = asyncio.wrap_future(threads.start(read))
        try:
            async with self._clock.timeout_at(self._clock.monotonic() + _READING_SECONDS):
                return await reading
        except TimeoutError as error:
            raise _not_reloaded(
                f"not read within {_READING_SECONDS:g}s; check the files that it names, and where they are mounted"
            ) from error
        except asyncio.CancelledError:
            if self._ending:
                raise _not_reloaded("the exporter is ending") from None
            raise

    async def _apply(self, prepared: Prepared) -> None:
        await self._pollers.apply(prepared)
        self._config = prepared.config
        self._exporter_metrics.loaded(prepared.config, now=self._clock.time())

    async def serve(self, listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
        """Poll and answer until ``stop`` is set; answers under way are finished.

        Raises:
            ListenError: a socket failed.
            ConfigError: a workspace cannot be polled as it is configured.
            StorageInUseError: another process stores in the same folder.
        """
        if self._web.config_file is not None:
            self._access.log("web configuration loaded")
        if self._storage is not None:
            await self._storage.open()
        server = Server(self.application, self._access.context, self._limits)
        async with self._reloading:
            prepared = threads.start(lambda: self._pollers.prepare(self._config))
            await self._apply(await asyncio.wrap_future(prepared))
        serving = asyncio.create_task(server.serve_on(listeners))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            self._ending = True
            if self._reading is not None:
                self._reading.cancel()
            server.should_exit = True
            try:
                await serving
            finally:
                async with self._reloading:  # what is being applied is so to its end
                    await self._stop_polling()

    async def _stop_polling(self) -> None:
        if dead := self._pollers.dead():
            _log.error("pollers had died, so that /-/healthy answered 503", workspaces=", ".join(dead))
        await self._pollers.end()
        if self._storage is not None:
            await self._storage.end()
        self._executor.shutdown(wait=False, cancel_futures=True)


def log_start(config: ValidatedConfig, addresses: Sequence[str]) -> None:
    """Say in three lines what runs, what it polls and where it answers."""
    _warn(config)
    _log.info("starting mihu-trunk-exporter", version=__version__, config_hash=config.hash)
    _log.info("polling", **_what_is_polled(config))
    _log.info("listening", addresses=", ".join(addresses))


def _not_reloaded(reason: str) -> ConfigError:
    return ConfigError((Problem("the configuration", "", reason),))


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
