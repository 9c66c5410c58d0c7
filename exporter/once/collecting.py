"""Polls every workspace once."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import httpx

from exporter.api.client import Client
from exporter.clock import Clock
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.listing.description import ListedTrunk
from exporter.listing.listing import Listing
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition, Segments
from exporter.metrics.workspace_families import MEMORY_TOTALS, Tally
from exporter.polling.buckets import BucketMaker
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.status import Failure
from exporter.polling.storage import Storage
from exporter.polling.walk import Page, last_page
from exporter.trunks.lines import Why, by_number, with_tag

Watch = Callable[[str, Page], None]  # is given every page that was read, with the name of its workspace

_AT_ONCE = 16  # workspaces; each has several pages in flight itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The outcome of polling one workspace; ``totals`` and ``listing`` are None where that failed."""

    workspace: str
    polled_at: float  # when the poll ended, in Unix time
    failure: Failure | None
    totals: Mapping[str, Tally] | None  # by the name of the family
    listing: Listing | None
    segments: tuple[Segments, ...]  # what a scrape would show of the workspace
    trunks: Sequence[ListedTrunk] | None = None  # those that were chosen, in the order of their numbers


async def collect(  # noqa: PLR0913 - what polling depends on
    config: ValidatedConfig,
    *,
    watch: Watch,
    clock: Clock,
    random: Random,
    executor: Executor,
    storage: Storage | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Collected]:
    """Poll every workspace of a configuration once, several at a time; a poll that fails is an outcome like others.

    ``random`` spreads retries, pages are decoded and rendered in ``executor``, and ``transport`` carries requests, the
    network by default. Trunks are compared with those that ``storage`` remembers.
    """
    slots = asyncio.Semaphore(_AT_ONCE)

    async def collect_one(workspace: Workspace) -> Collected:
        api_metrics = ApiMetrics(workspace.name)
        api_metrics.configure(workspace)
        async with slots:
            client = Client(workspace, clock=clock, observer=api_metrics, transport=transport)
            polling = PollContext(
                workspace=workspace,
                maker=BucketMaker(workspace, config.metrics),
                client=client,
                clock=clock,
                random=random,
                executor=executor,
                on_page=partial(watch, workspace.name),
            )
            exposition = Exposition(ExporterMetrics(), clock)
            poller = Poller(polling, api_metrics, exposition, storage=storage)
            try:
                await poller.poll()
            finally:
                await client.aclose()
        (view,) = exposition.views()
        (poll,) = poller.snapshot.history.polls
        fleet = poller.snapshot.fleet
        memory = poller.snapshot.memory
        remembered = {total.name: total.count(memory) for total in MEMORY_TOTALS}
        listing = None if fleet is None else Listing(workspace, fleet, None if storage is None else memory)
        return Collected(
            workspace=workspace.name,
            polled_at=poll.ended_at,
            failure=poll.failure,
            totals=None if fleet is None else {**fleet.totals, **remembered},
            listing=listing,
            segments=view.at(clock.monotonic()),
        )

    return await asyncio.gather(*map(collect_one, config.workspaces))


def choose(
    collected: Iterable[Collected], *, out_of_service: bool, statuses: Collection[str], search: str
) -> list[Collected]:
    """Choose the trunks to list: those with one of the statuses, or any, and with a text; totals stay those of all."""

    def chosen(listing: Listing) -> list[ListedTrunk]:
        lines, _ = listing.search(search)
        if out_of_service:
            lines = with_tag(lines, "reason", Why.OUT_OF_SERVICE)
        if statuses:
            lines = [line for status in set(statuses) for line in with_tag(lines, "status", status)]
        return [listed for listed in listing.trunks(sorted(lines, key=by_number)) if not listed.is_gone]

    return [replace(one, trunks=chosen(one.listing) if one.listing else None) for one in collected]


class PageCount:
    """Counts the pages of all workspaces."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[int, int]] = {}

    def count(self, workspace: str, page: Page) -> tuple[int, int]:
        """Count a page that was read, and return how many were, and how many there are as far as is known.

        A first page begins another walk.
        """
        read, total = (0, last_page(page) or 1) if page.number == 1 else self._pages[workspace]
        self._pages[workspace] = read + 1, max(total, page.number)
        return sum(read for read, _ in self._pages.values()), sum(total for _, total in self._pages.values())


@contextmanager
def progress_bar() -> Iterator[Watch]:
    """Draw a bar on standard error until the block is left; yield what is to be given pages."""
    from rich.console import Console  # noqa: PLC0415 - rich takes a moment to import
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - likewise

    pages = PageCount()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Waiting for the first page", total=None)

        def watch(workspace: str, page: Page) -> None:
            read, total = pages.count(workspace, page)
            progress.update(task, description=f"Page {read} of {total}", completed=read, total=total)

        yield watch
