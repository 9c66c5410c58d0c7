"""The families about one trunk: each a generator of its samples.

To add one, write a function below that yields the values of its own labels and the sample's value, and name it with
``@trunk_family``. Series come in the order in which the families stand here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter.metrics.family import Family
from exporter.trunks.out_of_service import Judged
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, SERVICES, bound_on

IDENTITY = ("workspace", "phone_number_uuid", "number")
UNKNOWN = "unknown"

Samples = Iterator[tuple[tuple[str, ...], float]]  # the values of the family's own labels, and the sample's
Generate = Callable[[Judged], Samples]

TRUNK_FAMILIES: list["TrunkFamily"] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkFamily(Family):
    """A family with series for each trunk; ``samples`` generates those of one."""

    samples: Generate


def trunk_family(name: str, help_: str, *own_labels: str) -> Callable[[Generate], Generate]:
    """Declare the function below as what generates a family's samples."""

    def declare(samples: Generate) -> Generate:
        TRUNK_FAMILIES.append(TrunkFamily(name=name, help=help_, labels=IDENTITY + own_labels, samples=samples))
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
)
def _info(judged: Judged) -> Samples:
    trunk = judged.trunk
    yield (trunk.country_code, trunk.location, trunk.type, trunk.source, _TRUTH[trunk.is_external]), 1


_TRUTH = {True: "true", False: "false", None: ""}


@trunk_family("mihu_trunk_status", "1 for the status that the trunk has; other statuses have no series.", "status")
def _status(judged: Judged) -> Samples:
    if judged.trunk.status:
        yield (judged.trunk.status,), 1


@trunk_family(
    "mihu_trunk_compliance_status",
    "1 for the compliance status that the trunk has; other statuses have no series.",
    "status",
)
def _compliance_status(judged: Judged) -> Samples:
    if judged.trunk.compliance_status:
        yield (judged.trunk.compliance_status,), 1


@trunk_family("mihu_trunk_compliance_requirements", "Compliance requirements listed for the trunk.")
def _compliance_requirements(judged: Judged) -> Samples:
    if judged.trunk.compliance_requirements is not None:
        yield (), judged.trunk.compliance_requirements


@trunk_family(
    "mihu_trunk_out_of_service",
    "Whether the trunk, which is in use, is out of service for the reason (1) or not (0).",
    "reason",
)
def _out_of_service(judged: Judged) -> Samples:
    for reason, applies in judged.reasons:
        yield (reason,), applies


@trunk_family("mihu_trunk_capability", "Whether the carrier reports the capability (1) or denies it (0).", "capability")
def _capability(judged: Judged) -> Samples:
    for name in CAPABILITIES:
        value = getattr(judged.trunk.capabilities, name)
        if value is not None:
            yield (name,), value


@trunk_family("mihu_trunk_channel_bound", "Whether an agent is bound on the channel (1) or none is (0).", "channel")
def _channel_bound(judged: Judged) -> Samples:
    for channel, bound in zip(CHANNELS, judged.trunk.bound, strict=True):
        if isinstance(bound, bool):
            yield (channel,), bound


@trunk_family(
    "mihu_trunk_channel_unbound",
    "Whether the channel is expected and not bound (1) or expected and bound (0).",
    "channel",
)
def _channel_unbound(judged: Judged) -> Samples:
    for channel in judged.expected:
        bound = bound_on(channel, judged.trunk.bound)
        if isinstance(bound, bool):
            yield (channel,), not bound


@trunk_family(
    "mihu_trunk_channel_agent_info",
    "The agent that is named for the channel.",
    "channel",
    "agent_uuid",
    "agent_name",
)
def _channel_agent_info(judged: Judged) -> Samples:
    for channel, binding in zip(CHANNELS, judged.trunk.bindings, strict=True):
        if binding.agent_uuid or binding.agent_name:
            yield (channel, binding.agent_uuid or "", binding.agent_name or ""), 1


@trunk_family("mihu_trunk_service_enabled", "Whether the service is enabled (1) or disabled (0).", "carrier_service")
def _service_enabled(judged: Judged) -> Samples:
    for name, service in zip(SERVICES, judged.trunk.services, strict=True):
        if service.enabled is not None:
            yield (name,), service.enabled


@trunk_family("mihu_trunk_service_channel_limit", "Concurrent channels that the service allows.", "carrier_service")
def _service_channel_limit(judged: Judged) -> Samples:
    for name, service in zip(SERVICES, judged.trunk.services, strict=True):
        if service.channel_limit is not None:
            yield (name,), service.channel_limit


@trunk_family(
    "mihu_trunk_service_whitelisted_destinations", "Destinations that the service may reach.", "carrier_service"
)
def _service_whitelisted_destinations(judged: Judged) -> Samples:
    for name, service in zip(SERVICES, judged.trunk.services, strict=True):
        if service.destinations is not None and name != "inbound":  # what comes in has no destination
            yield (name,), service.destinations


@trunk_family("mihu_trunk_monthly_fee", "List-price monthly fee of the trunk, not the amount charged.", "currency")
def _monthly_fee(judged: Judged) -> Samples:
    if judged.trunk.monthly_fee is not None:
        yield (judged.trunk.currency or UNKNOWN,), judged.trunk.monthly_fee


@trunk_family("mihu_trunk_purchased_timestamp_seconds", "When the trunk was purchased, in Unix time.")
def _purchased(judged: Judged) -> Samples:
    if judged.trunk.purchased is not None:
        yield (), judged.trunk.purchased


@trunk_family("mihu_trunk_updated_timestamp_seconds", "When the API last updated the trunk, in Unix time.")
def _updated(judged: Judged) -> Samples:
    if judged.trunk.updated is not None:
        yield (), judged.trunk.updated
