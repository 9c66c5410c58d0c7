"""Decides whether a trunk is out of service, and for which reasons: the one definition of it."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import NamedTuple

from exporter.config.patterns import any_matches
from exporter.config.settings import Statuses, Workspace
from exporter.trunks.expectation import Expectation
from exporter.trunks.trunk import CHANNELS, SERVICES, UNREADABLE, Bound, Bounds, Service, Services, Trunk


class Concern(StrEnum):
    """Reasons to look at a trunk, the most urgent first; all but the last put it out of service."""

    UNBOUND = "unbound"
    NOT_ACTIVE = "not_active"
    BLOCKED = "blocked"
    COMPLIANCE = "compliance"


REASONS = (Concern.UNBOUND, Concern.NOT_ACTIVE, Concern.BLOCKED)  # the values of the label ``reason``

Reasons = tuple[tuple[Concern, bool], ...]  # those that can be decided, and whether each applies


class Judged(NamedTuple):
    """A trunk, and what follows from it and the configuration.

    Attributes:
        expected: the channels on which it is expected to be bound.
        left_out: a bit for each channel, in the order of CHANNELS, that the configuration leaves out: it is never lost.
        bound_elsewhere: a bit for each channel that other trunks with its number are bound on.
        since: when it was first seen out of service, in Unix time; None of a trunk in service, or if that is not kept.
    """

    trunk: Trunk
    bound: Bounds
    expected: tuple[str, ...]
    left_out: int
    bound_elsewhere: int
    reasons: Reasons
    since: float | None = None

    @property
    def unbound(self) -> list[str]:
        return unbound_channels(self.bound, self.expected, self.bound_elsewhere)

    @property
    def is_out_of_service(self) -> bool:
        return any(applies for _, applies in self.reasons)


class Judge:
    def __init__(self, workspace: Workspace) -> None:
        self.expectation = Expectation(workspace.expect, workspace.filter)
        self._statuses = workspace.statuses
        # Most trunks have all that it depends on in common with others.
        self._reasons = lru_cache(maxsize=1024)(partial(out_of_service, statuses=workspace.statuses))

    def judge(self, trunk: Trunk, bound_elsewhere: int, since: float | None = None) -> Judged:
        """Judge a trunk; ``bound_elsewhere`` is as in Judged, and so is ``since`` if it is out of service."""
        expected, left_out = self.expectation.of(trunk)
        bound = trunk.bound
        reasons = self._reasons(bound, trunk.services, trunk.status, expected, bound_elsewhere)
        if since is not None and not any(applies for _, applies in reasons):
            since = None
        return Judged(trunk, bound, expected, left_out, bound_elsewhere, reasons, since)

    def concerns(self, judged: Judged) -> list[Concern]:
        """Return why to look at a trunk: why it is out of service, and an open compliance."""
        concerns = [concern for concern, applies in judged.reasons if applies]
        status = judged.trunk.compliance_status
        if status and not any_matches(self._statuses.compliant, status):
            concerns.append(Concern.COMPLIANCE)
        return concerns


def out_of_service(  # noqa: PLR0913 - all that it depends on
    bound: Bounds,
    services: Services,
    status: str,
    expected: tuple[str, ...],
    bound_elsewhere: int,
    *,
    statuses: Statuses,
) -> Reasons:
    """Return the reasons that can be decided; none for a trunk on which no channel is expected or bound."""
    if not expected and True not in bound:
        return ()
    decided = (
        (Concern.UNBOUND, _is_unbound(bound, expected, bound_elsewhere)),
        (Concern.NOT_ACTIVE, not any_matches(statuses.active, status) if status else None),
        (Concern.BLOCKED, _is_blocked(bound, services)),
    )
    pending = any_matches(statuses.pending, status)
    return tuple((reason, applies and not pending) for reason, applies in decided if applies is not None)


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
    unreadable = any(
        bound[index] == UNREADABLE and not bound_elsewhere & 1 << index
        for index, channel in enumerate(CHANNELS)
        if channel in expected
    )
    return None if unreadable else False


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
    """Return in words why to look at a trunk."""
    match concern:
        case Concern.UNBOUND:
            return f"no agent on {_and(judged.unbound)}"
        case Concern.BLOCKED:
            return _blocked(judged.trunk)
        case Concern.COMPLIANCE:
            return _open_compliance(judged.trunk)
        case Concern.NOT_ACTIVE:
            return f"status {judged.trunk.status}"


def _blocked(trunk: Trunk) -> str:
    call, sms, _ = trunk.bound
    carry = {"voice": call is True, "inbound": call is True, "sms": sms is True}
    services = [(name, service) for name, service in zip(SERVICES, trunk.services, strict=True) if carry[name]]
    closed = [name for name, service in services if service.enabled and service.channel_limit == 0]
    if closed:
        return f"channel limit 0 for {_and(closed)}"
    return f"{_and([name for name, service in services if service.enabled is False])} disabled"


def _open_compliance(trunk: Trunk) -> str:
    count = trunk.compliance_requirements
    requirements = f", {count} requirement{'s' if count > 1 else ''}" if count else ""
    return f"compliance {trunk.compliance_status}{requirements}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
