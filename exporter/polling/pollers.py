"""One poller for each workspace of the configuration in force."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from random import Random

import structlog

from exporter.clock import Clock
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exposition import Exposition
from exporter.mihu.client import Client
from exporter.polling.buckets import BucketMaker
from exporter.polling.poll import Polling
from exporter.polling.poller import Known, Poller, Status
from exporter.polling.storage import Storage

_log = structlog.get_logger()

_SPREAD = 0.01  # seconds that a workspace adds to the start: at most a second for a hundred


@dataclass(frozen=True, slots=True)
class _Running:
    """A poller at work, and what it was made from."""

    workspace: Workspace
    metrics: Metrics
    poller: Poller
    client: Client
    api_metrics: ApiMetrics
    task: asyncio.Task[None]

    async def end(self) -> None:
        """End the polling and close the connections."""
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.client.aclose()


class Pollers:
    """Starts, replaces and ends pollers as the configuration changes; all share one clock and one executor."""

    def __init__(
        self,
        exposition: Exposition,
        storage: Storage | None = None,
        *,
        clock: Clock,
        random: Random,
        executor: Executor,
    ) -> None:
        self._exposition = exposition
        self._storage = storage
        self._clock = clock
        self._random = random
        self._executor = executor
        self._running: dict[str, _Running] = {}

    def is_healthy(self) -> bool:
        """Tell whether every poller lives."""
        return not self.dead()

    def dead(self) -> tuple[str, ...]:
        """Return the workspaces whose poller has died."""
        return tuple(name for name, running in self._running.items() if running.task.done())

    def statuses(self) -> tuple[Status, ...]:
        """Return where polling each workspace stands, in the order of the configuration."""
        return tuple(running.poller.status for running in self._running.values())

    async def apply(self, config: ValidatedConfig) -> None:
        """Poll the workspaces of a configuration, and no others.

        Workspaces that are configured as before go on undisturbed. Others are polled at once; what is known of
        them stays unless their address, their filter or the way in which numbers are shown has changed.
        """
        before = self._running
        unchanged = {
            workspace.name: running
            for workspace in config.workspaces
            if (running := before.get(workspace.name))
            and (running.workspace, running.metrics) == (workspace, config.metrics)
        }
        ended = [running for name, running in before.items() if name not in unchanged]
        # An old poller must not show anything once the new one has begun.
        await asyncio.gather(*(running.end() for running in ended))
        spread = (len(config.workspaces) - len(unchanged)) * _SPREAD
        self._running = {
            workspace.name: unchanged.get(workspace.name)
            or self._start(workspace, config.metrics, before.get(workspace.name), spread)
            for workspace in config.workspaces
        }
        self._exposition.keep(self._running)

    async def end(self) -> None:
        """End all polling."""
        await asyncio.gather(*(running.end() for running in self._running.values()))
        self._running = {}

    def _start(self, workspace: Workspace, metrics: Metrics, before: _Running | None, spread: float) -> _Running:
        api_metrics = before.api_metrics if before else ApiMetrics(workspace.name)
        api_metrics.configure(workspace)
        client = Client(workspace, clock=self._clock, observer=api_metrics)
        polling = Polling(
            workspace=workspace,
            maker=BucketMaker(workspace, metrics),
            client=client,
            observer=api_metrics,
            clock=self._clock,
            random=self._random,
            executor=self._executor,
        )
        poller = Poller(
            polling,
            api_metrics,
            self._exposition,
            known=_still_known(before, workspace, metrics),
            storage=self._storage,
        )
        task = asyncio.create_task(poller.run(self._random.uniform(0, spread)))
        task.add_done_callback(partial(_tell_of_death, workspace.name))
        return _Running(workspace, metrics, poller, client, api_metrics, task)


def _tell_of_death(workspace: str, task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        _log.error(
            "a poller died, which is a bug in the exporter; /-/healthy says so, and a restart brings it back",
            workspace=workspace,
            exc_info=task.exception(),
        )


def _still_known(before: _Running | None, workspace: Workspace, metrics: Metrics) -> Known:
    """Return what stays known: other trunks, or the same under other labels, do not."""
    if before is None:
        return Known()
    was = (before.workspace.base_url, before.workspace.filter, before.metrics.number, before.metrics.agent_names)
    if was == (workspace.base_url, workspace.filter, metrics.number, metrics.agent_names):
        return before.poller.known
    return Known(history=before.poller.known.history)
