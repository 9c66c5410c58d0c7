"""The rate limit: a fixed window per workspace that begins with its first request, as in Laravel."""

import math

WINDOW = 60.0
"""Seconds."""


class RateLimit:
    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, workspace: str, limit: int, now: float) -> dict[str, str]:
        """Count one request at this time, in seconds of a clock that never goes back.

        Returns:
            The headers of the answer; ``Retry-After`` is one of them if the request is beyond the limit.
        """
        start, used = self._windows.get(workspace, (now, 0))
        if now - start >= WINDOW:
            start, used = now, 0
        headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(max(0, limit - used - 1))}
        if used >= limit:
            return {**headers, "Retry-After": str(max(1, math.ceil(start + WINDOW - now)))}
        self._windows[workspace] = (start, used + 1)
        return headers
