"""The families about one trunk: each a generator of its samples.

To add one, write a function that yields the values of its own labels and the sample's value, and decorate it with
``@trunk_family``; ``of`` names the attributes of Judged that the function takes. Families are exposed in this order,
those of one function from the last to the first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.metrics.family import Family, JudgedFamily
from exporter.trunks.memory import Memory, Since
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

Samples = Iterator[tuple[tuple[str, ...], float]]  # the values of the family's own labels, and the sample's
Generate = Callable[[Any], Samples]

TRUNK_FAMILIES: list["TrunkFamily"] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkFamily(JudgedFamily):
    """A family with series for each trunk; ``samples`` generates them from what the family is ``of``."""

    samples: Generate


def trunk_family(name: str, help_: str, *own_labels: str, of: str) -> Callable[[Generate], Generate]:

    def declare(samples: Generate) -> Generate:
        TRUNK_FAMILIES.append(
            TrunkFamily(name=name, help=help_, labels=IDENTITY + own_labels, of=tuple(of.split()), samples=samples)
        )
        return samples

    return declare


@trunk_family(
    "mihu_trunk_info",
    "The trunk exists in the workspace; its descriptive attributes are labels.",
    "country_code",
    "locality",
    "type",
    "source",
    "is_external",
    of="trunk.country_code trunk.location trunk.type trunk.source trunk.is_external",
)
def _info(described: tuple[str, str, str, str, bool | None]) -> Samples:
    *texts, is_external = described
    yield (*texts, {True: "true", False: "false", None: ""}[is_external]), 1


@trunk_family(
    "mihu_trunk_status",
    "1 for the status that the trunk has; other statuses have no series.",
    "status",
    of="trunk.status",
)
@trunk_family(
    "mihu_trunk_compliance_status",
    "1 for the compliance status that the trunk has; other statuses have no series.",
    "status",
    of="trunk.compliance_status",
)
def _status(status: str) -> Samples:
    if status:
        yield (status,), 1


@trunk_family(
    "mihu_trunk_out_of_service_timestamp_seconds",
    "Since when the trunk is out of service, as far as is remembered.",
    of="since",
)
@trunk_family(
    "mihu_trunk_compliance_requirements",
    "Compliance requirements listed for the trunk.",
    of="trunk.compliance_requirements",
)
@trunk_family(
    "mihu_trunk_purchased_timestamp_seconds", "When the trunk was purchased, in Unix time.", of="trunk.purchased"
)
@trunk_family(
    "mihu_trunk_updated_timestamp_seconds", "When the API last updated the trunk, in Unix time.", of="trunk.updated"
)
def _number(value: float | None) -> Samples:
    if value is not None:
        yield (), value


@trunk_family(
    "mihu_trunk_outage_timestamp_seconds",
    "Since when the trunk is out of service, with the worst of the reasons, and whether it was in service before.",
    "reason",
    "was_in_service",
    of="outage",
)
def _outage(outage: tuple[str, str, float] | None) -> Samples:
    if outage is not None:
        reason, was_in_service, since = outage
        yield (reason, was_in_service), since


@trunk_family(
    "mihu_trunk_waiting",
    "1 while the trunk, which is in use, is pending, or its compliance incomplete or rejected.",
    "reason",
    "status",
    of="waiting",
)
def _waiting(waiting: tuple[tuple[str, str], ...]) -> Samples:
    for labels in waiting:
        yield labels, 1


@trunk_family(
    "mihu_trunk_out_of_service",
    "Whether the trunk, which is in use, is out of service for the reason (1) or not (0).",
    "reason",
    of="reasons",
)
def _out_of_service(reasons: Reasons) -> Samples:
    for reason, applies in reasons:
        yield (reason,), applies


@trunk_family(
    "mihu_trunk_capability",
    "Whether the carrier reports the capability (1) or denies it (0).",
    "capability",
    of="trunk.capabilities",
)
def _capability(capabilities: Capabilities) -> Samples:
    for name, value in zip(CAPABILITIES, capabilities, strict=True):
        if value is not None:
            yield (name,), value


@trunk_family(
    "mihu_trunk_channel_bound", "Whether an agent is bound on the channel (1) or none is (0).", "channel", of="bound"
)
def _channel_bound(bound: Bounds) -> Samples:
    for channel, state in zip(CHANNELS, bound, strict=True):
        if isinstance(state, bool):
            yield (channel,), state


@trunk_family(
    "mihu_trunk_channel_unbound",
    "Whether the channel is expected and not bound (1) or expected and bound (0).",
    "channel",
    of="expected bound",
)
def _channel_unbound(judged: tuple[tuple[str, ...], Bounds]) -> Samples:
    expected, bound = judged
    for channel in expected:
        state = bound[CHANNELS.index(channel)]
        if state != UNREADABLE:
            yield (channel,), state is not True


@trunk_family(
    "mihu_trunk_channel_agent_info",
    "The agent that is named for the channel.",
    "channel",
    "agent_uuid",
    "agent_name",
    of="trunk.bindings",
)
def _channel_agent_info(bindings: Bindings) -> Samples:
    for channel, binding in zip(CHANNELS, bindings, strict=True):
        if binding.agent_uuid or binding.agent_name:
            yield (channel, binding.agent_uuid, binding.agent_name), 1


@trunk_family(
    "mihu_trunk_service_enabled",
    "Whether the service is enabled (1) or disabled (0).",
    "carrier_service",
    of="trunk.services",
)
def _service_enabled(services: Services) -> Samples:
    for name, service in zip(SERVICES, services, strict=True):
        if service.enabled is not None:
            yield (name,), service.enabled


@trunk_family(
    "mihu_trunk_service_channel_limit",
    "Concurrent channels that the service allows.",
    "carrier_service",
    of="trunk.services",
)
def _service_channel_limit(services: Services) -> Samples:
    for name, service in zip(SERVICES, services, strict=True):
        if service.channel_limit is not None:
            yield (name,), service.channel_limit


@trunk_family(
    "mihu_trunk_service_whitelisted_destinations",
    "Destinations that the service may reach.",
    "carrier_service",
    of="trunk.services",
)
def _service_whitelisted_destinations(services: Services) -> Samples:
    for name, service in zip(SERVICES, services, strict=True):
        if service.destinations is not None and name != "inbound":  # what comes in has no destination
            yield (name,), service.destinations


@trunk_family(
    "mihu_trunk_monthly_fee",
    "List-price monthly fee of the trunk, not the amount charged.",
    "currency",
    of="trunk.monthly_fee trunk.currency",
)
def _monthly_fee(billing: tuple[float | None, str]) -> Samples:
    fee, currency = billing
    if fee is not None:
        yield (currency or UNKNOWN,), fee


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFamily(Family):
    """A family whose values are the times of ``entries``, and its own labels their attributes."""

    entries: Callable[[Memory], Sequence[Since]]


MEMORY_FAMILIES = (
    MemoryFamily(
        name="mihu_trunk_channel_lost_timestamp_seconds",
        help="When it was first seen that the channel, which was bound, is not; the labels are the last agent's.",
        labels=(*IDENTITY, "channel", "agent_uuid", "agent_name"),
        entries=lambda memory: memory.lost,
    ),
    MemoryFamily(
        name="mihu_trunk_gone_timestamp_seconds",
        help="When it was first seen that the trunk, which was bound, left the list.",
        labels=IDENTITY,
        entries=lambda memory: memory.gone,
    ),
    MemoryFamily(
        name="mihu_trunk_service_disabled_timestamp_seconds",
        help="When it was first seen that the service, which carries a bound channel and was enabled, is not.",
        labels=(*IDENTITY, "carrier_service"),
        entries=lambda memory: memory.disabled,
    ),
)
