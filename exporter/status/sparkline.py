"""Draws the last polls as bars: how long each took, and whether it failed."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from exporter.status.document import Poll
from exporter.status.words import clock, took

WIDTH, HEIGHT = 4, 24  # of a bar, with its gap; of the tallest one
_SHORTEST = 3.0


class Bar(NamedTuple):
    """One poll; ``left`` and ``height`` in the drawing's units, ``said`` for whoever points at it."""

    left: int
    height: float
    failed: bool
    said: str


class Sparkline(NamedTuple):
    """The bars, and the same in words."""

    bars: tuple[Bar, ...]
    width: int
    said: str


def sparkline(polls: Sequence[Poll]) -> Sparkline:
    """Draw polls, the newest at the right; there is at least one."""
    longest = max(poll.duration for poll in polls) or 1.0
    bars = tuple(
        Bar(
            left=index * WIDTH,
            height=round(max(_SHORTEST, poll.duration / longest * HEIGHT), 1),
            failed=poll.reason is not None,
            said=f"{clock(poll.ended_at)}: {poll.reason or 'succeeded'} after {took(poll.duration)}",
        )
        for index, poll in enumerate(polls)
    )
    failed = sum(bar.failed for bar in bars)
    polls_said = "last poll" if len(bars) == 1 else f"last {len(bars)} polls"
    usual = took(median(poll.duration for poll in polls))
    return Sparkline(bars, len(bars) * WIDTH, f"{polls_said}: {failed or 'none'} failed, usually {usual}")
