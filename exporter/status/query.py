"""What a visitor asks for by the parameters of an address."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from exporter.listing.description import Why
from exporter.trunks.out_of_service import Concern

_MAX_TEXT = 200  # characters
_MAX_DIGITS = 9  # of a number of pages or changes
_CHANGES = 100

Q = TypeVar("Q", "Query", "Lookup")


class Sort(StrEnum):
    """The orders of the trunks that need attention."""

    URGENCY = "urgency"
    WORKSPACE = "workspace"
    NUMBER = "number"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Query:
    """What /status.json has; what is empty or None limits nothing."""

    search: str = ""  # a text that a trunk or the name of its workspace contains
    workspace: str = ""
    concern: Concern | None = None
    sort: Sort = Sort.URGENCY
    page: int = 1  # of the trunks
    cards: int = 1  # the page of the workspaces

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Query":
        """Read an address's parameters; one that makes no sense is ignored."""
        return _parse(cls, params, concern=Concern, sort=Sort)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which trunks a list has; what is empty or None limits nothing."""

    search: str = ""  # a part of number, uuid, location or agent
    workspace: str = ""
    reason: Why | None = None
    status: str = ""
    country: str = ""
    type: str = ""
    agent: str = ""  # a part of a name or uuid
    page: int = 1

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Lookup":
        """Read an address's parameters; one that makes no sense is ignored."""
        return _parse(cls, {"reason": params.get("concern", "")} | dict(params), reason=Why)

    def link(self, path: str = "trunks", **changed: Any) -> str:  # noqa: ANN401 - fields of this class
        """Return the relative address of this with some changes, from the first page if others than that change."""
        asked = replace(self, **{"page": 1} | changed)
        return f"{path}?" + urlencode(
            {each.name: value for each in fields(self) if (value := getattr(asked, each.name)) != each.default}
        )

    @property
    def limits_anything(self) -> bool:
        return replace(self, page=1) != Lookup()


def _parse(query: type[Q], params: Mapping[str, str], **choices: type[StrEnum]) -> Q:
    values: dict[str, Any] = {}
    for each in fields(query):
        text = params.get(each.name, "")[:_MAX_TEXT]
        if each.default == 1:
            values[each.name] = _positive(text) or 1
        elif each.name in choices:
            values[each.name] = choices[each.name](text) if text in set(choices[each.name]) else each.default
        else:
            values[each.name] = text.strip() if each.name in {"search", "agent"} else text
    return query(**values)


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
