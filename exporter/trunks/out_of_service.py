"""Decides on which channels a trunk is expected to be bound, and for which reasons it is out of service.

Nothing else in the exporter defines either.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from itertools import chain, compress

import msgspec
from msgspec.structs import astuple

from exporter.config.settings import Channel, ExpectRule, Filter, Match, Statuses, Workspace
from exporter.config.values import any_matches
from exporter.trunks.trunk import (
    CHANNELS,
    SERVICES,
    UNKNOWN,
    UNREADABLE,
    Bound,
    Bounds,
    Service,
    Services,
    Trunk,
    bits_of,
    bits_of_bound,
)


class Concern(StrEnum):
    """Reasons to look at a trunk, by harm: those of being out of service, and others."""

    OUT_OF_SERVICE = "out_of_service"  # for any reason
    UNBOUND = "unbound"
    NOT_ACTIVE = "not_active"
    BLOCKED = "blocked"
    GONE = "gone"
    LOST = "lost"
    DISABLED = "disabled"
    COMPLIANCE = "compliance"


_WORST_FIRST = (Concern.NOT_ACTIVE, Concern.BLOCKED, Concern.UNBOUND)  # of one trunk

REASONS = (Concern.UNBOUND, Concern.NOT_ACTIVE, Concern.BLOCKED)  # the values of the label ``reason``

_AUTOMATIC: tuple[Channel, ...] = ("call",)  # where nothing speaks against it
_MATCHED = ("number", "type", "country_code", "status")  # the attributes of trunks that rules match

Reasons = tuple[tuple[Concern, bool], ...]  # those that can be decided, and whether each applies


class Judged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trunk, and what follows from it and the configuration. Channels are bits in the order of CHANNELS."""

    trunk: Trunk
    bound: Bounds
    expected: tuple[str, ...] = ()  # the channels on which it is expected to be bound
    left_out: int = 0  # the channels that the configuration leaves out: they are never lost
    bound_elsewhere: int = 0  # the channels that other trunks with its number are bound on
    reasons: Reasons = ()
    concerns: tuple[Concern, ...] = ()  # why to look at it: why it is out of service, and an open compliance
    # Of a trunk in use: ``pending`` with its status, ``incomplete`` or ``rejected`` with its compliance.
    waiting: tuple[tuple[str, str], ...] = ()
    # When it was first seen out of service, in Unix time, and the worst reason; None of a trunk in service. They stay
    # while the reason can no longer be told.
    since: float | None = None
    reason: Concern | None = None
    # The channels that were bound while it was in service; None if it always was out of service, and nothing is
    # remembered of the time before.
    served: int | None = None
    outage: tuple[Concern, str, float] | None = None  # the worst reason, whether it was in service before, and since

    @property
    def unbound(self) -> list[str]:
        return unbound_channels(self.bound, self.expected, self.bound_elsewhere)


ATTRIBUTES = (
    *(f"trunk.{name}" for name in Trunk.__struct_fields__),
    *(name for name in Judged.__struct_fields__ if name != "trunk"),
)


def differing(before: Sequence[Judged], after: Sequence[Judged]) -> set[str]:
    """Return those of ATTRIBUTES in which trunks differ from what they were before."""
    if not before:
        return set()
    return {
        name for name, one, other in zip(ATTRIBUTES, _columns(before), _columns(after), strict=True) if one != other
    }


def _columns(judged: Sequence[Judged]) -> Iterator[tuple[object, ...]]:
    trunks, *others = zip(*map(astuple, judged), strict=True)
    return chain(zip(*map(astuple, trunks), strict=True), others)


class Expectation:
    """The rules of one workspace.

    A channel that the API filters the list by is expected nowhere: a trunk that loses that binding leaves the
    list instead of showing as unbound. Under a filter by agent that holds for every channel.
    """

    def __init__(self, rules: Sequence[ExpectRule], filter_: Filter) -> None:
        # Those up to the first that matches everything; without one, ``auto`` is the last.
        index = next((index for index, rule in enumerate(rules) if rule.match == Match()), None)
        in_force = [*rules, ExpectRule(channels=None)] if index is None else rules[: index + 1]
        visible = set() if filter_.agent_uuid else set(CHANNELS) - {filter_.channel}
        possible = {
            channel for rule in in_force for channel in (_AUTOMATIC if rule.channels is None else rule.channels)
        }
        # Those that any trunk can be expected on.
        self.channels = tuple(channel for channel in CHANNELS if channel in possible & visible)
        self._hidden = bits_of(set(CHANNELS) - visible)
        self._automatic = tuple(channel for channel in _AUTOMATIC if channel in self.channels)
        self._rules = [
            (
                [(name, patterns) for name in _MATCHED if (patterns := getattr(rule.match, name))],
                None if rule.channels is None else tuple(channel for channel in rule.channels if channel in visible),
            )
            for rule in in_force
        ]

    def of(self, trunk: Trunk) -> tuple[tuple[str, ...], int]:
        """Return the channels on which a trunk is expected to be bound, and a bit for each that is left out.

        A rule other than ``auto`` leaves out what it does not name, and a filter what it hides.
        """
        for conditions, channels in self._rules:
            if not conditions or all(any_matches(patterns, getattr(trunk, name)) for name, patterns in conditions):
                if channels is not None:
                    return channels, bits_of(set(CHANNELS).difference(channels))
                break
        return self._automatic if _may_take_calls(trunk) else (), self._hidden


def _may_take_calls(trunk: Trunk) -> bool:
    voice, inbound, _ = trunk.services
    call, _, whatsapp = trunk.bindings
    disabled = voice.enabled is False and inbound.enabled is False
    only_whatsapp = whatsapp.bound is True and call.bound not in {True, UNREADABLE}
    return not (disabled or only_whatsapp)


class Judge:
    def __init__(self, workspace: Workspace) -> None:
        self.expectation = Expectation(workspace.expect, workspace.filter)
        # Most trunks have all that it depends on in common with others.
        self._decide = lru_cache(maxsize=1024)(partial(_decide, workspace.statuses))

    def judge(self, trunk: Trunk, elsewhere: int, since: float, reason: Concern | None, served: int | None) -> Judged:
        """Judge a trunk; the other arguments are as in Judged.

        ``since`` counts if the trunk is out of service; ``reason`` and ``served`` are what they were before.
        """
        expected, left_out = self.expectation.of(trunk)
        bound = trunk.bound
        reasons, concerns, waiting, worst = self._decide(
            bound, trunk.services, trunk.status, trunk.compliance_status, expected, elsewhere
        )
        outage = None
        if worst is not None:
            was_in_service = served
            if served and worst is Concern.UNBOUND:
                was_in_service = served & bits_of(unbound_channels(bound, expected, elsewhere))
            outage = worst, UNKNOWN if was_in_service is None else "true" if was_in_service else "false", since
            reason = worst
        elif reason is None or reason in dict(reasons) or not (expected or {True, UNREADABLE} & {*bound}):
            # Otherwise it may still be out of service.
            reason, served = None, served or 0
            if reasons and ("pending", trunk.status) not in waiting:
                served |= bits_of_bound(bound)
        started = since if reason else None
        return Judged(
            trunk, bound, expected, left_out, elsewhere, reasons, concerns, waiting, started, reason, served, outage
        )


def _decide(  # noqa: PLR0913, PLR0917 - all that it depends on
    statuses: Statuses,
    bound: Bounds,
    services: Services,
    status: str,
    compliance: str,
    expected: tuple[str, ...],
    bound_elsewhere: int,
) -> tuple[Reasons, tuple[Concern, ...], tuple[tuple[str, str], ...], Concern | None]:
    """Return the reasons that can be decided, the concerns, what the trunk is waiting for, and the worst reason.

    There are no reasons for a trunk on which no channel is expected or bound.
    """
    pending = any_matches(statuses.pending, status)
    reasons: Reasons = ()
    if expected or True in bound:
        decided = (
            (Concern.UNBOUND, _is_unbound(bound, expected, bound_elsewhere)),
            (Concern.NOT_ACTIVE, not any_matches(statuses.active, status) if status else None),
            (Concern.BLOCKED, _is_blocked(bound, services)),
        )
        reasons = tuple((reason, applies and not pending) for reason, applies in decided if applies is not None)
    concerns = [reason for reason, applies in reasons if applies]
    worst = next((reason for reason in _WORST_FIRST if reason in concerns), None)
    waiting = [("pending", status)] if pending else []
    if compliance and not any_matches(statuses.compliant, compliance):
        concerns.append(Concern.COMPLIANCE)
        waiting.append(("rejected" if any_matches(statuses.rejected, compliance) else "incomplete", compliance))
    return reasons, tuple(concerns), tuple(waiting) if reasons else (), worst


def unbound_channels(bound: Bounds, expected: tuple[str, ...], bound_elsewhere: int = 0) -> list[str]:
    """Return the channels that are expected and not bound; those that could not be read may be."""
    return [
        channel
        for index, channel in enumerate(CHANNELS)
        if channel in expected and bound[index] in {None, False} and not bound_elsewhere & 1 << index
    ]


def _is_unbound(bound: Bounds, expected: tuple[str, ...], bound_elsewhere: int) -> bool | None:
    if unbound_channels(bound, expected, bound_elsewhere):
        return True
    # If a channel that could not be read is not bound, is that one expected, and answered by nothing else?
    call, sms, whatsapp = (False if state == UNREADABLE else state for state in bound)
    return None if unbound_channels((call, sms, whatsapp), expected, bound_elsewhere) else False


def _is_blocked(bound: Bounds, services: Services) -> bool | None:
    """Return whether a bound channel cannot be used; None where the API says too little."""
    voice, inbound, sms = services
    call_bound, sms_bound, _ = bound
    blocked = {_is_channel_blocked(call_bound, (voice, inbound)), _is_channel_blocked(sms_bound, (sms,))}
    return True if True in blocked else None if None in blocked else False


def _is_channel_blocked(bound: Bound, carriers: Sequence[Service]) -> bool | None:
    if bound is False or bound is None:
        return False
    enabled = {service.enabled for service in carriers}
    blocked = enabled == {False} or any(service.enabled and service.channel_limit == 0 for service in carriers)
    if blocked:
        return True if bound is True else None
    return False if True in enabled else None


def remark(concern: Concern, judged: Judged) -> str:
    """Return in words why to look at a trunk, as it was judged."""
    trunk = judged.trunk
    match concern:
        case Concern.UNBOUND:
            return f"no agent on {_and(judged.unbound)}"
        case Concern.BLOCKED:
            call, sms, _ = judged.bound
            carry = (call is True, call is True, sms is True)
            services = [*compress(zip(SERVICES, trunk.services, strict=True), carry)]
            if closed := [name for name, service in services if service.enabled and service.channel_limit == 0]:
                return f"channel limit 0 for {_and(closed)}"
            return f"{_and([name for name, service in services if service.enabled is False])} disabled"
        case Concern.COMPLIANCE:
            count = trunk.compliance_requirements
            requirements = f", {count} requirement{'s' if count > 1 else ''}" if count else ""
            return f"compliance {trunk.compliance_status}{requirements}"
        case Concern.GONE:
            return "no longer listed"
        case _:
            return f"status {trunk.status}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
