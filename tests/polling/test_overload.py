"""A machine too busy to decode and judge in time: what the API said in time counts, and the API is not blamed."""

import asyncio

import pytest
from support.executor import InlineExecutor
from support.polling import Bench, Listing
from support.trunks import row

PAGES = 3
TIMEOUT = 50.0


class Overload:
    """A bench whose executor has time for so much of the next poll, and for more only long after its end."""

    def __init__(self) -> None:
        self.api = Listing([row(index) for index in range(2 * PAGES)], per_page=2)
        self._executor = InlineExecutor()
        self.bench = Bench(self.api, executor=self._executor, poll_timeout=TIMEOUT)

    def poll(self, time_for: int) -> Bench:
        async def poll() -> None:
            self._executor.become_busy(time_for)
            polling = asyncio.create_task(self.bench.poller.poll())
            await self.bench.clock.advance(2 * TIMEOUT)
            self._executor.catch_up()
            await polling

        asyncio.run(poll())
        return self.bench


@pytest.mark.parametrize("time_for", [PAGES, PAGES + 1, PAGES + 2], ids=["judge", "render", "remember"])
def test_a_walk_that_came_in_time_is_published_however_late(time_for: int) -> None:
    bench = Overload().poll(time_for)
    assert bench.failures() == {}
    assert bench.value("mihu_trunks", status="active") == 2 * PAGES


@pytest.mark.parametrize("time_for", range(PAGES))
def test_pages_that_could_not_be_read_in_time_are_a_time_out(time_for: int) -> None:
    assert Overload().poll(time_for).failures() == {"timeout": 1}


def test_without_time_to_confirm_that_a_trunk_is_gone_it_is_not_yet_gone() -> None:
    overload = Overload()
    asyncio.run(overload.bench.poll())
    del overload.api.rows[-1]
    bench = overload.poll(PAGES + 1)  # the first walk, and to judge it
    assert bench.failures() == {}
    assert bench.value("mihu_trunks", status="active") == 2 * PAGES - 1
    assert bench.value("mihu_trunks_gone") == 0
