"""One external trunk, as the rest of the exporter sees it: no nulls inside nulls, every text safe as a label."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
from msgspec import UNSET

from exporter.api import wire
from exporter.config.problems import printable

CHANNELS, SERVICES, CAPABILITIES = wire.CHANNELS, wire.SERVICES, wire.CAPABILITIES
UNKNOWN = "unknown"  # instead of a status, a currency or an agent that the API leaves out
UNREADABLE: Final = "unreadable"
Bound = bool | Literal["unreadable"] | None  # None where the API says nothing
Bounds = tuple[Bound, Bound, Bound]  # in the order of CHANNELS

MAX_LENGTH = 128  # characters of a label's value
HEALTHY_STATUS = "active"
HEALTHY_COMPLIANCE = "completed"

_NO_COMPLIANCE = wire.Compliance()
_NO_CAPABILITIES = wire.Capabilities()
_NO_SETTINGS = wire.ChannelSettings()
_NO_BILLING = wire.Billing()
_NO_BINDINGS = wire.Bindings()


class Service(msgspec.Struct, frozen=True, array_like=True, gc=False):
    enabled: bool | None = None
    channel_limit: float | None = None
    destinations: int | None = None  # how many the service may reach


class Binding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The agent of a channel."""

    bound: Bound = None
    agent_uuid: str = ""
    agent_name: str = ""


Capabilities = tuple[bool | None, ...]  # in the order of CAPABILITIES
Services = tuple[Service, Service, Service]  # in the order of SERVICES
Bindings = tuple[Binding, Binding, Binding]  # in the order of CHANNELS

_NO_SERVICE = Service()
_UNNAMED: dict[object, Binding] = {bound: Binding(bound) for bound in (True, False, None)}


class Trunk(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Texts are empty and numbers None where the API says nothing. Times are Unix seconds."""

    uuid: str
    number: str
    country_code: str = ""
    location: str = ""
    type: str = ""
    source: str = ""
    is_external: bool | None = None
    status: str = ""
    compliance_status: str = ""
    compliance_requirements: int | None = None
    capabilities: Capabilities = (None,) * len(CAPABILITIES)
    services: Services
    bindings: Bindings
    monthly_fee: float | None = None
    currency: str = ""
    purchased: float | None = None
    updated: float | None = None
    invalid: tuple[str, ...] = ()  # the key paths of the fields that could not be read, of all its rows

    @property
    def key(self) -> str:
        """Rows with the same key are one trunk: the uuid, or the number of a trunk without one."""
        return self.uuid or self.number

    @property
    def bound(self) -> Bounds:
        call, sms, whatsapp = self.bindings
        return call.bound, sms.bound, whatsapp.bound


def bits_of(channels: Collection[str]) -> int:
    """Return a bit for each channel, in the order of CHANNELS."""
    return sum(1 << index for index, channel in enumerate(CHANNELS) if channel in channels)


def bits_of_bound(bound: Bounds) -> int:
    """Return a bit for each channel that is bound, in the order of CHANNELS."""
    call, sms, whatsapp = bound
    return (call is True) | (sms is True) << 1 | (whatsapp is True) << 2


def without_agent_names(bindings: Bindings) -> Bindings:
    call, sms, whatsapp = (msgspec.structs.replace(binding, agent_name="") for binding in bindings)
    return call, sms, whatsapp


def trunk_from(item: wire.Item, invalid: tuple[str, ...] = ()) -> Trunk | None:
    """Return the trunk of a row; None where the row does not say which trunk it is about."""
    identity = identify(item.phone_number_uuid, item.number)
    if identity is None:
        return None
    uuid, number = identity
    # PHP sends an empty object as an empty array, which is as false as null.
    compliance = item.compliance or _NO_COMPLIANCE
    settings = item.channel_settings or _NO_SETTINGS
    billing = item.billing or _NO_BILLING
    bindings = item.bindings or _NO_BINDINGS
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
        capabilities=msgspec.structs.astuple(item.capabilities or _NO_CAPABILITIES),
        services=(_service(settings.voice), _service(settings.inbound), _service(settings.sms)),
        bindings=(_binding(bindings.call), _binding(bindings.sms), _binding(bindings.whatsapp)),
        monthly_fee=billing.monthly_fee,
        currency=safe(billing.currency),
        purchased=_seconds(item.purchased_at),
        updated=_seconds(item.updated_at),
        invalid=invalid,
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
    return text if len(text) <= MAX_LENGTH and text.isprintable() else printable(text[:MAX_LENGTH])


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
        invalid=tuple(path for trunk in trunks for path in trunk.invalid),
    )


def _service(part: wire.Service | tuple[()] | None) -> Service:
    if not part:
        return _NO_SERVICE
    destinations = part.whitelisted_destinations
    return Service(part.enabled, part.channel_limit, None if destinations is None else len(destinations))


def _binding(part: wire.Binding | tuple[()] | None) -> Binding:
    if not part:
        return _UNNAMED[None]
    if part.agent_uuid is None and part.agent_name is None and part.bound is not UNSET:
        return _UNNAMED[part.bound]
    return Binding(UNREADABLE if part.bound is UNSET else part.bound, safe(part.agent_uuid), safe(part.agent_name))


def _seconds(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _age(row: tuple[Trunk, bytes]) -> tuple[float, bytes]:
    trunk, content = row
    return (float("-inf") if trunk.updated is None else trunk.updated, content)


def _merge_bindings(newest_first: list[Binding]) -> Binding:
    """Return the first that is bound; else one that could not be read; else one that is not bound."""
    for bound in (True, UNREADABLE, False):
        for binding in newest_first:
            if binding.bound == bound:
                return binding
    return newest_first[0]


def _worst(newest_first: list[Trunk], status: Callable[[Trunk], str], healthy: str) -> str:
    statuses = [status(trunk) for trunk in newest_first if status(trunk)]
    return next((value for value in statuses if value != healthy), statuses[0] if statuses else "")
