"""The status of all workspaces at one moment, and what changed, for JSON and pages; times and durations in seconds."""

import contextlib
import heapq
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from exporter import __version__
from exporter.listing.description import Entry, exact_number
from exporter.listing.lookup import TRUNKS_PER_PAGE, Lookup, look_up, part_of_sorted, positive
from exporter.polling.fleet import Fleet
from exporter.polling.snapshot import EndedPoll, Snapshot, Status
from exporter.trunks.changes import Change
from exporter.trunks.lines import Harm
from exporter.trunks.out_of_service import REASONS, Concern

_LAST_CHANGES = 20
_CHANGES = 100

Json = dict[str, Any]


class WorkspaceState(StrEnum):
    """The state of a workspace's polling, the worst first."""

    STALE = "stale"  # nothing of its trunks is exported: no poll has succeeded for max_staleness
    FAILING = "failing"  # the last poll failed, and what an earlier one found is exported
    STARTING = "starting"  # the first poll has not ended
    UP = "up"


class QueryError(ValueError):
    """A parameter makes no sense; the message says which and what would be right."""


class ChangeQuery(NamedTuple):
    """The limits of a list of changes; those that are empty limit nothing."""

    workspace: str = ""
    number: str = ""  # a part of it
    since: float = float("-inf")  # Unix time
    limit: int = _CHANGES

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "ChangeQuery":
        """Read an address's parameters; a QueryError says which of them makes no sense."""
        query = cls(params.get("workspace", ""), params.get("number", "").strip())
        if text := params.get("since"):
            since = math.nan
            with contextlib.suppress(ValueError):
                since = float(text)
            if not math.isfinite(since):
                raise QueryError(f"since is {text[:40]!a}, and should be Unix time in seconds, such as 1767225600")
            query = query._replace(since=since)
        if text := params.get("limit"):
            if (limit := positive(text)) is None:
                raise QueryError(f"limit is {text[:40]!a}, and should be a whole number from 1")
            query = query._replace(limit=limit)
        return query


class Summary:
    """The status of all workspaces, at one moment by both clocks."""

    def __init__(self, statuses: Sequence[Status], *, now: float, monotonic: float) -> None:
        self.time = now
        self.names = [status.workspace.name for status in statuses]
        self.statuses = statuses
        self._since_epoch = now - monotonic
        self._states = [(_state_of(status, monotonic), status) for status in statuses]
        # Trunks of stale data do not count: they are not exported either.
        self._current = [status for state, status in self._states if state is not WorkspaceState.STALE]

    def document(self, lookup: Lookup) -> Json:
        workspaces = self.workspaces(lookup.workspace)
        found = look_up(self.statuses, lookup)
        to_be_looked_at = [line for line in found.lines if line < Harm.NONE]
        return {
            "version": __version__,
            "time": self.time,
            "totals": self.totals(),
            "workspaces": {"total": len(workspaces), "page": 1, "pages": 1, "items": workspaces},
            "out_of_service": self.worst(),
            "trunks": found._replace(total=len(to_be_looked_at), lines=to_be_looked_at).page(lookup.page),
            "changes": self.last_changes(lookup.workspace),
        }

    def totals(self) -> Json:
        snapshots = [status.snapshot for status in self._current]
        fleets = [_fleet(snapshot.fleet, snapshot) for snapshot in snapshots if snapshot.fleet]
        concerns = sum((Counter(snapshot.fleet.concerns) for snapshot in snapshots if snapshot.fleet), Counter[str]())
        return {
            "workspaces": len(self._states),
            "by_state": Counter(state for state, _ in self._states),
            "trunks": sum(fleet["trunks"] for fleet in fleets),
            "out_of_service": sum(fleet["out_of_service"] for fleet in fleets),
            "out_of_service_by_reason": {
                reason: sum(fleet["out_of_service_by_reason"][reason] for fleet in fleets) for reason in REASONS
            },
            "channels_lost": sum(len(snapshot.memory.lost) for snapshot in snapshots),
            "trunks_gone": sum(len(snapshot.memory.gone) for snapshot in snapshots),
            "attention": {concern: concerns[concern] for concern in (*REASONS, Concern.COMPLIANCE)},
        }

    def worst(self, workspace: str = "", limit: int = TRUNKS_PER_PAGE) -> list[Entry]:
        """Return the first of the trunks that are out of service, gone, or lost something, of data that count."""
        found = look_up(self._current, Lookup(workspace=workspace), limit)
        lines = [line for line in part_of_sorted(found.lines, 0, limit) if line < Harm.OPEN]
        return [listed.entry for listed in found.listing.trunks(lines)]

    def stale(self) -> list[Json]:
        """Return the workspaces whose data are too old to count."""
        return [self._workspace(*found) for found in self._states if found[0] is WorkspaceState.STALE]

    def workspaces(self, name: str = "") -> list[Json]:
        """Return the workspaces, those in trouble first; only the named one where there is a name."""
        workspaces = [self._workspace(*found) for found in self._states if name in {"", found[1].workspace.name}]
        # Otherwise the order is the configuration's.
        severity = list(WorkspaceState)
        return sorted(workspaces, key=lambda each: (severity.index(each["state"]), -_harm(each, "out_of_service")))

    def last_changes(self, workspace: str = "") -> list[Json]:
        return self.changes(ChangeQuery(workspace=workspace, limit=_LAST_CHANGES))

    def changes(self, query: ChangeQuery) -> list[Json]:
        """Return the changes that a query asks for, the newest first."""

        def matching(status: Status) -> Iterator[tuple[str, Change]]:
            for change in reversed(status.snapshot.memory.history):
                if change.time >= query.since and query.number in change.number:
                    yield status.workspace.name, change

        histories = [matching(status) for status in self.statuses if query.workspace in {"", status.workspace.name}]
        newest_first = heapq.merge(*histories, key=lambda found: -found[1].time)
        return [_change(*found) for found in islice(newest_first, query.limit)]

    def _workspace(self, state: WorkspaceState, status: Status) -> Json:
        settings, snapshot = status.workspace, status.snapshot
        polls, fleet = snapshot.polls.recent, snapshot.fleet
        last = polls[-1] if polls else None
        concurrency = last.concurrency if last else settings.concurrency
        return {
            "name": settings.name,
            "base_url": settings.base_url,
            "state": state,
            "poll_interval": settings.poll_interval,
            "last_poll_at": last.ended_at if last else None,
            "last_success_at": snapshot.succeeded_at + self._since_epoch if fleet else None,
            "next_poll_at": None if status.next_poll_at is None else status.next_poll_at + self._since_epoch,
            "requests": last.requests if last else 0,
            "concurrency": concurrency,  # pages in flight at most when the last poll ended
            "slowed_down": concurrency < settings.concurrency,  # the API asked for less than configured
            "fleet": _fleet(fleet, snapshot) if fleet else None,
            "polls": list(map(_poll, polls)),  # the newest last
            "failures": list(map(_poll, snapshot.polls.failed)),  # kept longer
        }


def _fleet(fleet: Fleet, snapshot: Snapshot) -> Json:
    totals, result = fleet.totals, fleet.result
    return {
        "trunks": sum(totals["mihu_trunks"].values()),
        "by_status": {status: count for status, count in totals["mihu_trunks"].items() if count},
        "unbound": totals["mihu_unbound_channels"],
        "monthly_fees": {currency: float(fee) for currency, fee in totals["mihu_monthly_fees"].items() if fee},
        "out_of_service": totals["mihu_trunks_out_of_service"][""],
        "out_of_service_by_reason": totals["mihu_trunks_out_of_service_by_reason"],
        "channels_lost": len(snapshot.memory.lost),
        "trunks_gone": len(snapshot.memory.gone),
        "attention": fleet.concerns.get("", 0),  # trunks with remarks; all that are out of service have some
        "pages": result.pages,
        "reused_pages": result.reused_pages,
        "walks": result.walks,
        "drift": result.drift,
        "series": snapshot.series,
    }


def _poll(poll: EndedPoll) -> Json:
    failure = {"reason": poll.failure.reason, "message": poll.failure.message} if poll.failure else {}
    return {"ended_at": poll.ended_at, "duration": poll.seconds, **failure}


def _state_of(status: Status, monotonic: float) -> WorkspaceState:
    snapshot = status.snapshot
    if not snapshot.polls.recent:
        return WorkspaceState.STARTING
    if monotonic >= snapshot.succeeded_at + status.workspace.max_staleness:
        return WorkspaceState.STALE
    return WorkspaceState.FAILING if snapshot.polls.ends_in_failure else WorkspaceState.UP


def is_well(workspace: Json) -> bool:
    harm = _harm(workspace, "out_of_service", "channels_lost", "trunks_gone")
    return workspace["state"] is WorkspaceState.UP and not harm


def _harm(workspace: Json, *names: str) -> int:
    return sum(workspace["fleet"][name] for name in names) if workspace["fleet"] else 0


def _change(workspace: str, change: Change) -> Json:
    described = {"workspace": workspace, **msgspec.structs.asdict(change)}
    # As lists of trunks have them; the log calls the uuid as a change does.
    described |= {"phone_number_uuid": change.uuid or None, "number": change.number or None}
    numbers = {name: described[name] for name in ("before", "after") if isinstance(described[name], float)}
    return described | {name: exact_number(number) for name, number in numbers.items()}
