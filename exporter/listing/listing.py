"""The trunks of a workspace, from its fleet and its memory: faults, since when, agents and last agents.

Times are Unix seconds.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from heapq import nsmallest

import msgspec

from exporter.config.values import any_matches
from exporter.listing.description import Entry, ListedTrunk, exact_number
from exporter.polling.buckets import bucket_of
from exporter.polling.status import Status
from exporter.trunks.changes import State
from exporter.trunks.lines import (
    Harm,
    key_of,
    kinds_of,
    line_of,
    rank,
    remembering,
    since_of,
    status_of,
    unpack_lines,
    with_text,
)
from exporter.trunks.memory import Disabled, Lost
from exporter.trunks.out_of_service import REASONS, Concern, Judged, remark
from exporter.trunks.trunk import CHANNELS, SERVICES, UNKNOWN, Binding, Trunk

_PHONE_NUMBER = re.compile(r"[+\d\s()./*-]+")
_SEPARATORS = re.compile(r"[\s()./-]")
_ORDER = {concern: index for index, concern in enumerate(Concern)}


class Listing:
    """The trunks of a workspace, and what is remembered of them."""

    def __init__(self, status: Status) -> None:
        self.workspace = status.workspace.name
        self._pending = status.workspace.statuses.pending
        self._fleet = fleet = status.snapshot.fleet
        self._buckets = fleet.buckets if fleet else ()
        trunks = fleet.trunks if fleet else {}
        memory = status.snapshot.memory
        losses: tuple[Lost | Disabled, ...] = (*memory.lost, *memory.disabled)
        self._losses: dict[str, list[Lost | Disabled]] = {}  # by key
        for loss in losses:
            if loss.key in trunks:
                self._losses.setdefault(loss.key, []).append(loss)
        # The indexes of the buckets with trunks that lost something.
        self._remembered = {bucket_of(key, len(self._buckets)) for key in self._losses}
        self._gone: dict[str, Judged] = {}  # by key
        self._gone_lines: list[str] = []
        for gone in memory.gone:
            trunk = _last_trunk(gone.state)
            harm = Harm.BEING_SET_UP if any_matches(self._pending, trunk.status) else Harm.GONE
            self._gone_lines.append(line_of(self.workspace, trunk, gone.key, rank(harm, gone.since), (Concern.GONE,)))
            self._losses[gone.key] = [
                Lost(gone.since, gone.uuid, gone.number, channel, binding.agent_uuid, binding.agent_name)
                for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
                if binding.bound
            ]
            unbound = msgspec.structs.replace(trunk, bindings=(Binding(), Binding(), Binding()))
            self._gone[gone.key] = Judged(unbound, bound=(None, None, None), concerns=(Concern.GONE,))

    @property
    def trunk_count(self) -> int:
        """The number of trunks, including those that are gone."""
        return (self._fleet.trunk_count if self._fleet else 0) + len(self._gone)

    @property
    def kinds(self) -> AbstractSet[str]:
        return kinds_of(self._gone_lines).union(*(bucket.kinds for bucket in self._buckets))

    def search(self, search: str) -> tuple[list[str], AbstractSet[str]]:
        """Return the lines with a text in the number, uuid, location, or an agent or last agent; and their kinds."""
        text = search.strip().lower()
        # A phone number is looked for also without what people put between its digits.
        bare = _SEPARATORS.sub("", text) if _PHONE_NUMBER.fullmatch(text) else text
        found, found_kinds = list[str](), set[str]()
        for lines, kinds in self._parts(range(len(self._buckets)), {text, bare}):
            chosen = with_text(lines, text) if text else lines
            if bare != text:
                chosen = list({*chosen, *with_text(lines, bare)})
            found += chosen
            if chosen and not found_kinds.issuperset(kinds):
                found_kinds.update(kinds if len(chosen) == len(lines) else kinds_of(chosen))
        return found, found_kinds

    def first_lines(self, count: int) -> list[str]:
        """Return lines, among them the first ones."""
        # Each of them is in a bucket that begins with one of the first, or in one of which more is remembered.
        begun = ((bucket.first, index) for index, bucket in enumerate(self._buckets) if index not in self._remembered)
        first = nsmallest(count, ((line, index) for line, index in begun if line))
        indexes = [*self._remembered, *(index for _, index in first)]
        return [line for lines, _ in self._parts(indexes) for line in lines]

    def _parts(self, indexes: Iterable[int], texts: Iterable[str] = ("",)) -> Iterator[tuple[list[str], Iterable[str]]]:
        """Yield the lines of some buckets that may have one of some texts, and of trunks that are gone; their kinds."""
        for index in indexes:
            bucket = self._buckets[index]
            if index in self._remembered:
                yield list(map(self._with_losses, unpack_lines(bucket.lines))), bucket.kinds
            else:
                yield unpack_lines(bucket.lines, texts), bucket.kinds
        yield self._gone_lines, kinds_of(self._gone_lines)

    def _with_losses(self, line: str) -> str:
        losses = self._losses.get(key_of(line))
        if not losses:
            return line
        lost = [loss for loss in losses if isinstance(loss, Lost)]
        harm = Harm.BEING_SET_UP if any_matches(self._pending, status_of(line)) else Harm.LOST
        return remembering(
            line,
            rank(harm, min(loss.since for loss in losses)),
            [text for one in lost for text in (one.agent_name, one.agent_uuid)],
            [Concern.LOST] * bool(lost) + [Concern.DISABLED] * (len(lost) < len(losses)),
        )

    def trunks(self, lines: Sequence[str]) -> list[ListedTrunk]:
        """Return trunks with all that is known of them, read from their buckets."""
        keys = list(map(key_of, lines))
        judged = dict(self._gone)
        if self._fleet is not None:
            for key, one in self._fleet.judged_trunks({*keys} - self._gone.keys()).items():
                judged[key] = msgspec.structs.replace(one, trunk=self._fleet.maker.shown(one.trunk))
        return [
            self._listed(line, judged[key], self._losses.get(key, ())) for line, key in zip(lines, keys, strict=True)
        ]

    def _listed(self, line: str, judged: Judged, losses: Iterable[Lost | Disabled]) -> ListedTrunk:
        lost = tuple(loss for loss in losses if isinstance(loss, Lost))
        remarks = [(concern, remark(concern, judged)) for concern in judged.concerns]
        if Concern.GONE not in judged.concerns:
            for loss in losses:
                if isinstance(loss, Lost):
                    remarks.append((Concern.LOST, f"{loss.channel} lost its agent"))
                else:
                    remarks.append((Concern.DISABLED, f"{loss.carrier_service} disabled"))
        remarks.sort(key=lambda one: _ORDER[one[0]])
        trunk, since = judged.trunk, since_of(line)
        entry = Entry(
            workspace=self.workspace,
            phone_number_uuid=trunk.uuid or None,
            number=trunk.number or None,
            country_code=trunk.country_code or None,
            location=trunk.location or None,
            type=trunk.type or None,
            status=trunk.status or None,
            out_of_service=judged.outage is not None,
            being_set_up=any_matches(self._pending, trunk.status),
            reasons=[concern for concern in judged.concerns if concern in REASONS],
            concerns=[concern for concern, _ in remarks],
            remarks=[words for _, words in remarks],
            since=exact_number(since),
            since_or_earlier=since is not None and judged.outage is not None and judged.served is None,
            purchased_at=exact_number(trunk.purchased),
            agents={
                channel: binding.agent_name or binding.agent_uuid or UNKNOWN
                for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
                if binding.bound is True
            },
            last_agents={one.channel: one.agent_name or one.agent_uuid or UNKNOWN for one in lost},
            channel_limits={
                name: service.channel_limit
                for name, service in zip(SERVICES, trunk.services, strict=True)
                if service.enabled is not False and service.channel_limit is not None
            },
        )
        return ListedTrunk(line, entry, judged, lost)


def _last_trunk(state: State) -> Trunk:
    """Return what is known of a trunk that is gone, with its last bindings."""
    return Trunk(
        uuid=state.uuid,
        number=state.number,
        status=state.status,
        compliance_status=state.compliance_status,
        services=state.services,
        bindings=state.bindings,
        monthly_fee=state.monthly_fee,
        currency=state.currency,
    )
