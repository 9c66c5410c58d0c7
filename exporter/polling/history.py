"""How the last polls of a workspace went, for people; Prometheus keeps its own history."""

from dataclasses import dataclass, replace

from exporter.api.errors import Reason

_KEPT_POLLS = 40
_KEPT_FAILURES = 5  # longer than the polls, so that a night's outage can still be looked at in the morning


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a poll failed."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPoll:
    """What became of one poll.

    Attributes:
        ended_at: Unix time.
        seconds: how long it took.
        requests: how many were made, those made again included.
        concurrency: pages in flight at most, when it ended; less than configured where the API asked for less.
        failure: None where it succeeded.
    """

    ended_at: float
    seconds: float
    requests: int
    concurrency: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The last polls, and the last of them that failed; the newest is the last of each."""

    polls: tuple[EndedPoll, ...] = ()
    failed: tuple[EndedPoll, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.polls)

    @property
    def ends_in_failure(self) -> bool:
        """Whether the last poll failed."""
        return bool(self.polls) and self.polls[-1].failure is not None

    def plus(self, poll: EndedPoll) -> "History":
        """Return the history with one more poll."""
        grown = replace(self, polls=(*self.polls, poll)[-_KEPT_POLLS:])
        return grown if poll.failure is None else replace(grown, failed=(*self.failed, poll)[-_KEPT_FAILURES:])
