"""The trunks of a workspace, from its fleet and its memory: faults, since when, agents and last agents.

Times are Unix seconds.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from heapq import nsmallest
from typing import TypeVar

import msgspec
from isal import isal_zlib

from exporter.config.patterns import any_matches
from exporter.config.settings import Workspace
from exporter.documents import exact_number
from exporter.listing.description import Entry, ListedTrunk, Rank, Why
from exporter.polling.buckets import bucket_of
from exporter.polling.fleet import Fleet
from exporter.trunks.changes import Change, State
from exporter.trunks.lines import TrunkLine, decode_limits, decode_lines, line_of, status_of
from exporter.trunks.memory import Gone, Lost, Memory, Since
from exporter.trunks.out_of_service import REASONS, Judged
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, SERVICES, UNKNOWN, Binding, Trunk

_NEVER = float("inf")
_PHONE_NUMBER = re.compile(r"[+\d\s()./*-]+")
_SEPARATORS = re.compile(r"[\s()./-]")
_ORDER = {why: index for index, why in enumerate(Why)}

S = TypeVar("S", bound=Since)


class Listing:
    """The trunks of a workspace, and what is remembered of them: nothing where ``memory`` is None."""

    def __init__(self, workspace: Workspace, fleet: Fleet | None, memory: Memory | None) -> None:
        self.workspace = workspace.name
        self._pending = workspace.statuses.pending
        self._fleet = fleet
        self._buckets = fleet.buckets if fleet else ()
        self._has_memory = memory is not None
        self._memory = memory = memory or Memory()
        self._remarked = {one.key: one for one in fleet.remarked()} if fleet else {}
        self._out_of_service = {key for key, one in self._remarked.items() if one.out_of_service}
        trunks = fleet.trunks if fleet else {}
        self._lost = _by_key(one for one in memory.lost if one.key in trunks)
        self._disabled = _by_key(one for one in memory.disabled if one.key in trunks)
        self._gone = {one.key: one for one in memory.gone}

    @property
    def trunk_count(self) -> int:
        """The number of trunks, including those that are gone."""
        return (self._fleet.trunk_count if self._fleet else 0) + len(self._gone)

    @property
    def kinds(self) -> AbstractSet[str]:
        """The kinds of all lines."""
        kinds = {_line_of_gone(gone).kind for gone in self._gone.values()}
        return kinds.union(*(bucket.kinds for bucket in self._buckets))

    def statuses(self) -> AbstractSet[str]:
        return set(map(status_of, self.kinds))

    def keys(self, why: Why | None = None) -> AbstractSet[str]:
        """Return the keys of the trunks that are to be looked at for a reason; by default for any."""
        match why:
            case None:
                return self._remarked.keys() | self.harmed_keys()
            case Why.OUT_OF_SERVICE:
                return self._out_of_service
            case Why.LOST:
                return self._lost.keys()
            case Why.DISABLED:
                return self._disabled.keys()
            case Why.GONE:
                return self._gone.keys()
        return {
            key for key, one in self._remarked.items() if why.value in {remark.concern.value for remark in one.remarks}
        }

    def harmed_keys(self) -> AbstractSet[str]:
        """Return the keys of the trunks that are out of service, gone, or lost something."""
        return self._out_of_service | self._gone.keys() | self._lost.keys() | self._disabled.keys()

    def first_keys(self, keys: AbstractSet[str], count: int) -> AbstractSet[str]:
        """Return, of some trunks that are to be looked at, the first ones in their order, and maybe more."""

        def name(key: str) -> tuple[str, str]:
            return self._remarked[key].number, self._remarked[key].uuid

        out_of_service = keys & self._out_of_service
        if len(out_of_service) >= count:
            return set(nsmallest(count, out_of_service, key=lambda key: (self._out_of_service_since(key), name(key))))
        harmed = keys & self.harmed_keys()
        return harmed | set(nsmallest(count - len(harmed), keys - harmed, key=name))

    def first_lines(self, why: Why | None, count: int) -> Iterator[list[TrunkLine]]:
        """Return lines, in parts, among them the first of those to be looked at for a reason; by default of all."""
        keys = self.first_keys(self.keys(why), count)
        indexes = self._indexes(keys)
        if why is None and len(keys) < count:
            # Each of the others is in a bucket that begins with one of the first, which may be one that lost something.
            begun = ((bucket.first, index) for index, bucket in enumerate(self._buckets) if bucket.first is not None)
            indexes.update(index for _, index in nsmallest(count, begun))
        for index in indexes:
            yield self._buckets[index].unpacked_lines()
        yield list(map(_line_of_gone, self._gone.values()))

    def search(self, text: str) -> Iterator[list[TrunkLine]]:
        """Return the lines with a text in the number, uuid, location, or an agent or last agent, in parts."""
        text = text.strip().lower()
        # A phone number is looked for also without what people put between its digits.
        texts = {text, _SEPARATORS.sub("", text)} if _PHONE_NUMBER.fullmatch(text) else {text}
        lost = {one.key for one in self._memory.lost if _has(f"{one.agent_name}\n{one.agent_uuid}", texts)}
        return self.lines(texts, lost)

    def lines(self, texts: AbstractSet[str], keys: AbstractSet[str]) -> Iterator[list[TrunkLine]]:
        """Return the lines that have one of some texts, which are in lower case, or one of some keys, in parts."""
        # Most buckets need not be decoded. Of other letters than ASCII's, bytes do not tell which are the same.
        encoded = [text.encode() if text.isascii() else b"" for text in texts]
        indexes = self._indexes(keys)

        def is_found(line: TrunkLine) -> bool:
            return line.key in keys or _has(line.text, texts)

        for index, bucket in enumerate(self._buckets):
            if texts or index in indexes:
                content = isal_zlib.decompress(bucket.lines)
                lowered = content.lower()
                if index in indexes or any(text in lowered for text in encoded):
                    lines = decode_lines(content)
                    yield lines if "" in texts else list(filter(is_found, lines))
        yield list(filter(is_found, map(_line_of_gone, self._gone.values())))

    def _indexes(self, keys: Iterable[str]) -> set[int]:
        """Return the indexes of the buckets that trunks are in."""
        return {bucket_of(key, self._fleet.bits) for key in keys} if self._fleet else set()

    def rank(self, line: TrunkLine) -> Rank:
        """Return the place of a trunk among those to be looked at: by harm, the longest first."""
        return *self._harm(line), line.text

    def _harm(self, line: TrunkLine) -> tuple[int, float]:
        key = line.key
        if key in self._out_of_service:
            return 0, self._out_of_service_since(key)
        if gone := self._gone.get(key):
            return 3 if self._is_pending(line) else 1, gone.since
        if losses := (*self._lost.get(key, ()), *self._disabled.get(key, ())):
            return 3 if self._is_pending(line) else 2, min(one.since for one in losses)
        return 4, _NEVER

    def _is_pending(self, line: TrunkLine) -> bool:
        return any_matches(self._pending, line.kind.split("\n")[0])

    def _out_of_service_since(self, key: str) -> float:
        since = self._remarked[key].since
        return since if since is not None and self._has_memory else _NEVER

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
        since = self._harm(line)[1]
        return Entry(
            workspace=self.workspace,
            phone_number_uuid=uuid or None,
            number=number or None,
            country_code=country_code or None,
            location=location or None,
            type=type_ or None,
            status=status or None,
            out_of_service=key in self._out_of_service,
            being_set_up=self._is_pending(line),
            reasons=[remark.concern for remark in remarked.remarks if remark.concern in REASONS] if remarked else [],
            concerns=[why for why, _ in found],
            remarks=[words for _, words in found],
            since=None if since == _NEVER else since,
            purchased_at=exact_number(line.purchased),
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

    def trunks(self, lines: Sequence[TrunkLine]) -> list[ListedTrunk]:
        """Return trunks with all that is known of them, read from their buckets."""
        keys = {line.key for line in lines} - self._gone.keys()
        judged = self._fleet.judged_trunks(keys) if self._fleet else {}
        return [self._trunk(line, judged.get(line.key)) for line in lines]

    def _trunk(self, line: TrunkLine, judged: Judged | None) -> ListedTrunk:
        if judged is None or self._fleet is None:
            gone = self._gone[line.key]
            trunk = _last_trunk(gone.state)
            unknown = Judged(trunk, trunk.bound, (), 0, 0, ())
            return ListedTrunk(self.rank(line), self.entry(line), unknown, _last_bindings(gone), is_gone=True)
        shown = judged._replace(trunk=self._fleet.maker.shown(judged.trunk))
        lost = tuple(self._lost.get(line.key, ()))
        return ListedTrunk(self.rank(line), self.entry(line), shown, lost, is_gone=False)

    def is_gone(self, line: TrunkLine) -> bool:
        return line.key in self._gone

    def changes(self, line: TrunkLine) -> list[Change]:
        """Return the changes of a trunk, the newest first."""
        return [change for change in reversed(self._memory.history) if change.key == line.key]


def _has(text: str, texts: Iterable[str]) -> bool:
    text = text.lower()
    return any(part in text for part in texts)


def _by_key(entries: Iterable[S]) -> dict[str, list[S]]:
    found: dict[str, list[S]] = {}
    for one in entries:
        found.setdefault(one.key, []).append(one)
    return found


def _line_of_gone(gone: Gone) -> TrunkLine:
    state = gone.state
    return line_of(msgspec.structs.replace(_last_trunk(state), bindings=state.bindings), gone.key)


def _last_trunk(state: State) -> Trunk:
    """Return what is known of a trunk that is gone; whether it is bound is unknown."""
    return Trunk(
        uuid=state.uuid,
        number=state.number,
        country_code="",
        location="",
        type="",
        source="",
        is_external=None,
        status=state.status,
        compliance_status=state.compliance_status,
        compliance_requirements=None,
        capabilities=(None,) * len(CAPABILITIES),
        services=state.services,
        bindings=(Binding(), Binding(), Binding()),
        monthly_fee=state.monthly_fee,
        currency=state.currency,
        purchased=None,
        updated=None,
    )


def _last_bindings(gone: Gone) -> tuple[Lost, ...]:
    return tuple(
        Lost(gone.since, gone.uuid, gone.number, channel, one.agent_uuid, one.agent_name)
        for channel, one in zip(CHANNELS, gone.state.bindings, strict=True)
        if one.bound
    )
