"""Errors of the API, each with its reason for metrics and logs, and its remedy, and how they are classified.

The log, the doctor and the status page take remedies from this table, unless an error has a better one.
"""

import base64
import re
import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum
from os.path import commonprefix
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from exporter.config.credentials import Secret
from exporter.config.files import open_files_remedy
from exporter.config.problems import printable
from exporter.config.settings import Workspace

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
    """Remove the token and the proxy's login, plain and encoded: servers may repeat requests in errors."""
    url = httpx.URL(proxy or "")
    sent = (token.reveal, f"Bearer {token.reveal}", f"{url.username}:{url.password}")
    in_base64 = [base64.b64encode(text.encode()).decode() for text in sent]
    for secret in filter(None, (token.reveal, url.password or url.username, *in_base64)):
        # Addresses, HTML and JSON encode none of these characters.
        for part in dict.fromkeys((secret, quote(secret, safe=""), *re.findall(r"[\w.~-]{12,}", secret))):
            # A server's text is cut at some length, and the secret may be where it is cut.
            first, *others = error.seen.split(part[:_REDACTED_LENGTH])
            others = [text[len(commonprefix([text, part[_REDACTED_LENGTH:]])) :] for text in others]  # noqa: RUF071 - of characters
            error.seen = str(token).join([first, *others])
    return error


_PROXY_LOGIN = "check the user and password in proxy_url"
_BY_STATUS = {
    401: (Reason.AUTH, "the token is missing, invalid, expired or revoked"),
    403: (Reason.PERMISSION, "the token may not list trunks"),
    404: (Reason.NOT_FOUND, "there is no such API there"),
    407: (Reason.CLIENT_ERROR, "the proxy wants a user and password, or others"),
    422: (Reason.CLIENT_ERROR, "the API refuses a parameter"),
    429: (Reason.RATE_LIMITED, "the API's rate limit is reached"),
}
_BY_CLASS = {
    4: (Reason.CLIENT_ERROR, "the API refuses the request"),
    5: (Reason.SERVER_ERROR, "the API is failing or unavailable"),
}
_OTHER_SUCCESS = (Reason.INVALID_RESPONSE, "the API answers a listing with 200")


def response_error(response: httpx.Response, message: str, retry_after: float | None) -> ApiError:
    """Classify a response by its HTTP status (the vendor's documentation, Errors); ``message`` is the API's."""
    status = response.status_code
    if response.is_redirect:
        try:
            parts = urlsplit(response.headers.get("Location", ""))
            # Without user, password, query and fragment, which may be secret.
            parts = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
            target = excerpt(urlunsplit(parts)) or "nowhere"
        except ValueError:
            target = "an invalid address"
        return ApiError(Reason.REDIRECT, f"HTTP {status}, a redirect to {target}", status=status)
    reason, meaning = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _OTHER_SUCCESS)
    seen = f"HTTP {status}{f' ({message})' if message else ''}: {meaning}"
    remedy = _PROXY_LOGIN if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED else None
    return ApiError(reason, seen, remedy, status=status, retry_after=retry_after)


_NETWORK = "if it lasts, check the network, proxy and firewall"
_BY_VERIFICATION = {  # OpenSSL's X509_V_ERR_…, x509_vfy.h
    # Not yet valid, or expired.
    **dict.fromkeys((9, 10), "have the certificate renewed, or set the clock right"),
    # Signed by itself, by an authority that is signed by itself or not known, or alone.
    **dict.fromkeys(
        (18, 19, 20, 21), "trust who signed the certificate, with ca_file in tls_config, or check the address"
    ),
    # For another name, or another address.
    **dict.fromkeys((62, 64), "check the address, or say in tls_config which server_name the certificate is for"),
}
_SHOW_ONE = "show one, with cert_file and key_file in tls_config"
_SHOW_ANOTHER = "show another, with cert_file and key_file in tls_config"
_BY_REASON: Mapping[str | None, tuple[str, str | None]] = {  # as OpenSSL calls it
    "WRONG_VERSION_NUMBER": ("what answers there does not speak TLS", "check base_url, proxy_url: port, http or https"),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": ("what answers there wants a client certificate", _SHOW_ONE),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": ("what answers there refuses TLS", f"if it wants a certificate, {_SHOW_ONE}"),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": (
        "what answers there says that the client certificate has expired",
        _SHOW_ANOTHER,
    ),
    "TLSV1_ALERT_UNKNOWN_CA": ("what answers there does not trust who signed the client certificate", _SHOW_ANOTHER),
}


def transport_error(error: httpx.HTTPError | OSError, workspace: Workspace) -> ApiError:  # noqa: PLR0911 - one for each kind
    """Classify the error of a request without a complete response."""
    cause = _root(error)
    text = excerpt(str(cause) or str(error)) or "closed by the other side"
    url, proxy = httpx.URL(workspace.base_url), httpx.URL(workspace.proxy or "")
    if remedy := open_files_remedy(cause):
        return ApiError(Reason.CONNECTION, f"no file is left to connect with: {text}", remedy)
    match cause:
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            pass  # the other side closed the connection, which is nothing about certificates
        case ssl.SSLError():
            remedy = _BY_VERIFICATION.get(getattr(cause, "verify_code", 0))
            return ApiError(Reason.TLS, *_BY_REASON.get(cause.reason, (f"TLS failed: {text}", remedy)))
        case socket.gaierror():
            remedy = f"check {'proxy_url' if proxy.host else 'subdomain or base_url'}, and DNS"
            return ApiError(Reason.CONNECTION, f"cannot resolve {proxy.host or url.host}: {text}", remedy)
    match error:
        case httpx.ProxyError() if text.startswith("407"):
            return ProxyLoginError(Reason.CONNECTION, f"the proxy refused: {text}", _PROXY_LOGIN)
        case httpx.ProxyError():
            return ApiError(Reason.CONNECTION, f"the proxy refused: {text}", "check proxy_url, and the proxy's rules")
        case httpx.ConnectError():
            through = f" through the proxy at {proxy.netloc.decode()}" if proxy.host else ""
            return ApiError(Reason.CONNECTION, f"cannot connect to {url.netloc.decode()}{through}: {text}")
        case _:
            return ApiError(Reason.CONNECTION, f"the connection broke: {text}", _NETWORK)


def _root(error: BaseException) -> BaseException:
    """Return the error of the socket that httpx and httpcore wrap.

    httpcore hides its causes by ``from None``, so its contexts count too. Below it only causes count: a reset during a
    TLS handshake has an unrelated context.
    """
    while True:
        is_wrapper = type(error).__module__.startswith(("httpx", "httpcore"))
        if isinstance(error, BaseExceptionGroup):  # of a name with several addresses
            error = error.exceptions[-1]
        elif inner := error.__cause__ or (error.__context__ if is_wrapper else None):
            error = inner
        else:
            return error
