"""The document behind the status page, as ``/status.json`` has it: what polling has found, and how it goes.

All times are Unix seconds, all durations seconds.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from exporter import __version__
from exporter.listing.description import Entry
from exporter.polling.buckets import Remarked
from exporter.polling.status import Status
from exporter.status.lookup import TRUNKS_PER_PAGE, entries_of, worst
from exporter.status.query import ChangeQuery, Query, Sort
from exporter.status.workspaces import WorkspaceState, WorkspaceSummary, count, counts, state_of, summarize
from exporter.trunks.changes import Change
from exporter.trunks.out_of_service import REASONS, Concern

WORKSPACES_PER_PAGE = 12
CHANGES_SHOWN = 20

T = TypeVar("T")


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """All workspaces together, but for the trunks of those whose data are stale: they are not exported either."""

    workspaces: int
    by_state: Mapping[WorkspaceState, int]
    trunks: int
    out_of_service: int
    out_of_service_by_reason: Mapping[str, int]
    channels_lost: int
    trunks_gone: int
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
    items: Sequence[Entry]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    time: float
    totals: Totals
    workspaces: WorkspacesPage
    out_of_service: Sequence[Entry]  # the longest first, then those that are gone or lost something; not all
    trunks: TrunksPage
    changes: Sequence[Mapping[str, object]]  # the last ones, as /changes.json has them


class Summary:
    """What polling has found, from which the page and the document are made.

    Args:
        statuses: where polling each workspace stands.
        now: Unix time.
        monotonic: the clock's.
    """

    def __init__(self, statuses: Sequence[Status], *, now: float, monotonic: float) -> None:
        self.time = now
        self.names = [status.workspace.name for status in statuses]
        self.statuses = statuses
        self._since_epoch = now - monotonic
        self._states = [(state_of(status, monotonic), status) for status in statuses]
        self._current = [status for state, status in self._states if state is not WorkspaceState.STALE]

    def document(self, query: Query) -> Document:
        return Document(
            version=__version__,
            time=self.time,
            totals=self.totals(),
            workspaces=self.workspaces(query.workspace, query.cards, WORKSPACES_PER_PAGE),
            out_of_service=self.worst(),
            trunks=_trunks_page(self.statuses, query),
            changes=list_changes(self.statuses, ChangeQuery(workspace=query.workspace, limit=CHANGES_SHOWN)),
        )

    def totals(self, workspace: str = "") -> Totals:
        """Return the totals of all workspaces, or of one."""
        states = [found for found in self._states if workspace in {"", found[1].workspace.name}]
        current = [status for state, status in states if state is not WorkspaceState.STALE]
        fleets = [status.snapshot.fleet for status in current if status.snapshot.fleet]
        by_reason = Counter[str]()
        for fleet in fleets:
            by_reason.update(counts(fleet, "mihu_trunks_out_of_service_by_reason"))
        return Totals(
            workspaces=len(states),
            by_state=Counter(state for state, _ in states),
            trunks=sum(count(fleet, "mihu_trunks") for fleet in fleets),
            out_of_service=sum(count(fleet, "mihu_trunks_out_of_service") for fleet in fleets),
            out_of_service_by_reason={reason: by_reason[reason] for reason in REASONS},
            channels_lost=sum(len(status.snapshot.memory.lost) for status in current),
            trunks_gone=sum(len(status.snapshot.memory.gone) for status in current),
            attention=_by_concern(_remarked(current)),
        )

    def worst(self, workspace: str = "", limit: int = TRUNKS_PER_PAGE) -> list[Entry]:
        """Return trunks that are out of service, gone, or lost something, the longest first, of data that count."""
        return worst([each for each in self._current if workspace in {"", each.workspace.name}], limit)

    def stale(self) -> list[WorkspaceSummary]:
        """Return the workspaces whose data are too old to count."""
        return [
            summarize(status, state, self._since_epoch)
            for state, status in self._states
            if state is WorkspaceState.STALE
        ]

    def workspaces(self, name: str = "", page: int = 1, size: int | None = None) -> WorkspacesPage:
        """Return a page of the workspaces, or all of them, those in trouble first; one alone where it is named."""
        matching = [found for found in self._states if name in {"", found[1].workspace.name}]
        # Otherwise the order is the configuration's.
        severity = list(WorkspaceState)
        matching.sort(key=lambda found: (severity.index(found[0]), -_out_of_service(found[1])))
        page, pages, shown = _part(matching, page, size or max(1, len(matching)))
        items = tuple(summarize(status, state, self._since_epoch) for state, status in shown)
        return WorkspacesPage(len(matching), page, pages, items)


def _out_of_service(status: Status) -> int:
    return count(status.snapshot.fleet, "mihu_trunks_out_of_service") if status.snapshot.fleet else 0


def list_changes(statuses: Iterable[Status], query: ChangeQuery) -> list[Mapping[str, object]]:
    """Return the changes that a query asks for, the newest first."""
    histories = [_matching(status, query) for status in statuses if query.workspace in {"", status.workspace.name}]
    newest_first = heapq.merge(*histories, key=lambda found: -found[1].time)
    return [
        {
            "workspace": workspace,
            **msgspec.structs.asdict(change),
            # As lists of trunks have them; the log calls the uuid as a change does.
            "phone_number_uuid": change.uuid or None,
            "number": change.number or None,
        }
        for workspace, change in islice(newest_first, query.limit)
    ]


def _matching(status: Status, query: ChangeQuery) -> Iterator[tuple[str, Change]]:
    for change in reversed(status.snapshot.memory.history):
        if change.time >= query.since and query.number in change.number:
            yield status.workspace.name, change


def _trunks_page(statuses: Sequence[Status], query: Query) -> TrunksPage:
    matching = [found for found in _remarked(statuses) if _matches(*found, query)]
    concerned = [
        (workspace, trunk)
        for workspace, trunk in matching
        if query.concern is None or any(remark.concern is query.concern for remark in trunk.remarks)
    ]
    concerned.sort(key=_ORDERS[query.sort])
    page, pages, shown = _part(concerned, query.page, TRUNKS_PER_PAGE)
    items = entries_of(statuses, [(workspace, trunk.key) for workspace, trunk in shown])
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


def _part(items: Sequence[T], page: int, size: int) -> tuple[int, int, Sequence[T]]:
    """Return a page's number, how many pages there are, and what is on it; beyond the last it is the last."""
    pages = max(1, -(-len(items) // size))
    page = min(page, pages)
    return page, pages, items[(page - 1) * size : page * size]
