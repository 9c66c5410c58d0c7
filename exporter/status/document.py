"""The status as ``/status.json`` has it: the totals, the workspaces and their polls, and trunks to be looked at.

All times are Unix seconds, all durations seconds.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice

import msgspec

from exporter import __version__
from exporter.api.errors import Reason
from exporter.listing.description import Entry, exact_number
from exporter.polling.fleet import Fleet
from exporter.polling.status import EndedPoll, Snapshot, Status
from exporter.status.lookup import TRUNKS_PER_PAGE, ListPage, look_up, worst
from exporter.status.query import ChangeQuery, Lookup
from exporter.trunks.changes import Change, Value
from exporter.trunks.out_of_service import REASONS, Concern

CHANGES_SHOWN = 20


class WorkspaceState(StrEnum):
    """The state of a workspace's polling, the worst first."""

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
    """The trunks that the last successful poll found, counted."""

    trunks: int
    by_status: Mapping[str, int]
    unbound: Mapping[str, int]  # trunks on which each channel is expected and not bound
    monthly_fees: Mapping[str, float]  # list prices by currency
    out_of_service: int
    out_of_service_by_reason: Mapping[str, int]  # a trunk may have several
    channels_lost: int
    trunks_gone: int
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

    @property
    def is_well(self) -> bool:
        fleet = self.fleet
        return self.state is WorkspaceState.UP and not (
            fleet and (fleet.out_of_service or fleet.channels_lost or fleet.trunks_gone)
        )


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
    workspaces: ListPage[WorkspaceSummary]  # all on one, those in trouble first
    out_of_service: Sequence[Entry]  # the longest first, then those that are gone or lost something; not all
    trunks: ListPage[Entry]  # of those to be looked at for any reason, or for the one that is asked for
    changes: Sequence[Mapping[str, object]]  # the last ones, as /changes.json has them


class Summary:
    """The status of all workspaces at one moment, from which the pages and the document are made.

    Args:
        statuses: of the workspaces, in the configuration's order.
        now: Unix time.
        monotonic: the clock's.
    """

    def __init__(self, statuses: Sequence[Status], *, now: float, monotonic: float) -> None:
        self.time = now
        self.names = [status.workspace.name for status in statuses]
        self.statuses = statuses
        self._since_epoch = now - monotonic
        self._states = [(_state_of(status, monotonic), status) for status in statuses]
        self._current = [status for state, status in self._states if state is not WorkspaceState.STALE]

    def document(self, lookup: Lookup) -> Document:
        found = look_up(self.statuses, lookup)
        workspaces = self.workspaces(lookup.workspace)
        return Document(
            version=__version__,
            time=self.time,
            totals=self.totals(),
            workspaces=ListPage(len(workspaces), 1, 1, workspaces),
            out_of_service=self.worst(),
            trunks=found.to_be_looked_at().page(lookup.page),
            changes=list_changes(self.statuses, ChangeQuery(workspace=lookup.workspace, limit=CHANGES_SHOWN)),
        )

    def totals(self) -> Totals:
        fleets = [status.snapshot.fleet for status in self._current if status.snapshot.fleet]
        by_reason, concerns = Counter[str](), Counter[str]()
        for fleet in fleets:
            by_reason.update(_counts(fleet, "mihu_trunks_out_of_service_by_reason"))
            concerns.update(fleet.concerns)
        return Totals(
            workspaces=len(self._states),
            by_state=Counter(state for state, _ in self._states),
            trunks=sum(_count(fleet, "mihu_trunks") for fleet in fleets),
            out_of_service=sum(_count(fleet, "mihu_trunks_out_of_service") for fleet in fleets),
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
            _summarize(status, state, self._since_epoch)
            for state, status in self._states
            if state is WorkspaceState.STALE
        ]

    def workspaces(self, name: str = "") -> list[WorkspaceSummary]:
        """Return the workspaces, those in trouble first; only the named one where there is a name."""
        matching = [found for found in self._states if name in {"", found[1].workspace.name}]
        # Otherwise the order is the configuration's.
        severity = list(WorkspaceState)
        matching.sort(key=lambda found: (severity.index(found[0]), -_out_of_service(found[1])))
        return [_summarize(status, state, self._since_epoch) for state, status in matching]


def _out_of_service(status: Status) -> int:
    return _count(status.snapshot.fleet, "mihu_trunks_out_of_service") if status.snapshot.fleet else 0


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
            "before": _value(change.before),
            "after": _value(change.after),
        }
        for workspace, change in islice(newest_first, query.limit)
    ]


def _value(value: Value) -> Value:
    return exact_number(value) if isinstance(value, float) else value


def _matching(status: Status, query: ChangeQuery) -> Iterator[tuple[str, Change]]:
    for change in reversed(status.snapshot.memory.history):
        if change.time >= query.since and query.number in change.number:
            yield status.workspace.name, change


def _state_of(status: Status, monotonic: float) -> WorkspaceState:
    polls = status.snapshot.history.polls
    if not polls:
        return WorkspaceState.STARTING
    if monotonic >= status.snapshot.succeeded_at + status.workspace.max_staleness:
        return WorkspaceState.STALE
    return WorkspaceState.UP if polls[-1].failure is None else WorkspaceState.FAILING


def _summarize(status: Status, state: WorkspaceState, since_epoch: float) -> WorkspaceSummary:
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
        fleet=_summarize_fleet(known.fleet, known) if known.fleet else None,
        polls=tuple(map(_summarize_poll, known.history.polls)),
        failures=tuple(map(_summarize_poll, known.history.failed)),
    )


def _summarize_fleet(fleet: Fleet, known: Snapshot) -> FleetSummary:
    return FleetSummary(
        trunks=_count(fleet, "mihu_trunks"),
        by_status={status: count for status, count in _counts(fleet, "mihu_trunks").items() if count},
        unbound=_counts(fleet, "mihu_unbound_channels"),
        monthly_fees={value: amount for value, amount in _total(fleet, "mihu_monthly_fees").items() if amount},
        out_of_service=_count(fleet, "mihu_trunks_out_of_service"),
        out_of_service_by_reason=_counts(fleet, "mihu_trunks_out_of_service_by_reason"),
        channels_lost=len(known.memory.lost),
        trunks_gone=len(known.memory.gone),
        attention=fleet.concerns.get("", 0),
        pages=fleet.result.pages,
        reused_pages=fleet.result.reused_pages,
        walks=fleet.result.walks,
        drift=fleet.result.drift,
        series=known.series,
    )


def _summarize_poll(poll: EndedPoll) -> PollSummary:
    failure = poll.failure
    return PollSummary(
        poll.ended_at, poll.seconds, failure.reason if failure else None, failure.message if failure else None
    )


def _count(fleet: Fleet, family: str) -> int:
    return sum(_counts(fleet, family).values())


def _counts(fleet: Fleet, family: str) -> Mapping[str, int]:
    return {value: int(count) for value, count in _total(fleet, family).items()}


def _total(fleet: Fleet, family: str) -> Mapping[str, float]:
    """Return a total by the family's own label, as it is exported; by "" where it has none."""
    return {value: float(amount) for value, amount in fleet.totals[family].items()}
