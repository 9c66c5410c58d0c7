"""The query parameters of the list: all that are documented, and nothing else."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.simulator.behaviour import ExcessPerPage
from exporter.simulator.refusal import Refusal
from exporter.simulator.trunk import Trunk

MAX_PER_PAGE = 100
_DEFAULT_PER_PAGE = 25
_KNOWN = ("page", "per_page", "search", "channel", "agent_uuid")
_FILTERED_CHANNELS = ("call", "whatsapp")
_POSITIVE = re.compile(r"[1-9][0-9]{0,8}")
_DIGITS = re.compile(r"\+?[0-9]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which rows are asked for."""

    page: int = 1
    per_page: int = _DEFAULT_PER_PAGE
    search: str | None = None
    channel: str | None = None
    agent_uuid: str | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether the list may be shorter than all rows."""
        return (self.search, self.channel, self.agent_uuid) != (None, None, None)

    def matches(self, row: Trunk) -> bool:
        """Return whether the row passes all filters."""
        bindings = row["bindings"]
        return (
            # With its plus sign a number is looked for from its start, as no other place has one.
            (self.search is None or self.search in row["number"])
            and (self.channel is None or bindings[self.channel]["bound"])
            and (self.agent_uuid is None or any(bound["agent_uuid"] == self.agent_uuid for bound in bindings.values()))
        )


def parse(parameters: Sequence[tuple[str, str]], excess_per_page: ExcessPerPage) -> Query:
    """Return what is asked for.

    Args:
        parameters: names and values in the order of the URL, decoded.
        excess_per_page: what a ``per_page`` above the maximum gets.

    Raises:
        Refusal: 422, naming the first parameter that is unknown, repeated or has no sensible value.
    """
    counts = Counter(name for name, _ in parameters)
    for name, count in counts.items():
        if name not in _KNOWN:
            raise _refused(name, f"The {name} parameter is not known.")
        if count > 1:
            raise _refused(name, f"The {name} parameter is given {count} times.")
    given = dict(parameters)
    return Query(
        page=_positive(given, "page", default=1),
        per_page=_per_page(given, excess_per_page),
        search=_checked(given, "search", _DIGITS, "digits, with or without a plus sign before them"),
        channel=_channel(given),
        agent_uuid=(_checked(given, "agent_uuid", _UUID, "a UUID") or "").lower() or None,
    )


def _per_page(given: dict[str, str], excess: ExcessPerPage) -> int:
    per_page = _positive(given, "per_page", default=_DEFAULT_PER_PAGE)
    if per_page > MAX_PER_PAGE and excess is ExcessPerPage.REFUSE:
        raise _refused("per_page", f"The per_page parameter must not be greater than {MAX_PER_PAGE}.")
    return min(per_page, MAX_PER_PAGE)


def _channel(given: dict[str, str]) -> str | None:
    channel = given.get("channel")
    if channel is not None and channel not in _FILTERED_CHANNELS:
        raise _refused("channel", f"The channel parameter must be {' or '.join(_FILTERED_CHANNELS)}.")
    return channel


def _positive(given: dict[str, str], name: str, *, default: int) -> int:
    return int(_checked(given, name, _POSITIVE, "an integer of at least 1") or default)


def _checked(given: dict[str, str], name: str, pattern: re.Pattern[str], wanted: str) -> str | None:
    value = given.get(name)
    if value is not None and not pattern.fullmatch(value):
        raise _refused(name, f"The {name} parameter must be {wanted}.")
    return value


def _refused(field: str, message: str) -> Refusal:
    return Refusal(422, "VALIDATION_ERROR", message, field=field)
