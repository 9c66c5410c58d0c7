"""What polling tells people about itself: how the last polls went, and when the next one is due."""

import asyncio

import httpx
import pytest
from support.polling import Bench, Listing
from support.trunks import row

from exporter.api.errors import Reason
from exporter.polling.status import EndedPoll, Failure, History


def poll(number: int, failure: Failure | None = None) -> EndedPoll:
    return EndedPoll(ended_at=float(number), seconds=1.0, requests=1, concurrency=4, failure=failure)


def test_the_last_40_polls_are_kept_and_the_last_5_failures_for_longer() -> None:
    history = History()
    assert not history
    for number in range(200):
        history = history.plus(poll(number, Failure(Reason.TIMEOUT, "late") if number < 7 else None))
    assert history
    assert [each.ended_at for each in history.polls] == list(range(160, 200))
    assert [each.ended_at for each in history.failed] == [2, 3, 4, 5, 6]


def test_a_poll_that_succeeds() -> None:
    bench = Bench(Listing([row(index) for index in range(3)], per_page=1), concurrency=2)
    asyncio.run(bench.poll())
    assert bench.poller.snapshot.history == History(
        (EndedPoll(ended_at=bench.clock.time(), seconds=0.0, requests=3, concurrency=2),)
    )


def test_a_poll_that_fails() -> None:
    bench = Bench(lambda _: httpx.Response(403))
    asyncio.run(bench.poll())
    (ended,) = bench.poller.snapshot.history.failed
    assert bench.poller.snapshot.history.polls == (ended,)
    assert ended.failure is not None
    assert ended.failure.reason is Reason.PERMISSION
    assert "permission" in ended.failure.message


def test_a_poll_that_was_slowed_down() -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "1"})])
    listing = Listing([row()])
    bench = Bench(lambda request: next(answers, None) or listing(request), concurrency=4)
    asyncio.run(bench.poll())
    (ended,) = bench.poller.snapshot.history.polls
    assert (ended.requests, ended.concurrency, ended.failure) == (2, 2, None)
    assert ended.seconds == pytest.approx(1.0)


async def test_when_the_next_poll_is_due() -> None:
    listing = Listing([row()])

    bench = Bench(listing, poll_interval=60.0)
    running = asyncio.create_task(bench.poller.run(5.0))
    await bench.clock.settle()
    assert bench.poller.status.next_poll_at == bench.clock.monotonic() + 5
    await bench.clock.advance(5)
    due = bench.poller.status.next_poll_at
    assert due is not None
    assert 0 < due - bench.clock.monotonic() < 60
    seen: list[float | None] = []
    listing.before = lambda *_: seen.append(bench.poller.status.next_poll_at)
    await bench.clock.advance(60)
    assert seen == [None]  # during the poll
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
