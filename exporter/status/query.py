"""The parameters of an address: a lookup of trunks, or a query of changes."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from exporter.trunks.lines import Why

_MAX_TEXT = 200  # characters
_MAX_DIGITS = 9  # of a number of pages or changes
_CHANGES = 100


@dataclass(frozen=True, slots=True)
class Lookup:
    """The limits of a list of trunks; those that are empty or None limit nothing."""

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
        parts = {name: params.get(name, "")[:_MAX_TEXT].strip() for name in ("search", "agent")}
        exact = {name: params.get(name, "")[:_MAX_TEXT] for name in ("workspace", "status", "country", "type")}
        reason = params.get("reason") or params.get("concern")  # as /status.json calls it
        return cls(
            **parts,
            **exact,
            reason=Why(reason) if reason in set(Why) else None,
            page=_positive(params.get("page", "")) or 1,
        )

    def link(self, path: str = "trunks", **changed: Any) -> str:  # noqa: ANN401 - fields of this class
        """Return the relative address of this with some changes, from the first page if others than that change."""
        asked = replace(self, **{"page": 1} | changed)
        return f"{path}?" + urlencode(
            {each.name: value for each in fields(self) if (value := getattr(asked, each.name)) != each.default}
        )

    @property
    def limits_anything(self) -> bool:
        return replace(self, page=1) != Lookup()


class QueryError(ValueError):
    """A parameter makes no sense; the message says which and what would be right."""


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """The limits of a list of changes; those that are empty limit nothing."""

    workspace: str = ""
    number: str = ""  # a part of it
    since: float = float("-inf")  # Unix time
    limit: int = _CHANGES

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "ChangeQuery":
        """Read an address's parameters; a QueryError says which of them makes no sense."""
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
