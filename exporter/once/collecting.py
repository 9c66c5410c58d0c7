"""Polls every workspace once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from random import Random

import httpx

from exporter.clock import Clock
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.view import Segments, Showcase
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally
from exporter.mihu.client import Client
from exporter.once.listed import KeepingRenderer, ListedTrunk
from exporter.polling.history import Failure
from exporter.polling.page import ListedPage
from exporter.polling.poll import Polling
from exporter.polling.poller import Poller
from exporter.polling.readings import Readings
from exporter.polling.snapshot import Snapshot

Watch = Callable[[str, ListedPage], None]  # is told of every page that was read, and of which workspace

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
        readings = Readings(workspace)
        showcase = Showcase()
        renderer = KeepingRenderer(workspace, metrics)
        client = Client(workspace, clock=self.clock, observer=readings, transport=self.transport)
        poller = Poller(
            Polling(
                workspace=workspace,
                renderer=renderer,
                client=client,
                observer=readings,
                clock=self.clock,
                random=self.random,
                executor=self.executor,
                watch=partial(self.watch, workspace.name),
            ),
            readings,
            showcase,
        )
        try:
            await poller.poll()
        finally:
            await client.aclose()
        (view,) = showcase.views()
        (ended,) = poller.known.history.polls
        return Collected(
            workspace=workspace.name,
            polled_at=ended.ended_at,
            failure=ended.failure,
            found=None if (snapshot := poller.known.snapshot) is None else _found(snapshot, renderer),
            shown=view.at(self.clock.monotonic()),
        )


def _found(snapshot: Snapshot, renderer: KeepingRenderer) -> Found:
    totals = {family.name: total for family, total in zip(WORKSPACE_FAMILIES, snapshot.sums, strict=True)}
    return Found(totals, renderer.trunks_of(snapshot.pages))
