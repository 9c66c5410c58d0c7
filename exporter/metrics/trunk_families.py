"""The families about one trunk: each a function that yields its samples.

To add one, write a function decorated with ``@trunk_family`` and the labels of its own. Its name is the metric's, its
docstring the help, its parameters are attributes of Judged or Trunk. It yields the values of its own labels, and a
value; a sample whose value is None has no series. Families are exposed in this order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from exporter.metrics.family import Family, JudgedFamily
from exporter.trunks.memory import Consequence, Memory
from exporter.trunks.out_of_service import Reasons
from exporter.trunks.trunk import (
    CAPABILITIES,
    CHANNELS,
    SERVICES,
    UNKNOWN,
    UNREADABLE,
    Bindings,
    Bounds,
    Capabilities,
    Services,
)

IDENTITY = ("workspace", "phone_number_uuid", "number")

Samples = Iterator[tuple[tuple[str, ...], float | None]]  # the values of the family's own labels, and the sample's
Generate = Callable[..., Samples]

TRUNK_FAMILIES: list[JudgedFamily] = []


def trunk_family(*own_labels: str) -> Callable[[Generate], Generate]:
    def declare(generate: Generate) -> Generate:
        TRUNK_FAMILIES.append(JudgedFamily.from_function(generate, IDENTITY + own_labels))
        return generate

    return declare


@trunk_family("country_code", "locality", "type", "source", "is_external")
def mihu_trunk_info(country_code: str, location: str, type: str, source: str, is_external: bool | None) -> Samples:  # noqa: A002, FBT001 - attributes of Trunk
    """The trunk exists in the workspace; its descriptive attributes are labels."""
    yield (country_code, location, type, source, {True: "true", False: "false", None: ""}[is_external]), 1


@trunk_family("status")
def mihu_trunk_compliance_status(compliance_status: str) -> Samples:
    """1 for the compliance status that the trunk has; other statuses have no series."""
    if compliance_status:
        yield (compliance_status,), 1


@trunk_family("status")
def mihu_trunk_status(status: str) -> Samples:
    """1 for the status that the trunk has; other statuses have no series."""
    if status:
        yield (status,), 1


@trunk_family()
def mihu_trunk_updated_timestamp_seconds(updated: float | None) -> Samples:
    """When the API last updated the trunk, in Unix time."""
    yield (), updated


@trunk_family()
def mihu_trunk_purchased_timestamp_seconds(purchased: float | None) -> Samples:
    """When the trunk was purchased, in Unix time."""
    yield (), purchased


@trunk_family()
def mihu_trunk_compliance_requirements(compliance_requirements: int | None) -> Samples:
    """Compliance requirements listed for the trunk."""
    yield (), compliance_requirements


@trunk_family()
def mihu_trunk_out_of_service_timestamp_seconds(outage: tuple[str, str, float] | None) -> Samples:
    """Since when the trunk is out of service, as far as is remembered."""
    yield (), outage and outage[2]


@trunk_family("reason", "was_in_service")
def mihu_trunk_outage_timestamp_seconds(outage: tuple[str, str, float] | None) -> Samples:
    """Since when the trunk is out of service, with the worst of the reasons, and whether it was in service before."""
    if outage is not None:
        reason, was_in_service, since = outage
        yield (reason, was_in_service), since


@trunk_family("reason", "status")
def mihu_trunk_waiting(waiting: tuple[tuple[str, str], ...]) -> Samples:
    """1 while the trunk, which is in use, is pending, or its compliance incomplete or rejected."""
    for labels in waiting:
        yield labels, 1


@trunk_family("reason")
def mihu_trunk_out_of_service(reasons: Reasons) -> Samples:
    """Whether the trunk, which is in use, is out of service for the reason (1) or not (0)."""
    for reason, applies in reasons:
        yield (reason,), applies


@trunk_family("capability")
def mihu_trunk_capability(capabilities: Capabilities) -> Samples:
    """Whether the carrier reports the capability (1) or denies it (0)."""
    for name, value in zip(CAPABILITIES, capabilities, strict=True):
        yield (name,), value


@trunk_family("channel")
def mihu_trunk_channel_bound(bound: Bounds) -> Samples:
    """Whether an agent is bound on the channel (1) or none is (0)."""
    for channel, state in zip(CHANNELS, bound, strict=True):
        if state != UNREADABLE:
            yield (channel,), state


@trunk_family("channel")
def mihu_trunk_channel_unbound(expected: tuple[str, ...], bound: Bounds) -> Samples:
    """Whether the channel is expected and not bound (1) or expected and bound (0)."""
    for channel, state in zip(CHANNELS, bound, strict=True):
        if channel in expected and state != UNREADABLE:
            yield (channel,), state is not True


@trunk_family("channel", "agent_uuid", "agent_name")
def mihu_trunk_channel_agent_info(bindings: Bindings) -> Samples:
    """The agent that is named for the channel."""
    for channel, binding in zip(CHANNELS, bindings, strict=True):
        if binding.agent_uuid or binding.agent_name:
            yield (channel, binding.agent_uuid, binding.agent_name), 1


@trunk_family("carrier_service")
def mihu_trunk_service_enabled(services: Services) -> Samples:
    """Whether the service is enabled (1) or disabled (0)."""
    for name, service in zip(SERVICES, services, strict=True):
        yield (name,), service.enabled


@trunk_family("carrier_service")
def mihu_trunk_service_channel_limit(services: Services) -> Samples:
    """Concurrent channels that the service allows."""
    for name, service in zip(SERVICES, services, strict=True):
        yield (name,), service.channel_limit


@trunk_family("carrier_service")
def mihu_trunk_service_whitelisted_destinations(services: Services) -> Samples:
    """Destinations that the service may reach."""
    for name, service in zip(SERVICES, services, strict=True):
        if name != "inbound":  # what comes in has no destination
            yield (name,), service.destinations


@trunk_family("currency")
def mihu_trunk_monthly_fee(monthly_fee: float | None, currency: str) -> Samples:
    """List-price monthly fee of the trunk, not the amount charged."""
    yield (currency or UNKNOWN,), monthly_fee


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFamily(Family):
    """A family whose values are the times of ``entries``, and its own labels their attributes."""

    entries: Callable[[Memory], Sequence[Consequence]]


MEMORY_FAMILIES = (
    MemoryFamily(
        "mihu_trunk_channel_lost_timestamp_seconds",
        "When it was first seen that the channel, which was bound, is not; the labels are the last agent's.",
        (*IDENTITY, "channel", "agent_uuid", "agent_name"),
        entries=lambda memory: memory.lost,
    ),
    MemoryFamily(
        "mihu_trunk_gone_timestamp_seconds",
        "When it was first seen that the trunk, which was bound, left the list.",
        IDENTITY,
        entries=lambda memory: memory.gone,
    ),
    MemoryFamily(
        "mihu_trunk_service_disabled_timestamp_seconds",
        "When it was first seen that the service, which carries a bound channel and was enabled, is not.",
        (*IDENTITY, "carrier_service"),
        entries=lambda memory: memory.disabled,
    ),
)
