"""The families about one trunk: how each is named, and which lines a batch of trunks yields.

A batch is rendered family by family, each by one comprehension over the trunks: that is several times faster
than going through objects for samples, and it is done only for pages that changed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from exporter.config.settings import Metrics
from exporter.metrics.family import Family
from exporter.metrics.text import number, quoted
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, SERVICES, Trunk

IDENTITY = ("workspace", "phone_number_uuid", "number")


@dataclass(frozen=True, slots=True)
class Batch:
    """Trunks to render together, each with what the configuration adds to it.

    Attributes:
        identities: the labels ``phone_number_uuid`` and ``number``, as text, of each trunk.
        expected: the channels expected on each trunk.
    """

    trunks: Sequence[Trunk]
    identities: Sequence[str]
    expected: Sequence[tuple[str, ...]]

    @property
    def identified(self) -> Iterator[tuple[Trunk, str]]:
        """Each trunk with its identity."""
        return zip(self.trunks, self.identities, strict=True)


Lines = Callable[[str, Batch], list[str]]  # from the start of each line, up to the label workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkFamily(Family):
    """A family with series for each trunk."""

    lines: Lines


def _family(name: str, help_: str, *labels: str) -> Callable[[Lines], TrunkFamily]:
    """Declare the function below as the way in which a family's lines are made."""

    def declare(lines: Lines) -> TrunkFamily:
        return TrunkFamily(name=name, help=help_, labels=IDENTITY + labels, lines=lines)

    return declare


@_family(
    "mihu_trunk_info",
    "The trunk exists in the workspace; its descriptive attributes are labels.",
    "country_code",
    "location",
    "type",
    "source",
    "is_external",
)
def _info(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity},country_code={quoted(trunk.country_code)},location={quoted(trunk.location)},"
        f"type={quoted(trunk.type)},source={quoted(trunk.source)},"
        f"is_external={_TRUTH[trunk.is_external]}}} 1\n"
        for trunk, identity in batch.identified
    ]


@_family("mihu_trunk_status", "1 for the status that the trunk has; other statuses have no series.", "status")
def _status(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity},status={quoted(trunk.status)}}} 1\n" for trunk, identity in batch.identified if trunk.status
    ]


@_family(
    "mihu_trunk_compliance_status",
    "1 for the compliance status that the trunk has; other statuses have no series.",
    "status",
)
def _compliance_status(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity},status={quoted(trunk.compliance_status)}}} 1\n"
        for trunk, identity in batch.identified
        if trunk.compliance_status
    ]


@_family("mihu_trunk_compliance_requirements", "Compliance requirements listed for the trunk.")
def _compliance_requirements(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity}}} {trunk.compliance_requirements}\n"
        for trunk, identity in batch.identified
        if trunk.compliance_requirements is not None
    ]


@_family("mihu_trunk_capability", "Whether the carrier reports the capability (1) or denies it (0).", "capability")
def _capability(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},capability="{name}"}} {value:d}\n'
        for trunk, identity in batch.identified
        for name in CAPABILITIES
        if (value := getattr(trunk.capabilities, name)) is not None
    ]


@_family(
    "mihu_trunk_channel_bound",
    "Whether an agent is bound on the channel (1) or none is (0).",
    "channel",
)
def _channel_bound(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},channel="{channel}"}} {binding.bound:d}\n'
        for trunk, identity in batch.identified
        for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
        if binding.bound is True or binding.bound is False
    ]


@_family(
    "mihu_trunk_channel_unbound",
    "Whether the channel is expected and not bound (1) or expected and bound (0).",
    "channel",
)
def _channel_unbound(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},channel="{channel}"}} {not bound:d}\n'
        for trunk, identity, expected in zip(batch.trunks, batch.identities, batch.expected, strict=True)
        for channel in expected
        if (bound := trunk.bound_on(channel)) is not UNSET
    ]


@_family(
    "mihu_trunk_channel_agent_info",
    "The agent that is named for the channel.",
    "channel",
    "agent_uuid",
    "agent_name",
)
def _channel_agent_info(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},channel="{channel}",agent_uuid={quoted(binding.agent_uuid or "")},'
        f"agent_name={quoted(binding.agent_name or '')}}} 1\n"
        for trunk, identity in batch.identified
        for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
        if binding.agent_uuid or binding.agent_name
    ]


@_family(
    "mihu_trunk_channel_agent_info",
    _channel_agent_info.help,
    "channel",
    "agent_uuid",
)
def _channel_agent_info_without_name(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},channel="{channel}",agent_uuid={quoted(binding.agent_uuid or "")}}} 1\n'
        for trunk, identity in batch.identified
        for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
        if binding.agent_uuid or binding.agent_name
    ]


@_family("mihu_trunk_service_enabled", "Whether the service is enabled (1) or disabled (0).", "service")
def _service_enabled(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},service="{name}"}} {service.enabled:d}\n'
        for trunk, identity in batch.identified
        for name, service in zip(SERVICES, trunk.services, strict=True)
        if service.enabled is not None
    ]


@_family(
    "mihu_trunk_service_channel_limit",
    "Concurrent channels that the service allows.",
    "service",
)
def _service_channel_limit(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},service="{name}"}} {number(service.channel_limit)}\n'
        for trunk, identity in batch.identified
        for name, service in zip(SERVICES, trunk.services, strict=True)
        if service.channel_limit is not None
    ]


@_family(
    "mihu_trunk_service_whitelisted_destinations",
    "Destinations that the service may reach.",
    "service",
)
def _service_whitelisted_destinations(start: str, batch: Batch) -> list[str]:
    return [
        f'{start}{identity},service="{name}"}} {len(service.whitelisted_destinations)}\n'
        for trunk, identity in batch.identified
        for name, service in zip(SERVICES, trunk.services, strict=True)
        if service.whitelisted_destinations is not None and name in _SERVICES_TO_DESTINATIONS
    ]


@_family("mihu_trunk_monthly_fee", "List-price monthly fee of the trunk, not the amount charged.", "currency")
def _monthly_fee(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity},currency={quoted(trunk.currency or UNKNOWN)}}} {number(trunk.monthly_fee)}\n"
        for trunk, identity in batch.identified
        if trunk.monthly_fee is not None
    ]


@_family("mihu_trunk_purchased_timestamp_seconds", "When the trunk was purchased, in Unix time.")
def _purchased_timestamp(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity}}} {number(trunk.purchased)}\n"
        for trunk, identity in batch.identified
        if trunk.purchased is not None
    ]


@_family("mihu_trunk_updated_timestamp_seconds", "When the API last updated the trunk, in Unix time.")
def _updated_timestamp(start: str, batch: Batch) -> list[str]:
    return [
        f"{start}{identity}}} {number(trunk.updated)}\n"
        for trunk, identity in batch.identified
        if trunk.updated is not None
    ]


UNKNOWN = "unknown"
_SERVICES_TO_DESTINATIONS = {"voice", "sms"}  # what comes in has no destination
_TRUTH = {True: '"true"', False: '"false"', None: '""'}

TRUNK_FAMILIES = (
    _info,
    _status,
    _compliance_status,
    _compliance_requirements,
    _capability,
    _channel_bound,
    _channel_unbound,
    _channel_agent_info,
    _service_enabled,
    _service_channel_limit,
    _service_whitelisted_destinations,
    _monthly_fee,
    _purchased_timestamp,
    _updated_timestamp,
)


def trunk_families_in_force(settings: Metrics) -> tuple[TrunkFamily, ...]:
    """Return the families that the configuration leaves: all, without agents' names, fewer, or none."""
    if not settings.trunk_details:
        return ()
    families = (
        _channel_agent_info_without_name if family is _channel_agent_info and not settings.agent_names else family
        for family in TRUNK_FAMILIES
    )
    return tuple(family for family in families if not any(pattern.fullmatch(family.name) for pattern in settings.deny))
