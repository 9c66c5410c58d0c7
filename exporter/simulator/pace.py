"""The rate limit: a fixed window per workspace that begins with its first request, as in Laravel."""

import math
from dataclasses import dataclass

WINDOW = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request was told about the limit.

    Attributes:
        limit: requests per window.
        remaining: of them, after this one.
        retry_after: whole seconds until the window ends; None if the request is within the limit.
    """

    limit: int
    remaining: int
    retry_after: int | None

    def headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.remaining)}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers


class Pace:
    """Counts the requests of every workspace."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, workspace: str, limit: int, now: float) -> Allowance:
        """Count one request at this time, in seconds of a clock that never goes back."""
        start, used = self._windows.get(workspace, (now, 0))
        if now - start >= WINDOW:
            start, used = now, 0
        if used >= limit:
            return Allowance(limit, 0, max(1, math.ceil(start + WINDOW - now)))
        self._windows[workspace] = (start, used + 1)
        return Allowance(limit, limit - used - 1, None)
