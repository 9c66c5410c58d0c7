"""The reasons that metrics and logs name failures by."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a poll failed or a request was tried again; the values of the label ``reason``."""

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
