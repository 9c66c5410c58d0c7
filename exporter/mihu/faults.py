"""What can go wrong with the API, each by the reason that metrics and logs name it by, with what to do about it."""

from exporter.mihu.reasons import Reason
from exporter.mihu.remedies import REMEDIES

__all__ = ["RETRYABLE", "Fault", "OutOfTimeError", "ProxyLoginError", "Reason"]

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
    """A request or a poll failed; its text says what happened and what to do.

    Attributes:
        reason: the class of the failure.
        seen: what happened.
        remedy: what to do; what REMEDIES says of the reason, unless it is given.
        status: the HTTP status, where an answer came.
        retry_after: seconds that the server asks to wait, where it does.
    """

    def __init__(
        self,
        reason: Reason,
        seen: str,
        remedy: str | None = None,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.reason = reason
        self.seen = seen
        self.remedy = remedy or REMEDIES[reason]
        super().__init__()
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.seen}; {self.remedy}"


class ProxyLoginError(Fault):
    """A proxy does not accept what it was sent to log in; asked again and again, it may lock the account."""


class OutOfTimeError(Fault):
    """The next try would come after the poll's end."""
