"""What the API says of requests that are left is heeded, so that few run into its limit."""

import asyncio
from random import Random

import pytest
from support.clock import ManualClock
from support.polling import Bench, Listing
from support.trunks import row

from exporter.api.client import requests_left
from exporter.api.errors import Reason
from exporter.api.throttle import Throttle


class Silent:
    def requested(self, code: str, seconds: float) -> None:
        pass

    def retried(self, reason: Reason) -> None:
        pass


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("59", 59),
        ("0", 0),
        (" 7 ", 7),
        (None, None),
        ("", None),
        ("-1", None),
        ("many", None),
        ("1.5", None),
        ("\N{ARABIC-INDIC DIGIT THREE}", None),
        ("9" * 100, None),
    ],
)
def test_the_header_is_a_whole_number_or_says_nothing(header: str | None, left: int | None) -> None:
    assert requests_left(header) == left


@pytest.mark.parametrize(("left", "in_flight"), [(None, 4), (100, 4), (4, 4), (3, 3), (1, 1), (0, 1)], ids=str)
def test_no_more_are_in_flight_than_are_left_but_one_always_is(left: int | None, in_flight: int) -> None:
    async def scenario() -> int:
        clock = ManualClock()
        throttle = Throttle(concurrency=4, deadline=100, clock=clock, random=Random(1), observer=Silent())  # noqa: S311 - no secret
        flying = most = 0

        async def request() -> None:
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await clock.sleep(1)
            flying -= 1

        throttle.note_remaining(left)
        carried = [asyncio.create_task(throttle.run(request)) for _ in range(8)]
        await clock.advance(10)
        await asyncio.gather(*carried)
        return most

    assert asyncio.run(scenario()) == in_flight


def test_more_are_in_flight_again_once_more_are_left() -> None:
    async def scenario() -> list[float]:
        clock = ManualClock()
        throttle = Throttle(concurrency=4, deadline=100, clock=clock, random=Random(1), observer=Silent())  # noqa: S311 - no secret
        made: list[float] = []

        async def request() -> None:
            made.append(clock.monotonic())
            await clock.sleep(1)
            throttle.note_remaining(0 if len(made) == 1 else 50)

        throttle.note_remaining(1)
        carried = [asyncio.create_task(throttle.run(request)) for _ in range(6)]
        await clock.advance(10)
        await asyncio.gather(*carried)
        return made

    assert asyncio.run(scenario()) == [0, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(("left", "steps"), [("50", 3), ("1", 8)])
def test_a_poll_heeds_what_comes_with_its_pages(left: str, steps: int) -> None:
    listing = Listing([row(index) for index in range(40)], per_page=5)
    moments = []

    async def scenario() -> None:
        async def api(request: object) -> object:
            moments.append(bench.clock.monotonic())
            await bench.clock.sleep(1)
            answer = listing(request)  # type: ignore[arg-type]  # what a transport hands over
            answer.headers["X-RateLimit-Remaining"] = left
            return answer

        bench = Bench(api)  # type: ignore[arg-type]  # likewise
        await bench.poll()
        assert bench.value("mihu_up") == 1

    asyncio.run(scenario())
    assert len(set(moments)) == steps
