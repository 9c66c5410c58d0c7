"""The document behind the status page, as ``/status.json`` has it: what polling has found, and how it goes.

All times are Unix seconds, all durations seconds.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from exporter import __version__
from exporter.listing.description import Entry
from exporter.polling.status import Status
from exporter.status.lookup import TRUNKS_PER_PAGE, Page, look_up, worst
from exporter.status.query import ChangeQuery, Lookup
from exporter.status.workspaces import WorkspaceState, WorkspaceSummary, count, counts, state_of, summarize
from exporter.trunks.changes import Change
from exporter.trunks.out_of_service import REASONS, Concern

CHANGES_SHOWN = 20


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


class Document(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    time: float
    totals: Totals
    workspaces: Page[WorkspaceSummary]  # all on one, those in trouble first
    out_of_service: Sequence[Entry]  # the longest first, then those that are gone or lost something; not all
    trunks: Page[Entry]  # of those to be looked at for any reason, or for the one that is asked for
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

    def document(self, lookup: Lookup) -> Document:
        found = look_up(self.statuses, lookup)
        workspaces = self.workspaces(lookup.workspace)
        return Document(
            version=__version__,
            time=self.time,
            totals=self.totals(),
            workspaces=Page(len(workspaces), 1, 1, workspaces),
            out_of_service=self.worst(),
            trunks=found.to_be_looked_at().page(lookup.page),
            changes=list_changes(self.statuses, ChangeQuery(workspace=lookup.workspace, limit=CHANGES_SHOWN)),
        )

    def totals(self) -> Totals:
        fleets = [status.snapshot.fleet for status in self._current if status.snapshot.fleet]
        concerns = Counter(remark.concern for fleet in fleets for one in fleet.remarked() for remark in one.remarks)
        by_reason = Counter[str]()
        for fleet in fleets:
            by_reason.update(counts(fleet, "mihu_trunks_out_of_service_by_reason"))
        return Totals(
            workspaces=len(self._states),
            by_state=Counter(state for state, _ in self._states),
            trunks=sum(count(fleet, "mihu_trunks") for fleet in fleets),
            out_of_service=sum(count(fleet, "mihu_trunks_out_of_service") for fleet in fleets),
            out_of_service_by_reason={reason: by_reason[reason] for reason in REASONS},
            channels_lost=sum(len(status.snapshot.memory.lost) for status in self._current),
            trunks_gone=sum(len(status.snapshot.memory.gone) for status in self._current),
            attention={concern: concerns[concern] for concern in Concern},
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

    def workspaces(self, name: str = "") -> list[WorkspaceSummary]:
        """Return the workspaces, those in trouble first; one alone where it is named."""
        matching = [found for found in self._states if name in {"", found[1].workspace.name}]
        # Otherwise the order is the configuration's.
        severity = list(WorkspaceState)
        matching.sort(key=lambda found: (severity.index(found[0]), -_out_of_service(found[1])))
        return [summarize(status, state, self._since_epoch) for state, status in matching]


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
