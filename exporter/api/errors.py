"""Errors of the API, each with its reason for metrics and logs, and its remedy.

The log, the doctor and the status page take remedies from this table, unless an error has a better one.
"""

import base64
from enum import StrEnum
from typing import Self

import httpx

from exporter.config.credentials import Secret
from exporter.config.problems import printable

_EXCERPT = 200  # characters
_REDACTED_LENGTH = 8  # characters of a secret that are too many to show
_RETRY = True  # another request may succeed; otherwise a change is needed


class Reason(StrEnum):
    """The values of the label ``reason`` of failed polls and retries.

    Each has its remedy, which completes "… ; do this": a clause without a capital letter or a full stop.
    """

    AUTH = "auth", "put a valid token in place, where authorization in the configuration says"
    PERMISSION = "permission", "give the token the permission to list phone numbers, or use another"
    NOT_FOUND = "not_found", "check subdomain or base_url"
    RATE_LIMITED = "rate_limited", "raise poll_timeout and poll_interval, or lower concurrency", _RETRY
    SERVER_ERROR = "server_error", "if it lasts, ask the vendor", _RETRY
    TIMEOUT = "timeout", "raise request_timeout if the API is slow, else check the network, proxy and firewall", _RETRY
    CONNECTION = "connection", "check the address, DNS, proxy and firewall", _RETRY
    TLS = "tls", "check tls_config, the address and the clock"
    REDIRECT = "redirect", "check subdomain or base_url; redirects are not followed"
    INVALID_RESPONSE = "invalid_response", "check subdomain or base_url; if it lasts, ask the vendor", _RETRY
    API_ERROR = "api_error", "if it lasts, ask the vendor", _RETRY
    INCOMPLETE = "incomplete", "if it lasts, ask the vendor, or set verify_total to false"
    TOO_LARGE = "too_large", "raise max_trunks or narrow the filter"
    CLIENT_ERROR = "client_error", "check per_page, filter, and subdomain or base_url"
    INTERNAL = "internal", "please report it with the log"

    remedy: str
    is_retryable: bool

    def __new__(cls, value: str, remedy: str = "", is_retryable: bool = False) -> Self:  # noqa: FBT001, FBT002 - in the table
        reason = str.__new__(cls, value)
        reason._value_, reason.remedy, reason.is_retryable = value, remedy, is_retryable
        return reason


class ApiError(Exception):
    """A failed request or poll; the text has the observation and the remedy."""

    def __init__(
        self,
        reason: Reason,
        seen: str,
        remedy: str | None = None,  # by default, the reason's
        *,
        status: int | None = None,  # of HTTP, if there was a response
        retry_after: float | None = None,  # seconds that the server asks to wait
    ) -> None:
        super().__init__()
        self.reason = reason
        self.seen = printable(seen)
        self.remedy = remedy or reason.remedy
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.seen}; {self.remedy}"


class ProxyLoginError(ApiError):
    """A proxy refuses the user and password; it may lock the account after retries."""


class OutOfTimeError(ApiError):
    """The next attempt would come after the poll's end."""


def excerpt(text: str) -> str:
    """Return the beginning of a text from outside, safe for a message."""
    return printable(text[:_EXCERPT])


def redact(error: ApiError, token: Secret, proxy: str | None) -> ApiError:
    """Remove the token and the proxy's password, plain and encoded: servers may repeat requests in errors."""
    url = httpx.URL(proxy or "")
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    for secret in (token.reveal, login, url.password) if url.password else (token.reveal,):
        # A server's text is cut at some length, and the secret may be where it is cut.
        for length in range(len(secret), min(len(secret), _REDACTED_LENGTH) - 1, -1):
            error.seen = error.seen.replace(secret[:length], str(token))
    return error
