"""Says why a trunk needs somebody's attention: what keeps calls or messages from being answered."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from exporter.trunks.merging import HEALTHY_COMPLIANCE, HEALTHY_STATUS
from exporter.trunks.trunk import SERVICES, Trunk


class Concern(StrEnum):
    """The kinds of reasons, the most urgent first."""

    UNBOUND = "unbound"
    STATUS = "status"
    LIMIT = "limit"
    COMPLIANCE = "compliance"


class Reason(NamedTuple):
    """One reason, and what it is about, in words that stand for themselves."""

    concern: Concern
    words: str


class Attention(NamedTuple):
    """A trunk that needs attention, as people may see it."""

    uuid: str
    number: str
    location: str
    reasons: tuple[Reason, ...]


def reasons(trunk: Trunk, expected: Sequence[str]) -> tuple[Reason, ...]:
    """Return why a trunk that is expected on some channels needs attention, the most urgent reason first.

    What the API leaves out is no reason, since nothing says that it is wrong; but a trunk has a status.
    """
    return tuple(_reasons(trunk, expected))


def unbound_channels(trunk: Trunk, expected: Sequence[str]) -> list[str]:
    """Return the channels that are expected on a trunk and not bound."""
    return [channel for channel in expected if trunk.bound_on(channel) is False]


def _reasons(trunk: Trunk, expected: Sequence[str]) -> Iterator[Reason]:
    if unbound := unbound_channels(trunk, expected):
        yield Reason(Concern.UNBOUND, f"no agent on {_and(unbound)}")
    if trunk.status != HEALTHY_STATUS:
        yield Reason(Concern.STATUS, f"status {trunk.status or 'unknown'}")
    if closed := [
        name
        for name, service in zip(SERVICES, trunk.services, strict=True)
        if service.enabled and service.channel_limit == 0
    ]:
        yield Reason(Concern.LIMIT, f"channel limit 0 for {_and(closed)}")
    if trunk.compliance_status and trunk.compliance_status != HEALTHY_COMPLIANCE:
        yield Reason(Concern.COMPLIANCE, f"compliance {trunk.compliance_status}{_open(trunk)}")


def _open(trunk: Trunk) -> str:
    count = trunk.compliance_requirements
    return f", {count} requirement{'s' if count > 1 else ''}" if count else ""


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
