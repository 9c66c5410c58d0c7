"""A clock that stands still until a test advances it."""

import asyncio
import heapq
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

from exporter.clock import Clock

T = TypeVar("T")

_TURNS = 200  # of the event loop: more than any chain of callbacks between two waits
_IDLE_TURNS = 5  # without a callback that is due, while sockets and threads may yet answer


class ManualClock(Clock):
    """Tasks that sleep on it are woken in order as time is advanced."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._epoch = start
        self._now = 0.0
        self._waiting: list[tuple[float, int, asyncio.Future[None] | asyncio.Timeout]] = []
        self._order = count()
        self.slept: list[float] = []

    def time(self) -> float:
        return self._epoch + self._now

    def monotonic(self) -> float:
        return self._now

    def set_back(self, seconds: float) -> None:
        """Let it show another time of day, as after a correction."""
        self._epoch -= seconds

    def suspend(self, seconds: float) -> None:
        """Let time pass without waking anybody, as on a machine that is suspended."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._now + seconds, next(self._order), waking))
        await waking

    def timeout_at(self, deadline: float) -> asyncio.Timeout:
        timeout = asyncio.timeout(0 if deadline <= self._now else None)
        heapq.heappush(self._waiting, (deadline, next(self._order), timeout))
        return timeout

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking everything that is due on the way at its own moment."""
        until = self._now + seconds
        await self.settle()
        while self._waiting and self._waiting[0][0] <= until:
            due, _, waiting = heapq.heappop(self._waiting)
            self._now = max(self._now, due)
            if isinstance(waiting, asyncio.Future):
                if not waiting.done():
                    waiting.set_result(None)
            else:
                try:
                    waiting.reschedule(asyncio.get_running_loop().time())
                except RuntimeError:  # the block has been left
                    continue
            await self.settle()
        self._now = until
        await self.settle()

    async def leap(self) -> None:
        assert self._waiting, "nobody waits for time to pass"
        await self.advance(max(self._waiting[0][0] - self._now, 0))

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let as much time pass as some work needs."""
        task = asyncio.create_task(work)
        await self.settle()
        while not task.done():
            await self.leap()
        await self.settle()
        return await task

    async def settle(self) -> None:
        """Let everything run that needs no time."""
        due = getattr(asyncio.get_running_loop(), "_ready", (None,))  # uvloop has none
        idle = 0
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            idle = 0 if due else idle + 1
            if idle == _IDLE_TURNS:
                return
