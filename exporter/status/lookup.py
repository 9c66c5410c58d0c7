"""Finds trunks of several workspaces, those in trouble first, and writes them as CSV and JSON, in parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

import msgspec

from exporter.documents import to_json
from exporter.listing import spreadsheet
from exporter.listing.description import Entry, ListedTrunk
from exporter.listing.listing import Listing
from exporter.polling.status import Status
from exporter.status.query import Lookup
from exporter.trunks.changes import Change
from exporter.trunks.lines import Harm, choices_of, kinds_of, with_agent, with_tag

TRUNKS_PER_PAGE = 50
_WRITTEN_AT_ONCE = 500  # trunks

T = TypeVar("T")

Line = tuple[str, Listing]


class ListPage(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; the last one where a page beyond it is asked for."""

    total: int  # items of all pages
    page: int
    pages: int
    items: Sequence[T]


class Found(NamedTuple):
    """The trunks that a lookup finds.

    Attributes:
        total: how many they are.
        lines: theirs, those of one bucket together; maybe only the first ones.
        options: the statuses, countries and types to choose from, as if none were chosen.
    """

    total: int
    lines: Sequence[Line]
    options: Mapping[str, list[str]]

    def to_be_looked_at(self) -> "Found":
        lines = [(line, listing) for line, listing in self.lines if line < Harm.NONE]
        return self._replace(total=len(lines), lines=lines)

    def page(self, page: int) -> ListPage[Entry]:
        pages = max(1, -(-self.total // TRUNKS_PER_PAGE))
        start = (min(page, pages) - 1) * TRUNKS_PER_PAGE
        lines = _in_order(self.lines)[start : start + TRUNKS_PER_PAGE]
        return ListPage(self.total, min(page, pages), pages, [listed.entry for listed in _trunks(lines)])


def look_up(statuses: Iterable[Status], lookup: Lookup, limit: int | None = None) -> Found:
    """Find trunks; where nothing narrows the list, maybe only so many lines as ``limit``."""
    kinds, total, found = set[str](), 0, list[Line]()
    for listing in _listings(statuses, lookup.workspace):
        if limit is None or lookup.chooses_trunks:
            lines = list(chain.from_iterable(listing.lines(lookup.search)))
            kinds |= kinds_of(lines) if lookup.search else listing.kinds
            lines = _chosen(lines, lookup)
            total += len(lines)
        else:
            lines = list(chain.from_iterable(listing.first_lines(limit)))
            kinds |= listing.kinds
            total += listing.trunk_count
        found += [(line, listing) for line in lines]
    options = zip(("status", "country", "type"), zip(*map(choices_of, kinds), strict=True), strict=False)
    return Found(total, found, {name: sorted({*values} - {""}) for name, values in options})


def _chosen(lines: list[str], lookup: Lookup) -> list[str]:
    for name in ("reason", "status", "country", "type"):
        if value := getattr(lookup, name):
            lines = with_tag(lines, name, value)
    return with_agent(lines, lookup.agent.lower()) if lookup.agent else lines


def find(statuses: Iterable[Status], workspace: str, uuid: str, number: str) -> list[tuple[ListedTrunk, list[Change]]]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it.

    Each comes with its changes, the newest first.
    """
    for listing in _listings(statuses, workspace):
        lines = listing.lines_of(uuid, number.strip())
        return list(zip(listing.trunks(lines), map(listing.changes, lines), strict=True))
    return []


def worst(statuses: Iterable[Status], limit: int) -> list[Entry]:
    """Return the first of the trunks that are out of service, gone, or lost something."""
    lines = [
        (line, listing)
        for listing in _listings(statuses)
        for line in chain.from_iterable(listing.first_lines(limit))
        if line < Harm.OPEN
    ]
    return [listed.entry for listed in _trunks(_in_order(lines)[:limit])]


def json_parts(found: Found) -> Iterator[bytes]:
    yield b'{"total":%d,"trunks":[' % found.total
    separator = b""
    for rows in _rows(found.lines, lambda listed: to_json(listed.entry)):
        yield separator + b",".join(rows) if rows else b""
        separator = b"," if rows else separator
    yield b"]}"


def csv_parts(found: Found) -> Iterator[bytes]:
    yield spreadsheet.header()
    yield from map(b"".join, _rows(found.lines, spreadsheet.row))


def _rows(lines: Sequence[Line], row: Callable[[ListedTrunk], bytes]) -> Iterator[list[bytes]]:
    """Yield the rows of trunks in the order of lists, in parts, and nothing again and again while they are made."""
    made: dict[Line, bytes] = {}
    for part in _parts(lines):
        made |= zip(part, map(row, _trunks(part)), strict=True)
        yield []
    for part in _parts(_in_order(lines)):
        yield [made.pop(line) for line in part]


def _parts(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    return (lines[start : start + _WRITTEN_AT_ONCE] for start in range(0, len(lines), _WRITTEN_AT_ONCE))


def _in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=itemgetter(0))


def _trunks(lines: Sequence[Line]) -> list[ListedTrunk]:
    by_listing: dict[Listing, list[str]] = {}
    for line, listing in lines:
        by_listing.setdefault(listing, []).append(line)
    trunks = {listing: iter(listing.trunks(lines)) for listing, lines in by_listing.items()}
    return [next(trunks[listing]) for _, listing in lines]


def _listings(statuses: Iterable[Status], workspace: str = "") -> Iterator[Listing]:
    """Yield the listings of all workspaces, or of one."""
    for status in statuses:
        if workspace in {"", status.workspace.name}:
            yield Listing(status.workspace, status.snapshot.fleet, status.snapshot.memory)
