"""One external trunk, as the rest of the exporter sees it: no nulls inside nulls, every text safe as a label."""

from collections.abc import Callable, Sequence
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
from exporter.printable import printable

P = TypeVar("P", bound=msgspec.Struct)
Bound = bool | UnsetType | None  # UNSET where it could not be read, None where the API says nothing
Bounds = tuple[Bound, Bound, Bound]  # in the order of CHANNELS

MAX_LENGTH = 128  # characters of a label's value
HEALTHY_STATUS = "active"
HEALTHY_COMPLIANCE = "completed"

_NO_COMPLIANCE = Compliance()
_NO_CAPABILITIES = Capabilities()
_NO_SETTINGS = ChannelSettings()
_NO_SERVICE = wire.Service()
_NO_BILLING = Billing()
_NO_BINDINGS = Bindings()
_NO_BINDING = Binding()


class Service(msgspec.Struct, frozen=True, gc=False):
    """``destinations`` is how many destinations the service may reach."""

    enabled: bool | None = None
    channel_limit: float | None = None
    destinations: int | None = None


Services = tuple[Service, Service, Service]  # in the order of SERVICES


class Trunk(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Texts are empty and numbers None where the API says nothing. Times are Unix seconds.

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
        """Rows with the same key are one trunk: the uuid, or the number of a trunk without one."""
        return self.uuid or self.number

    @property
    def bound(self) -> Bounds:
        call, sms, whatsapp = self.bindings
        return call.bound, sms.bound, whatsapp.bound


def trunk_from(item: Item) -> Trunk | None:
    """Return the trunk of a row; None where the row does not say which trunk it is about."""
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
        services=(_service(settings.voice), _service(settings.inbound), _service(settings.sms)),
        bindings=(_binding(bindings.call), _binding(bindings.sms), _binding(bindings.whatsapp)),
        monthly_fee=billing.monthly_fee,
        currency=safe(billing.currency),
        purchased=_seconds(item.purchased_at),
        updated=_seconds(item.updated_at),
    )


def identify(uuid: str | None, number: str | None) -> tuple[str, str] | None:
    """Return the uuid and the number that a row names, safe as labels; None where it names no trunk.

    One that is too long is refused, not cut: two trunks could become one.
    """
    uuid, number = uuid or "", number or ""
    if not (uuid or number) or len(uuid) > MAX_LENGTH or len(number) > MAX_LENGTH:
        return None
    return safe(uuid), safe(number)


def safe(text: str | None) -> str:
    """Return a label's value: unsafe characters replaced by U+FFFD, cut at MAX_LENGTH, empty for None."""
    if text is None:
        return ""
    return printable(text[:MAX_LENGTH])


def merge(rows: Sequence[tuple[Trunk, bytes]]) -> Trunk:
    """Merge the rows of one trunk, each with its JSON.

    The newest row by ``updated_at`` counts, ties decided by content so that the order of the list does not
    matter. Bindings are OR-ed, with the agent of the newest bound row; a status other than ``active`` and a
    compliance other than ``completed`` beat a good one.
    """
    if len(rows) == 1:
        return rows[0][0]
    trunks = [trunk for trunk, _ in sorted(rows, key=_age, reverse=True)]
    call, sms, whatsapp = (_merge_bindings([trunk.bindings[index] for trunk in trunks]) for index in range(3))
    return msgspec.structs.replace(
        trunks[0],
        bindings=(call, sms, whatsapp),
        status=_worst(trunks, lambda trunk: trunk.status, HEALTHY_STATUS),
        compliance_status=_worst(trunks, lambda trunk: trunk.compliance_status, HEALTHY_COMPLIANCE),
    )


def _given(part: P | list[Any] | None, nothing: P) -> P:
    # PHP sends an empty object as an empty array.
    return nothing if part is None or isinstance(part, list) else part


def _service(part: wire.Service | list[Any] | None) -> Service:
    service = _given(part, _NO_SERVICE)
    destinations = service.whitelisted_destinations
    return Service(service.enabled, service.channel_limit, None if destinations is None else len(destinations))


def _binding(part: Binding | list[Any] | None) -> Binding:
    binding = _given(part, _NO_BINDING)
    if binding.agent_uuid is None and binding.agent_name is None:
        return binding
    return Binding(binding.bound, safe(binding.agent_uuid), safe(binding.agent_name))


def _seconds(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _age(row: tuple[Trunk, bytes]) -> tuple[float, bytes]:
    trunk, content = row
    return (float("-inf") if trunk.updated is None else trunk.updated, content)


def _merge_bindings(newest_first: list[Binding]) -> Binding:
    """Return the first that is bound; else one that could not be read; else one that is not bound."""
    for bound in (True, UNSET, False):
        for binding in newest_first:
            if binding.bound is bound:
                return binding
    return newest_first[0]


def _worst(newest_first: list[Trunk], status: Callable[[Trunk], str], healthy: str) -> str:
    known = [status(trunk) for trunk in newest_first if status(trunk)]
    return next((value for value in known if value != healthy), known[0] if known else "")


__all__ = [
    "CAPABILITIES",
    "CHANNELS",
    "HEALTHY_COMPLIANCE",
    "HEALTHY_STATUS",
    "MAX_LENGTH",
    "SERVICES",
    "Binding",
    "Bounds",
    "Capabilities",
    "Service",
    "Services",
    "Trunk",
    "identify",
    "merge",
    "safe",
    "trunk_from",
]
