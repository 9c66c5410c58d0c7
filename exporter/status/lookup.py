"""Finds trunks of several workspaces, those in trouble first."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from exporter.listing.description import Entry, ListedTrunk
from exporter.listing.listing import Listing
from exporter.polling.status import Status
from exporter.status.query import Lookup
from exporter.trunks.changes import Change
from exporter.trunks.lines import UNKNOWN, TrunkLine

TRUNKS_PER_PAGE = 50
_PART = 4096  # trunks that are sorted at once
_text: Callable[[TrunkLine], str] = attrgetter("text")


class Trunk(NamedTuple):
    """All that is known of a trunk.

    Attributes:
        is_gone: whether it is no longer listed.
        changes: the newest first.
    """

    listed: ListedTrunk
    is_gone: bool
    changes: list[Change]


class Found(NamedTuple):
    """The trunks that a lookup finds.

    Attributes:
        options: the statuses, countries and types to choose from, as if none were chosen.
        parts: of those that are harmed, of those to be looked at for something else, and of the others, each in order.
    """

    total: int
    options: Mapping[str, list[str]]
    parts: tuple[list["_Part"], list["_Part"], list["_Part"]]

    def lines(self) -> Iterator[tuple[Listing, TrunkLine]]:
        # To sort them all at once would stop the event loop for too long.
        in_order = (heapq.merge(*map(_Part.items, parts), key=itemgetter(0)) for parts in self.parts)
        return ((listing, line) for _, listing, line in chain.from_iterable(in_order))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        return (listing.entry(line) for listing, line in islice(self.lines(), start, stop))


class _Part(NamedTuple):
    """Some trunks of a workspace in their order; a tuple of each would keep the garbage collector busy."""

    listing: Listing
    key: Callable[[TrunkLine], Any]
    lines: list[TrunkLine]

    def items(self) -> Iterator[tuple[Any, Listing, TrunkLine]]:
        return zip(map(self.key, self.lines), repeat(self.listing), self.lines, strict=False)


def look_up(statuses: Iterable[Status], lookup: Lookup) -> Found:
    kinds = set[str]()
    found = Found(0, {}, ([], [], []))
    for listing in _listings(statuses, lookup.workspace):
        harmed, chosen = listing.harmed_keys(), listing.keys(lookup.reason)
        for lines in _in_larger_parts(listing.search(lookup.search)):
            kinds.update([line.kind for line in lines])
            matching = _matching(lines, lookup)
            remarked = [line for line in matching if line.key in chosen]
            others = [line for line in matching if line.key not in chosen] if lookup.reason is None else []
            first, second, third = found.parts
            ranked = sorted((line for line in remarked if line.key in harmed), key=listing.rank)
            first.append(_Part(listing, listing.rank, ranked))
            open_ = sorted((line for line in remarked if line.key not in harmed), key=_text)
            second.append(_Part(listing, _text, open_))
            third.append(_Part(listing, _text, sorted(others, key=_text)))
    total = sum(len(part.lines) for parts in found.parts for part in parts)
    options = zip(("status", "country", "type"), zip(*map(_choices, kinds), strict=True), strict=False)
    return found._replace(total=total, options={name: sorted({*values} - {""}) for name, values in options})


def find(statuses: Iterable[Status], workspace: str, uuid: str, number: str) -> list[Trunk]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it."""
    number = number.strip()  # a plus sign that is not escaped is a space
    numbers = {text.lower() for text in (number, f"+{number}")}
    for listing in _listings(statuses, workspace):
        if uuid:
            lines = [line] if (line := listing.line(uuid)) else []
        else:
            having = chain.from_iterable(listing.lines(numbers) if number else ())
            lines = [line for line in having if line.text.lower().split("\n", 1)[0] in numbers]
        return [
            Trunk(listed, listing.is_gone(line), listing.changes(line))
            for line, listed in zip(lines, listing.trunks(lines), strict=True)
        ]
    return []


def _listings(statuses: Iterable[Status], workspace: str = "") -> Iterator[Listing]:
    """Yield the listings of all workspaces, or of one."""
    for status in statuses:
        if workspace in {"", status.workspace.name}:
            yield Listing(status.workspace, status.snapshot.fleet, status.snapshot.memory)


def entries_of(statuses: Iterable[Status], keys: Iterable[tuple[str, str]]) -> list[Entry]:
    """Return trunks by the names of their workspaces and their keys."""
    listings = {listing.workspace: listing for listing in _listings(statuses)}
    lines = ((listings[workspace], listings[workspace].line(key)) for workspace, key in keys)
    return [listing.entry(line) for listing, line in lines if line]


def worst(statuses: Iterable[Status], limit: int) -> list[Entry]:
    """Return the first of the trunks that are out of service, gone, or lost something."""
    harmed = ((rank, listing, key) for listing in _listings(statuses) for rank, key in listing.harmed())
    first = heapq.nsmallest(limit, harmed, key=itemgetter(0))
    return [listing.entry(line) for _, listing, key in first if (line := listing.line(key))]


def _in_larger_parts(parts: Iterable[list[TrunkLine]]) -> Iterator[list[TrunkLine]]:
    """Yield lines in parts that are large enough to be few, and small enough to be sorted in a moment."""
    gathered: list[TrunkLine] = []
    for part in parts:
        gathered += part
        if len(gathered) >= _PART:
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
