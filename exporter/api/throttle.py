"""How fast one poll asks: pages in flight, waiting where the API says so, trying again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import TypeVar

from exporter.api.client import Observer
from exporter.api.errors import RETRYABLE, ApiError, OutOfTimeError, ProxyLoginError, Reason
from exporter.clock import Clock

MAX_ATTEMPTS = 4  # of one page within one poll; waiting for a rate limit does not count
_BACKOFF = 1.0  # seconds, the most before the second attempt; doubles with each
_BACKOFF_CAP = 8.0
_UNAVAILABLE = 503

T = TypeVar("T")


class Throttle:
    """The pace of one poll; it ends with it.

    Whatever waits, waits outside its slot, and no longer than until ``deadline`` (of the clock's
    ``monotonic``): a wait that would end later fails at once with OutOfTimeError.
    """

    def __init__(self, *, concurrency: int, deadline: float, clock: Clock, random: Random, observer: Observer) -> None:
        self.limit = concurrency  # pages in flight at most; halved when the API asks for less
        self._left: int | None = None  # requests that the API would still answer, as far as it says
        self._in_flight = 0
        self._resume_at = clock.monotonic()
        self._deadline = deadline
        self._clock = clock
        self._random = random
        self._observer = observer
        self._changed = asyncio.Condition()
        self.rate_limited = False  # once the API has said so in this poll

    async def run(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request, again and again while that may help.

        Raises:
            ApiError: the last one met.
        """
        failures = 0
        for attempt in count(1):
            try:
                async with self._slot():
                    return await request()
            except ApiError as fault:
                failures += fault.reason is not Reason.RATE_LIMITED
                delay = self._delay(fault, attempt, failures)
                self._observer.retried(fault.reason)
                await self._clock.sleep(delay)
        raise AssertionError  # count() never ends

    def note_remaining(self, left: int | None) -> None:
        """Take note of how many requests the API says are left until its limit; None where it does not say.

        No more than these are in flight: of those that run into the limit together, each is one too many.
        """
        self._left = left

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._in_flight < self._most_in_flight())
                # What another request was told to wait for holds for this one too.
                wait = self._resume_at - self._clock.monotonic()
                if wait <= 0:
                    self._in_flight += 1
                    break
            await self._clock.sleep(wait)
        try:
            yield
        finally:
            async with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _most_in_flight(self) -> int:
        # One request always is, to be told when there are more.
        return self.limit if self._left is None else max(1, min(self.limit, self._left))

    def _delay(self, fault: ApiError, attempt: int, failures: int) -> float:
        """Return the seconds to wait before the next attempt, or raise the fault when there is none."""
        limited = fault.reason is Reason.RATE_LIMITED
        if fault.reason not in RETRYABLE or isinstance(fault, ProxyLoginError) or failures >= MAX_ATTEMPTS:
            raise fault
        # Full jitter: whoever failed together does not come back together.
        delay = self._random.uniform(0, min(_BACKOFF_CAP, _BACKOFF * 2.0 ** min(attempt - 1, 10)))
        if limited or fault.status == _UNAVAILABLE:
            self.limit = max(1, self.limit // 2)
            self.rate_limited = self.rate_limited or limited
            delay = fault.retry_after or delay
            self._resume_at = max(self._resume_at, self._clock.monotonic() + delay)
        if self._clock.monotonic() + delay >= self._deadline:
            raise OutOfTimeError(
                fault.reason,
                f"{fault.seen}; the next attempt is due in {delay:.0f}s, past the poll's end",
                fault.remedy,
                status=fault.status,
            )
        return delay
