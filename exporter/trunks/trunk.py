"""One external trunk, as the rest of the exporter sees it: no nulls inside nulls, every text label-safe."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from exporter.api import wire
from exporter.api.wire import (
    CAPABILITIES,
    CHANNELS,
    SERVICES,
    Billing,
    Binding,
    Bindings,
    Capabilities,
    ChannelSettings,
    Compliance,
    Item,
)
from exporter.trunks.safety import MAX_LENGTH, safe

P = TypeVar("P", bound=msgspec.Struct)
Bound = bool | UnsetType | None  # UNSET where it could not be read, None where the API says nothing
Bounds = tuple[Bound, Bound, Bound]  # in the order of CHANNELS

_NO_COMPLIANCE = Compliance()
_NO_CAPABILITIES = Capabilities()
_NO_SETTINGS = ChannelSettings()
_NO_SERVICE = wire.Service()
_NO_BILLING = Billing()
_NO_BINDINGS = Bindings()
_NO_BINDING = Binding()


class Service(msgspec.Struct, frozen=True, gc=False):
    """One part of what the carrier side allows; ``destinations`` is how many it may reach."""

    enabled: bool | None = None
    channel_limit: float | None = None
    destinations: int | None = None


Services = tuple[Service, Service, Service]  # in the order of SERVICES


class Trunk(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A phone number and everything that the API says of it.

    Texts are empty and numbers None where the API says nothing. Times are Unix seconds.
    ``bound`` of a binding is UNSET where it could not be read.
    """

    uuid: str
    number: str
    country_code: str
    location: str
    type: str
    source: str
    is_external: bool | None
    status: str
    compliance_status: str
    compliance_requirements: int | None
    capabilities: Capabilities
    services: Services
    bindings: tuple[Binding, Binding, Binding]  # in the order of CHANNELS
    monthly_fee: float | None
    currency: str
    purchased: float | None
    updated: float | None

    @property
    def key(self) -> str:
        """What makes rows one trunk: the uuid, or the number of a trunk without one."""
        return self.uuid or self.number

    @property
    def bound(self) -> Bounds:
        """Whether an agent is bound on each channel."""
        call, sms, whatsapp = self.bindings
        return call.bound, sms.bound, whatsapp.bound


def bound_on(channel: str, bound: Bounds) -> bool | UnsetType:
    """Tell whether an agent is bound on a channel; what the API leaves out is not bound."""
    state = bound[CHANNELS.index(channel)]
    return UNSET if state is UNSET else state is True


def trunk_from(item: Item) -> Trunk | None:
    """Make a trunk of a row; None where nothing tells which trunk it is."""
    identity = identify(item.phone_number_uuid, item.number)
    if identity is None:
        return None
    uuid, number = identity
    compliance = _given(item.compliance, _NO_COMPLIANCE)
    settings = _given(item.channel_settings, _NO_SETTINGS)
    billing = _given(item.billing, _NO_BILLING)
    bindings = _given(item.bindings, _NO_BINDINGS)
    return Trunk(
        uuid=uuid,
        number=number,
        country_code=safe(item.country_code),
        location=safe(item.location),
        type=safe(item.type),
        source=safe(item.source),
        is_external=item.is_external,
        status=safe(item.status),
        compliance_status=safe(compliance.status),
        compliance_requirements=None if compliance.requirements is None else len(compliance.requirements),
        capabilities=_given(item.capabilities, _NO_CAPABILITIES),
        services=(
            _service(_given(settings.voice, _NO_SERVICE)),
            _service(_given(settings.inbound, _NO_SERVICE)),
            _service(_given(settings.sms, _NO_SERVICE)),
        ),
        bindings=(
            _safe_binding(_given(bindings.call, _NO_BINDING)),
            _safe_binding(_given(bindings.sms, _NO_BINDING)),
            _safe_binding(_given(bindings.whatsapp, _NO_BINDING)),
        ),
        monthly_fee=billing.monthly_fee,
        currency=safe(billing.currency),
        purchased=_seconds(item.purchased_at),
        updated=_seconds(item.updated_at),
    )


def identify(uuid: str | None, number: str | None) -> tuple[str, str] | None:
    """Return the uuid and the number that a row names, safe as labels; None where they name no trunk.

    One that is too long is refused, not cut: two trunks could become one.
    """
    uuid, number = uuid or "", number or ""
    if not (uuid or number) or len(uuid) > MAX_LENGTH or len(number) > MAX_LENGTH:
        return None
    return safe(uuid), safe(number)


def _given(part: P | list[Any] | None, nothing: P) -> P:
    """Return a part of a row; an empty array stands for an empty object."""
    return nothing if part is None or isinstance(part, list) else part


def _service(service: wire.Service) -> Service:
    destinations = service.whitelisted_destinations
    return Service(service.enabled, service.channel_limit, None if destinations is None else len(destinations))


def _safe_binding(binding: Binding) -> Binding:
    if binding.agent_uuid is None and binding.agent_name is None:
        return binding
    return Binding(binding.bound, safe(binding.agent_uuid), safe(binding.agent_name))


def _seconds(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


__all__ = [
    "CAPABILITIES",
    "CHANNELS",
    "SERVICES",
    "Binding",
    "Bounds",
    "Capabilities",
    "Service",
    "Services",
    "Trunk",
    "bound_on",
    "identify",
    "trunk_from",
]
