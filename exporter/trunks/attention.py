"""Says why a trunk needs somebody's attention: what keeps calls or messages from being answered."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import msgspec

from exporter.trunks.merging import HEALTHY_COMPLIANCE, HEALTHY_STATUS
from exporter.trunks.trunk import SERVICES, Bounds, Services, Trunk, bound_on


class Concern(StrEnum):
    """The kinds of reasons, the most urgent first."""

    UNBOUND = "unbound"
    STATUS = "status"
    LIMIT = "limit"
    COMPLIANCE = "compliance"


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One reason, and what it is about, in words that stand for themselves."""

    concern: Concern
    words: str


class Attention(msgspec.Struct, frozen=True, gc=False):
    """A trunk that needs attention, as people may see it."""

    uuid: str
    number: str
    location: str
    reasons: tuple[Reason, ...]


def reasons(trunk: Trunk, expected: tuple[str, ...]) -> tuple[Reason, ...]:
    """Return why a trunk that is expected on some channels needs attention, the most urgent reason first.

    What the API leaves out is no reason, since nothing says that it is wrong; but a trunk has a status.
    """
    # Most trunks have one kind at most; added to nothing else, that stays the tuple that others share.
    return (
        _unbound(trunk.bound, expected)
        + _status(trunk.status)
        + _limits(trunk.services)
        + _compliance(trunk.compliance_status, trunk.compliance_requirements)
    )


def unbound_channels(bound: Bounds, expected: tuple[str, ...]) -> list[str]:
    """Return the channels that are expected and not bound; those that could not be read may be."""
    return [channel for channel in expected if bound_on(channel, bound) is False]


_shared = lru_cache(maxsize=256)  # trunks have most reasons in common


@_shared
def _unbound(bound: Bounds, expected: tuple[str, ...]) -> tuple[Reason, ...]:
    unbound = unbound_channels(bound, expected)
    return (Reason(Concern.UNBOUND, f"no agent on {_and(unbound)}"),) if unbound else ()


@_shared
def _status(status: str) -> tuple[Reason, ...]:
    return () if status == HEALTHY_STATUS else (Reason(Concern.STATUS, f"status {status or 'unknown'}"),)


@_shared
def _limits(services: Services) -> tuple[Reason, ...]:
    closed = [
        name for name, service in zip(SERVICES, services, strict=True) if service.enabled and service.channel_limit == 0
    ]
    return (Reason(Concern.LIMIT, f"channel limit 0 for {_and(closed)}"),) if closed else ()


@_shared
def _compliance(status: str, count: int | None) -> tuple[Reason, ...]:
    if status in {"", HEALTHY_COMPLIANCE}:
        return ()
    requirements = f", {count} requirement{'s' if count > 1 else ''}" if count else ""
    return (Reason(Concern.COMPLIANCE, f"compliance {status}{requirements}"),)


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
