"""Time and time-outs, as one value that is handed to whatever waits.

Everything that waits asks a Clock, so that tests advance time instead of sleeping.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the exporter asks of time."""

    def time(self) -> float:
        """Return Unix time in seconds, for what people and Prometheus read."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for intervals, deadlines and staleness."""

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds; zero or less only lets other tasks run."""

    def timeout_at(self, deadline: float) -> asyncio.Timeout:
        """Bound a block: past ``deadline`` (of ``monotonic``) it raises TimeoutError."""


class SystemClock:
    """The machine's clock, as the running event loop keeps it."""

    def time(self) -> float:  # noqa: D102 - said by the protocol
        return time.time()

    def monotonic(self) -> float:  # noqa: D102 - said by the protocol
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:  # noqa: D102 - said by the protocol
        await asyncio.sleep(max(seconds, 0))

    def timeout_at(self, deadline: float) -> asyncio.Timeout:  # noqa: D102 - said by the protocol
        return asyncio.timeout(max(deadline - self.monotonic(), 0))
