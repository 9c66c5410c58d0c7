"""What can go wrong with the API, each by the reason that metrics and logs name it by."""

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


# Another try may succeed after these; the rest need somebody to change something.
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


class Fault(Exception):  # noqa: N818 - the root of its tree, as in httpx
    """A request or a poll failed.

    Attributes:
        reason: the class of the failure.
        status: the HTTP status, where an answer came.
        retry_after: seconds that the server asks to wait, where it does.
    """

    def __init__(
        self, reason: Reason, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class OutOfTimeError(Fault):
    """The next try would come after the poll's end."""
