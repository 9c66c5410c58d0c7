"""What a visitor asks the status page for, by the address."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from exporter.trunks.out_of_service import Concern

_LONGEST_SEARCH = 200

E = TypeVar("E", bound=StrEnum)


class Sort(StrEnum):
    """The orders of the trunks."""

    URGENCY = "urgency"
    WORKSPACE = "workspace"
    NUMBER = "number"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Query:
    """What is shown.

    Attributes:
        search: a text that a trunk or the name of a workspace contains; empty for all.
        workspace: the name of one workspace; empty for all.
        concern: the kind of reason; None for all.
        sort: the order of trunks.
        page: of the trunks; cards: of the workspaces; both from 1.
    """

    search: str = ""
    workspace: str = ""
    concern: Concern | None = None
    sort: Sort = Sort.URGENCY
    page: int = 1
    cards: int = 1

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Query":
        """Read an address's parameters; what makes no sense is as if it were not there."""
        return cls(
            search=params.get("search", "").strip()[:_LONGEST_SEARCH],
            workspace=params.get("workspace", ""),
            concern=_one_of(Concern, params.get("concern")),
            sort=_one_of(Sort, params.get("sort")) or Sort.URGENCY,
            page=_positive(params.get("page")),
            cards=_positive(params.get("cards")),
        )

    def link(self, **changed: Any) -> str:  # noqa: ANN401 - fields of this class
        """Return the relative address of this with some changes, from the first page of the trunks if others change."""
        fields = asdict(replace(self, **{"page": 1} | changed))
        fallback = asdict(Query())
        return "?" + urlencode({name: value for name, value in fields.items() if value != fallback[name]})


def _one_of(enum: type[E], text: str | None) -> E | None:
    return enum(text) if text in set(enum) else None


def _positive(text: str | None) -> int:
    # More digits would be no page of anybody's.
    return max(1, int(text)) if text and text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004
