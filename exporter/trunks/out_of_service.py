"""Decides whether a trunk is out of service, and for which reasons: the one definition of it."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import NamedTuple

from exporter.config.patterns import any_matches
from exporter.config.settings import Statuses, Workspace
from exporter.trunks.expectation import Expectation
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
    """Reasons to look at a trunk, the most urgent first; all but the last put it out of service."""

    UNBOUND = "unbound"
    NOT_ACTIVE = "not_active"
    BLOCKED = "blocked"
    COMPLIANCE = "compliance"


_WORST_FIRST = (Concern.NOT_ACTIVE, Concern.BLOCKED, Concern.UNBOUND)  # of one trunk

REASONS = (Concern.UNBOUND, Concern.NOT_ACTIVE, Concern.BLOCKED)  # the values of the label ``reason``

Reasons = tuple[tuple[Concern, bool], ...]  # those that can be decided, and whether each applies


class Judged(NamedTuple):
    """A trunk, and what follows from it and the configuration.

    Attributes:
        expected: the channels on which it is expected to be bound.
        left_out: a bit for each channel, in the order of CHANNELS, that the configuration leaves out: it is never lost.
        bound_elsewhere: a bit for each channel that other trunks with its number are bound on.
        since: when it was first seen out of service, in Unix time; None of a trunk in service, or if that is not kept.
        served: a bit for each channel that was bound while it was in service; None if it always was out of service, and
            nothing is remembered of the time before.
        waiting: of a trunk in use: ``pending`` with its status, ``incomplete`` or ``rejected`` with its compliance.
    """

    trunk: Trunk
    bound: Bounds
    expected: tuple[str, ...]
    left_out: int
    bound_elsewhere: int
    reasons: Reasons
    since: float | None = None
    served: int | None = None
    waiting: tuple[tuple[str, str], ...] = ()

    @property
    def outage(self) -> tuple[Concern, str, float] | None:
        """The worst reason to be out of service, whether the trunk was in service before, and ``since``."""
        if self.since is None:
            return None
        reasons = [reason for reason, applies in self.reasons if applies]
        worst = min(reasons, key=_WORST_FIRST.index)
        if self.served is None:
            return worst, UNKNOWN, self.since
        was_in_service = self.served & bits_of(self.unbound) if worst is Concern.UNBOUND else self.served
        return worst, "true" if was_in_service else "false", self.since

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
        self._waiting = lru_cache(maxsize=1024)(partial(_waiting, workspace.statuses))

    def judge(
        self, trunk: Trunk, bound_elsewhere: int, since: float | None = None, served: int | None = None
    ) -> Judged:
        """Judge a trunk.

        Args:
            trunk: as it is.
            bound_elsewhere: as in Judged.
            since: as in Judged, if it is out of service.
            served: as in Judged, as it was before.
        """
        expected, left_out = self.expectation.of(trunk)
        bound = trunk.bound
        reasons = self._reasons(bound, trunk.services, trunk.status, expected, bound_elsewhere)
        waiting = self._waiting(trunk.status, trunk.compliance_status) if reasons else ()
        if not any(applies for _, applies in reasons):
            since, served = None, served or 0
            if reasons and ("pending", trunk.status) not in waiting:
                served |= bits_of_bound(bound)
        return Judged(trunk, bound, expected, left_out, bound_elsewhere, reasons, since, served, waiting)

    def concerns(self, judged: Judged) -> list[Concern]:
        """Return why to look at a trunk: why it is out of service, and an open compliance."""
        concerns = [concern for concern, applies in judged.reasons if applies]
        if _is_compliance_open(self._statuses, judged.trunk.compliance_status):
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


def _waiting(statuses: Statuses, status: str, compliance: str) -> tuple[tuple[str, str], ...]:
    waiting = [("pending", status)] if any_matches(statuses.pending, status) else []
    if _is_compliance_open(statuses, compliance):
        waiting.append(("rejected" if any_matches(statuses.rejected, compliance) else "incomplete", compliance))
    return tuple(waiting)


def _is_compliance_open(statuses: Statuses, compliance: str) -> bool:
    return bool(compliance) and not any_matches(statuses.compliant, compliance)


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
