"""The throttle keeps to the requests that the API says are left, so that few run into its limit."""

import asyncio
from random import Random

import pytest
from support.clock import ManualClock
from support.polling import Bench, Listing
from support.trunks import row

from exporter.api.client import requests_left
from exporter.api.throttle import Throttle
from exporter.metrics.api_metrics import ApiMetrics


def throttle(clock: ManualClock) -> Throttle:
    return Throttle(concurrency=4, deadline=100, clock=clock, random=Random(1), observer=ApiMetrics("acme"))  # noqa: S311 - no secret


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
def test_the_header_is_a_whole_number_or_ignored(header: str | None, left: int | None) -> None:
    assert requests_left(header) == left


@pytest.mark.parametrize(("left", "expected"), [(None, 4), (100, 4), (4, 4), (3, 3), (1, 1), (0, 1)], ids=str)
def test_no_more_are_in_flight_than_are_left_but_one_always_is(left: int | None, expected: int) -> None:
    async def scenario() -> int:
        clock = ManualClock()
        throttled = throttle(clock)
        in_flight = max_in_flight = 0

        async def request() -> None:
            nonlocal in_flight, max_in_flight
            in_flight += 1
            max_in_flight = max(max_in_flight, in_flight)
            await clock.sleep(1)
            in_flight -= 1

        throttled.note_remaining(left)
        requests = [asyncio.create_task(throttled.run(request)) for _ in range(8)]
        await clock.advance(10)
        await asyncio.gather(*requests)
        return max_in_flight

    assert asyncio.run(scenario()) == expected


def test_more_are_in_flight_again_once_more_are_left() -> None:
    async def scenario() -> list[float]:
        clock = ManualClock()
        throttled = throttle(clock)
        made: list[float] = []

        async def request() -> None:
            made.append(clock.monotonic())
            await clock.sleep(1)
            throttled.note_remaining(0 if len(made) == 1 else 50)

        throttled.note_remaining(1)
        requests = [asyncio.create_task(throttled.run(request)) for _ in range(6)]
        await clock.advance(10)
        await asyncio.gather(*requests)
        return made

    assert asyncio.run(scenario()) == [0, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(("left", "steps"), [("50", 3), ("1", 8)])
def test_a_poll_follows_the_header_of_its_pages(left: str, steps: int) -> None:
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
