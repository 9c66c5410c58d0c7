"""A trunk as people see it: described in full, as ``once`` and the status page do, and as a line of a list.

Times are Unix seconds. What is not known is null; what a document does not give is left out.
"""

from collections.abc import Iterable, Mapping

import msgspec
from isal import isal_zlib
from msgspec import UNSET, UnsetType

from exporter.documents import exact_number
from exporter.trunks.out_of_service import Concern, Judged, Remark, unbound_channels
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, SERVICES, Binding, Service, Trunk

UNKNOWN = "unknown"


class TrunkDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk, its number and agents as the configuration lets them be seen.

    Attributes:
        unbound_channels: channels that are expected and not bound.
        reasons: why it is out of service.
        concerns: the kinds of the remarks, in the same order.
        remarks: why somebody should look at it, in words, the most urgent first.
    """

    workspace: str | UnsetType = UNSET
    phone_number_uuid: str | None
    number: str | None
    country_code: str | UnsetType | None = UNSET
    location: str | None
    type: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    is_external: bool | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    compliance: Mapping[str, object] | UnsetType = UNSET
    capabilities: Mapping[str, bool | None] | UnsetType = UNSET
    bindings: Mapping[str, Mapping[str, object]] | UnsetType = UNSET
    expected_channels: tuple[str, ...] | UnsetType = UNSET
    unbound_channels: list[str] | UnsetType = UNSET
    services: Mapping[str, Mapping[str, object]] | UnsetType = UNSET
    monthly_fee: float | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    purchased_at: float | UnsetType | None = UNSET
    updated_at: float | UnsetType | None = UNSET
    out_of_service: bool
    reasons: list[Concern]
    concerns: list[Concern] | UnsetType = UNSET
    remarks: list[str]


def describe(judged: Judged, remarks: Iterable[Remark]) -> TrunkDescription:
    """Describe a trunk in full."""
    trunk = judged.trunk
    return TrunkDescription(
        phone_number_uuid=trunk.uuid or None,
        number=trunk.number or None,
        country_code=trunk.country_code or None,
        location=trunk.location or None,
        type=trunk.type or None,
        source=trunk.source or None,
        is_external=trunk.is_external,
        status=trunk.status or None,
        compliance={"status": trunk.compliance_status or None, "requirements": trunk.compliance_requirements},
        capabilities=dict(zip(CAPABILITIES, trunk.capabilities, strict=True)),
        bindings=dict(zip(CHANNELS, map(_binding, trunk.bindings), strict=True)),
        expected_channels=judged.expected,
        unbound_channels=unbound_channels(judged.bound, judged.expected),
        services=dict(zip(SERVICES, map(_service, trunk.services), strict=True)),
        monthly_fee=exact_number(trunk.monthly_fee),
        currency=trunk.currency or None,
        purchased_at=exact_number(trunk.purchased),
        updated_at=exact_number(trunk.updated),
        out_of_service=judged.is_out_of_service,
        reasons=[reason for reason, applies in judged.reasons if applies],
        remarks=[remark.words for remark in remarks],
    )


def _binding(binding: Binding) -> Mapping[str, object]:
    return {
        "bound": binding.bound if isinstance(binding.bound, bool) else None,
        "agent_uuid": binding.agent_uuid or None,
        "agent_name": binding.agent_name or None,
    }


def _service(service: Service) -> Mapping[str, object]:
    return {
        "enabled": service.enabled,
        "channel_limit": exact_number(service.channel_limit),
        "whitelisted_destinations": service.destinations,
    }


class TrunkLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a list of trunks is searched, filtered and ordered by; in few parts, because there are very many of them.

    Attributes:
        text: number, uuid, location, and of each channel the agent's name and uuid where one is bound; a line each.
        key: never shown: it may be a number that the configuration hides.
        kind: status, country and type, a line each.
        limits: of each service, where it is not disabled.
    """

    text: str
    key: str
    kind: str
    limits: msgspec.Raw


def line_of(trunk: Trunk, key: str) -> TrunkLine:
    """Return the line of a trunk, whose number and agents are as the configuration lets them be seen."""
    agents = [
        text
        for binding in trunk.bindings
        for text in (
            (binding.agent_name or ("" if binding.agent_uuid else UNKNOWN), binding.agent_uuid or "")
            if binding.bound is True
            else ("", "")
        )
    ]
    limits = [None if service.enabled is False else service.channel_limit for service in trunk.services]
    return TrunkLine(
        "\n".join((trunk.number, trunk.uuid, trunk.location, *agents)),
        key,
        f"{trunk.status}\n{trunk.country_code}\n{trunk.type}",
        msgspec.Raw(_encode(limits)),
    )


def pack_lines(lines: Iterable[TrunkLine]) -> bytes:
    return isal_zlib.compress(_encode(list(lines)), 1)


_encode = msgspec.msgpack.Encoder().encode
decode_lines = msgspec.msgpack.Decoder(list[TrunkLine]).decode
decode_limits = msgspec.msgpack.Decoder(tuple[float | None, float | None, float | None]).decode
