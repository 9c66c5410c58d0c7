"""The API's JSON as types, and the decoding of pages, rows and errors (the vendor's documentation, A page).

Every field is optional and nullable: the documentation does not say which fields the API leaves out.
"""

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from exporter.api.errors import ApiError, Reason, excerpt

CHANNELS = ("call", "sms", "whatsapp")
SERVICES = ("voice", "inbound", "sms")
CAPABILITIES = ("voice", "sms", "mms", "fax", "emergency", "local_calling")

EmptyArray = tuple[()]  # how PHP sends an empty object


class Compliance(msgspec.Struct, frozen=True, gc=False):
    status: str | None = None
    requirements: list[Any] | None = None


class Capabilities(msgspec.Struct, frozen=True, gc=False):
    voice: bool | None = None  # unknown until the carrier reports it
    sms: bool | None = None
    mms: bool | None = None
    fax: bool | None = None
    emergency: bool | None = None
    local_calling: bool | None = None


class Service(msgspec.Struct, frozen=True, gc=False):
    enabled: bool | None = None
    channel_limit: float | None = None
    whitelisted_destinations: list[Any] | None = None


class ChannelSettings(msgspec.Struct, frozen=True, gc=False):
    voice: Service | EmptyArray | None = None
    inbound: Service | EmptyArray | None = None
    sms: Service | EmptyArray | None = None


class Billing(msgspec.Struct, frozen=True, gc=False):
    monthly_fee: float | None = None  # list price; an external number is not billed
    currency: str | None = None


class Binding(msgspec.Struct, frozen=True, gc=False):
    """The agent of a channel; ``bound`` is UNSET if the API sent an unreadable value."""

    bound: bool | UnsetType | None = None
    agent_uuid: str | None = None
    agent_name: str | None = None


class Bindings(msgspec.Struct, frozen=True, gc=False):
    call: Binding | EmptyArray | None = None
    sms: Binding | EmptyArray | None = None
    whatsapp: Binding | EmptyArray | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    phone_number_uuid: str | None = None
    number: str | None = None
    country_code: str | None = None
    location: str | None = None
    type: str | None = None
    source: str | None = None
    is_external: bool | None = None
    status: str | None = None
    compliance: Compliance | EmptyArray | None = None
    capabilities: Capabilities | EmptyArray | None = None
    channel_settings: ChannelSettings | EmptyArray | None = None
    billing: Billing | EmptyArray | None = None
    bindings: Bindings | EmptyArray | None = None
    purchased_at: datetime | None = None
    updated_at: datetime | None = None


class Number(int):
    """A whole number that may come as a string."""


class Position(msgspec.Struct, frozen=True):
    """The ``pagination``; ``from`` and ``to`` are ignored."""

    current_page: Number | None = None
    per_page: Number | None = None
    total: Number | None = None
    last_page: Number | None = None
    has_more: bool | None = None


class Envelope(msgspec.Struct, frozen=True):
    """A decoded page; its rows stay JSON."""

    items: list[bytes]
    position: Position


class _Data(msgspec.Struct):
    items: list[msgspec.Raw]
    pagination: Position


class _Answer(msgspec.Struct):
    data: _Data
    success: bool | None = None


def _number(_: type, value: object) -> Number:
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - fits 64 bits
        raise ValueError(f"{excerpt(text[:40])!a} is not a whole number")
    return Number(text)


_decode_answer = msgspec.json.Decoder(_Answer, dec_hook=_number).decode
_MAX_REPAIRED = 2 * 2**20  # bytes of a page; repairing more would hold up the other threads for long
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode_page(body: bytes) -> Envelope:
    """Decode a page except its rows.

    An ApiError is ``api_error`` for ``success: false``, and ``invalid_response`` for anything but the documented JSON.
    """
    try:
        answer = _decode_answer(body)
    except (ValueError, RecursionError) as error:
        if len(body) <= _MAX_REPAIRED:
            body = _repair(body)
        if _document(body).get("success") is False:
            raise _api_error(body) from error
        try:
            answer = _decode_answer(body)
        except (ValueError, RecursionError) as remaining:
            problem = f"the answer is not the documented JSON: {excerpt(str(remaining))}"
            raise ApiError(Reason.INVALID_RESPONSE, problem) from remaining
    if answer.success is False:
        raise _api_error(body)
    return Envelope(list(map(bytes, answer.data.items)), answer.data.pagination)


def _repair(text: bytes) -> bytes:
    """Rewrite JSON that is nearly valid, so that one bad character does not cost a whole page.

    A byte order mark is removed; invalid UTF-8 and lone surrogates become replacement characters; NaN, infinities and
    numbers out of range become texts, which fields of numbers do not accept. An ApiError says that it is not JSON.
    """
    decoded = text.decode("utf-8-sig", "replace")
    try:
        document = json.loads(decoded, parse_constant=str, parse_float=_finite, parse_int=_finite)
        encoded = json.dumps(document, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        start = excerpt(decoded.lstrip()[:40])
        problem = f"it begins with {start!a}" if start else "it is empty"
        raise ApiError(Reason.INVALID_RESPONSE, f"the answer is not JSON: {problem}") from error
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", encoded).encode()


def _finite(text: str) -> int | float | str:
    number = float(text)
    if math.isinf(number):
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _api_error(body: bytes) -> ApiError:
    message = error_message(body)
    return ApiError(Reason.API_ERROR, f"HTTP 200 with success: false{f' ({message})' if message else ''}")


def error_message(body: bytes) -> str:
    """Return the code and message of an error envelope in any of its known shapes, else an empty text."""
    document = _document(body)
    error = _mapping(document.get("error")) or _mapping(_mapping(document.get("data")).get("error"))
    parts = [error.get("code"), document.get("message") or error.get("message"), error.get("details")]
    return excerpt(", ".join(dict.fromkeys(part for part in parts if isinstance(part, str) and part)))


def _document(body: bytes) -> dict[str, Any]:
    try:
        return _mapping(msgspec.json.decode(body))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


ReadItem = tuple[Item, tuple[str, ...]]  # with the key paths of the fields that could not be read

_decode_items = msgspec.json.Decoder(list[Item]).decode
_decode_item = msgspec.json.Decoder(Item).decode
_KEY_PATH = re.compile(r" - at `\$\.([a-z_.]+)`$")  # at the end of msgspec's messages


def read_items(rows: Sequence[bytes]) -> Sequence[ReadItem | None]:
    """Decode rows; None for a row that is not an object."""
    try:
        return [(item, ()) for item in _decode_items(b"[%b]" % b",".join(rows))]
    except (ValueError, RecursionError):
        return list(map(read_item, rows))


def read_item(row: bytes) -> ReadItem | None:
    """Decode a row without its fields of a wrong type; None if it is not an object."""
    try:
        return _decode_item(row), ()
    except (ValueError, RecursionError):
        pass
    try:
        value = json.loads(_repair(row))
    except ApiError:
        return None
    if not isinstance(value, dict):
        return None
    invalid: list[str] = []
    while True:
        try:
            item = msgspec.convert(value, Item)
        except msgspec.ValidationError as error:
            match = _KEY_PATH.search(str(error))
            assert match  # noqa: S101 - a dict is not refused as a whole
            *parents, name = match[1].split(".")
            reduce(dict.__getitem__, parents, value)[name] = None
            invalid.append(match[1])
        else:
            return _mark_unreadable(item, invalid), tuple(invalid)


def _mark_unreadable(item: Item, invalid: Sequence[str]) -> Item:
    """Mark channels with an unreadable binding, which differs from a missing one."""
    bindings = item.bindings if isinstance(item.bindings, Bindings) else Bindings()
    for channel in CHANNELS:
        if {"bindings", f"bindings.{channel}", f"bindings.{channel}.bound"}.intersection(invalid):
            binding = getattr(bindings, channel) or Binding()
            binding = msgspec.structs.replace(binding, bound=UNSET)
            bindings = msgspec.structs.replace(bindings, **{channel: binding})
            item = msgspec.structs.replace(item, bindings=bindings)
    return item
