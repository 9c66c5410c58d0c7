"""Lists the workspaces, as a query asks for them."""

from collections.abc import Mapping, Sequence

from exporter.metrics.workspace_families import WORKSPACE_FAMILIES
from exporter.polling.fleet import Fleet
from exporter.polling.status import EndedPoll, Status
from exporter.status import document
from exporter.status.document import Poll, State, Workspace, WorkspaceList
from exporter.status.paging import part
from exporter.status.query import Query

A_PAGE = 12

_FAMILY = {family.name: index for index, family in enumerate(WORKSPACE_FAMILIES)}
_SEVERITY = {state: index for index, state in enumerate(State)}


def state_of(status: Status, monotonic: float) -> State:
    """Return how a workspace stands at a moment of the clock's ``monotonic``."""
    polls = status.snapshot.history.polls
    if not polls:
        return State.STARTING
    if monotonic >= status.snapshot.succeeded_at + status.workspace.max_staleness:
        return State.STALE
    return State.UP if polls[-1].failure is None else State.FAILING


def list_workspaces(
    statuses: Sequence[Status], states: Sequence[State], query: Query, since_epoch: float
) -> WorkspaceList:
    """Return the part of the workspaces that a query asks for, each with its state.

    ``since_epoch`` is what makes Unix time of the clock's ``monotonic``.
    """
    wanted = [
        (state, status)
        for state, status in zip(states, statuses, strict=True)
        if query.workspace in {"", status.workspace.name}
    ]
    # Those in trouble come first, otherwise the order is the configuration's.
    wanted.sort(key=lambda one: _SEVERITY[one[0]])
    page, pages, shown = part(wanted, query.cards, A_PAGE)
    return WorkspaceList(
        len(wanted), page, pages, tuple(_workspace(status, state, since_epoch) for state, status in shown)
    )


def _workspace(status: Status, state: State, since_epoch: float) -> Workspace:
    known, settings = status.snapshot, status.workspace
    last = known.history.polls[-1] if known.history else None
    concurrency = last.concurrency if last else settings.concurrency
    return Workspace(
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
        fleet=_fleet(known.fleet, known.series) if known.fleet else None,
        polls=tuple(map(_poll, known.history.polls)),
        failures=tuple(map(_poll, known.history.failed)),
    )


def _fleet(fleet: Fleet, series: int) -> document.Fleet:
    return document.Fleet(
        trunks=trunks_in(fleet),
        by_status={value: int(count) for value, count in _sums(fleet, "mihu_trunks").items() if count},
        unbound={value: int(count) for value, count in _sums(fleet, "mihu_unbound_channels").items()},
        monthly_fees={value: float(amount) for value, amount in _sums(fleet, "mihu_monthly_fees").items() if amount},
        attention=sum(1 for _ in fleet.remarked()),
        pages=fleet.result.pages,
        reused_pages=fleet.result.reused_pages,
        walks=fleet.result.walks,
        drift=fleet.result.drift,
        series=series,
    )


def trunks_in(fleet: Fleet | None) -> int:
    """Return how many trunks there are."""
    return int(sum(_sums(fleet, "mihu_trunks").values())) if fleet else 0


def _sums(fleet: Fleet, family: str) -> Mapping[str, float]:
    return {value: float(amount) for value, amount in fleet.totals[_FAMILY[family]].items()}


def _poll(ended: EndedPoll) -> Poll:
    failure = ended.failure
    return Poll(
        ended.ended_at,
        ended.seconds,
        failure.reason if failure else None,
        failure.message if failure else None,
    )
