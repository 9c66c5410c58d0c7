"""How polling a workspace goes, and what its last successful poll found.

All times are Unix seconds, all durations seconds.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from exporter.api.errors import Reason
from exporter.polling.fleet import Fleet
from exporter.polling.status import EndedPoll, Snapshot, Status


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


def state_of(status: Status, monotonic: float) -> WorkspaceState:
    polls = status.snapshot.history.polls
    if not polls:
        return WorkspaceState.STARTING
    if monotonic >= status.snapshot.succeeded_at + status.workspace.max_staleness:
        return WorkspaceState.STALE
    return WorkspaceState.UP if polls[-1].failure is None else WorkspaceState.FAILING


def summarize(status: Status, state: WorkspaceState, since_epoch: float) -> WorkspaceSummary:
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
        trunks=count(fleet, "mihu_trunks"),
        by_status={status: count for status, count in counts(fleet, "mihu_trunks").items() if count},
        unbound=counts(fleet, "mihu_unbound_channels"),
        monthly_fees={value: amount for value, amount in total(fleet, "mihu_monthly_fees").items() if amount},
        out_of_service=count(fleet, "mihu_trunks_out_of_service"),
        out_of_service_by_reason=counts(fleet, "mihu_trunks_out_of_service_by_reason"),
        channels_lost=len(known.memory.lost),
        trunks_gone=len(known.memory.gone),
        attention=sum(1 for _ in fleet.remarked()),
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


def count(fleet: Fleet, family: str) -> int:
    return sum(counts(fleet, family).values())


def counts(fleet: Fleet, family: str) -> Mapping[str, int]:
    return {value: int(count) for value, count in total(fleet, family).items()}


def total(fleet: Fleet, family: str) -> Mapping[str, float]:
    """Return a total by the family's own label, as it is exported; by "" where it has none."""
    return {value: float(amount) for value, amount in fleet.totals[family].items()}
