"""Errors of the API, each with its reason for metrics and logs, and its remedy.

The log, the doctor and the status page take remedies from this table, unless an error has a better one.
"""

import base64
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import httpx

from exporter.config.credentials import Secret
from exporter.config.problems import printable
from exporter.config.settings import Proxy

_EXCERPT = 200  # characters
_REDACTED_LENGTH = 8  # characters of a secret that are too many to show


class Reason(StrEnum):
    """The values of the label ``reason`` of failed polls and retries."""

    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    REDIRECT = "redirect"
    INVALID_RESPONSE = "invalid_response"
    API_ERROR = "api_error"
    INCOMPLETE = "incomplete"
    TOO_LARGE = "too_large"
    CLIENT_ERROR = "client_error"
    INTERNAL = "internal"


# Each completes "… ; do this": a clause without a capital letter or a full stop.
REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.AUTH: "put a valid token in place, where authorization in the configuration says",
        Reason.PERMISSION: "give the token the permission to list phone numbers, or use another",
        Reason.NOT_FOUND: "check subdomain or base_url",
        Reason.RATE_LIMITED: "raise poll_timeout and poll_interval, or lower concurrency",
        Reason.SERVER_ERROR: "if it lasts, ask the vendor",
        Reason.TIMEOUT: "raise request_timeout if the API is slow, else check the network, proxy and firewall",
        Reason.CONNECTION: "check the address, DNS, proxy and firewall",
        Reason.TLS: "check tls_config, the address and the clock",
        Reason.REDIRECT: "check subdomain or base_url; redirects are not followed",
        Reason.INVALID_RESPONSE: "check subdomain or base_url; if it lasts, ask the vendor",
        Reason.API_ERROR: "if it lasts, ask the vendor",
        Reason.INCOMPLETE: "if it lasts, ask the vendor, or set verify_total to false",
        Reason.TOO_LARGE: "raise max_trunks or narrow the filter",
        Reason.CLIENT_ERROR: "check per_page, filter, and subdomain or base_url",
        Reason.INTERNAL: "please report it with the log",
    }
)

# A retry may succeed; after the others, a change is needed.
RETRYABLE = frozenset(
    {
        Reason.RATE_LIMITED,
        Reason.SERVER_ERROR,
        Reason.TIMEOUT,
        Reason.CONNECTION,
        Reason.INVALID_RESPONSE,
        Reason.API_ERROR,
    }
)


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
        self.remedy = remedy or REMEDIES[reason]
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


def redact(error: ApiError, token: Secret, proxy: Proxy) -> ApiError:
    """Remove the token and the proxy's password, plain and encoded: servers may repeat requests in errors."""
    url = httpx.URL(proxy.url or "")
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    for secret in (token.reveal, login, url.password) if url.password else (token.reveal,):
        # A server's text is cut at some length, and the secret may be where it is cut.
        for length in range(len(secret), min(len(secret), _REDACTED_LENGTH) - 1, -1):
            error.seen = error.seen.replace(secret[:length], str(token))
    return error
