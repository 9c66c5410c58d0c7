"""The items of the API's list: JSON from which trunks are read (the vendor's documentation, A page).

Every field is optional and nullable: the documentation does not say which fields the API leaves out.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec

from exporter.api.errors import ApiError
from exporter.api.wire import repair
from exporter.trunks.trunk import (
    CAPABILITIES,
    CHANNELS,
    MAX_LENGTH,
    SERVICES,
    UNREADABLE,
    Binding,
    Service,
    Trunk,
    safe,
)


def _object(**fields: Any) -> Any:  # noqa: ANN401 - a type
    return msgspec.defstruct("Object", [(name, type_ | None, None) for name, type_ in fields.items()], gc=False)


_Array = list[msgspec.Raw]  # is only counted
_EmptyArray = tuple[()]  # how PHP sends an empty object
_Compliance = _object(status=str, requirements=_Array)
_Capabilities = _object(**dict.fromkeys(CAPABILITIES, bool))
_Service = _object(enabled=bool, channel_limit=float, whitelisted_destinations=_Array)
_Services = _object(**dict.fromkeys(SERVICES, _Service | _EmptyArray))
_Billing = _object(monthly_fee=float, currency=str)  # the fee is the list price; an external number is not billed
_Binding = _object(bound=bool, agent_uuid=str, agent_name=str)
_Bindings = _object(**dict.fromkeys(CHANNELS, _Binding | _EmptyArray))
_Item = _object(
    phone_number_uuid=str,
    number=str,
    country_code=str,
    location=str,
    type=str,
    source=str,
    is_external=bool,
    status=str,
    compliance=_Compliance | _EmptyArray,
    capabilities=_Capabilities | _EmptyArray,
    channel_settings=_Services | _EmptyArray,
    billing=_Billing | _EmptyArray,
    bindings=_Bindings | _EmptyArray,
    purchased_at=datetime,
    updated_at=datetime,
)

_UNNAMED = {bound: Binding(bound) for bound in (True, False, None)}  # bindings that name no agent

_decode_items: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[_Item]).decode  # type: ignore[valid-type]
_decode_item: Callable[[bytes], Any] = msgspec.json.Decoder(_Item).decode
_KEY_PATH = re.compile(r" - at `\$\.([a-z_.]+)`$")  # at the end of msgspec's messages


def read_trunks(items: Sequence[bytes]) -> list[Trunk | None]:
    """Return the trunk of each item; None where it does not say which trunk it is about."""
    try:
        return list(map(_trunk_of, _decode_items(b"[%b]" % b",".join(items))))
    except (ValueError, RecursionError):
        return list(map(read_trunk, items))


def read_trunk(item: bytes) -> Trunk | None:
    """Read an item without its fields of a wrong type; None as above."""
    try:
        return _trunk_of(_decode_item(item))
    except (ValueError, RecursionError):
        pass
    try:
        value = json.loads(repair(item))
    except ApiError:
        return None
    invalid: list[str] = []
    while isinstance(value, dict):
        try:
            return _trunk_of(_decode_item(msgspec.json.encode(value)), invalid)
        except msgspec.ValidationError as error:
            match = _KEY_PATH.search(str(error))
            assert match  # noqa: S101 - a dict is not refused as a whole
            *parents, name = match[1].split(".")
            reduce(dict.__getitem__, parents, value)[name] = None
            invalid.append(match[1])
    return None


def _trunk_of(item: Any, invalid: Collection[str] = ()) -> Trunk | None:  # noqa: ANN401 - an _Item
    uuid, number = item.phone_number_uuid or "", item.number or ""
    # A text that is too long is refused, not cut: two trunks could become one.
    if not (uuid or number) or len(uuid) > MAX_LENGTH or len(number) > MAX_LENGTH:
        return None
    # PHP sends an empty object as an empty array, which is as false as null.
    compliance = item.compliance or _Compliance()
    services = item.channel_settings or _Services()
    billing = item.billing or _Billing()
    bindings = item.bindings or _Bindings()
    call, sms, whatsapp = _binding(bindings.call), _binding(bindings.sms), _binding(bindings.whatsapp)
    if invalid:
        call, sms, whatsapp = (
            msgspec.structs.replace(binding, bound=UNREADABLE)
            if {"bindings", f"bindings.{channel}", f"bindings.{channel}.bound"}.intersection(invalid)
            else binding
            for channel, binding in zip(CHANNELS, (call, sms, whatsapp), strict=True)
        )
    return Trunk(
        uuid=safe(uuid),
        number=safe(number),
        country_code=safe(item.country_code),
        location=safe(item.location),
        type=safe(item.type),
        source=safe(item.source),
        is_external=item.is_external,
        status=safe(item.status),
        compliance_status=safe(compliance.status),
        compliance_requirements=None if compliance.requirements is None else len(compliance.requirements),
        capabilities=msgspec.structs.astuple(item.capabilities or _Capabilities()),
        services=(_service(services.voice), _service(services.inbound), _service(services.sms)),
        bindings=(call, sms, whatsapp),
        monthly_fee=billing.monthly_fee,
        currency=safe(billing.currency),
        purchased=_seconds(item.purchased_at),
        updated=_seconds(item.updated_at),
        invalid=tuple(invalid),
    )


def _service(part: Any) -> Service:  # noqa: ANN401 - a _Service, None, or an empty array
    if not part:
        return Service()
    destinations = part.whitelisted_destinations
    return Service(part.enabled, part.channel_limit, None if destinations is None else len(destinations))


def _binding(part: Any) -> Binding:  # noqa: ANN401 - a _Binding, None, or an empty array
    if not part:
        return _UNNAMED[None]
    if part.agent_uuid is None and part.agent_name is None:
        return _UNNAMED[part.bound]
    return Binding(part.bound, safe(part.agent_uuid), safe(part.agent_name))


def _seconds(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
