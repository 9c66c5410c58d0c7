"""Polls every workspace once."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import NamedTuple

import httpx
import msgspec

from exporter.api.client import Client
from exporter.clock import Clock
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition, Segments
from exporter.metrics.trunk_families import UNKNOWN
from exporter.metrics.workspace_families import Tally
from exporter.polling.buckets import BucketMaker
from exporter.polling.fleet import Fleet
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.status import Failure
from exporter.polling.storage import Storage
from exporter.polling.walk import Page
from exporter.trunks.memory import Lost, Memory
from exporter.trunks.out_of_service import Judged, Remark
from exporter.trunks.trunk import Binding

Watch = Callable[[str, Page], None]  # is given every page that was read, with the name of its workspace

_AT_ONCE = 16  # workspaces; each has several pages in flight itself
_SEPARATORS = " ()-./\N{NO-BREAK SPACE}"
_GROUPED = f"+0123456789{_SEPARATORS}"
_UNGROUPED = str.maketrans("", "", _SEPARATORS)


class ListedTrunk(NamedTuple):
    """A trunk of a workspace, its number and agents as the configuration lets them be seen.

    ``since`` is when it was first seen out of service, in Unix time; None where it is not, or nothing is remembered.
    """

    workspace: str
    judged: Judged
    remarks: tuple[Remark, ...]
    since: float | None
    lost: tuple[Lost, ...]

    @property
    def status(self) -> str:
        return self.judged.trunk.status or UNKNOWN

    def contains(self, text: str) -> bool:
        """Return whether its number, uuid, location or an agent contains a text, in whatever case."""
        trunk = self.judged.trunk
        named: list[Binding | Lost] = [*trunk.bindings, *self.lost]
        agents = (agent for one in named for agent in (one.agent_name, one.agent_uuid))
        texts = (trunk.number, trunk.uuid, trunk.location, *agents)
        folded = text.casefold()
        if any(folded in part.casefold() for part in texts if part):
            return True
        # Numbers are written in groups: +39 06 1234, (06) 12-34.
        number = "" if text.strip(_GROUPED) else text.translate(_UNGROUPED)
        return number != "" and number in trunk.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The outcome of polling one workspace; ``totals`` and ``trunks`` are None where that failed."""

    workspace: str
    polled_at: float  # when the poll ended, in Unix time
    failure: Failure | None
    totals: Mapping[str, Tally] | None  # by the name of the family
    trunks: Sequence[ListedTrunk] | None  # in the order of their numbers
    segments: tuple[Segments, ...]  # what a scrape would show of the workspace


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
                observer=api_metrics,
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
        memory = Memory() if storage is None else poller.snapshot.memory
        return Collected(
            workspace=workspace.name,
            polled_at=poll.ended_at,
            failure=poll.failure,
            totals=None if fleet is None else fleet.totals_by_family,
            trunks=None if fleet is None else _listed(fleet, memory, workspace.name, config.metrics),
            segments=view.at(clock.monotonic()),
        )

    return await asyncio.gather(*map(collect_one, config.workspaces))


def choose(
    collected: Iterable[Collected], *, out_of_service: bool, statuses: Collection[str], search: str
) -> list[Collected]:
    """Leave out trunks; totals stay those of all.

    Args:
        collected: what polling has found.
        out_of_service: whether to list only trunks that are.
        statuses: list only trunks with one of these; empty for all.
        search: list only trunks that contain this text.
    """

    def is_chosen(listed: ListedTrunk) -> bool:
        if out_of_service and not listed.judged.is_out_of_service:
            return False
        return (not statuses or listed.status in statuses) and (not search or listed.contains(search))

    return [replace(one, trunks=one.trunks and list(filter(is_chosen, one.trunks))) for one in collected]


def _listed(fleet: Fleet, memory: Memory, workspace: str, metrics: Metrics) -> list[ListedTrunk]:
    lost: dict[str, tuple[Lost, ...]] = {}
    for entry in memory.lost:
        lost[entry.key] = (*lost.get(entry.key, ()), entry)
    listed = []
    for judged in fleet.judged():
        key = judged.trunk.key
        since = memory.out_of_service.get(key)
        listed.append(
            ListedTrunk(
                workspace=workspace,
                judged=_visible(judged, fleet, metrics),
                remarks=fleet.maker.judge.remarks(judged),
                since=since.since if since else None,
                lost=lost.get(key, ()),
            )
        )
    return sorted(listed, key=lambda one: (one.judged.trunk.number, one.judged.trunk.uuid))


def _visible(judged: Judged, fleet: Fleet, metrics: Metrics) -> Judged:
    """Return a trunk with what the configuration hides left out."""
    trunk = judged.trunk
    bindings = trunk.bindings
    if not metrics.agent_names:
        call, sms, whatsapp = (msgspec.structs.replace(binding, agent_name="") for binding in bindings)
        bindings = call, sms, whatsapp
    number = fleet.maker.renderer.shown_number(trunk.number)
    return judged._replace(trunk=msgspec.structs.replace(trunk, number=number, bindings=bindings))
