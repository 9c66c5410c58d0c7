"""The clock of a machine that is suspended and resumed."""

import asyncio
import time

import pytest
from support import event_loop

from exporter.clock import Clock

HOUR = 3600.0


class Machine(Clock):
    """Time of a machine that can be suspended: the event loop's stands still then, and this one's goes on."""

    suspended = 0.0  # seconds

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.suspended


class TestSleep:
    @pytest.fixture
    def anyio_backend(self) -> event_loop.Backend:
        return event_loop.ADVANCED

    async def test_ends_soon_after_the_machine_is_resumed(self) -> None:
        machine = Machine()
        waiting = asyncio.create_task(machine.sleep(HOUR))
        await event_loop.advance(60)
        machine.suspended = 8 * HOUR
        assert not waiting.done()
        await event_loop.advance(31)
        assert waiting.done()

    @pytest.mark.parametrize("seconds", [-1, 0, 1, 45, 90])
    async def test_is_as_long_as_asked_otherwise(self, seconds: int) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        waiting = asyncio.create_task(Machine().sleep(seconds))
        waiting.add_done_callback(lambda _: ended.append(loop.time()))
        ended: list[float] = []
        await event_loop.advance(seconds + 1)
        assert max(seconds, 0) <= ended[0] - started < seconds + 5


def test_its_time_goes_on_while_the_machine_is_suspended() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= Clock().monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)
