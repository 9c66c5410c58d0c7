"""Finds trunks, those in trouble first: what is wrong, since when, and which agents answer or answered.

Times are Unix seconds.
"""

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from operator import itemgetter
from typing import NamedTuple, TypeVar

import msgspec
from isal import isal_zlib

from exporter.config.patterns import any_matches
from exporter.polling.buckets import bucket_of
from exporter.polling.status import Status
from exporter.status.query import Lookup, Why
from exporter.trunks.changes import Change
from exporter.trunks.description import (
    UNKNOWN,
    LineDetails,
    TrunkDescription,
    TrunkLine,
    decode_details,
    decode_lines,
    describe,
    pack_lines,
)
from exporter.trunks.memory import Gone, Since
from exporter.trunks.out_of_service import REASONS, Concern
from exporter.trunks.trunk import CHANNELS, SERVICES

TRUNKS_PER_PAGE = 50
_NEVER = float("inf")
_PHONE_NUMBER = re.compile(r"[+\d\s()./*-]+")
_SEPARATORS = re.compile(r"[\s()./-]")

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
                return self._remarked.keys() | self._lost.keys() | self._disabled.keys() | self._gone.keys()
        return {
            key
            for key, one in self._remarked.items()
            if any(remark.concern.value == why.value for remark in one.remarks)
        }

    def harmed(self) -> Iterator[tuple[Rank, str]]:
        """Return the keys of the trunks that are out of service, gone, or lost something."""
        for key in self.keys(Why.OUT_OF_SERVICE) | self._gone.keys():
            yield (*self._harm(key, None), self._remarked[key].number if key in self._remarked else key), key
        for key in (self._lost.keys() | self._disabled.keys()) - self.keys(Why.OUT_OF_SERVICE):
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
        """Return the lines that have one of some texts, in parts, each in the order of their texts."""
        encoded = [text.encode(errors="replace") for text in texts]
        packed = [bucket.lines for bucket in self._fleet.buckets] if self._fleet else []
        if self._gone:
            packed.append(pack_lines(map(_line_of_gone, self._gone.values())))
        for part in packed:
            content = isal_zlib.decompress(part)
            if not any(text in content for text in encoded):  # most parts need not be decoded
                continue
            lines = decode_lines(content)
            yield lines if "" in texts else [line for line in lines if any(text in line.text for text in texts)]

    def rank(self, line: TrunkLine) -> Rank:
        """Return the place of a trunk among those to be looked at: by harm, the longest first."""
        return *self._harm(line.key, line), line.text

    def _harm(self, key: str, line: TrunkLine | None) -> tuple[int, float]:
        if key in self._remarked and self._remarked[key].out_of_service:
            since = self._memory.out_of_service.get(key)
            return 0, since.since if since else _NEVER
        if key in self._gone:
            return 1, self._gone[key].since
        losses = (*self._lost.get(key, ()), *self._disabled.get(key, ()))
        if losses and line:
            return 3 if any_matches(self._pending, line.status) else 2, min(one.since for one in losses)
        return 4, _NEVER

    def entry(self, line: TrunkLine) -> Entry:
        key, details, remarked = line.key, decode_details(line.details), self._remarked.get(line.key)
        lost = self._lost.get(key, [])
        found = [(Why(remark.concern), remark.words) for remark in remarked.remarks] if remarked else []
        found += [(Why.GONE, "no longer listed")] if key in self._gone else []
        found += [(Why.LOST, f"{one.channel} lost its agent") for one in lost]
        found += [(Why.DISABLED, f"{one.carrier_service} disabled") for one in self._disabled.get(key, ())]
        found.sort(key=lambda one: _ORDER[one[0]])
        since = self._harm(key, line)[1]
        return Entry(
            workspace=self.workspace,
            phone_number_uuid=details.uuid or None,
            number=details.number or None,
            country_code=line.country_code or None,
            location=details.location or None,
            type=line.type or None,
            status=line.status or None,
            out_of_service=remarked is not None and remarked.out_of_service,
            reasons=[remark.concern for remark in remarked.remarks if remark.concern in REASONS] if remarked else [],
            concerns=[why for why, _ in found],
            remarks=[words for _, words in found],
            since=None if since == _NEVER else since,
            agents={channel: agent for channel, agent in zip(CHANNELS, details.agents, strict=True) if agent},
            last_agents={one.channel: one.agent_name or one.agent_uuid or UNKNOWN for one in lost},
            channel_limits={
                service: limit for service, limit in zip(SERVICES, details.limits, strict=True) if limit is not None
            },
        )

    def trunk(self, line: TrunkLine) -> Trunk:
        description = None
        if self._fleet is not None and line.key not in self._gone:
            maker, bucket = self._fleet.maker, self._fleet.buckets[bucket_of(line.key, self._fleet.bits)]
            judged = next(one for one in maker.judged(bucket, self._fleet.around) if one.trunk.key == line.key)
            description = describe(judged._replace(trunk=maker.shown(judged.trunk)), maker.judge.remarks(judged))
        changes = [change for change in reversed(self._memory.history) if change.key == line.key]
        return Trunk(self.entry(line), description, changes)


class Found(NamedTuple):
    """The trunks that a lookup finds.

    Attributes:
        options: the statuses, countries and types to choose from, as if none were chosen.
        troubled: with their ranks, in parts in that order.
        others: in parts in the order of their texts.
    """

    total: int
    options: Mapping[str, list[str]]
    troubled: list[list[tuple[Rank, Listing, TrunkLine]]]
    others: list[tuple[Listing, list[TrunkLine]]]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        # To sort them all at once would stop the event loop for too long; a tuple of each, the garbage collector.
        first = itemgetter(0)
        others = (((line.text, listing, line) for line in lines) for listing, lines in self.others)
        items = chain(heapq.merge(*self.troubled, key=first), heapq.merge(*others, key=first))
        return (listing.entry(line) for _, listing, line in islice(items, start, stop))


def look_up(statuses: Iterable[Status], lookup: Lookup) -> Found:
    options = set[tuple[str, str, str]]()
    found = Found(0, {}, [], [])
    for status in statuses:
        if lookup.workspace not in {"", status.workspace.name}:
            continue
        listing = Listing(status)
        chosen = listing.keys(lookup.reason)
        for part in listing.lines(_texts(lookup.search)):
            options.update((line.status or UNKNOWN, line.country_code, line.type) for line in part)
            lines = _matching(part, lookup)
            if ranked := [line for line in lines if line.key in chosen]:
                found.troubled.append(
                    sorted(((listing.rank(line), listing, line) for line in ranked), key=itemgetter(0))
                )
            if lookup.reason is None and len(ranked) < len(lines):
                found.others.append((listing, [line for line in lines if line.key not in chosen]))
    total = sum(map(len, found.troubled)) + sum(len(lines) for _, lines in found.others)
    names = zip(("status", "country", "type"), zip(*options, strict=True), strict=False)
    return found._replace(total=total, options={name: sorted({*values} - {""}) for name, values in names})


def find(statuses: Iterable[Status], workspace: str, uuid: str, number: str) -> list[Trunk]:
    """Return the trunk of a workspace with a uuid; without one, those with a number, as the configuration shows it."""
    number = number.strip()  # a plus sign that is not escaped is a space
    numbers = {text.casefold() for text in (number, f"+{number}")}
    for status in statuses:
        if status.workspace.name == workspace:
            listing = Listing(status)
            if uuid:
                line = listing.line(uuid)
                return [listing.trunk(line)] if line else []
            lines = chain.from_iterable(listing.lines([*numbers]))
            return [listing.trunk(line) for line in lines if number and line.text.split("\n", 1)[0] in numbers]
    return []


def worst(statuses: Iterable[Status], limit: int) -> list[Entry]:
    """Return the first of the trunks that are out of service, gone, or lost something."""
    harmed = ((rank, listing, key) for listing in map(Listing, statuses) for rank, key in listing.harmed())
    first = heapq.nsmallest(limit, harmed, key=itemgetter(0))
    return [listing.entry(line) for _, listing, key in first if (line := listing.line(key))]


def _texts(search: str) -> list[str]:
    """Return the texts that a search looks for: a phone number also without what people put between its digits."""
    text = search.casefold()
    return list({text, _SEPARATORS.sub("", text)}) if _PHONE_NUMBER.fullmatch(text) else [text]


def _matching(lines: list[TrunkLine], lookup: Lookup) -> list[TrunkLine]:
    if lookup.status:
        lines = [line for line in lines if (line.status or UNKNOWN) == lookup.status]
    if lookup.country:
        lines = [line for line in lines if line.country_code == lookup.country]
    if lookup.type:
        lines = [line for line in lines if line.type == lookup.type]
    if agent := lookup.agent.casefold():
        lines = [line for line in lines if agent in "\n".join(line.text.split("\n")[3:])]
    return lines


def _by_key(entries: Iterable[S]) -> dict[str, list[S]]:
    found: dict[str, list[S]] = {}
    for one in entries:
        found.setdefault(one.key, []).append(one)
    return found


def _line_of_gone(gone: Gone) -> TrunkLine:
    state = gone.state
    call, sms, whatsapp = (channel.agent if channel.bound else "" for channel in state.channels)
    voice, inbound, sms_service = (None if one.enabled is False else one.channel_limit for one in state.services)
    names = (name for channel in state.channels if channel.bound for name in (channel.agent_name, channel.agent_uuid))
    details = LineDetails(state.number, state.uuid, "", (call, sms, whatsapp), (voice, inbound, sms_service))
    text = "\n".join((state.number, state.uuid, "", *filter(None, names))).casefold()
    raw = msgspec.Raw(msgspec.msgpack.encode(details))
    return TrunkLine(text, gone.key, state.status, "", "", raw)
