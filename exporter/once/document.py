"""The JSON of ``once``, for scripts. Times are Unix seconds; what is not known is null."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from exporter.metrics.workspace_families import Tally
from exporter.once.collecting import Collected, Found
from exporter.once.listed import ListedTrunk
from exporter.trunks.trunk import CHANNELS, SERVICES, Binding, Service

_PREFIX = "mihu_"


def document(collected: Iterable[Collected]) -> list[bytes]:
    """Return the document as indented text."""
    encoded = msgspec.json.encode({"workspaces": list(map(_workspace, collected))})
    return [msgspec.json.format(encoded, indent=2), b"\n"]


def _workspace(collected: Collected) -> Mapping[str, object]:
    failure, found = collected.failure, collected.found
    return {
        "name": collected.workspace,
        "up": failure is None,
        "reason": failure and failure.reason,
        "error": failure and failure.message,
        "polled_at": _number(collected.polled_at),
        "totals": found and _totals(found),
        "trunks": found and list(map(_trunk, found.trunks)),
    }


def _totals(found: Found) -> Mapping[str, object]:
    return {name.removeprefix(_PREFIX): _total(tally) for name, tally in found.totals.items()}


def _total(tally: Tally) -> object:
    """Return the sums by the family's own label; the one sum of a family that has none."""
    sums = {value: _number(amount) for value, amount in tally.items()}
    return sums[""] if sums.keys() == {""} else sums


def _trunk(listed: ListedTrunk) -> Mapping[str, object]:
    trunk = listed.trunk
    return {
        "phone_number_uuid": trunk.uuid or None,
        "number": trunk.number or None,
        "country_code": trunk.country_code or None,
        "location": trunk.location or None,
        "type": trunk.type or None,
        "source": trunk.source or None,
        "is_external": trunk.is_external,
        "status": trunk.status or None,
        "compliance": {"status": trunk.compliance_status or None, "requirements": trunk.compliance_requirements},
        "capabilities": trunk.capabilities,
        "bindings": dict(zip(CHANNELS, map(_binding, trunk.bindings), strict=True)),
        "expected_channels": listed.judged.expected,
        "unbound_channels": listed.unbound,
        "services": dict(zip(SERVICES, map(_service, trunk.services), strict=True)),
        "monthly_fee": _number(trunk.monthly_fee),
        "currency": trunk.currency or None,
        "purchased_at": _number(trunk.purchased),
        "updated_at": _number(trunk.updated),
        "out_of_service": listed.judged.is_out_of_service,
        "reasons": listed.reasons,
        "remarks": [remark.words for remark in listed.remarks],
    }


def _binding(binding: Binding) -> Mapping[str, object]:
    return {
        "bound": binding.bound if isinstance(binding.bound, bool) else None,
        "agent_uuid": binding.agent_uuid or None,
        "agent_name": binding.agent_name or None,
    }


def _service(service: Service) -> Mapping[str, object]:
    return {
        "enabled": service.enabled,
        "channel_limit": _number(service.channel_limit),
        "whitelisted_destinations": service.destinations,
    }


def _number(amount: float | Decimal | None) -> float | None:
    if amount is None:
        return None
    as_float = float(amount)
    return int(as_float) if as_float.is_integer() else as_float
