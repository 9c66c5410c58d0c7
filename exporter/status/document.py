"""What the status page shows, as the JSON of ``/status.json`` has it.

All times are Unix seconds, all durations seconds.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from exporter.api.errors import Reason
from exporter.trunks.out_of_service import Concern


class State(StrEnum):
    """How a workspace stands, the worst first."""

    STALE = "stale"  # nothing of its trunks is exported: no poll has succeeded for max_staleness
    FAILING = "failing"  # the last poll failed, and what an earlier one found is exported
    STARTING = "starting"  # the first poll has not ended
    UP = "up"


class Poll(msgspec.Struct, frozen=True, omit_defaults=True):
    """A poll that has ended; reason and message only where it failed."""

    ended_at: float
    duration: float
    reason: Reason | None = None
    message: str | None = None


class Fleet(msgspec.Struct, frozen=True):
    """What the last successful poll found.

    Attributes:
        trunks: how many there are.
        by_status: how many have each status.
        unbound: on how many each channel is expected and not bound.
        monthly_fees: list prices by currency.
        attention: how many need attention.
        pages: of the list; reused_pages: those that had not changed.
        walks: how often the list was walked through.
        drift: by how many rows the API's total differs.
        series: how many series about trunks are exported.
    """

    trunks: int
    by_status: Mapping[str, int]
    unbound: Mapping[str, int]
    monthly_fees: Mapping[str, float]
    attention: int
    pages: int
    reused_pages: int
    walks: int
    drift: int
    series: int


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """One workspace.

    Attributes:
        requests: how many the last poll made; concurrency: pages in flight at most when it ended.
        slowed_down: whether the API asked for less than configured.
        polls: the last polls, the newest last; failures: the last that failed, kept longer.
    """

    name: str
    base_url: str
    state: State
    poll_interval: float
    last_poll_at: float | None
    last_success_at: float | None
    next_poll_at: float | None
    requests: int
    concurrency: int
    slowed_down: bool
    fleet: Fleet | None
    polls: tuple[Poll, ...]
    failures: tuple[Poll, ...]


class TrunkReason(msgspec.Struct, frozen=True):
    """Why a trunk needs attention."""

    concern: Concern
    words: str


class Trunk(msgspec.Struct, frozen=True):
    """A trunk that needs attention."""

    workspace: str
    phone_number_uuid: str
    number: str
    location: str
    reasons: tuple[TrunkReason, ...]


class Totals(msgspec.Struct, frozen=True):
    """All workspaces together."""

    workspaces: int
    by_state: Mapping[State, int]
    trunks: int
    attention: Mapping[Concern, int]


class Section(msgspec.Struct, frozen=True):
    """Which part of a list is shown: ``page`` of ``pages``, of ``total`` entries that match."""

    total: int
    page: int
    pages: int


class WorkspaceList(Section, frozen=True):
    """A part of the workspaces, those in trouble first."""

    items: tuple[Workspace, ...]


class TrunkList(Section, frozen=True):
    """A part of the trunks that need attention; ``by_concern`` counts those that match, whatever their reason."""

    by_concern: Mapping[Concern, int]
    items: tuple[Trunk, ...]


class Document(msgspec.Struct, frozen=True):
    """The whole page; ``changes`` are the last of the trunks, as ``/changes.json`` has them."""

    version: str
    time: float
    totals: Totals
    workspaces: WorkspaceList
    trunks: TrunkList
    changes: Sequence[Mapping[str, object]]
