"""Polls every workspace once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from random import Random

import httpx

from exporter.api.client import Client
from exporter.clock import Clock
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition, Segments
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally
from exporter.once.listed import ListedTrunk, listed_trunks
from exporter.polling.buckets import BucketMaker
from exporter.polling.fleet import Fleet
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.status import Failure
from exporter.polling.walk import Page

Watch = Callable[[str, Page], None]  # is told of every page that was read, and of which workspace

_AT_ONCE = 16  # workspaces; each has several pages in flight itself


@dataclass(frozen=True, slots=True)
class Found:
    """What a successful poll found.

    Attributes:
        totals: by the name of the family.
        trunks: in the order of their numbers.
    """

    totals: Mapping[str, Tally]
    trunks: Sequence[ListedTrunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What polling one workspace brought.

    Attributes:
        workspace: its name.
        polled_at: when its poll ended, in Unix time.
        failure: None where it succeeded.
        found: None where it failed.
        shown: what a scrape would show of the workspace.
    """

    workspace: str
    polled_at: float
    failure: Failure | None
    found: Found | None
    shown: tuple[Segments, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Polls every workspace of a configuration once.

    Attributes:
        watch: is told of every page that was read.
        random: spreads retries.
        executor: where pages are decoded and rendered.
        transport: carries requests; the network by default.
    """

    watch: Watch
    clock: Clock
    random: Random
    executor: Executor
    transport: httpx.AsyncBaseTransport | None = None

    async def collect(self, config: ValidatedConfig) -> list[Collected]:
        """Poll the workspaces, several at a time; a poll that fails is a result like any other."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def collect_one(workspace: Workspace) -> Collected:
            async with slots:
                return await self._poll(workspace, config.metrics)

        return await asyncio.gather(*map(collect_one, config.workspaces))

    async def _poll(self, workspace: Workspace, metrics: Metrics) -> Collected:
        api_metrics = ApiMetrics(workspace.name)
        api_metrics.configure(workspace)
        exposition = Exposition(ExporterMetrics(), self.clock)
        client = Client(workspace, clock=self.clock, observer=api_metrics, transport=self.transport)
        poller = Poller(
            PollContext(
                workspace=workspace,
                maker=BucketMaker(workspace, metrics),
                client=client,
                observer=api_metrics,
                clock=self.clock,
                random=self.random,
                executor=self.executor,
                on_page=partial(self.watch, workspace.name),
            ),
            api_metrics,
            exposition,
        )
        try:
            await poller.poll()
        finally:
            await client.aclose()
        (view,) = exposition.views()
        (ended,) = poller.snapshot.history.polls
        return Collected(
            workspace=workspace.name,
            polled_at=ended.ended_at,
            failure=ended.failure,
            found=None if (fleet := poller.snapshot.fleet) is None else _found(workspace, metrics, fleet),
            shown=view.at(self.clock.monotonic()),
        )


def _found(workspace: Workspace, metrics: Metrics, fleet: Fleet) -> Found:
    totals = {family.name: total for family, total in zip(WORKSPACE_FAMILIES, fleet.totals, strict=True)}
    return Found(totals, listed_trunks(workspace.name, fleet, agent_names=metrics.agent_names))
