"""What changed about the trunks, as ``/changes.json`` has it."""

import contextlib
import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec

from exporter.polling.status import Status
from exporter.trunks.changes import Change

_LIMIT = 100


class QueryError(ValueError):
    """An address asks for something that cannot be; the message says what and what would be right."""


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Which changes are asked for.

    Attributes:
        workspace: of this one; empty for all.
        number: a part of the number; empty for all.
        since: Unix time; earlier changes are left out.
        limit: how many at most.
    """

    workspace: str = ""
    number: str = ""
    since: float = float("-inf")
    limit: int = _LIMIT

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "ChangeQuery":
        """Read an address's parameters.

        Raises:
            QueryError: one of them makes no sense.
        """
        return cls(
            workspace=params.get("workspace", ""),
            number=params.get("number", "").strip(),
            since=_since(params["since"]) if params.get("since") else float("-inf"),
            limit=_limit(params["limit"]) if params.get("limit") else _LIMIT,
        )


def list_changes(statuses: Iterable[Status], query: ChangeQuery) -> list[dict[str, object]]:
    """Return the changes that a query asks for, the newest first."""
    histories = [_matching(status, query) for status in statuses if query.workspace in {"", status.workspace.name}]
    newest_first = heapq.merge(*histories, key=lambda found: -found[1].time)
    return [
        {"workspace": workspace} | msgspec.structs.asdict(change)
        for workspace, change in islice(newest_first, query.limit)
    ]


def _matching(status: Status, query: ChangeQuery) -> Iterator[tuple[str, Change]]:
    for change in reversed(status.snapshot.memory.history):
        if change.time >= query.since and query.number in change.number:
            yield status.workspace.name, change


def _limit(text: str) -> int:
    if text.isdecimal() and text.isascii() and len(text) < 10 and int(text) > 0:  # noqa: PLR2004 - there are no more
        return int(text)
    raise QueryError(f"limit is {text[:40]!a}, and should be a whole number from 1")


def _since(text: str) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(since := float(text)):
            return since
    raise QueryError(f"since is {text[:40]!a}, and should be Unix time in seconds, such as 1767225600")
