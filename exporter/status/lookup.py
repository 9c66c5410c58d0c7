"""Finds trunks of several workspaces, those in trouble first, and writes them as CSV and JSON, in parts."""

import heapq
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from operator import add, attrgetter, itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from exporter.documents import to_json
from exporter.listing import spreadsheet
from exporter.listing.description import Entry, ListedTrunk
from exporter.listing.listing import Listing
from exporter.polling.buckets import in_order
from exporter.polling.status import Status
from exporter.status.query import Lookup
from exporter.trunks.changes import Change
from exporter.trunks.lines import TrunkLine
from exporter.trunks.trunk import UNKNOWN

TRUNKS_PER_PAGE = 50
_SORTED_AT_ONCE = 4096  # trunks
_WRITTEN_AT_ONCE = 500

T = TypeVar("T")

_text: Callable[[TrunkLine], str] = attrgetter("text")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; the last one where a page beyond it is asked for."""

    total: int  # items of all pages
    page: int
    pages: int
    items: Sequence[T]


class Found(NamedTuple):
    """The trunks that a lookup finds.

    Attributes:
        options: the statuses, countries and types to choose from, as if none were chosen.
        counts: of those that are harmed, of those to be looked at for something else, and of the others.
        parts: likewise; all of them, or at least the first ones.
    """

    options: Mapping[str, list[str]]
    counts: Sequence[int]
    parts: Sequence[Sequence["_Part"]]

    @property
    def total(self) -> int:
        return sum(self.counts)

    def to_be_looked_at(self) -> "Found":
        return self._replace(counts=self.counts[:2], parts=self.parts[:2])

    def lines(self) -> Iterator[tuple[Listing, TrunkLine]]:
        # To sort them all at once would stop the event loop for too long.
        sorted_parts = (heapq.merge(*map(_Part.items, parts), key=itemgetter(0)) for parts in self.parts)
        return ((listing, line) for _, listing, line in chain.from_iterable(sorted_parts))

    def page(self, page: int) -> Page[Entry]:
        total = self.total
        pages = max(1, -(-total // TRUNKS_PER_PAGE))
        start = (min(page, pages) - 1) * TRUNKS_PER_PAGE
        shown = islice(self.lines(), start, start + TRUNKS_PER_PAGE)
        return Page(total, min(page, pages), pages, [listing.entry(line) for listing, line in shown])


class _Part(NamedTuple):
    """Some trunks of a workspace, which are sorted when somebody looks so far."""

    listing: Listing
    key: Callable[[TrunkLine], Any]
    lines: list[TrunkLine]

    def items(self) -> Iterator[tuple[Any, Listing, TrunkLine]]:
        # One after the other: a list of tuples would keep the garbage collector busy.
        lines = sorted(self.lines, key=self.key)
        return zip(map(self.key, lines), repeat(self.listing), lines, strict=False)


def look_up(statuses: Iterable[Status], lookup: Lookup, limit: int = sys.maxsize) -> Found:
    """Find trunks; where there are more than ``limit``, the lines of those that come later may be left unread."""
    kinds = set[str]()
    counts: Sequence[int] = (0, 0, 0)
    parts = list[_Part](), list[_Part](), list[_Part]()
    for listing in _listings(statuses, lookup.workspace):
        chosen = listing.keys(lookup.reason)
        harmed = chosen & listing.harmed_keys()
        others = listing.trunk_count - len(chosen) if lookup.reason is None else 0
        counts = list(map(add, counts, (len(harmed), len(chosen) - len(harmed), others)))
        if lookup.reads_lines:
            read = listing.search(lookup.search)
        else:
            read = listing.first_lines(lookup.reason, limit)
            kinds |= listing.kinds
        for lines in _in_larger_parts(read):
            if lookup.reads_lines:
                kinds.update([line.kind for line in lines])
            matching = _matching(lines, lookup)
            looked_at = [line for line in matching if line.key in chosen]
            parts[0].append(_Part(listing, listing.rank, [line for line in looked_at if line.key in harmed]))
            parts[1].append(_Part(listing, _text, [line for line in looked_at if line.key not in harmed]))
            if lookup.reason is None:
                parts[2].append(_Part(listing, _text, [line for line in matching if line.key not in chosen]))
    if lookup.reads_lines:
        counts = [sum(len(part.lines) for part in each) for each in parts]
    options = zip(("status", "country", "type"), zip(*map(_choices, kinds), strict=True), strict=False)
    return Found({name: sorted({*values} - {""}) for name, values in options}, counts, parts)


def find(statuses: Iterable[Status], workspace: str, uuid: str, number: str) -> list[tuple[ListedTrunk, list[Change]]]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it.

    Each comes with its changes, the newest first.
    """
    number = number.strip()  # a plus sign that is not escaped is a space
    numbers = {number.lower(), f"+{number}".lower()} if number and not uuid else set[str]()
    for listing in _listings(statuses, workspace):
        having = chain.from_iterable(listing.lines(numbers, {uuid} - {""}))
        lines = [line for line in having if uuid or line.text.lower().split("\n", 1)[0] in numbers]
        return list(zip(listing.trunks(lines), map(listing.changes, lines), strict=True))
    return []


def worst(statuses: Iterable[Status], limit: int) -> list[Entry]:
    """Return the first of the trunks that are out of service, gone, or lost something."""
    harmed = (
        (listing.rank(line), listing, line)
        for listing in _listings(statuses)
        for line in chain.from_iterable(listing.lines(set(), listing.first_keys(listing.harmed_keys(), limit)))
    )
    return [listing.entry(line) for _, listing, line in heapq.nsmallest(limit, harmed, key=itemgetter(0))]


def json_parts(found: Found) -> Iterator[bytes]:
    yield b'{"total":%d,"trunks":[' % found.total
    entries, separator = (listing.entry(line) for listing, line in found.lines()), b""
    while part := list(islice(entries, _WRITTEN_AT_ONCE)):
        yield separator + to_json(part)[1:-1]
        separator = b","
    yield b"]}"


def csv_parts(found: Found) -> Iterator[bytes]:
    """Yield lines, and nothing again and again while they are made."""
    yield spreadsheet.header()
    lines = list(found.lines())
    by_listing: dict[Listing, dict[str, TrunkLine]] = {}
    for listing, line in lines:
        by_listing.setdefault(listing, {})[line.key] = line
    made: dict[tuple[Listing, str], bytes] = {}
    for listing, by_key in by_listing.items():
        # Trunks that are in one bucket are read from it at once.
        keys = iter(in_order(by_key))
        while part := list(islice(keys, _WRITTEN_AT_ONCE)):
            trunks = listing.trunks([by_key[key] for key in part])
            made |= {(listing, key): spreadsheet.row(listed) for key, listed in zip(part, trunks, strict=True)}
            yield b""
    for start in range(0, len(lines), _WRITTEN_AT_ONCE):
        yield b"".join(made.pop((listing, line.key)) for listing, line in lines[start : start + _WRITTEN_AT_ONCE])


def _listings(statuses: Iterable[Status], workspace: str = "") -> Iterator[Listing]:
    """Yield the listings of all workspaces, or of one."""
    for status in statuses:
        if workspace in {"", status.workspace.name}:
            yield Listing(status.workspace, status.snapshot.fleet, status.snapshot.memory)


def _in_larger_parts(parts: Iterable[list[TrunkLine]]) -> Iterator[list[TrunkLine]]:
    """Yield lines in parts that are large enough to be few, and small enough to be sorted in a moment."""
    gathered: list[TrunkLine] = []
    for part in parts:
        gathered += part
        if len(gathered) >= _SORTED_AT_ONCE:
            yield gathered
            gathered = []
    yield gathered


def _matching(lines: list[TrunkLine], lookup: Lookup) -> list[TrunkLine]:
    asked = lookup.status, lookup.country, lookup.type
    if any(asked):
        kinds = {line.kind for line in lines}
        kinds = {kind for kind in kinds if all(a in {"", b} for a, b in zip(asked, _choices(kind), strict=True))}
        lines = [line for line in lines if line.kind in kinds]
    if agent := lookup.agent.lower():
        lines = [line for line in lines if agent in line.text.lower()]  # most need not be split
        lines = [line for line in lines if any(agent in text for text in line.text.lower().split("\n")[3:])]
    return lines


def _choices(kind: str) -> tuple[str, str, str]:
    status, country, type_ = kind.split("\n")
    return status or UNKNOWN, country, type_
