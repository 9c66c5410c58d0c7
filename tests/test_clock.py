"""The machine's clock, on a machine that is suspended."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any

from support.clock import ManualClock
from support.polling import Bench, Listing
from support.trunks import row

from exporter.clock import SystemClock

HOUR = 3600.0


class LeapingSelector(selectors.DefaultSelector):
    """Lets time pass at once instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.leaping = LeapingSelector()
        super().__init__(self.leaping)

    def time(self) -> float:
        return self.leaping.now


class Machine(SystemClock):
    """Time of a machine that can be suspended: the event loop's stands still then, and this one's goes on."""

    def __init__(self, loop: LeapingLoop) -> None:
        self._loop = loop
        self.suspended = 0.0  # seconds

    def monotonic(self) -> float:
        return self._loop.time() + self.suspended


def run(scenario: Callable[[LeapingLoop], Coroutine[Any, Any, None]]) -> None:
    loop = LeapingLoop()
    try:
        loop.run_until_complete(scenario(loop))
    finally:
        loop.close()


def test_its_time_goes_on_while_the_machine_is_suspended() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= SystemClock().monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_who_waits_is_woken_soon_after_the_machine_is() -> None:
    async def scenario(loop: LeapingLoop) -> None:
        machine = Machine(loop)
        waiting = asyncio.create_task(machine.sleep(HOUR))
        await asyncio.sleep(60)
        machine.suspended = 8 * HOUR
        woken = loop.time()
        await waiting
        assert loop.time() - woken <= 30

    run(scenario)


def test_who_waits_otherwise_waits_as_long_as_asked() -> None:
    async def scenario(loop: LeapingLoop) -> None:
        for seconds in (-1.0, 0.0, 0.5, 45.0, HOUR):
            started = loop.time()
            await Machine(loop).sleep(seconds)
            assert loop.time() - started == max(seconds, 0)

    run(scenario)


async def test_what_was_read_before_a_long_sleep_is_stale_after_it() -> None:
    class Suspended(ManualClock):
        def suspend(self, seconds: float) -> None:
            self._now += seconds  # and no sleeper is woken

    clock = Suspended()
    bench = Bench(Listing([row(1)]), clock=clock, poll_interval=HOUR, max_staleness=5 * HOUR)
    await bench.poll()
    assert bench.value("mihu_trunks", status="active") == 1
    clock.suspend(8 * HOUR)
    assert bench.trunk_samples() == {}
