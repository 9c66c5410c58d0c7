"""The families about one trunk: how each is named, and how its lines end.

A line starts with the trunk's identity. How it ends most trunks have in common with others: that is written once and
remembered, which is several times faster than writing each line.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from exporter.config.patterns import any_matches
from exporter.config.settings import Metrics
from exporter.metrics.family import Family
from exporter.metrics.text import number, quoted
from exporter.trunks.expectation import Judged
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, SERVICES, Binding, Bounds, Capabilities, Services, bound_on

IDENTITY = ("workspace", "phone_number_uuid", "number")

Ends = tuple[str, ...]  # of a trunk's lines: the family's own labels, and the value
Write = Callable[[Any], Ends]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkFamily(Family):
    """A family with series for each trunk.

    Attributes:
        of: what its lines depend on, beside the trunk's identity.
        ends: how they end, written from that.
    """

    of: Callable[[Judged], Any]
    ends: Write

    def ends_of(self, trunks: Iterable[Judged]) -> tuple[Ends, ...]:
        """Return how the lines of each trunk end."""
        return tuple(map(self.ends, map(self.of, trunks)))

    def lines(self, starts: Iterable[str], ends: Iterable[Ends]) -> list[str]:
        """Return the lines of trunks, each of which starts with what tells the trunk from others."""
        return [f"{self.name}{start}{end}" for start, found in zip(starts, ends, strict=True) for end in found]


def _family(name: str, help_: str, *labels: str, of: Callable[[Judged], Any]) -> Callable[[Write], TrunkFamily]:
    """Declare the function below as what writes the ends of a family's lines."""

    def declare(write: Write) -> TrunkFamily:
        return TrunkFamily(name=name, help=help_, labels=IDENTITY + labels, of=of, ends=write)

    return declare


_shared = lru_cache(maxsize=256)  # for what many trunks have in common


@_family(
    "mihu_trunk_info",
    "The trunk exists in the workspace; its descriptive attributes are labels.",
    "country_code",
    "location",
    "type",
    "source",
    "is_external",
    of=attrgetter("trunk.country_code", "trunk.location", "trunk.type", "trunk.source", "trunk.is_external"),
)
@_shared
def _info(described: tuple[str, str, str, str, bool | None]) -> Ends:
    country_code, location, type_, source, is_external = described
    where = f"country_code={quoted(country_code)},location={quoted(location)}"
    return (f",{where},type={quoted(type_)},source={quoted(source)},is_external={_TRUTH[is_external]}}} 1\n",)


@_shared
def _one_for(status: str) -> Ends:
    return (f",status={quoted(status)}}} 1\n",) if status else ()


_status = _family(
    "mihu_trunk_status",
    "1 for the status that the trunk has; other statuses have no series.",
    "status",
    of=attrgetter("trunk.status"),
)(_one_for)

_compliance_status = _family(
    "mihu_trunk_compliance_status",
    "1 for the compliance status that the trunk has; other statuses have no series.",
    "status",
    of=attrgetter("trunk.compliance_status"),
)(_one_for)


@_family(
    "mihu_trunk_compliance_requirements",
    "Compliance requirements listed for the trunk.",
    of=attrgetter("trunk.compliance_requirements"),
)
@_shared
def _compliance_requirements(count: int | None) -> Ends:
    return () if count is None else (f"}} {count}\n",)


@_family(
    "mihu_trunk_capability",
    "Whether the carrier reports the capability (1) or denies it (0).",
    "capability",
    of=attrgetter("trunk.capabilities"),
)
@_shared
def _capability(capabilities: Capabilities) -> Ends:
    values = ((name, getattr(capabilities, name)) for name in CAPABILITIES)
    return tuple(f',capability="{name}"}} {value:d}\n' for name, value in values if value is not None)


@_family(
    "mihu_trunk_channel_bound",
    "Whether an agent is bound on the channel (1) or none is (0).",
    "channel",
    of=attrgetter("trunk.bound"),
)
@_shared
def _channel_bound(bound: Bounds) -> Ends:
    return tuple(
        f',channel="{channel}"}} {state:d}\n'
        for channel, state in zip(CHANNELS, bound, strict=True)
        if state is True or state is False
    )


@_family(
    "mihu_trunk_channel_unbound",
    "Whether the channel is expected and not bound (1) or expected and bound (0).",
    "channel",
    of=attrgetter("expected", "trunk.bound"),
)
@_shared
def _channel_unbound(judged: tuple[tuple[str, ...], Bounds]) -> Ends:
    expected, bound = judged
    return tuple(
        f',channel="{channel}"}} {not is_bound:d}\n'
        for channel in expected
        if (is_bound := bound_on(channel, bound)) is not UNSET
    )


@_family(
    "mihu_trunk_channel_agent_info",
    "The agent that is named for the channel.",
    "channel",
    "agent_uuid",
    "agent_name",
    of=attrgetter("trunk.bindings"),
)
@_shared
def _channel_agent_info(bindings: tuple[Binding, Binding, Binding]) -> Ends:
    return tuple(
        f',channel="{channel}",agent_uuid={quoted(binding.agent_uuid or "")},'
        f"agent_name={quoted(binding.agent_name or '')}}} 1\n"
        for channel, binding in zip(CHANNELS, bindings, strict=True)
        if binding.agent_uuid or binding.agent_name
    )


@_family(
    "mihu_trunk_channel_agent_info",
    _channel_agent_info.help,
    "channel",
    "agent_uuid",
    of=attrgetter("trunk.bindings"),
)
@_shared
def _channel_agent_info_without_name(bindings: tuple[Binding, Binding, Binding]) -> Ends:
    return tuple(
        f',channel="{channel}",agent_uuid={quoted(binding.agent_uuid or "")}}} 1\n'
        for channel, binding in zip(CHANNELS, bindings, strict=True)
        if binding.agent_uuid or binding.agent_name
    )


@_family(
    "mihu_trunk_service_enabled",
    "Whether the service is enabled (1) or disabled (0).",
    "service",
    of=attrgetter("trunk.services"),
)
@_shared
def _service_enabled(services: Services) -> Ends:
    return tuple(
        f',service="{name}"}} {service.enabled:d}\n'
        for name, service in zip(SERVICES, services, strict=True)
        if service.enabled is not None
    )


@_family(
    "mihu_trunk_service_channel_limit",
    "Concurrent channels that the service allows.",
    "service",
    of=attrgetter("trunk.services"),
)
@_shared
def _service_channel_limit(services: Services) -> Ends:
    return tuple(
        f',service="{name}"}} {number(service.channel_limit)}\n'
        for name, service in zip(SERVICES, services, strict=True)
        if service.channel_limit is not None
    )


@_family(
    "mihu_trunk_service_whitelisted_destinations",
    "Destinations that the service may reach.",
    "service",
    of=attrgetter("trunk.services"),
)
@_shared
def _service_whitelisted_destinations(services: Services) -> Ends:
    return tuple(
        f',service="{name}"}} {service.destinations}\n'
        for name, service in zip(SERVICES, services, strict=True)
        if service.destinations is not None and name in _SERVICES_TO_DESTINATIONS
    )


@_family(
    "mihu_trunk_monthly_fee",
    "List-price monthly fee of the trunk, not the amount charged.",
    "currency",
    of=attrgetter("trunk.monthly_fee", "trunk.currency"),
)
@_shared
def _monthly_fee(billing: tuple[float | None, str]) -> Ends:
    fee, currency = billing
    return () if fee is None else (f",currency={quoted(currency or UNKNOWN)}}} {number(fee)}\n",)


def _moment(seconds: float | None) -> Ends:
    return () if seconds is None else (f"}} {number(seconds)}\n",)


_purchased_timestamp = _family(
    "mihu_trunk_purchased_timestamp_seconds",
    "When the trunk was purchased, in Unix time.",
    of=attrgetter("trunk.purchased"),
)(_moment)

UPDATED_TIMESTAMP = _family(
    "mihu_trunk_updated_timestamp_seconds",
    "When the API last updated the trunk, in Unix time.",
    of=attrgetter("trunk.updated"),
)(_moment)

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
    UPDATED_TIMESTAMP,
)


def trunk_families_in_force(settings: Metrics) -> tuple[TrunkFamily, ...]:
    """Return the families that the configuration leaves: all, without agents' names, fewer, or none."""
    if not settings.trunk_details:
        return ()
    families = (
        _channel_agent_info_without_name if family is _channel_agent_info and not settings.agent_names else family
        for family in TRUNK_FAMILIES
    )
    return tuple(family for family in families if not any_matches(settings.deny, family.name))
