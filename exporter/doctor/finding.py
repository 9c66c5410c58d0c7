"""What the doctor finds at one step."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a step went; only a failed one fails the examination."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step brought.

    Attributes:
        seen: what was seen, in plain words.
        remedy: what to do about it; empty where there is nothing to do.
        details: where one thing is not all there is to say.
    """

    outcome: Outcome
    seen: str
    remedy: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the examination, and what it brought."""

    name: str
    finding: Finding


def well(seen: str) -> Finding:
    """Return that all is well."""
    return Finding(Outcome.OK, seen)


def doubtful(seen: str, remedy: str) -> Finding:
    """Return that it works, but deserves attention."""
    return Finding(Outcome.WARNING, seen, remedy)


def failed(seen: str, remedy: str) -> Finding:
    """Return that it does not work."""
    return Finding(Outcome.FAILED, seen, remedy)


SKIPPED = Finding(Outcome.SKIPPED, "skipped: an earlier step failed")
