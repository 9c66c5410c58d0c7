"""The API's JSON as types, and the decoding of a page's envelope (the vendor's documentation, A page).

Every field is optional and nullable: which of them the API leaves out is not documented.
"""

import json
import math
import re
from datetime import datetime
from itertools import accumulate
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from exporter.api.errors import ApiError, Reason
from exporter.api.responses import error_message, printable

CHANNELS = ("call", "sms", "whatsapp")
SERVICES = ("voice", "inbound", "sms")
CAPABILITIES = ("voice", "sms", "mms", "fax", "emergency", "local_calling")


EmptyArray = Annotated[list[Any], msgspec.Meta(max_length=0)]  # how PHP sends an empty object


class Compliance(msgspec.Struct, frozen=True, gc=False):
    """Regulatory state of a number."""

    status: str | None = None
    requirements: list[Any] | None = None


class Capabilities(msgspec.Struct, frozen=True, gc=False):
    """What the carrier reports that the number can do; unknown until it does."""

    voice: bool | None = None
    sms: bool | None = None
    mms: bool | None = None
    fax: bool | None = None
    emergency: bool | None = None
    local_calling: bool | None = None


class Service(msgspec.Struct, frozen=True, gc=False):
    """One part of ``channel_settings``."""

    enabled: bool | None = None
    channel_limit: float | None = None
    whitelisted_destinations: list[Any] | None = None


class ChannelSettings(msgspec.Struct, frozen=True, gc=False):
    """What the carrier side allows."""

    voice: Service | EmptyArray | None = None
    inbound: Service | EmptyArray | None = None
    sms: Service | EmptyArray | None = None


class Billing(msgspec.Struct, frozen=True, gc=False):
    """List price of a number; an external number is not billed."""

    monthly_fee: float | None = None
    currency: str | None = None


class Binding(msgspec.Struct, frozen=True, gc=False):
    """Which agent answers on a channel; ``bound`` is UNSET where the API sent something unreadable."""

    bound: bool | UnsetType | None = None
    agent_uuid: str | None = None
    agent_name: str | None = None


class Bindings(msgspec.Struct, frozen=True, gc=False):
    """The bindings of a trunk by channel."""

    call: Binding | EmptyArray | None = None
    sms: Binding | EmptyArray | None = None
    whatsapp: Binding | EmptyArray | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """One row of the list."""

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


UNREADABLE = Binding(bound=UNSET)


class Pagination(msgspec.Struct, frozen=True):
    """The API's ``pagination``; numbers may come as strings."""

    current_page: int | str | None = None
    per_page: int | str | None = None
    total: int | str | None = None
    last_page: int | str | None = None
    has_more: bool | None = None


class Position(msgspec.Struct, frozen=True):
    """Where a page says that it stands in the list; ``from`` and ``to`` tell nothing more."""

    current_page: int | None
    per_page: int | None
    total: int | None
    last_page: int | None
    has_more: bool | None


class Envelope(msgspec.Struct, frozen=True):
    """A decoded answer: the rows' JSON is left as it is, for the digest and for decoding row by row."""

    items: list[bytes]
    position: Position


class _Data(msgspec.Struct):
    items: list[msgspec.Raw]
    pagination: Pagination


class _Answer(msgspec.Struct):
    data: _Data
    success: bool | None = None


class _Outcome(msgspec.Struct):
    success: bool | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_outcome = msgspec.json.Decoder(_Outcome).decode
_MOST_REPAIRED = 2 * 2**20  # bytes of a page; repairing more would hold up the other threads for long
_MAX_DEPTH = 500  # of lists and objects in each other; every Python's decoders go at least this deep
_STRING = re.compile(rb'(?s)"(?:[^"\\]|\\.)*+"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def decode_page(body: bytes) -> Envelope:
    """Decode a page's envelope.

    Raises:
        ApiError: ``api_error`` for ``success: false``, ``invalid_response`` for anything that is not the
            documented JSON.
    """
    try:
        answer = _decode_answer(body)
    except (ValueError, RecursionError) as error:
        answer = _decode_again(body, error)
    rows = list(map(bytes, answer.data.items))
    beside_rows = len(body) - sum(map(len, rows))
    if any(map(_is_too_deep, rows)) or (beside_rows > 2 * _MAX_DEPTH and _is_too_deep(body)):
        raise _too_deep()
    if answer.success is False:
        raise _api_error(body)
    page = answer.data.pagination
    position = Position(
        current_page=_whole_number(page.current_page, "current_page"),
        per_page=_whole_number(page.per_page, "per_page"),
        total=_whole_number(page.total, "total"),
        last_page=_whole_number(page.last_page, "last_page"),
        has_more=page.has_more,
    )
    return Envelope(rows, position)


def _decode_again(body: bytes, error: Exception) -> _Answer:
    """Decode an answer that is not right, as far as it can be repaired."""
    if _is_too_deep(body):
        raise _too_deep() from error
    if _says_failure(body):
        raise _api_error(body) from error
    if len(body) > _MOST_REPAIRED:
        raise _undocumented(str(error)) from error
    body = repaired(body)
    try:
        return _decode_answer(body)
    except ValueError as still:
        if _says_failure(body):
            raise _api_error(body) from still
        raise _undocumented(str(still)) from still


def _is_too_deep(json_: bytes) -> bool:
    """Look for what decoders of some Pythons read and those of others do not."""
    # A level takes two characters, one of which opens it: few rows are worth a closer look.
    if len(json_) <= 2 * _MAX_DEPTH or json_.count(b"[") + json_.count(b"{") <= _MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", json_).translate(None, _NO_BRACKETS)
    return any(depth > _MAX_DEPTH for depth in accumulate(1 if bracket in b"[{" else -1 for bracket in brackets))


def _too_deep() -> ApiError:
    return _undocumented(f"lists or objects are nested more than {_MAX_DEPTH} deep")


def _undocumented(what: str) -> ApiError:
    return ApiError(Reason.INVALID_RESPONSE, f"the answer is not the documented JSON: {printable(what)}")


def repaired(body: bytes) -> bytes:
    """Rewrite JSON that is nearly right, so that one bad character does not cost a whole page.

    A byte order mark goes; invalid UTF-8 and lone surrogates become replacement characters; NaN, infinities
    and numbers out of range become texts, which no number's field accepts.

    Raises:
        ApiError: ``invalid_response``, it is not JSON at all.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        document = json.loads(text, parse_constant=str, parse_float=_finite, parse_int=_finite)
        return _SURROGATE.sub(
            "\N{REPLACEMENT CHARACTER}", json.dumps(document, ensure_ascii=False, allow_nan=False)
        ).encode()
    except (ValueError, RecursionError) as error:
        start = printable(text.lstrip()[:40])
        seen = f"it begins with {start!a}" if start else "it is empty"
        raise ApiError(Reason.INVALID_RESPONSE, f"the answer is not JSON: {seen}") from error


_SURROGATE = re.compile("[\ud800-\udfff]")


def _finite(text: str) -> int | float | str:
    number = float(text)
    if math.isinf(number):
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _says_failure(body: bytes) -> bool:
    try:
        return _decode_outcome(body).success is False
    except ValueError:
        return False


def _api_error(body: bytes) -> ApiError:
    said = error_message(body)
    return ApiError(Reason.API_ERROR, f"HTTP 200 with success: false{f' ({said})' if said else ''}")


def _whole_number(value: int | str | None, name: str) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - fits 64 bits
            raise _undocumented(f"pagination.{name} is {printable(text[:40])!a}, not a whole number")
        return int(text)
    if value is not None and value < 0:
        raise _undocumented(f"pagination.{name} is negative: {value}")
    return value
