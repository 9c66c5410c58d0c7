"""The trunks of workspaces, from fleets and memories: faults, since when (Unix seconds), agents and last agents."""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import msgspec

from exporter.config.settings import Workspace
from exporter.config.values import any_matches
from exporter.listing.description import Entry, ListedTrunk, exact_number
from exporter.polling.buckets import Bucket, bucket_of
from exporter.polling.snapshot import Status
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
    workspace_of,
)
from exporter.trunks.memory import Disabled, Lost
from exporter.trunks.out_of_service import REASONS, Concern, Judged, remark
from exporter.trunks.trunk import CHANNELS, SERVICES, UNKNOWN, Binding, Trunk

_PHONE_NUMBER = re.compile(r"[+\d\s()./*-]+")
_SEPARATORS = re.compile(r"[\s()./-]")
_ORDER = {concern: index for index, concern in enumerate(Concern)}

Loss = Lost | Disabled


class _Part(NamedTuple):
    workspace: Workspace
    bucket: Bucket
    losses: Mapping[str, list[Loss]]  # of its trunks, by key


class Listing:
    """The trunks of some workspaces, and what is remembered of them, by workspace and key."""

    def __init__(self, statuses: Iterable[Status]) -> None:
        self._statuses = {status.workspace.name: status for status in statuses}
        self._parts: list[_Part] = []
        self._losses: dict[tuple[str, str], list[Loss]] = {}
        self._gone: dict[tuple[str, str], Judged] = {}
        self._gone_lines: list[str] = []
        for status in self._statuses.values():
            self._add(status)

    def _add(self, status: Status) -> None:
        workspace, fleet, memory = status.workspace, status.snapshot.fleet, status.snapshot.memory
        if fleet is not None:
            by_bucket: dict[int, dict[str, list[Loss]]] = {}
            losses: tuple[Loss, ...] = (*memory.lost, *memory.disabled)
            for loss in losses:
                if loss.key in fleet.trunks:
                    of_trunk = self._losses.setdefault((workspace.name, loss.key), [])
                    of_trunk.append(loss)
                    by_bucket.setdefault(bucket_of(loss.key, len(fleet.buckets)), {})[loss.key] = of_trunk
            self._parts += [
                _Part(workspace, each, by_bucket.get(index, {})) for index, each in enumerate(fleet.buckets)
            ]
        for gone in memory.gone:
            identity, trunk = (workspace.name, gone.key), _last_trunk(gone.state)
            harm = Harm.BEING_SET_UP if any_matches(workspace.statuses.pending, trunk.status) else Harm.GONE
            self._gone_lines.append(line_of(workspace.name, trunk, gone.key, rank(harm, gone.since), (Concern.GONE,)))
            self._losses[identity] = [
                Lost(gone.since, gone.uuid, gone.number, channel, binding.agent_uuid, binding.agent_name)
                for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
                if binding.bound
            ]
            unbound = msgspec.structs.replace(trunk, bindings=(Binding(), Binding(), Binding()))
            self._gone[identity] = Judged(unbound, bound=(None, None, None), concerns=(Concern.GONE,))

    def search(self, search: str) -> tuple[list[str], AbstractSet[str]]:
        """Return the lines with a text in the number, uuid, location, or an agent or last agent; and their kinds."""
        text = search.strip().lower()
        # A phone number is looked for also without what people put between its digits.
        bare = _SEPARATORS.sub("", text) if _PHONE_NUMBER.fullmatch(text) else text
        found, found_kinds = list[str](), set[str]()
        for lines, kinds in self._lines(self._parts, {text, bare}):
            chosen = with_text(lines, text) if text else lines
            if bare != text:
                chosen = list({*chosen, *with_text(lines, bare)})
            found += chosen
            if chosen and not found_kinds.issuperset(kinds):
                found_kinds.update(kinds if len(chosen) == len(lines) else kinds_of(chosen))
        return found, found_kinds

    def first(self, count: int) -> tuple[list[str], AbstractSet[str], int]:
        """Return lines, the first ``count`` (from 1) among them; the kinds of all lines; and the number of trunks."""
        # Each of them is in a bucket that begins with one of the first, or in one of which more is remembered.
        begun = sorted((part for part in self._parts if part.bucket.first), key=lambda part: part.bucket.first)
        parts = begun[:count]
        if len(parts) < count or parts[-1].bucket.first > Harm.GONE:  # a loss is never as bad as out of service
            parts = [part for part in begun if not part.losses][:count]
            parts += (part for part in begun if part.losses)
        lines = [line for lines, _ in self._lines(parts) for line in lines]
        kinds = kinds_of(self._gone_lines).union(*(part.bucket.kinds for part in self._parts))
        fleets = [status.snapshot.fleet for status in self._statuses.values()]
        return lines, kinds, sum(fleet.trunk_count for fleet in fleets if fleet) + len(self._gone)

    def _lines(self, parts: Iterable[_Part], texts: Iterable[str] = ("",)) -> Iterator[tuple[list[str], Iterable[str]]]:
        """Yield the lines of some parts that may have one of some texts, and of trunks that are gone; their kinds."""
        for part in parts:
            agents = [agent for losses in part.losses.values() for agent in _last_agents(losses)]
            remembers_text = any(text in agent for agent in agents for text in texts)
            lines = unpack_lines(part.bucket.lines, ("",) if remembers_text else texts)
            if part.losses:
                lines = [_with_losses(part, line) if key_of(line) in part.losses else line for line in lines]
            yield lines, part.bucket.kinds
        yield self._gone_lines, kinds_of(self._gone_lines)

    def trunks(self, lines: Iterable[str]) -> list[ListedTrunk]:
        """Return trunks with all that is known of them, read from their buckets."""
        identities = [(workspace_of(line), key_of(line)) for line in lines]
        keys: dict[str, list[str]] = {}
        for name, key in identities:
            keys.setdefault(name, []).append(key)
        judged = dict(self._gone)
        for name, keys_of_workspace in keys.items():
            if (fleet := self._statuses[name].snapshot.fleet) is not None:
                for key, one in fleet.judged_trunks(keys_of_workspace).items():
                    judged[name, key] = msgspec.structs.replace(one, trunk=fleet.maker.shown(one.trunk))
        return [self._listed(line, each, judged[each]) for line, each in zip(lines, identities, strict=True)]

    def _listed(self, line: str, identity: tuple[str, str], judged: Judged) -> ListedTrunk:
        workspace, losses = self._statuses[identity[0]].workspace, self._losses.get(identity, ())
        lost = tuple(loss for loss in losses if isinstance(loss, Lost))
        remarks = [(concern, remark(concern, judged)) for concern in judged.concerns]
        if Concern.GONE not in judged.concerns:
            remarks += map(_remark, losses)
        remarks.sort(key=lambda one: _ORDER[one[0]])
        trunk, since = judged.trunk, since_of(line)
        entry = Entry(
            workspace=workspace.name,
            phone_number_uuid=trunk.uuid or None,
            number=trunk.number or None,
            country_code=trunk.country_code or None,
            location=trunk.location or None,
            type=trunk.type or None,
            status=trunk.status or None,
            out_of_service=judged.outage is not None,
            being_set_up=any_matches(workspace.statuses.pending, trunk.status),
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


def _with_losses(part: _Part, line: str) -> str:
    losses = part.losses[key_of(line)]
    harm = Harm.BEING_SET_UP if any_matches(part.workspace.statuses.pending, status_of(line)) else Harm.LOST
    place = rank(harm, min(loss.since for loss in losses))
    concerns = dict.fromkeys(concern for concern, _ in map(_remark, losses))
    return remembering(line, place, _last_agents(losses), concerns)


def _last_agents(losses: Iterable[Loss]) -> list[str]:
    lost = (loss for loss in losses if isinstance(loss, Lost))
    return [agent.lower() for loss in lost for agent in (loss.agent_name, loss.agent_uuid)]


def _remark(loss: Loss) -> tuple[Concern, str]:
    if isinstance(loss, Lost):
        return Concern.LOST, f"{loss.channel} lost its agent"
    return Concern.DISABLED, f"{loss.carrier_service} disabled"


def _last_trunk(state: State) -> Trunk:
    """Return what is known of a trunk that is gone, bound to its last agents."""
    call, sms, whatsapp = (
        msgspec.structs.replace(last, bound=last.bound or bool(last.agent_uuid or last.agent_name))
        for last in state.bindings
    )
    return Trunk(
        uuid=state.uuid,
        number=state.number,
        status=state.status,
        compliance_status=state.compliance_status,
        services=state.services,
        bindings=(call, sms, whatsapp),
        monthly_fee=state.monthly_fee,
        currency=state.currency,
    )
