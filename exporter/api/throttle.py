"""Limits the pages in flight of a poll, waits when the API asks for it, and retries."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import httpx

from exporter.api.client import Observer
from exporter.api.errors import ApiError, OutOfTimeError, ProxyLoginError, Reason
from exporter.clock import Clock

MAX_ATTEMPTS = 4  # of one page within one poll; waiting for a rate limit does not count
_BACKOFF = 1.0  # seconds, the most before the second attempt; doubles with each
_BACKOFF_CAP = 8.0

T = TypeVar("T")


class Throttle:
    """Limits the requests of one poll.

    A request does not hold its slot while it waits. A wait that would end after ``deadline`` (of the clock's
    ``monotonic``) fails at once with OutOfTimeError.
    """

    def __init__(self, *, concurrency: int, deadline: float, clock: Clock, random: Random, observer: Observer) -> None:
        self.limit = concurrency  # pages in flight at most; halved when the API asks for less
        self.rate_limited = False  # whether the API has answered 429 in this poll
        self.last_error: ApiError | None = None
        self._remaining: int | None = None  # requests left in the API's rate limit; None if it does not say
        self._in_flight = 0
        self._resume_at = clock.monotonic()
        self._deadline = deadline
        self._clock = clock
        self._random = random
        self._observer = observer
        self._changed = asyncio.Condition()

    async def run(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request, with retries; an ApiError is that of the last attempt."""
        attempts = failures = 0
        while True:
            await self._take_slot()
            attempts += 1
            try:
                return await request()
            except ApiError as error:
                self.last_error = error
                failures += error.reason is not Reason.RATE_LIMITED
                delay = self._delay(error, attempts, failures)
                self._observer.retried(error.reason)
            finally:
                async with self._changed:
                    self._in_flight -= 1
                    self._changed.notify_all()
            await self._clock.sleep(delay)

    def note_remaining(self, remaining: int | None) -> None:
        """Note the requests left in the API's rate limit, beyond which it refuses them; None if it does not say."""
        self._remaining = remaining

    async def _take_slot(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(self._has_slot)
                wait = self._resume_at - self._clock.monotonic()  # the API may have asked another request to wait
                if wait <= 0:
                    self._in_flight += 1
                    return
            await self._clock.sleep(wait)

    def _has_slot(self) -> bool:
        # There is always one: its answer says how many requests remain by then.
        return self._in_flight < (self.limit if self._remaining is None else max(1, min(self.limit, self._remaining)))

    def _delay(self, error: ApiError, attempts: int, failures: int) -> float:
        """Return the seconds to wait before the next attempt, or raise the error if there is none."""
        if not error.reason.is_retryable or isinstance(error, ProxyLoginError) or failures >= MAX_ATTEMPTS:
            raise error
        # Full jitter: requests that failed together do not come back together.
        delay = self._random.uniform(0, min(_BACKOFF_CAP, _BACKOFF * 2.0 ** min(attempts - 1, 10)))
        limited = error.reason is Reason.RATE_LIMITED
        if limited or error.status == httpx.codes.SERVICE_UNAVAILABLE:
            self.limit = max(1, self.limit // 2)
            self.rate_limited = self.rate_limited or limited
            delay = error.retry_after or delay
            self._resume_at = max(self._resume_at, self._clock.monotonic() + delay)
        if self._clock.monotonic() + delay >= self._deadline:
            seen = f"{error.seen}; the next attempt is due in {delay:.0f}s, past the poll's end"
            raise OutOfTimeError(error.reason, seen, error.remedy, status=error.status)
        return delay
