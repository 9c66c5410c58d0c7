"""One poller for each workspace of the configuration in force."""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from random import Random
from typing import NamedTuple

import structlog

from exporter.api.client import Client
from exporter.clock import Clock
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exposition import Exposition
from exporter.polling.buckets import BucketMaker
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.snapshot import Status
from exporter.polling.storage import Storage

_log = structlog.get_logger()

_SPREAD = 0.01  # seconds that a workspace adds to the start: at most a second for a hundred


class Prepared(NamedTuple):
    """A configuration, and what the pollers of its changed workspaces are made of, by name."""

    config: ValidatedConfig
    parts: Mapping[str, tuple[PollContext, ApiMetrics]]


class Pollers:
    """Starts, replaces and ends pollers as the configuration changes; all share one clock and one executor.

    ``max_requests`` to the API may be under way at once, of all workspaces: each takes an open file.
    """

    def __init__(  # noqa: PLR0913 - what all pollers share
        self,
        exposition: Exposition,
        storage: Storage | None = None,
        *,
        clock: Clock,
        random: Random,
        executor: Executor,
        max_requests: int = 512,
    ) -> None:
        self._exposition = exposition
        self._storage = storage
        self._clock = clock
        self._random = random
        self._executor = executor
        self._limiter = asyncio.Semaphore(max_requests)
        self._pollers: dict[str, Poller] = {}

    def dead(self) -> tuple[str, ...]:
        """Return the names of the workspaces whose poller has died."""
        return tuple(name for name, poller in self._pollers.items() if poller.is_dead)

    def statuses(self) -> tuple[Status, ...]:
        """Return the status of each workspace, in the order of the configuration."""
        return tuple(poller.status for poller in self._pollers.values())

    def prepare(self, config: ValidatedConfig) -> Prepared:
        """Make all that ``apply`` needs and that may fail, or raise a ConfigError; it needs no event loop."""
        parts: dict[str, tuple[PollContext, ApiMetrics]] = {}
        problems: list[str] = []
        for workspace in config.workspaces:
            before = self._pollers.get(workspace.name)
            if before and not before.is_dead:
                context = before.context
                if (context.workspace, context.maker.metrics) == (workspace, config.metrics):
                    continue
            api_metrics = before.api_metrics if before else ApiMetrics(workspace.name)
            try:
                context = PollContext(
                    workspace=workspace,
                    maker=BucketMaker(workspace, config.metrics),
                    client=Client(workspace, clock=self._clock, observer=api_metrics, limiter=self._limiter),
                    clock=self._clock,
                    random=self._random,
                    executor=self._executor,
                )
            except Exception as error:  # noqa: BLE001 - nothing may fail later
                # What other exceptions say may have a proxy's password in it.
                reason = error.strerror or str(error) if isinstance(error, OSError) else type(error).__name__
                check = "check proxy_url, no_proxy, proxy_from_environment and tls_config"
                problems.append(f"workspace {workspace.name}: its client cannot be made ({reason}); {check}")
            else:
                parts[workspace.name] = context, api_metrics
        if problems:
            raise ConfigError(problems)
        return Prepared(config, parts)

    async def apply(self, prepared: Prepared) -> None:
        """Poll the workspaces of a configuration that was prepared since the last one was applied, and no others.

        Workspaces that are configured as before go on undisturbed, unless their poller died. Others are polled at once;
        what is known of them stays unless their address, their filter or the style of numbers has changed.
        """
        names = dict.fromkeys(workspace.name for workspace in prepared.config.workspaces)
        replaced = [poller for name, poller in self._pollers.items() if name not in names or name in prepared.parts]
        # An old poller must not show anything once the new one has begun.
        await asyncio.gather(*(poller.end() for poller in replaced))
        for name, (context, api_metrics) in prepared.parts.items():
            await asyncio.sleep(0)  # scrapes are answered meanwhile
            api_metrics.configure(context.workspace)
            last = self._pollers[name].snapshot_for(context) if name in self._pollers else None
            self._pollers[name] = Poller(context, api_metrics, self._exposition, snapshot=last, storage=self._storage)
        for name in prepared.parts:  # only now: their polls would hold up the others
            self._pollers[name].start(self._random.uniform(0, len(prepared.parts) * _SPREAD))
        self._pollers = {name: self._pollers[name] for name in names}
        self._exposition.keep(self._pollers)
        if self._storage is not None:
            self._storage.keep(self._pollers)
        await _close(replaced)

    async def end(self) -> None:
        ended, self._pollers = [*self._pollers.values()], {}
        await asyncio.gather(*(poller.end() for poller in ended))
        await _close(ended)


async def _close(ended: Iterable[Poller]) -> None:
    for closed in await asyncio.gather(*(poller.context.client.aclose() for poller in ended), return_exceptions=True):
        if isinstance(closed, Exception):
            _log.warning("connections to the API were not closed well", error=repr(closed))
