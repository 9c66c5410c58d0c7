"""One external trunk, as the rest of the exporter sees it: no nulls inside nulls, every text safe as a label."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Final, Literal

import msgspec

from exporter.config.problems import printable

CHANNELS = ("call", "sms", "whatsapp")
SERVICES = ("voice", "inbound", "sms")
CAPABILITIES = ("voice", "sms", "mms", "fax", "emergency", "local_calling")

UNKNOWN = "unknown"  # instead of a status, a currency or an agent that the API leaves out
UNREADABLE: Final = "unreadable"
Bound = bool | Literal["unreadable"] | None  # None where the API says nothing
Bounds = tuple[Bound, Bound, Bound]  # in the order of CHANNELS

MAX_LENGTH = 128  # characters of a label's value
HEALTHY_STATUS = "active"
HEALTHY_COMPLIANCE = "completed"


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

    def age(row: tuple[Trunk, bytes]) -> tuple[float, bytes]:
        return float("-inf") if row[0].updated is None else row[0].updated, row[1]

    def merged(index: int) -> Binding:
        """Return the newest that is bound; else one that could not be read; else one that is not bound."""
        bindings = [trunk.bindings[index] for trunk in trunks]
        return min(bindings, key=lambda binding: (True, UNREADABLE, False, None).index(binding.bound))

    def worst(attribute: str, healthy: str) -> str:
        values = [value for value in map(attrgetter(attribute), trunks) if value]
        return next((value for value in values if value != healthy), values[0] if values else "")

    trunks = [trunk for trunk, _ in sorted(rows, key=age, reverse=True)]
    return msgspec.structs.replace(
        trunks[0],
        bindings=(merged(0), merged(1), merged(2)),
        status=worst("status", HEALTHY_STATUS),
        compliance_status=worst("compliance_status", HEALTHY_COMPLIANCE),
        invalid=tuple(path for trunk in trunks for path in trunk.invalid),
    )
