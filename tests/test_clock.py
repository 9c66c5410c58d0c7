"""The clock of a machine that is suspended and resumed."""

import asyncio
import selectors
import time
from typing import Any

import pytest
from support.clock import ManualClock
from support.event_loop import Backend
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

    suspended = 0.0  # seconds

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.suspended


class TestSleep:
    @pytest.fixture
    def anyio_backend(self) -> Backend:
        return "asyncio", {"loop_factory": LeapingLoop}

    async def test_ends_soon_after_the_machine_is_resumed(self) -> None:
        machine, loop = Machine(), asyncio.get_running_loop()
        waiting = asyncio.create_task(machine.sleep(HOUR))
        await asyncio.sleep(60)
        machine.suspended = 8 * HOUR
        resumed = loop.time()
        await waiting
        assert loop.time() - resumed <= 30

    @pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.5, 45.0, 200.0])
    async def test_is_as_long_as_asked_otherwise(self, seconds: float) -> None:
        started = asyncio.get_running_loop().time()
        await Machine().sleep(seconds)
        assert asyncio.get_running_loop().time() - started == max(seconds, 0)


def test_its_time_goes_on_while_the_machine_is_suspended() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= SystemClock().monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)


async def test_what_was_read_before_a_long_sleep_is_stale_after_it() -> None:
    class Suspended(ManualClock):
        def suspend(self, seconds: float) -> None:
            self._now += seconds  # and no task is woken

    clock = Suspended()
    bench = Bench(Listing([row(1)]), clock=clock, poll_interval=HOUR, max_staleness=5 * HOUR)
    await bench.poll()
    assert bench.value("mihu_trunks", status="active") == 1
    clock.suspend(8 * HOUR)
    assert bench.trunk_samples() == {}
