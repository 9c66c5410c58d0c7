"""The states of trunks, which are kept from one poll to the next, and the changes between two polls."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from exporter.trunks.out_of_service import Concern, Judged
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

    uuid: str = ""
    number: str = ""
    status: str = ""
    compliance_status: str = ""
    # None where it never was known whether the channel is bound; with the last agent that was named.
    bindings: Bindings = (Binding(), Binding(), Binding())
    services: Services = (Service(), Service(), Service())
    monthly_fee: float | None = None
    currency: str = ""
    left_out: int = 0  # a bit for each channel that the configuration leaves out, so that it is never lost
    out_of_service_since: float | None = None  # as ``since`` in Judged
    served: int | None = None  # as in Judged
    reason: Concern | None = None  # likewise

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
_NEVER_SEEN = State()


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
        reason=judged.reason,
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


class ChangeKind(StrEnum):
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
_NOTHING = (None, "")


class Change(msgspec.Struct, frozen=True, gc=False):
    """One change of one trunk."""

    time: float  # when it was first seen, in Unix time
    change: ChangeKind
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
        if self.change not in {ChangeKind.AGENT, ChangeKind.LOST, ChangeKind.BOUND}:
            return self
        return msgspec.structs.replace(self, before=self.before and UNKNOWN, after=self.after and UNKNOWN)


def compare(before: States, after: States, *, now: float) -> list[Change]:
    """Return the changes between two polls; ``now`` is Unix time. What was never known has not changed."""
    changes = [
        Change(now, ChangeKind.REMOVED, state.uuid, state.number, before=state.status or None)
        for key, state in before.items()
        if key not in after
    ]
    for key, state in after.items():
        if (earlier := before.get(key)) is None:
            changes.append(Change(now, ChangeKind.ADDED, state.uuid, state.number, after=state.status or None))
        elif earlier != state:
            changes.extend(_differences(earlier, state, now))
    return changes


def _differences(old: State, new: State, now: float) -> Iterator[Change]:
    uuid, number = new.uuid, new.number
    if old.bindings != new.bindings:
        yield from _binding_changes(old, new, now)
    if _differ(old.status, new.status):
        yield Change(now, ChangeKind.STATUS, uuid, number, before=old.status, after=new.status)
    if _differ(old.compliance_status, new.compliance_status):
        statuses = old.compliance_status, new.compliance_status
        yield Change(now, ChangeKind.COMPLIANCE, uuid, number, None, None, *statuses)
    if old.services != new.services:
        yield from _service_changes(old, new, now)
    fees = old.monthly_fee, new.monthly_fee
    if _differ(*fees) or (None not in fees and _differ(old.currency, new.currency)):
        yield Change(now, ChangeKind.FEE, uuid, number, before=_fee(old), after=_fee(new))


def _binding_changes(old: State, new: State, now: float) -> Iterator[Change]:
    for channel, was, is_ in zip(CHANNELS, old.bindings, new.bindings, strict=True):
        about = new.uuid, new.number, channel
        if _differ(was.bound, is_.bound):
            if is_.bound:
                yield Change(now, ChangeKind.BOUND, *about, after=_agent(is_))
            else:
                yield Change(now, ChangeKind.LOST, *about, before=_agent(was))
        elif was.bound and is_.bound and _is_another_agent(was, is_):
            yield Change(now, ChangeKind.AGENT, *about, before=_agent(was), after=_agent(is_))


def _service_changes(old: State, new: State, now: float) -> Iterator[Change]:
    for name, was, is_ in zip(SERVICES, old.services, new.services, strict=True):
        about = new.uuid, new.number, None, name
        if _differ(was.enabled, is_.enabled):
            words = ("disabled", "enabled") if is_.enabled else ("enabled", "disabled")
            yield Change(now, ChangeKind.SERVICE, *about, *words)
        if _differ(was.channel_limit, is_.channel_limit):
            yield Change(now, ChangeKind.LIMIT, *about, was.channel_limit, is_.channel_limit)


def _differ(before: Value, after: Value) -> bool:
    """Return whether both are known, and differ."""
    return before != after and before not in _NOTHING and after not in _NOTHING


def _agent(binding: Binding) -> str:
    return binding.agent_name or binding.agent_uuid or UNKNOWN


def _is_another_agent(old: Binding, new: Binding) -> bool:
    # An agent that was given another name is the same.
    if old.agent_uuid and new.agent_uuid:
        return old.agent_uuid != new.agent_uuid
    return _differ(old.agent_name, new.agent_name)


def _fee(state: State) -> str:
    return f"{state.monthly_fee:.15g} {state.currency}".rstrip()
