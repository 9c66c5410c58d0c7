"""The exporter as a service: it opens sockets, polls, serves, reloads and ends."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import structlog
from starlette.types import ASGIApp

from exporter import __version__
from exporter.clock import Clock
from exporter.config.files import start_thread
from exporter.config.problems import ConfigError, load_both
from exporter.config.settings import ValidatedConfig
from exporter.config.values import format_duration
from exporter.event_loop import run_service
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition
from exporter.polling.pollers import Pollers, Prepared
from exporter.polling.storage import Storage
from exporter.process import share_files
from exporter.status.endpoints import StatusPages
from exporter.web.config import WebConfig
from exporter.web.listening import listen, url
from exporter.web.middleware import Access, Middleware
from exporter.web.routes import Endpoints, create_application
from exporter.web.server import Limits, Server
from exporter.web.settings import WebSettings

_SHOWN_NAMES = 10  # of workspaces, in a line of the log
_READING_SECONDS = 60.0  # for the files of a configuration; one on a mount that hangs is never read

_log = structlog.get_logger()


def run(config: ValidatedConfig, load: Callable[[], ValidatedConfig], web: WebSettings, storage: Path | None) -> None:
    """Poll and answer until a signal; a ListenError, ConfigError or StorageInUseError says why it cannot begin."""
    # First, so that a port in use is reported at once.
    listeners = [listen(address) for address in web.listen_addresses]
    exporter = Exporter(config, load, web, storage_path=storage)
    run_service(serve(exporter, listeners))


async def serve(exporter: "Exporter", listeners: Sequence[socket.socket]) -> None:
    """Poll and answer until cancelled, and reload when SIGHUP comes."""
    hangup = asyncio.Event()

    async def reload_at_hangup() -> None:
        while await hangup.wait():
            hangup.clear()
            with contextlib.suppress(ConfigError):  # the log has it
                await exporter.reload()

    web = exporter.web
    log_start(exporter.config, [url(listener, web.scheme) + web.metrics_path for listener in listeners])
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came before is delivered, too
    reloading = asyncio.create_task(reload_at_hangup())
    try:
        await exporter.serve(listeners)
    finally:
        reloading.cancel()
        _log.info("stopped")


class Exporter:
    """Polls the workspaces of a configuration, and answers scrapes with ``application``.

    Everything runs in one event loop; pages are decoded and rendered in one thread, since several would only contend
    for the interpreter.
    """

    def __init__(  # noqa: PLR0913 - all its parts
        self,
        config: ValidatedConfig,
        load: Callable[[], ValidatedConfig],  # again, for a reload; raises ConfigError
        web: WebSettings,
        *,
        clock: Clock | None = None,
        random: Random | None = None,  # spreads polls
        storage_path: Path | None = None,  # keeps trunks and history across restarts
    ) -> None:
        self.config = config
        self._load = load
        self._clock = clock or Clock()
        files = share_files()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._exporter_metrics = ExporterMetrics()
        self._exposition = Exposition(self._exporter_metrics, self._clock)
        health = self._exporter_metrics.storage_health
        self._storage = Storage(storage_path, self._clock, health) if storage_path else None
        self._pollers = Pollers(
            self._exposition,
            self._storage,
            clock=self._clock,
            random=random or Random(),  # noqa: S311 - spreads polls, keeps no secret
            executor=self._executor,
            max_requests=files.requests,
        )
        self._reloading = asyncio.Lock()
        self._reading: asyncio.Future[Any] | None = None  # a configuration
        self._ending = False
        self.web = web
        self._access = Access(web.config)
        self._limits = Limits(connections=files.connections)
        metrics = web.telemetry_path.removeprefix("/")
        status = StatusPages(self._pollers.statuses, lambda: self.config, self._clock, metrics)
        routes = create_application(
            Endpoints(
                exposition=self._exposition,
                config=lambda: self.config,
                web=web,
                is_healthy=lambda: not self._pollers.dead(),
                reload=self.reload,
            ),
            status.endpoints(),
        )
        self.application: ASGIApp = Middleware(routes, self._access, self._limits, web)

    async def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Poll and answer until cancelled, and raise what ``run`` does; answers under way are finished."""
        if self.web.config_file is not None:
            self._access.log("web configuration loaded")
        if self._storage is not None:
            await self._storage.open()
        server = Server(self.application, self._access.context, self._limits)
        try:
            async with self._reloading:
                prepared = start_thread(lambda: self._pollers.prepare(self.config))
                await self._apply(await asyncio.wrap_future(prepared))
            serving = asyncio.create_task(server.serve(sockets=[*listeners]))
            try:
                await asyncio.shield(serving)
            finally:
                self._ending = True
                if self._reading is not None:
                    self._reading.cancel()
                server.should_exit = True
                await serving
        finally:
            async with self._reloading:  # a reload that has begun to apply is finished
                if dead := self._pollers.dead():
                    _log.error("pollers had died, so that /-/healthy answered 503", workspaces=", ".join(dead))
                await self._pollers.end()
                if self._storage is not None:
                    await self._storage.end()
                self._executor.shutdown(wait=False, cancel_futures=True)

    async def reload(self) -> None:
        """Load the configuration again and apply all of it, or nothing; a ConfigError says why the old one stays."""
        async with self._reloading:
            try:
                prepared, web_config = await self._load_and_prepare()
                await self._apply(prepared)
                if self.web.config_file is not None:
                    self._access.apply(web_config)
            except Exception as error:
                self._exporter_metrics.reload_failed()
                if isinstance(error, ConfigError):
                    _log.error("configuration not reloaded; the one in force stays", error=str(error))
                    raise
                _log.exception("configuration not reloaded; this is a bug in the exporter")
                raise _not_reloaded(f"{type(error).__name__} in the exporter, which is a bug; see the log") from error
            for warning in self.config.warnings:
                _log.warning(warning)
            _log.info("configuration reloaded", config_hash=self.config.hash, **_what_is_polled(self.config))

    async def _load_and_prepare(self) -> tuple[Prepared, WebConfig]:
        """Read files in a thread, which is abandoned if a file hangs, or the exporter ends: then that is the error."""

        def read() -> tuple[Prepared, WebConfig]:
            config, web_config = load_both(self._load, self.web.load_config)
            return self._pollers.prepare(config), web_config

        if self._ending:
            raise _not_reloaded("the exporter is ending")
        self._reading = reading = asyncio.wrap_future(start_thread(read))
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
        self.config = prepared.config
        self._exporter_metrics.loaded(prepared.config, now=self._clock.time())


def log_start(config: ValidatedConfig, addresses: Sequence[str]) -> None:
    for warning in config.warnings:
        _log.warning(warning)
    _log.info("starting mihu-trunk-exporter", version=__version__, config_hash=config.hash)
    _log.info("polling", **_what_is_polled(config))
    _log.info("listening", addresses=", ".join(addresses))


def _not_reloaded(reason: str) -> ConfigError:
    return ConfigError([f"the configuration: {reason}"])


def _what_is_polled(config: ValidatedConfig) -> dict[str, object]:
    """Return the number, names and intervals of workspaces for a line of the log."""
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
