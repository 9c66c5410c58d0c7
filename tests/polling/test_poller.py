"""When a workspace is polled, what is shown in between, and what is told of the polls."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from structlog.testing import capture_logs
from support.polling import Bench, Listing
from support.trunks import row, rows

from exporter.api.body import LIMIT
from exporter.api.errors import Reason
from exporter.config.credentials import Authorization
from exporter.polling.snapshot import EndedPoll, Failure, PollHistory

INTERVAL = 60.0


class Recorder:
    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - any of a workspace
        self.status = 200
        self.listing = Listing(rows(3))
        self.times: list[float] = []
        self.tokens: list[str] = []
        self.bench = Bench(self, **settings)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.times.append(self.bench.clock.monotonic())
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        return self.listing(request) if self.status == 200 else httpx.Response(self.status)


def recorded(**settings: Any) -> tuple[Recorder, Bench]:  # noqa: ANN401 - any of a workspace
    api = Recorder(**settings)
    return api, api.bench


async def test_later_polls_keep_an_interval_and_a_phase_of_their_own() -> None:
    api, bench = recorded()
    async with bench.running():
        await bench.clock.advance(10 * INTERVAL)
    first, second, *_ = api.times
    assert 0 <= second - first <= INTERVAL
    gaps = {round(later - earlier, 6) for earlier, later in pairwise(api.times[1:])}
    assert gaps == {INTERVAL}


async def test_polls_never_overlap() -> None:
    at_once = asyncio.Lock()

    async def slow(request: httpx.Request) -> httpx.Response:
        assert not at_once.locked()
        async with at_once:
            await bench.clock.sleep(49)
            return Listing(rows(3))(request)

    bench = Bench(slow, request_timeout=50.0)
    async with bench.running():
        await bench.clock.advance(10 * INTERVAL)
        assert (bench.value("mihu_polls_total"), bench.failures()) == (10, {})


async def test_a_machine_that_slept_does_not_catch_up_on_the_polls_it_missed() -> None:
    api, bench = recorded(poll_interval=10.0)
    async with bench.running():
        bench.clock.suspend(1000)
        await bench.clock.advance(20)
    assert 1 < len(api.times) <= 4


async def test_trunk_series_end_after_max_staleness_and_reading_metrics_stay() -> None:
    api, bench = recorded(max_staleness=300.0)
    async with bench.running():
        api.status = 500
        await bench.clock.advance(299.9)
        assert (bench.series("mihu_trunk_info"), bench.value("mihu_data_stale")) == (3, 0)
        assert bench.value("mihu_series") == len(bench.trunk_samples())
        await bench.clock.advance(0.1)
        assert bench.trunk_samples() == {}
        assert [bench.value(f"mihu_{name}") for name in ("data_stale", "up", "series")] == [1, 0, 0]
        assert bench.value("mihu_last_success_timestamp_seconds") == 1_700_000_000
        api.status = 200
        await bench.clock.advance(INTERVAL)
        assert (bench.series("mihu_trunk_info"), bench.value("mihu_up"), bench.value("mihu_data_stale")) == (3, 1, 0)


VARIABLE = "MIHU_TEST_TOKEN"


class TestRefusedToken:
    @pytest.mark.parametrize(
        ("max_staleness", "wait"),
        [(120.0, 60.0), (300.0, 150.0), (7200.0, 300.0)],
        ids=["never under an interval", "half of max_staleness", "at most 5 minutes"],
    )
    async def test_the_next_poll_waits(self, max_staleness: float, wait: float) -> None:
        api, bench = recorded(max_staleness=max_staleness)
        api.status = 401
        async with bench.running():
            await bench.clock.advance(3 * wait + INTERVAL)
        assert api.times[1] - api.times[0] >= wait
        gaps = [later - earlier for earlier, later in pairwise(api.times[1:])]
        assert gaps
        assert all(wait <= gap < wait + INTERVAL for gap in gaps)

    async def test_but_a_new_token_is_tried_at_once_and_no_poll_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "old")
        api, bench = recorded(
            credentials=Authorization(credentials_env=VARIABLE), poll_interval=3600.0, max_staleness=18000.0
        )
        api.status = 401
        async with bench.running():
            await bench.clock.advance(3700)
            assert {*api.tokens} == {"old"}
            monkeypatch.setenv(VARIABLE, "new")
            api.status = 200
            await bench.clock.advance(1)
            assert (api.tokens[-1], bench.value("mihu_up")) == ("new", 1)
            await bench.clock.advance(3 * 3600)
        first, *later = api.times[api.tokens.index("new") :]
        assert 0 < later[0] - first <= 3600
        assert [after - before for before, after in pairwise(later)] == pytest.approx([3600] * (len(later) - 1))

    async def test_without_one_nothing_is_asked_and_a_new_one_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        api, bench = recorded(credentials=Authorization(credentials_env=VARIABLE))
        async with bench.running():
            assert api.times == []
            assert bench.failures() == {"auth": 1}
            monkeypatch.setenv(VARIABLE, "late")
            await bench.clock.advance(1)
            assert api.tokens == ["late"]
            monkeypatch.setenv(VARIABLE, "new")
            await bench.clock.advance(INTERVAL)
            assert api.tokens == ["late", "new"]


async def test_a_bug_costs_a_poll_and_not_the_poller() -> None:
    bench = Bench(Mock(side_effect=ZeroDivisionError))
    async with bench.running():
        await bench.clock.advance(5 * INTERVAL)
        assert bench.failures()["internal"] >= 5


async def test_a_poller_that_a_reload_waits_for_ends_though_a_library_loses_the_cancellation() -> None:
    async def hanging(_: httpx.Request) -> httpx.Response:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise httpx.ReadError("closed")

    bench = Bench(hanging)
    bench.poller.start(first_delay=0.0)
    await bench.clock.settle()
    ending = asyncio.create_task(bench.poller.end())
    await bench.clock.advance(3 * INTERVAL)
    assert ending.done()


async def test_nothing_of_what_a_failed_poll_read_is_kept() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(2**16)

    bench = Bench(lambda _: httpx.Response(200, content=endless()))

    tracemalloc.start()
    try:
        assert str(await bench.poller.poll()).startswith("a page is larger than 16 MiB")
        assert tracemalloc.get_traced_memory()[0] < LIMIT / 16
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (503, "timeout")])
def test_a_poll_whose_time_it_used_up_fails_as_rate_limited(status: int, reason: str) -> None:
    answers = iter([httpx.Response(status, headers={"Retry-After": "5"})])

    async def api(_: httpx.Request) -> httpx.Response:
        for answer in answers:
            return answer
        await asyncio.Event().wait()
        raise AssertionError

    bench = Bench(api, poll_timeout=20.0, request_timeout=20.0)
    asyncio.run(bench.poll())
    assert bench.failures() == {reason: 1}


def test_the_last_40_polls_are_kept_and_the_last_5_failures_for_longer() -> None:
    history = PollHistory()
    for number in range(200):
        failure = Failure(Reason.TIMEOUT, "late") if number < 7 else None
        history = history.plus(EndedPoll(ended_at=number, seconds=1, requests=1, concurrency=4, failure=failure))
    assert [each.ended_at for each in history.recent] == list(range(160, 200))
    assert [each.ended_at for each in history.failed] == [2, 3, 4, 5, 6]


async def test_when_the_next_poll_is_due() -> None:
    listing = Listing([row()])
    bench = Bench(listing)
    async with bench.running(first_delay=5):
        assert bench.poller.status.next_poll_at == bench.clock.monotonic() + 5
        assert listing.requests == []
        await bench.clock.advance(5)
        due = bench.poller.status.next_poll_at
        assert due is not None
        assert 0 < due - bench.clock.monotonic() < 60
        seen: list[float | None] = []
        listing.before = lambda *_: seen.append(bench.poller.status.next_poll_at)
        await bench.clock.advance(60)
        assert seen == [None]  # during the poll


def test_the_first_success_and_the_first_after_failures_are_told_and_others_only_when_debugging() -> None:
    listing = Listing(rows(60))
    works = True

    def api(request: httpx.Request) -> httpx.Response:
        return listing(request) if works else httpx.Response(403)

    bench = Bench(api)
    with capture_logs() as log:
        for works in (False, True, True, False, False, True, True):  # noqa: B007 - the API looks at it
            asyncio.run(bench.poll())
    failed = ("warning", "poll failed")
    read, again, succeeded = ("info", "trunks read"), ("info", "poll succeeded again"), ("debug", "poll succeeded")
    told = [(line["log_level"], line["event"]) for line in log]
    assert told == [failed, read, succeeded, failed, failed, again, succeeded]
    counted = {"trunks": 60, "pages": 3, "reused": 0, "walks": 1, "seconds": 0.0}
    assert log[1] == {"log_level": "info", "event": "trunks read", "workspace": "acme", **counted}
    assert log[5] == {**log[1], "event": "poll succeeded again", "reused": 3}
    assert log[6] == {**log[5], "event": "poll succeeded", "log_level": "debug"}
