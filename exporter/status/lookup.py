"""Finds trunks, those in trouble first: what is wrong, since when, and which agents answer or answered.

Times are Unix seconds.
"""

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice, repeat
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeVar

import msgspec
from isal import isal_zlib

from exporter.config.patterns import any_matches
from exporter.polling.buckets import bucket_of
from exporter.polling.status import Status
from exporter.status.query import Lookup, Why
from exporter.trunks.changes import Change
from exporter.trunks.description import (
    UNKNOWN,
    TrunkDescription,
    TrunkLine,
    decode_limits,
    decode_lines,
    describe,
)
from exporter.trunks.memory import Gone, Since
from exporter.trunks.out_of_service import REASONS, Concern
from exporter.trunks.trunk import CHANNELS, SERVICES

TRUNKS_PER_PAGE = 50
_PART = 4096  # trunks that are sorted at once
_NEVER = float("inf")
_PHONE_NUMBER = re.compile(r"[+\d\s()./*-]+")
_SEPARATORS = re.compile(r"[\s()./-]")
_text: Callable[[TrunkLine], str] = attrgetter("text")

S = TypeVar("S", bound=Since)
_ORDER = {why: index for index, why in enumerate(Why)}
Rank = tuple[int, float, str]  # harm, since when, and the line's text


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk of a list, its number and agents as the configuration lets them be seen.

    Attributes:
        reasons: why it is out of service.
        concerns: the kinds of the remarks, in the same order.
        remarks: what is to be looked at, in words, in the order of harm.
        since: when the worst of it was first seen.
        agents: by the channel on which they are bound.
        last_agents: by the channel that is lost.
        channel_limits: by the service that is not disabled.
    """

    workspace: str
    phone_number_uuid: str | None
    number: str | None
    country_code: str | None
    location: str | None
    type: str | None
    status: str | None
    out_of_service: bool
    reasons: list[Concern]
    concerns: list[Why]
    remarks: list[str]
    since: float | None
    agents: Mapping[str, str]
    last_agents: Mapping[str, str]
    channel_limits: Mapping[str, float]


class Trunk(NamedTuple):
    """All that is known of a trunk; it has no description where it is gone."""

    entry: Entry
    description: TrunkDescription | None
    changes: list[Change]  # the newest first


class Listing:
    """The trunks of a workspace, and what is remembered of them."""

    def __init__(self, status: Status) -> None:
        snapshot = status.snapshot
        self.workspace = status.workspace.name
        self._pending = status.workspace.statuses.pending
        self._fleet = snapshot.fleet
        self._memory = snapshot.memory
        self._remarked = {one.key: one for one in snapshot.fleet.remarked()} if snapshot.fleet else {}
        self._lost = _by_key(snapshot.memory.lost)
        self._disabled = _by_key(snapshot.memory.disabled)
        self._gone = {one.key: one for one in snapshot.memory.gone}

    def keys(self, why: Why | None = None) -> AbstractSet[str]:
        """Return the keys of the trunks that are to be looked at for a reason; by default for any."""
        match why:
            case Why.LOST:
                return self._lost.keys()
            case Why.DISABLED:
                return self._disabled.keys()
            case Why.GONE:
                return self._gone.keys()
            case Why.OUT_OF_SERVICE:
                return {key for key, one in self._remarked.items() if one.out_of_service}
            case None:
                return self._remarked.keys() | self.harmed_keys()
        return {
            key
            for key, one in self._remarked.items()
            if any(remark.concern.value == why.value for remark in one.remarks)
        }

    def harmed_keys(self) -> AbstractSet[str]:
        """Return the keys of the trunks that are out of service, gone, or lost something."""
        return self.keys(Why.OUT_OF_SERVICE) | self._gone.keys() | self._lost.keys() | self._disabled.keys()

    def harmed(self) -> Iterator[tuple[Rank, str]]:
        """Return the same keys, with their ranks."""
        in_service = (self._lost.keys() | self._disabled.keys()) - self.keys(Why.OUT_OF_SERVICE)
        for key in self.harmed_keys() - in_service:
            yield (*self._harm(key, None), self._remarked[key].number if key in self._remarked else key), key
        for key in in_service:  # those that are being set up come last, which their lines tell
            if line := self.line(key):
                yield self.rank(line), key

    def line(self, key: str) -> TrunkLine | None:
        """Return the line of a trunk, read from its bucket alone."""
        if gone := self._gone.get(key):
            return _line_of_gone(gone)
        if self._fleet is None:
            return None
        packed = self._fleet.buckets[bucket_of(key, self._fleet.bits)].lines
        return next((line for line in decode_lines(isal_zlib.decompress(packed)) if line.key == key), None)

    def lines(self, texts: Sequence[str]) -> Iterator[list[TrunkLine]]:
        """Return the lines that have one of some texts, which are in lower case, in parts."""
        # Most parts need not be decoded. Of other letters than ASCII's, bytes do not tell which are the same.
        encoded = [text.encode() if text.isascii() else b"" for text in texts]
        for bucket in self._fleet.buckets if self._fleet else ():
            content = isal_zlib.decompress(bucket.lines)
            if b"" in encoded or any(text in content.lower() for text in encoded):
                yield _having(decode_lines(content), texts)
        yield _having(map(_line_of_gone, self._gone.values()), texts)

    def rank(self, line: TrunkLine) -> Rank:
        """Return the place of a trunk among those to be looked at: by harm, the longest first."""
        return *self._harm(line.key, line), line.text

    def _harm(self, key: str, line: TrunkLine | None) -> tuple[int, float]:
        if key in self._remarked and self._remarked[key].out_of_service:
            since = self._memory.out_of_service.get(key)
            return 0, since.since if since else _NEVER
        if gone := self._gone.get(key):
            return 3 if any_matches(self._pending, gone.state.status) else 1, gone.since
        losses = (*self._lost.get(key, ()), *self._disabled.get(key, ()))
        if losses and line:
            is_pending = any_matches(self._pending, line.kind.split("\n")[0])
            return 3 if is_pending else 2, min(one.since for one in losses)
        return 4, _NEVER

    def entry(self, line: TrunkLine) -> Entry:
        key, remarked = line.key, self._remarked.get(line.key)
        number, uuid, location, *agents = line.text.split("\n")
        status, country_code, type_ = line.kind.split("\n")
        lost = self._lost.get(key, [])
        found = [(Why(remark.concern), remark.words) for remark in remarked.remarks] if remarked else []
        found += [(Why.GONE, "no longer listed")] if key in self._gone else []
        found += [(Why.LOST, f"{one.channel} lost its agent") for one in lost]
        found += [(Why.DISABLED, f"{one.carrier_service} disabled") for one in self._disabled.get(key, ())]
        found.sort(key=lambda one: _ORDER[one[0]])
        since = self._harm(key, line)[1]
        return Entry(
            workspace=self.workspace,
            phone_number_uuid=uuid or None,
            number=number or None,
            country_code=country_code or None,
            location=location or None,
            type=type_ or None,
            status=status or None,
            out_of_service=remarked is not None and remarked.out_of_service,
            reasons=[remark.concern for remark in remarked.remarks if remark.concern in REASONS] if remarked else [],
            concerns=[why for why, _ in found],
            remarks=[words for _, words in found],
            since=None if since == _NEVER else since,
            agents={
                channel: name or agent_uuid
                for channel, name, agent_uuid in zip(CHANNELS, agents[::2], agents[1::2], strict=True)
                if name or agent_uuid
            },
            last_agents={one.channel: one.agent_name or one.agent_uuid or UNKNOWN for one in lost},
            channel_limits={
                service: limit
                for service, limit in zip(SERVICES, decode_limits(line.limits), strict=True)
                if limit is not None
            },
        )

    def trunk(self, line: TrunkLine) -> Trunk:
        description = None
        if self._fleet is not None and line.key not in self._gone:
            maker, judged = self._fleet.maker, self._fleet.judged_trunk(line.key)
            description = describe(judged._replace(trunk=maker.shown(judged.trunk)), maker.judge.remarks(judged))
        changes = [change for change in reversed(self._memory.history) if change.key == line.key]
        return Trunk(self.entry(line), description, changes)


class Found(NamedTuple):
    """The trunks that a lookup finds.

    Attributes:
        options: the statuses, countries and types to choose from, as if none were chosen.
        parts: of those that are harmed, of those to be looked at for something else, and of the others, each in order.
    """

    total: int
    options: Mapping[str, list[str]]
    parts: tuple[list["_Part"], list["_Part"], list["_Part"]]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        # To sort them all at once would stop the event loop for too long.
        in_order = (heapq.merge(*map(_Part.items, parts), key=itemgetter(0)) for parts in self.parts)
        return (listing.entry(line) for _, listing, line in islice(chain.from_iterable(in_order), start, stop))


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
    for status in statuses:
        if lookup.workspace in {"", status.workspace.name}:
            listing = Listing(status)
            harmed, chosen = listing.harmed_keys(), listing.keys(lookup.reason)
            for lines in _in_larger_parts(listing.lines(_texts(lookup.search))):
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
    for status in statuses:
        if status.workspace.name == workspace:
            listing = Listing(status)
            if uuid:
                line = listing.line(uuid)
                return [listing.trunk(line)] if line else []
            lines = chain.from_iterable(listing.lines([*numbers]))
            return [listing.trunk(line) for line in lines if number and line.text.lower().split("\n", 1)[0] in numbers]
    return []


def worst(statuses: Iterable[Status], limit: int) -> list[Entry]:
    """Return the first of the trunks that are out of service, gone, or lost something."""
    harmed = ((rank, listing, key) for listing in map(Listing, statuses) for rank, key in listing.harmed())
    first = heapq.nsmallest(limit, harmed, key=itemgetter(0))
    return [listing.entry(line) for _, listing, key in first if (line := listing.line(key))]


def _texts(search: str) -> list[str]:
    """Return the texts that a search looks for: a phone number also without what people put between its digits."""
    text = search.lower()
    return list({text, _SEPARATORS.sub("", text)}) if _PHONE_NUMBER.fullmatch(text) else [text]


def _having(lines: Iterable[TrunkLine], texts: Sequence[str]) -> list[TrunkLine]:
    if "" in texts:
        return [*lines]
    return [line for line in lines if any(text in line.text.lower() for text in texts)]


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


def _by_key(entries: Iterable[S]) -> dict[str, list[S]]:
    found: dict[str, list[S]] = {}
    for one in entries:
        found.setdefault(one.key, []).append(one)
    return found


def _line_of_gone(gone: Gone) -> TrunkLine:
    state = gone.state
    agents = (text for one in state.channels for text in ((one.agent, one.agent_uuid) if one.bound else ("", "")))
    limits = [None if one.enabled is False else one.channel_limit for one in state.services]
    return TrunkLine(
        "\n".join((state.number, state.uuid, "", *agents)),
        gone.key,
        f"{state.status}\n\n",
        msgspec.Raw(msgspec.msgpack.encode(limits)),
    )
