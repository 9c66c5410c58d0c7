"""A trunk as people see it: described in full, as ``once`` and the status page do, and as a line of a list.

Times are Unix seconds. What is not known is null; what a document does not give is left out.
"""

from collections.abc import Iterable, Mapping

import msgspec
from isal import isal_zlib
from msgspec import UNSET, UnsetType

from exporter.documents import exact_number
from exporter.trunks.out_of_service import Concern, Judged, Remark, unbound_channels
from exporter.trunks.trunk import CHANNELS, SERVICES, Binding, Capabilities, Service, Trunk

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
    capabilities: Capabilities | UnsetType = UNSET
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
        capabilities=trunk.capabilities,
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
    """What a list of trunks is searched, filtered and ordered by.

    Attributes:
        text: number, uuid, location and then agents, a line each, casefolded.
        key: never shown: it may be a number that the configuration hides.
        details: LineDetails, decoded for trunks that are shown only.
    """

    text: str
    key: str
    status: str
    country_code: str
    type: str
    details: msgspec.Raw


class LineDetails(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rest of a line.

    Attributes:
        agents: in the order of CHANNELS; empty where no agent is bound.
        limits: in the order of SERVICES; None where the service is disabled or the limit unknown.
    """

    number: str
    uuid: str
    location: str
    agents: tuple[str, str, str]
    limits: tuple[float | None, float | None, float | None]


def line_of(trunk: Trunk, key: str) -> TrunkLine:
    """Return the line of a trunk, whose number and agents are as the configuration lets them be seen."""
    bound = [binding if binding.bound is True else _NOT_BOUND for binding in trunk.bindings]
    call, sms, whatsapp = (
        binding.agent_name or binding.agent_uuid or (UNKNOWN if binding.bound else "") for binding in bound
    )
    voice, inbound, sms_service = (
        None if service.enabled is False else service.channel_limit for service in trunk.services
    )
    names = (name for binding in bound for name in (binding.agent_name, binding.agent_uuid) if name)
    return TrunkLine(
        "\n".join((trunk.number, trunk.uuid, trunk.location, *names)).casefold(),
        key,
        trunk.status,
        trunk.country_code,
        trunk.type,
        msgspec.Raw(
            _encode(
                LineDetails(
                    trunk.number, trunk.uuid, trunk.location, (call, sms, whatsapp), (voice, inbound, sms_service)
                )
            )
        ),
    )


def pack_lines(lines: Iterable[TrunkLine]) -> bytes:
    """Compress lines, in the order of their texts."""
    return isal_zlib.compress(_encode(sorted(lines, key=lambda line: line.text)), 1)


_NOT_BOUND = Binding()
_encode = msgspec.msgpack.Encoder().encode
decode_lines = msgspec.msgpack.Decoder(list[TrunkLine]).decode
decode_details = msgspec.msgpack.Decoder(LineDetails).decode
