"""Finds trunks of several workspaces, those in trouble first, and writes them as CSV and JSON, in parts."""

import heapq
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from operator import attrgetter, itemgetter
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
_WRITTEN_AT_ONCE = 500  # trunks

T = TypeVar("T")

_text: Callable[[TrunkLine], str] = attrgetter("text")


class ListPage(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; the last one where a page beyond it is asked for."""

    total: int  # items of all pages
    page: int
    pages: int
    items: Sequence[T]


class Found(NamedTuple):
    """The trunks that a lookup finds.

    Attributes:
        options: the statuses, countries and types to choose from, as if none were chosen.
        parts: of each workspace those that are harmed, those to be looked at for something else, and the others.
    """

    options: Mapping[str, list[str]]
    parts: Sequence[Sequence["_Part"]]

    @property
    def total(self) -> int:
        return sum(part.total for parts in self.parts for part in parts)

    def to_be_looked_at(self) -> "Found":
        return self._replace(parts=self.parts[:2])

    def lines(self) -> Iterator[tuple[Listing, TrunkLine]]:
        sorted_parts = (heapq.merge(*map(_Part.items, parts), key=itemgetter(0)) for parts in self.parts)
        return ((listing, line) for _, listing, line in chain.from_iterable(sorted_parts))

    def page(self, page: int) -> ListPage[Entry]:
        total = self.total
        pages = max(1, -(-total // TRUNKS_PER_PAGE))
        start = (min(page, pages) - 1) * TRUNKS_PER_PAGE
        shown = islice(self.lines(), start, start + TRUNKS_PER_PAGE)
        return ListPage(total, min(page, pages), pages, [listing.entry(line) for listing, line in shown])


class _Part(NamedTuple):
    """Trunks of a workspace: their number, and at least the first lines, which are sorted on demand."""

    total: int
    listing: Listing
    key: Callable[[TrunkLine], Any]
    lines: list[TrunkLine]

    def items(self) -> Iterator[tuple[Any, Listing, TrunkLine]]:
        # Sorting all of them at once would stop the event loop for too long.
        starts = range(0, len(self.lines), _SORTED_AT_ONCE)
        parts = [sorted(self.lines[start : start + _SORTED_AT_ONCE], key=self.key) for start in starts]
        return ((self.key(line), self.listing, line) for line in heapq.merge(*parts, key=self.key))


def look_up(statuses: Iterable[Status], lookup: Lookup, limit: int = sys.maxsize) -> Found:
    """Find trunks; where there are more than ``limit``, the lines of those that come later may be left unread."""
    kinds, parts = set[str](), (list[_Part](), list[_Part](), list[_Part]())
    keep = _filter_of(lookup)
    for listing in _listings(statuses, lookup.workspace):
        chosen = listing.keys(lookup.reason)
        harmed = chosen & listing.harmed_keys()
        open_ = chosen - harmed
        read = listing.search(lookup.search) if lookup.reads_lines else listing.first_lines(lookup.reason, limit)
        if not lookup.search:
            kinds |= listing.kinds
        matching = list[TrunkLine]()
        for lines in read:
            if lookup.search:
                kinds.update([line.kind for line in lines])
            matching += keep(lines)
        totals = len(harmed), len(open_), listing.trunk_count - len(chosen)
        found = (
            (listing.rank, [line for line in matching if line.key in harmed]),
            (_text, [line for line in matching if line.key in open_]),
            (_text, [line for line in matching if line.key not in chosen]),
        )
        for into, total, (key, lines) in zip(parts, totals, found, strict=True):
            into.append(_Part(len(lines) if lookup.reads_lines else total, listing, key, lines))
    options = zip(("status", "country", "type"), zip(*map(_choices, kinds), strict=True), strict=False)
    return Found(
        options={name: sorted({*values} - {""}) for name, values in options},
        parts=parts if lookup.reason is None else parts[:2],
    )


def find(statuses: Iterable[Status], workspace: str, uuid: str, number: str) -> list[tuple[ListedTrunk, list[Change]]]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it.

    Each comes with its changes, the newest first.
    """
    number = number.strip()  # a plus sign that is not escaped is a space
    numbers = {number.lower(), f"+{number}".lower()} if number and not uuid else set[str]()
    for listing in _listings(statuses, workspace):
        found = chain.from_iterable(listing.lines(numbers, {uuid} - {""}))
        lines = [line for line in found if uuid or line.text.lower().split("\n", 1)[0] in numbers]
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


def _filter_of(lookup: Lookup) -> Callable[[list[TrunkLine]], list[TrunkLine]]:
    """Return a function that keeps the lines with the choices and the agent of a lookup."""
    asked, agent = (lookup.status, lookup.country, lookup.type), lookup.agent.lower()

    @cache
    def has_choices(kind: str) -> bool:
        return all(a in {"", b} for a, b in zip(asked, _choices(kind), strict=True))

    def has_agent(text: str) -> bool:
        return agent in text and any(agent in name for name in text.split("\n")[3:])  # most need not be split

    def keep(lines: list[TrunkLine]) -> list[TrunkLine]:
        if any(asked):
            lines = [line for line in lines if has_choices(line.kind)]
        return [line for line in lines if has_agent(line.text.lower())] if agent else lines

    return keep


def _choices(kind: str) -> tuple[str, str, str]:
    status, country, type_ = kind.split("\n")
    return status or UNKNOWN, country, type_
