"""Finds trunks of several workspaces, those in trouble first, and writes them as CSV and JSON, in parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import Generic, NamedTuple, TypeVar

import msgspec

from exporter.listing.description import Entry, ListedTrunk, csv_header, csv_row
from exporter.listing.listing import Listing
from exporter.polling.status import Status
from exporter.status.query import Lookup
from exporter.trunks.changes import Change
from exporter.trunks.lines import Harm, choices_of, with_agent, with_tag, workspace_of

TRUNKS_PER_PAGE = 50
_FIRST_PAGES = 20  # of a long list are found faster than it is sorted
_WRITTEN_AT_ONCE = 500  # trunks

T = TypeVar("T")


class ListPage(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; the last one where a page beyond it is asked for."""

    total: int  # items of all pages
    page: int
    pages: int
    items: Sequence[T]


class Found(NamedTuple):
    """The trunks that a lookup finds."""

    listings: Mapping[str, Listing]  # by workspace
    lines: Sequence[str]  # of the trunks, those of one bucket together; maybe only the first ones
    total: int  # trunks
    options: Mapping[str, list[str]]  # the statuses, countries and types to choose from, as if none were chosen

    def to_be_looked_at(self) -> "Found":
        lines = [line for line in self.lines if line < Harm.NONE]
        return self._replace(total=len(lines), lines=lines)

    def page(self, page: int) -> ListPage[Entry]:
        pages = max(1, -(-self.total // TRUNKS_PER_PAGE))
        end = min(page, pages) * TRUNKS_PER_PAGE
        ordered = nsmallest(end, self.lines) if page <= _FIRST_PAGES else sorted(self.lines)
        entries = [listed.entry for listed in self.trunks(ordered[end - TRUNKS_PER_PAGE : end])]
        return ListPage(self.total, min(page, pages), pages, entries)

    def trunks(self, lines: Sequence[str]) -> list[ListedTrunk]:
        by_workspace: dict[str, list[str]] = {}
        for line in lines:
            by_workspace.setdefault(workspace_of(line), []).append(line)
        trunks = {name: iter(self.listings[name].trunks(lines)) for name, lines in by_workspace.items()}
        return [next(trunks[workspace_of(line)]) for line in lines]


def look_up(statuses: Iterable[Status], lookup: Lookup, limit: int | None = None) -> Found:
    """Find trunks. Without a search or a filter, at least the first ``limit`` lines are found, if it is given."""
    listings = _listings(statuses, lookup.workspace)
    kinds, total, found = set[str](), 0, list[str]()
    for listing in listings.values():
        if limit is None or replace(lookup, workspace="").limits_anything:
            lines, found_kinds = listing.search(lookup.search)
            lines = _chosen(lines, lookup)
            total += len(lines)
        else:
            lines, found_kinds = listing.first_lines(limit), listing.kinds
            total += listing.trunk_count
        kinds |= found_kinds
        found += lines
    options = zip(("status", "country", "type"), zip(*map(choices_of, kinds), strict=True), strict=False)
    return Found(listings, found, total, {name: sorted({*values} - {""}) for name, values in options})


def _chosen(lines: list[str], lookup: Lookup) -> list[str]:
    for name in ("reason", "status", "country", "type"):
        if value := getattr(lookup, name):
            lines = with_tag(lines, name, value)
    return with_agent(lines, lookup.agent.lower()) if lookup.agent else lines


def find(statuses: Iterable[Status], workspace: str, uuid: str, number: str) -> list[tuple[ListedTrunk, list[Change]]]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it.

    Each comes with its changes, the newest first.
    """
    for listing in _listings(statuses, workspace).values():
        lines = listing.lines_of(uuid, number.strip())
        return list(zip(listing.trunks(lines), map(listing.changes, lines), strict=True))
    return []


def json_parts(found: Found) -> Iterator[bytes]:
    yield b'{"total":%d,"trunks":[' % found.total
    separator = b""
    for rows in _rows(found, lambda listed: msgspec.json.encode(listed.entry)):
        yield separator + b",".join(rows) if rows else b""
        separator = b"," if rows else separator
    yield b"]}"


def csv_parts(found: Found) -> Iterator[bytes]:
    yield csv_header()
    yield from map(b"".join, _rows(found, csv_row))


def _rows(found: Found, row: Callable[[ListedTrunk], bytes]) -> Iterator[list[bytes]]:
    """Yield the rows of trunks in the order of lists, in parts, and nothing again and again while they are made."""
    made: dict[str, bytes] = {}
    for part in _parts(found.lines):
        made |= zip(part, map(row, found.trunks(part)), strict=True)
        yield []
    for part in _parts(sorted(found.lines)):
        yield [made.pop(line) for line in part]


def _parts(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    return (lines[start : start + _WRITTEN_AT_ONCE] for start in range(0, len(lines), _WRITTEN_AT_ONCE))


def _listings(statuses: Iterable[Status], workspace: str) -> Mapping[str, Listing]:
    """Return the listings of all workspaces, or of one, by name."""
    return {
        status.workspace.name: Listing(status.workspace, status.snapshot.fleet, status.snapshot.memory)
        for status in statuses
        if workspace in {"", status.workspace.name}
    }
