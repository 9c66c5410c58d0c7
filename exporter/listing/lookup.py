"""Finds trunks of several workspaces, those in trouble first, and writes them as CSV and JSON, in parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isqrt
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from exporter.listing.description import COLUMNS, ListedTrunk, csv_line, csv_row
from exporter.listing.listing import Listing
from exporter.polling.snapshot import Status
from exporter.trunks.changes import Change
from exporter.trunks.lines import choices_of, key_of, number_of, with_agent, with_tag
from exporter.trunks.out_of_service import Concern

TRUNKS_PER_PAGE = 50
_WRITTEN_AT_ONCE = 500  # trunks
_MAX_TEXT = 200  # characters
_MAX_DIGITS = 9  # of a number of pages or changes
_SAMPLED = 50  # one line in this many is sorted first, to estimate the places of the others


@dataclass(frozen=True, slots=True)
class Lookup:
    """The limits of a list of trunks; those that are empty or None limit nothing."""

    search: str = ""  # a part of number, uuid, location or agent
    workspace: str = ""
    reason: Concern | None = None
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
        reason = params.get("reason")
        return cls(
            **parts,
            **exact,
            reason=Concern(reason) if reason in set(Concern) else None,
            page=positive(params.get("page", "")) or 1,
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


def positive(text: str) -> int | None:
    """Return a whole number from 1; None where a text is none, or one beyond any list."""
    if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS:
        return int(text) or None
    return None


class Found(NamedTuple):
    """The trunks that a lookup finds."""

    listing: Listing
    lines: Sequence[str]  # of the trunks, those of one bucket together; maybe only the first ones
    total: int  # trunks
    options: Mapping[str, list[str]]  # the statuses, countries and types to choose from, as if none were chosen

    def page(self, page: int) -> Mapping[str, Any]:
        """Return a page of entries; the last one where a page beyond it is asked for."""
        pages = max(1, -(-self.total // TRUNKS_PER_PAGE))
        page = min(page, pages)
        lines = part_of_sorted(self.lines, (page - 1) * TRUNKS_PER_PAGE, page * TRUNKS_PER_PAGE)
        entries = [listed.entry for listed in self.listing.trunks(lines)]
        return {"total": self.total, "page": page, "pages": pages, "items": entries}

    def json_parts(self) -> Iterator[bytes]:
        yield b'{"total":%d,"trunks":[' % self.total
        separator = b""
        for rows in self._rows(lambda listed: msgspec.json.encode(listed.entry)):
            yield separator + b",".join(rows) if rows else b""
            separator = b"," if rows else separator
        yield b"]}"

    def csv_parts(self) -> Iterator[bytes]:
        yield csv_line(COLUMNS)
        yield from map(b"".join, self._rows(csv_row))

    def _rows(self, row: Callable[[ListedTrunk], bytes]) -> Iterator[list[bytes]]:
        """Yield the rows of trunks in the order of lists, in parts; first empty parts, each after some work on rows."""
        made: dict[str, bytes] = {}
        for part in _parts(self.lines):
            made |= zip(part, map(row, self.listing.trunks(part)), strict=True)
            yield []
        for part in _parts(sorted(self.lines)):
            yield [made.pop(line) for line in part]


def _parts(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    return (lines[start : start + _WRITTEN_AT_ONCE] for start in range(0, len(lines), _WRITTEN_AT_ONCE))


def part_of_sorted(lines: Sequence[str], start: int, end: int) -> list[str]:
    """Return ``sorted(lines)[start:end]``; of many lines only those are sorted that are likely to be near."""
    end = min(end, len(lines))
    sample = sorted(lines[::_SAMPLED])
    margin = 2 * isqrt(len(sample)) + 1  # of what is drawn at random, four standard deviations
    first, last = start // _SAMPLED - margin, end // _SAMPLED + margin
    until = [line for line in lines if line < sample[last]] if last < len(sample) else lines
    near = [line for line in until if line >= sample[first]] if 0 < first < len(sample) else until
    skipped = len(until) - len(near)
    if skipped <= start and end <= len(until):
        return sorted(near)[start - skipped : end - skipped]
    return sorted(lines)[start:end]


def look_up(statuses: Iterable[Status], lookup: Lookup, limit: int | None = None) -> Found:
    """Find trunks. Without a search or a filter, at least the first ``limit`` lines are found, if it is given."""
    listing = Listing(status for status in statuses if lookup.workspace in {"", status.workspace.name})
    if limit is not None and not replace(lookup, workspace="").limits_anything:
        lines, kinds, total = listing.first(limit)
    else:
        lines, kinds = listing.search(lookup.search)
        for name in ("reason", "status", "country", "type"):
            if value := getattr(lookup, name):
                lines = with_tag(lines, name, value)
        if lookup.agent:
            lines = with_agent(lines, lookup.agent.lower())
        total = len(lines)
    options = zip(("status", "country", "type"), zip(*map(choices_of, kinds), strict=True), strict=False)
    return Found(listing, lines, total, {name: sorted({*values} - {""}) for name, values in options})


def find(status: Status, uuid: str, number: str) -> list[tuple[ListedTrunk, list[Change]]]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it.

    Each comes with its changes, the newest first.
    """
    number = number.strip().lower()
    if not (uuid or number):
        return []
    found = look_up([status], Lookup(search=uuid or number))
    numbers = {number, f"+{number}"}  # a plus sign that is not escaped is a space
    lines = [line for line in found.lines if key_of(line) == uuid or (not uuid and number_of(line) in numbers)]
    return [
        (listed, [change for change in reversed(status.snapshot.memory.history) if change.key == key])
        for key, listed in zip(map(key_of, lines), found.listing.trunks(lines), strict=True)
    ]
