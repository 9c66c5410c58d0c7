"""The snapshot of a workspace: its trunks, its memory, and its last polls."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.api.errors import Reason
from exporter.config.settings import Workspace
from exporter.metrics.exposition import Segments
from exporter.polling.buckets import BucketMaker, unpack_states
from exporter.polling.fleet import Fleet
from exporter.trunks.changes import States
from exporter.trunks.memory import Memory

_KEPT_POLLS = 40
_KEPT_FAILURES = 5  # longer than the polls, so that a night's outage can still be looked at in the morning


class Failure(NamedTuple):
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPoll:
    """A poll that has ended."""

    ended_at: float  # Unix time
    seconds: float
    requests: int  # to the API, retries included
    concurrency: int  # pages in flight when it ended; fewer than configured where the API asked for fewer
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PollHistory:
    """The last polls, and the last that failed; the newest is the last of each."""

    recent: tuple[EndedPoll, ...] = ()
    failed: tuple[EndedPoll, ...] = ()

    @property
    def ends_in_failure(self) -> bool:
        return bool(self.recent) and self.recent[-1].failure is not None

    def plus(self, poll: EndedPoll) -> "PollHistory":
        grown = replace(self, recent=(*self.recent, poll)[-_KEPT_POLLS:])
        return grown if poll.failure is None else replace(grown, failed=(*self.failed, poll)[-_KEPT_FAILURES:])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The trunks of a workspace, its memory, and its last polls."""

    fleet: Fleet | None = None  # of the last successful poll
    succeeded_at: float = float("-inf")  # when that was, by the clock's ``monotonic``
    polled_since: float | None = None  # when polling began at the present address, by the same clock
    polls: PollHistory = field(default_factory=PollHistory)  # empty before the first poll has ended
    memory: Memory = field(default_factory=Memory)
    memory_segments: Segments = field(default_factory=dict)  # the memory, rendered
    # The states that the next successful poll is compared with, by key, in place of those of the fleet: of an earlier
    # process, or without the names of agents.
    stored: States | None = None
    is_loaded: bool = False  # whether what an earlier process stored has been read, if there is any

    @property
    def segments(self) -> Segments:
        """The series of trunks, by family."""
        return {**self.fleet.segments, **self.memory_segments} if self.fleet else {}

    @property
    def series(self) -> int:
        return sum(segment.lines for segment in self.segments.values())

    def without_agent_names(self, maker: BucketMaker) -> "Snapshot":
        """Return the snapshot without the names of agents, and without the series that have them.

        ``maker`` hides them, too.
        """
        states = unpack_states(*self.fleet.packed_states) if self.fleet and self.stored is None else self.stored
        memory = self.memory.without_agent_names()
        return replace(
            self,
            fleet=self.fleet and self.fleet.without_agent_names(maker),
            memory=memory,
            memory_segments=maker.renderer.memory(memory),
            stored=None if states is None else {key: state.without_agent_names() for key, state in states.items()},
        )


class Status(NamedTuple):
    workspace: Workspace
    snapshot: Snapshot
    next_poll_at: float | None  # by the clock's ``monotonic``; None during a poll
