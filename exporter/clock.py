"""Time and time-outs in one place, so that tests advance time instead of sleeping."""

import asyncio
import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LONGEST_SLEEP = 30.0  # seconds of the event loop's own clock, which stands still while the machine is suspended


class Clock:
    """The machine's clock; it goes on while the machine is suspended, where the system has such a clock."""

    def time(self) -> float:
        """Return Unix time in seconds, for people and Prometheus."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, for intervals, deadlines and staleness."""
        return time.clock_gettime(_CLOCK)

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less only lets other tasks run."""
        end = self.monotonic() + seconds
        await asyncio.sleep(max(min(seconds, _LONGEST_SLEEP), 0))
        while (left := end - self.monotonic()) > 0:  # noqa: ASYNC110 - time has no event
            await asyncio.sleep(min(left, _LONGEST_SLEEP))

    def timeout_at(self, deadline: float) -> asyncio.Timeout:
        """Bound a block: past ``deadline`` (of ``monotonic``) it raises TimeoutError."""
        return asyncio.timeout(max(deadline - self.monotonic(), 0))
