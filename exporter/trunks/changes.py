"""The states of trunks, which are kept from one poll to the next, and the changes between two polls."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from exporter.trunks.out_of_service import Judged
from exporter.trunks.trunk import (
    CHANNELS,
    SERVICES,
    UNKNOWN,
    UNREADABLE,
    Binding,
    Bindings,
    Service,
    Services,
    Trunk,
    without_agent_names,
)


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The part of a trunk in which changes are looked for; it holds nothing that the configuration hides."""

    uuid: str
    number: str
    status: str
    compliance_status: str
    bindings: Bindings  # None where it never was known whether the channel is bound; with the last agent that was named
    services: Services
    monthly_fee: float | None
    currency: str
    left_out: int = 0  # a bit for each channel that the configuration leaves out, so that it is never lost
    out_of_service_since: float | None = None  # Unix time; None of a trunk in service
    served: int | None = None  # as in Judged

    @property
    def key(self) -> str:
        return self.uuid or self.number

    @property
    def is_bound(self) -> bool:
        return any(binding.bound for binding in self.bindings)

    def without_agent_names(self) -> "State":
        return msgspec.structs.replace(self, bindings=without_agent_names(self.bindings))


States = Mapping[str, State]  # by the trunk's key

_UNBOUND = Binding(bound=False)
_NEVER_SEEN = State(
    uuid="",
    number="",
    status="",
    compliance_status="",
    bindings=(Binding(), Binding(), Binding()),
    services=(Service(), Service(), Service()),
    monthly_fee=None,
    currency="",
)


def state_of(judged: Judged, shown: Trunk, before: State | None) -> State:
    """Return the state of a trunk; what the API does not say now is as it was before.

    ``shown`` is the trunk without what the configuration hides.
    """
    before = before or _NEVER_SEEN
    (call, sms, whatsapp), (old_call, old_sms, old_whatsapp) = shown.bindings, before.bindings
    (voice, inbound, text), (old_voice, old_inbound, old_text) = shown.services, before.services
    priced = before if shown.monthly_fee is None else shown
    return State(
        uuid=shown.uuid,
        number=shown.number,
        status=shown.status or before.status,
        compliance_status=shown.compliance_status or before.compliance_status,
        bindings=(_binding(call, old_call), _binding(sms, old_sms), _binding(whatsapp, old_whatsapp)),
        services=(_service(voice, old_voice), _service(inbound, old_inbound), _service(text, old_text)),
        monthly_fee=priced.monthly_fee,
        currency=priced.currency or before.currency,
        left_out=judged.left_out,
        out_of_service_since=judged.since,
        served=judged.served,
    )


def _binding(binding: Binding, before: Binding) -> Binding:
    if binding.bound is not True:
        return before if binding.bound == UNREADABLE else _UNBOUND
    if binding.agent_uuid or binding.agent_name:
        return binding
    return Binding(bound=True, agent_uuid=before.agent_uuid, agent_name=before.agent_name)


def _service(service: Service, before: Service) -> Service:
    return Service(
        before.enabled if service.enabled is None else service.enabled,
        before.channel_limit if service.channel_limit is None else service.channel_limit,
    )


class Kind(StrEnum):
    """The values of the label ``change``."""

    ADDED = "added"
    REMOVED = "removed"
    LOST = "lost"
    BOUND = "bound"
    AGENT = "agent"
    STATUS = "status"
    COMPLIANCE = "compliance"
    SERVICE = "service"
    LIMIT = "limit"
    FEE = "fee"


Value = str | float | None


class Change(msgspec.Struct, frozen=True, gc=False):
    """One change of one trunk."""

    time: float  # when it was first seen, in Unix time
    change: Kind
    uuid: str
    number: str  # as the configuration lets it be seen
    channel: str | None = None  # None unless the change is about one
    carrier_service: str | None = None  # likewise
    before: Value = None  # None where there was nothing
    after: Value = None

    @property
    def key(self) -> str:
        return self.uuid or self.number

    def without_agent_names(self) -> "Change":
        if self.change not in {Kind.AGENT, Kind.LOST, Kind.BOUND}:
            return self
        return msgspec.structs.replace(self, before=self.before and UNKNOWN, after=self.after and UNKNOWN)


def compare(before: States, after: States, *, now: float) -> list[Change]:
    """Return the changes between two polls; ``now`` is Unix time. What was never known has not changed."""
    changes = [
        Change(now, Kind.REMOVED, state.uuid, state.number, before=state.status or None)
        for key, state in before.items()
        if key not in after
    ]
    for key, state in after.items():
        if (earlier := before.get(key)) is None:
            changes.append(Change(now, Kind.ADDED, state.uuid, state.number, after=state.status or None))
        elif earlier != state:
            changes.extend(_differences(earlier, state, now))
    return changes


def _differences(before: State, after: State, now: float) -> Iterator[Change]:
    uuid, number = after.uuid, after.number
    if before.bindings != after.bindings:
        for channel, old, new in zip(CHANNELS, before.bindings, after.bindings, strict=True):
            if (kind := _binding_change(old, new)) is not None:
                named = (None if kind is Kind.BOUND else _agent(old)), (None if kind is Kind.LOST else _agent(new))
                yield Change(now, kind, uuid, number, channel, None, *named)
    if _differ(before.status or None, after.status or None):
        yield Change(now, Kind.STATUS, uuid, number, before=before.status, after=after.status)
    if _differ(before.compliance_status or None, after.compliance_status or None):
        statuses = before.compliance_status, after.compliance_status
        yield Change(now, Kind.COMPLIANCE, uuid, number, None, None, *statuses)
    if before.services != after.services:
        yield from _service_changes(before, after, now)
    if _differ(before.monthly_fee, after.monthly_fee) or (
        before.monthly_fee is not None and _differ(before.currency or None, after.currency or None)
    ):
        yield Change(now, Kind.FEE, uuid, number, before=_fee(before), after=_fee(after))


def _service_changes(before: State, after: State, now: float) -> Iterator[Change]:
    uuid, number = after.uuid, after.number
    for service, old, new in zip(SERVICES, before.services, after.services, strict=True):
        if _differ(old.enabled, new.enabled):
            words = ("enabled", "disabled") if old.enabled else ("disabled", "enabled")
            yield Change(now, Kind.SERVICE, uuid, number, None, service, *words)
        if _differ(old.channel_limit, new.channel_limit):
            yield Change(now, Kind.LIMIT, uuid, number, None, service, old.channel_limit, new.channel_limit)


def _binding_change(old: Binding, new: Binding) -> Kind | None:
    if old.bound is None or new.bound is None:
        return None
    if old.bound != new.bound:
        return Kind.BOUND if new.bound else Kind.LOST
    return Kind.AGENT if new.bound and _is_another_agent(old, new) else None


def _agent(binding: Binding) -> str:
    return binding.agent_name or binding.agent_uuid or UNKNOWN


def _is_another_agent(old: Binding, new: Binding) -> bool:
    # An agent that was given another name is the same.
    return _differ(old.agent_uuid or None, new.agent_uuid or None) or (
        not (old.agent_uuid and new.agent_uuid) and _differ(old.agent_name or None, new.agent_name or None)
    )


def _differ(before: Value, after: Value) -> bool:
    return before is not None and after is not None and before != after


def _fee(state: State) -> str | None:
    return None if state.monthly_fee is None else f"{state.monthly_fee:.15g} {state.currency}".rstrip()
