"""The API's pages and errors, and their decoding (the vendor's documentation, A page)."""

import html
import json
import math
import re
from typing import Any

import msgspec

from exporter.api.errors import ApiError, Reason, excerpt


class Number(int):
    """A whole number that may come as a string."""


class Pagination(msgspec.Struct, frozen=True):
    """Every field is optional: the documentation does not say which the API leaves out. Others are ignored."""

    current_page: Number | None = None
    per_page: Number | None = None
    total: Number | None = None
    last_page: Number | None = None
    has_more: bool | None = None


class _Data(msgspec.Struct):
    items: list[msgspec.Raw]
    pagination: Pagination


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
_TITLE = re.compile(rb"\s*<[^{]{0,1000}?<title>([^<]{1,300})", re.IGNORECASE)
_MAX_COMMAS = 2**20  # on a page, where 16 MiB of trunks have 0.7 million; each value takes a hundred bytes of memory
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode_page(body: bytes) -> tuple[list[bytes], Pagination]:
    """Return the rows of a page, which stay JSON, and its pagination.

    An ApiError is ``api_error`` for ``success: false``, ``too_large`` for many small values, and ``invalid_response``
    for anything but the documented JSON.
    """
    if len(body) > _MAX_COMMAS and body.count(b",") > _MAX_COMMAS:
        raise ApiError(Reason.TOO_LARGE, "a page has more than a million values", "lower per_page")
    try:
        answer = _decode_answer(body)
    except (ValueError, RecursionError) as error:
        if len(body) <= _MAX_REPAIRED:
            body = repair(body)
        if _document(body).get("success") is False:
            raise _api_error(body) from error
        try:
            answer = _decode_answer(body)
        except (ValueError, RecursionError) as remaining:
            problem = f"the answer is not the documented JSON: {excerpt(str(remaining))}"
            raise ApiError(Reason.INVALID_RESPONSE, problem) from remaining
    if answer.success is False:
        raise _api_error(body)
    return list(map(bytes, answer.data.items)), answer.data.pagination


def repair(text: bytes) -> bytes:
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
    """Return the code and message of an error envelope in any of its known shapes, or the title of a page."""
    if title := _TITLE.match(body):  # of a proxy or a firewall
        return excerpt(html.unescape(title[1].decode(errors="replace")).strip())
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
