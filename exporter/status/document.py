"""The document behind the status page, as ``/status.json`` has it: what polling has found, and how it goes.

All times are Unix seconds, all durations seconds.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import TypeVar

import msgspec

from exporter import __version__
from exporter.api.errors import Reason
from exporter.polling.buckets import Remarked
from exporter.polling.fleet import Fleet
from exporter.polling.status import EndedPoll, Status
from exporter.status.query import ChangeQuery, Query, Sort
from exporter.trunks.changes import Change
from exporter.trunks.description import TrunkDescription
from exporter.trunks.out_of_service import REASONS, Concern

WORKSPACES_PER_PAGE = 12
TRUNKS_PER_PAGE = 50
CHANGES_SHOWN = 20

T = TypeVar("T")


class WorkspaceState(StrEnum):
    """How polling a workspace goes, the worst first."""

    STALE = "stale"  # nothing of its trunks is exported: no poll has succeeded for max_staleness
    FAILING = "failing"  # the last poll failed, and what an earlier one found is exported
    STARTING = "starting"  # the first poll has not ended
    UP = "up"


class PollSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A poll that has ended; reason and message only where it failed."""

    ended_at: float
    duration: float
    reason: Reason | None = None
    message: str | None = None


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the last successful poll found."""

    trunks: int
    by_status: Mapping[str, int]
    unbound: Mapping[str, int]  # trunks on which each channel is expected and not bound
    monthly_fees: Mapping[str, float]  # list prices by currency
    out_of_service: int
    attention: int  # trunks with remarks; all that are out of service have some
    pages: int
    reused_pages: int  # those that had not changed
    walks: int
    drift: int  # rows by which the API's total differs
    series: int  # exported about trunks


class WorkspaceSummary(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    base_url: str
    state: WorkspaceState
    poll_interval: float
    last_poll_at: float | None
    last_success_at: float | None
    next_poll_at: float | None
    requests: int  # of the last poll
    concurrency: int  # pages in flight at most when it ended
    slowed_down: bool  # whether the API asked for less than configured
    fleet: FleetSummary | None
    polls: tuple[PollSummary, ...]  # the newest last
    failures: tuple[PollSummary, ...]  # kept longer


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """All workspaces together."""

    workspaces: int
    by_state: Mapping[WorkspaceState, int]
    trunks: int
    out_of_service: int
    attention: Mapping[Concern, int]


class WorkspacesPage(msgspec.Struct, frozen=True):
    """A page of the workspaces, those in trouble first."""

    total: int  # workspaces that match
    page: int
    pages: int
    items: tuple[WorkspaceSummary, ...]


class TrunksPage(msgspec.Struct, frozen=True):
    """A page of the trunks that need attention."""

    total: int  # trunks that match
    page: int
    pages: int
    by_concern: Mapping[Concern, int]  # as if the query did not choose one
    items: tuple[TrunkDescription, ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    time: float
    totals: Totals
    workspaces: WorkspacesPage
    trunks: TrunksPage
    changes: Sequence[Mapping[str, object]]  # the last ones, as /changes.json has them


def summarize(statuses: Sequence[Status], query: Query, *, now: float, monotonic: float) -> Document:
    """Make the document that a query asks for; ``now`` is Unix time, ``monotonic`` the clock's."""
    workspaces = [(_state(status, monotonic), status) for status in statuses]
    fleets = [status.snapshot.fleet for status in statuses if status.snapshot.fleet]
    return Document(
        version=__version__,
        time=now,
        totals=Totals(
            workspaces=len(statuses),
            by_state=Counter(state for state, _ in workspaces),
            trunks=sum(_count(fleet, "mihu_trunks") for fleet in fleets),
            out_of_service=sum(_count(fleet, "mihu_trunks_out_of_service") for fleet in fleets),
            attention=_by_concern(_remarked(statuses)),
        ),
        workspaces=_workspaces_page(workspaces, query, now - monotonic),
        trunks=_trunks_page(statuses, query),
        changes=list_changes(statuses, ChangeQuery(workspace=query.workspace, limit=CHANGES_SHOWN)),
    )


def list_changes(statuses: Iterable[Status], query: ChangeQuery) -> list[Mapping[str, object]]:
    """Return the changes that a query asks for, the newest first."""
    histories = [_matching(status, query) for status in statuses if query.workspace in {"", status.workspace.name}]
    newest_first = heapq.merge(*histories, key=lambda found: -found[1].time)
    return [
        {
            "workspace": workspace,
            **msgspec.structs.asdict(change),
            # As TrunkDescription has them; the log calls the uuid as a change does.
            "phone_number_uuid": change.uuid or None,
            "number": change.number or None,
        }
        for workspace, change in islice(newest_first, query.limit)
    ]


def _matching(status: Status, query: ChangeQuery) -> Iterator[tuple[str, Change]]:
    for change in reversed(status.snapshot.memory.history):
        if change.time >= query.since and query.number in change.number:
            yield status.workspace.name, change


def _state(status: Status, monotonic: float) -> WorkspaceState:
    polls = status.snapshot.history.polls
    if not polls:
        return WorkspaceState.STARTING
    if monotonic >= status.snapshot.succeeded_at + status.workspace.max_staleness:
        return WorkspaceState.STALE
    return WorkspaceState.UP if polls[-1].failure is None else WorkspaceState.FAILING


def _workspaces_page(
    workspaces: Iterable[tuple[WorkspaceState, Status]], query: Query, since_epoch: float
) -> WorkspacesPage:
    """List workspaces; ``since_epoch`` makes Unix time of the clock's ``monotonic``."""
    matching = [found for found in workspaces if query.workspace in {"", found[1].workspace.name}]
    # Those in trouble come first, otherwise the order is the configuration's.
    severity = list(WorkspaceState)
    matching.sort(key=lambda found: severity.index(found[0]))
    page, pages, shown = _part(matching, query.cards, WORKSPACES_PER_PAGE)
    items = tuple(_summarize_workspace(status, state, since_epoch) for state, status in shown)
    return WorkspacesPage(len(matching), page, pages, items)


def _summarize_workspace(status: Status, state: WorkspaceState, since_epoch: float) -> WorkspaceSummary:
    known, settings = status.snapshot, status.workspace
    last = known.history.polls[-1] if known.history else None
    concurrency = last.concurrency if last else settings.concurrency
    return WorkspaceSummary(
        name=settings.name,
        base_url=settings.base_url,
        state=state,
        poll_interval=settings.poll_interval,
        last_poll_at=last.ended_at if last else None,
        last_success_at=known.succeeded_at + since_epoch if known.fleet else None,
        next_poll_at=None if status.next_poll_at is None else status.next_poll_at + since_epoch,
        requests=last.requests if last else 0,
        concurrency=concurrency,
        slowed_down=concurrency < settings.concurrency,
        fleet=_summarize_fleet(known.fleet, known.series) if known.fleet else None,
        polls=tuple(map(_summarize_poll, known.history.polls)),
        failures=tuple(map(_summarize_poll, known.history.failed)),
    )


def _summarize_fleet(fleet: Fleet, series: int) -> FleetSummary:
    return FleetSummary(
        trunks=_count(fleet, "mihu_trunks"),
        by_status={value: int(count) for value, count in _total(fleet, "mihu_trunks").items() if count},
        unbound={value: int(count) for value, count in _total(fleet, "mihu_unbound_channels").items()},
        monthly_fees={value: amount for value, amount in _total(fleet, "mihu_monthly_fees").items() if amount},
        out_of_service=_count(fleet, "mihu_trunks_out_of_service"),
        attention=sum(1 for _ in fleet.remarked()),
        pages=fleet.result.pages,
        reused_pages=fleet.result.reused_pages,
        walks=fleet.result.walks,
        drift=fleet.result.drift,
        series=series,
    )


def _summarize_poll(poll: EndedPoll) -> PollSummary:
    failure = poll.failure
    return PollSummary(
        poll.ended_at, poll.seconds, failure.reason if failure else None, failure.message if failure else None
    )


def _count(fleet: Fleet, family: str) -> int:
    return int(sum(_total(fleet, family).values()))


def _total(fleet: Fleet, family: str) -> Mapping[str, float]:
    """Return a total by the family's own label, as it is exported; by "" where it has none."""
    return {value: float(amount) for value, amount in fleet.totals_by_family[family].items()}


def _trunks_page(statuses: Sequence[Status], query: Query) -> TrunksPage:
    matching = [found for found in _remarked(statuses) if _matches(*found, query)]
    concerned = [
        (workspace, trunk)
        for workspace, trunk in matching
        if query.concern is None or any(remark.concern is query.concern for remark in trunk.remarks)
    ]
    concerned.sort(key=_ORDERS[query.sort])
    page, pages, shown = _part(concerned, query.page, TRUNKS_PER_PAGE)
    items = tuple(_describe(workspace, trunk) for workspace, trunk in shown)
    return TrunksPage(len(concerned), page, pages, _by_concern(matching), items)


_Found = tuple[str, Remarked]  # by the name of the workspace


def _remarked(statuses: Iterable[Status]) -> Iterator[_Found]:
    for status in statuses:
        if status.snapshot.fleet:
            for trunk in status.snapshot.fleet.remarked():
                yield status.workspace.name, trunk


def _matches(workspace: str, trunk: Remarked, query: Query) -> bool:
    if query.workspace not in {"", workspace}:
        return False
    if not query.search:
        return True
    remarks = " ".join(remark.words for remark in trunk.remarks)
    text = f"{workspace} {trunk.number} {trunk.uuid} {trunk.location} {remarks}"
    return query.search.casefold() in text.casefold()


def _by_concern(found: Iterable[_Found]) -> Mapping[Concern, int]:
    counted = Counter(remark.concern for _, trunk in found for remark in trunk.remarks)
    return {concern: counted[concern] for concern in Concern}


_URGENCY = {concern: index for index, concern in enumerate(Concern)}


def _urgency(found: _Found) -> tuple[tuple[int, ...], str, str, str]:
    workspace, trunk = found
    # A trunk with more remarks comes before one that has only the first of them.
    urgency = (*(_URGENCY[remark.concern] for remark in trunk.remarks), len(_URGENCY))
    return urgency, workspace, trunk.number, trunk.uuid


_ORDERS: Mapping[Sort, Callable[[_Found], tuple[object, ...]]] = {
    Sort.URGENCY: _urgency,
    Sort.WORKSPACE: lambda found: (found[0], *_urgency(found)),
    Sort.NUMBER: lambda found: (found[1].number, *_urgency(found)),
    Sort.LOCATION: lambda found: (not found[1].location, found[1].location, *_urgency(found)),
}


def _describe(workspace: str, trunk: Remarked) -> TrunkDescription:
    concerns = [remark.concern for remark in trunk.remarks]
    return TrunkDescription(
        workspace=workspace,
        phone_number_uuid=trunk.uuid or None,
        number=trunk.number or None,
        location=trunk.location or None,
        out_of_service=trunk.out_of_service,
        reasons=[concern for concern in concerns if concern in REASONS],
        concerns=concerns,
        remarks=[remark.words for remark in trunk.remarks],
    )


def _part(items: Sequence[T], page: int, size: int) -> tuple[int, int, Sequence[T]]:
    """Return a page's number, how many pages there are, and what is on it; beyond the last it is the last."""
    pages = max(1, -(-len(items) // size))
    page = min(page, pages)
    return page, pages, items[(page - 1) * size : page * size]
