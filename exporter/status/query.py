"""What a visitor asks for by the parameters of an address."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from exporter.trunks.out_of_service import Concern

_MAX_SEARCH = 200  # characters
_MAX_DIGITS = 9  # of a number of pages or changes
_CHANGES = 100


class Sort(StrEnum):
    """The orders of the trunks."""

    URGENCY = "urgency"
    WORKSPACE = "workspace"
    NUMBER = "number"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Query:
    """What the status page shows; what is empty or None limits nothing."""

    search: str = ""  # a text that a trunk or the name of its workspace contains
    workspace: str = ""
    concern: Concern | None = None
    sort: Sort = Sort.URGENCY
    page: int = 1  # of the trunks
    cards: int = 1  # the page of the workspaces

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Query":
        """Read an address's parameters; one that makes no sense is ignored."""
        concern, sort = params.get("concern"), params.get("sort")
        return cls(
            search=params.get("search", "").strip()[:_MAX_SEARCH],
            workspace=params.get("workspace", ""),
            concern=Concern(concern) if concern in set(Concern) else None,
            sort=Sort(sort) if sort in set(Sort) else Sort.URGENCY,
            page=_positive(params.get("page", "")) or 1,
            cards=_positive(params.get("cards", "")) or 1,
        )

    def link(self, **changed: Any) -> str:  # noqa: ANN401 - fields of this class
        """Return the relative address of this with some changes, from the first page of the trunks if others change."""
        fields = asdict(replace(self, **{"page": 1} | changed))
        defaults = asdict(Query())
        return "?" + urlencode({name: value for name, value in fields.items() if value != defaults[name]})


class QueryError(ValueError):
    """A parameter makes no sense; the message says which and what would be right."""


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Which changes are listed; what is empty limits nothing."""

    workspace: str = ""
    number: str = ""  # a part of it
    since: float = float("-inf")  # Unix time
    limit: int = _CHANGES

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "ChangeQuery":
        """Read an address's parameters.

        Raises:
            QueryError: one of them makes no sense.
        """
        since, limit = params.get("since"), params.get("limit")
        return cls(
            workspace=params.get("workspace", ""),
            number=params.get("number", "").strip(),
            since=_time(since) if since else float("-inf"),
            limit=_limit(limit) if limit else _CHANGES,
        )


def _time(text: str) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(time := float(text)):
            return time
    raise QueryError(f"since is {text[:40]!a}, and should be Unix time in seconds, such as 1767225600")


def _limit(text: str) -> int:
    if limit := _positive(text):
        return limit
    raise QueryError(f"limit is {text[:40]!a}, and should be a whole number from 1")


def _positive(text: str) -> int | None:
    """Return a whole number from 1; None where a text is none, or one beyond any list."""
    if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS:
        return int(text) or None
    return None
