"""Turns an answer other than 200 into the fault that it means (the vendor's documentation, Errors)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from exporter.api.errors import ApiError, Reason

OK = 200
UNPROCESSABLE = 422
PROXY_LOGIN = "check the user and password in proxy_url"
_PROXY_LOGIN = 407
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\u2027\u202f-\u2065\u2070-\ud7ff]")

_BY_STATUS = {
    401: (Reason.AUTH, "the token is missing, invalid, expired or revoked"),
    403: (Reason.PERMISSION, "the token may not list trunks"),
    404: (Reason.NOT_FOUND, "there is no such API there"),
    _PROXY_LOGIN: (Reason.CLIENT_ERROR, "the proxy wants a user and password, or others"),
    422: (Reason.CLIENT_ERROR, "the API refuses a parameter"),
    429: (Reason.RATE_LIMITED, "the API's rate limit is reached"),
}


def fault(response: httpx.Response, body: bytes, *, now: float) -> ApiError:
    """Classify an answer by its HTTP status; ``now`` is Unix time, for a ``Retry-After`` that is a date."""
    status = response.status_code
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, section 15.4
        return redirect(response)
    reason, meaning = _BY_STATUS.get(status) or _by_class(status)
    said = error_message(body)
    return ApiError(
        reason,
        f"HTTP {status}{f' ({said})' if said else ''}: {meaning}",
        PROXY_LOGIN if status == _PROXY_LOGIN else None,
        status=status,
        retry_after=retry_after(response.headers.get("Retry-After"), now=now),
    )


def redirect(response: httpx.Response) -> ApiError:
    """Return that an answer leads elsewhere."""
    status = response.status_code
    place = _place(response.headers.get("Location", ""))
    return ApiError(Reason.REDIRECT, f"HTTP {status}, a redirect to {place}", status=status)


def _by_class(status: int) -> tuple[Reason, str]:
    match status // 100:
        case 5:
            return Reason.SERVER_ERROR, "the API is failing or unavailable"
        case 4:
            return Reason.CLIENT_ERROR, "the API refuses the request"
        case _:
            return Reason.INVALID_RESPONSE, "the API answers a listing with 200"


def retry_after(header: str | None, *, now: float) -> float | None:
    """Return the seconds to wait that a ``Retry-After`` asks for (RFC 9110, section 10.2.3).

    None where it is missing, negative or neither seconds nor a date; a date in the past is 0.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    date = http_date(text)
    return None if date is None else max(date - now, 0.0)


def http_date(text: str) -> float | None:
    """Return the Unix time of a date as HTTP headers have it; None where it is none."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in UTC, as HTTP dates are.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def requests_left(header: str | None) -> int | None:
    """Return how many requests an ``X-RateLimit-Remaining`` says may still be made; None where it says nothing."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - any real limit


def error_message(body: bytes) -> str:
    """Return the code and message of an error envelope, in any of the shapes known; else nothing."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    error = _mapping(document.get("error")) or _mapping(_mapping(document.get("data")).get("error"))
    parts = [error.get("code"), document.get("message") or error.get("message"), error.get("details")]
    said = dict.fromkeys(part for part in parts if isinstance(part, str) and part)
    return printable(", ".join(said))


def printable(text: str) -> str:
    """Make text from outside fit for one line of a log: at most 200 characters, none of control."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[:200])


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _place(location: str) -> str:
    """Name a redirect's target without its query, which may carry secrets."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "an invalid address"
    scheme = f"{parts.scheme}:" if parts.scheme else ""
    host = f"{scheme}//{parts.hostname}" if parts.hostname else ""
    return printable(host + parts.path) or "nowhere"
