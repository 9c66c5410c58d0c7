"""When a workspace is polled, and what is shown in between."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from support.executor import InlineExecutor, P, T
from support.polling import Bench, Listing
from support.transport import Handler
from support.trunks import row

from exporter.api.body import LIMIT
from exporter.config.credentials import EnvironmentCredentials, FileCredentials
from exporter.process import release_memory

INTERVAL = 60.0


class Polled:
    """A bench whose poller runs on the manual clock."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.starts: list[float] = []

    async def run(self, script: Callable[[Bench], Awaitable[None]], first_delay: float = 0.0) -> None:
        task = asyncio.create_task(self.bench.poller.run(first_delay))
        try:
            await self.bench.clock.settle()
            await script(self.bench)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def run(bench: Bench, script: Callable[[Bench], Awaitable[None]], first_delay: float = 0.0) -> None:
    asyncio.run(Polled(bench).run(script, first_delay))


def rows(count: int) -> list[object]:
    return [row(index) for index in range(count)]


class NotingExecutor(InlineExecutor):
    """Notes what it is given to run."""

    def __init__(self) -> None:
        self.submitted: list[object] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.submitted.append(fn)
        return super().submit(fn, *args, **kwargs)


class Recorder:
    """An API that notes when it was asked, and with which token."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.listing = Listing(rows(3))
        self.bench: Bench | None = None
        self.times: list[float] = []
        self.tokens: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert self.bench is not None
        self.times.append(self.bench.clock.monotonic())
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        return self.listing(request) if self.status == 200 else httpx.Response(self.status)


def recorded(**settings: object) -> tuple[Recorder, Bench]:
    api = Recorder()
    bench = Bench(api, **settings)  # type: ignore[arg-type]  # any setting of a workspace
    api.bench = bench
    return api, bench


def test_the_first_poll_starts_after_its_delay() -> None:
    api, bench = recorded()

    async def script(bench: Bench) -> None:
        await bench.clock.advance(0.4)
        assert api.times == []
        await bench.clock.advance(0.2)
        assert api.times == [0.5]

    run(bench, script, first_delay=0.5)


def test_later_polls_keep_an_interval_and_a_phase_of_their_own() -> None:
    api, bench = recorded()

    async def script(bench: Bench) -> None:
        await bench.clock.advance(10 * INTERVAL)

    run(bench, script)
    first, second, *_ = api.times
    assert 0 <= second - first <= INTERVAL
    gaps = {round(later - earlier, 6) for earlier, later in zip(api.times[1:], api.times[2:], strict=False)}
    assert gaps == {INTERVAL}


def test_polls_never_overlap() -> None:
    under_way = 0
    most = 0
    listing = Listing(rows(3))

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await bench.clock.sleep(49)
            return listing(request)
        finally:
            under_way -= 1

    bench = Bench(slow, request_timeout=50.0)

    async def script(bench: Bench) -> None:
        await bench.clock.advance(10 * INTERVAL)
        assert bench.value("mihu_polls_total") == 10

    run(bench, script)
    assert most == 1


def test_a_machine_that_slept_does_not_catch_up_on_the_polls_it_missed() -> None:
    api, bench = recorded(poll_interval=10.0)

    async def script(bench: Bench) -> None:
        bench.clock._now += 1000  # noqa: SLF001 - time that passed without anybody being woken
        await bench.clock.advance(20)

    run(bench, script)
    assert len(api.times) <= 4


class TestStaleness:
    def test_trunk_series_end_after_max_staleness_and_reading_metrics_stay(self) -> None:
        api, bench = recorded(max_staleness=300.0)

        async def script(bench: Bench) -> None:
            api.status = 500
            await bench.clock.advance(299.9)
            assert bench.value("mihu_trunks", status="active") == 3
            assert bench.series("mihu_trunk_info") == 3
            assert bench.value("mihu_data_stale") == 0
            assert bench.value("mihu_series") == len(bench.trunk_samples())
            await bench.clock.advance(0.1)
            assert bench.trunk_samples() == {}
            assert bench.value("mihu_data_stale") == 1
            assert bench.value("mihu_up") == 0
            assert bench.value("mihu_series") == 0
            assert bench.value("mihu_last_success_timestamp_seconds") == 1_700_000_000
            api.status = 200
            await bench.clock.advance(INTERVAL)
            assert bench.value("mihu_trunks", status="active") == 3
            assert (bench.value("mihu_up"), bench.value("mihu_data_stale")) == (1, 0)

        run(bench, script)


VARIABLE = "MIHU_TEST_TOKEN"


class TestRefusedToken:
    """A refused token is not sent again and again."""

    @pytest.mark.parametrize(
        ("max_staleness", "wait"),
        [(120.0, 60.0), (300.0, 150.0), (7200.0, 300.0)],
        ids=["never under an interval", "half of max_staleness", "at most 5 minutes"],
    )
    def test_the_next_poll_waits(self, max_staleness: float, wait: float) -> None:
        api, bench = recorded(max_staleness=max_staleness)
        api.status = 401

        async def script(bench: Bench) -> None:
            await bench.clock.advance(3 * wait + INTERVAL)

        run(bench, script)
        assert api.times[1] - api.times[0] >= wait
        gaps = [later - earlier for earlier, later in zip(api.times[1:], api.times[2:], strict=False)]
        assert gaps
        assert all(wait <= gap < wait + INTERVAL for gap in gaps)

    def test_but_a_new_token_is_tried_within_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "old")
        api, bench = recorded(credentials=EnvironmentCredentials(VARIABLE))
        api.status = 401

        async def script(bench: Bench) -> None:
            await bench.clock.advance(10)
            assert api.tokens == ["old"]
            monkeypatch.setenv(VARIABLE, "new")
            api.status = 200
            await bench.clock.advance(1)
            assert api.tokens == ["old", "new"]
            assert bench.value("mihu_up") == 1

        run(bench, script)

    def test_and_the_poll_that_was_due_next_is_not_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "old")
        api, bench = recorded(credentials=EnvironmentCredentials(VARIABLE), poll_interval=3600.0, max_staleness=18000.0)
        api.status = 401

        async def script(bench: Bench) -> None:
            await bench.clock.advance(3700)
            monkeypatch.setenv(VARIABLE, "new")
            api.status = 200
            await bench.clock.advance(3 * 3600)

        run(bench, script)
        mended = api.tokens.index("new")
        first, *later = api.times[mended:]
        assert first == pytest.approx(3700, abs=1)
        assert 0 < later[0] - first <= 3600
        assert [after - before for before, after in pairwise(later)] == pytest.approx([3600] * (len(later) - 1))

    def test_a_rotated_token_is_used_by_the_next_poll(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "old")
        api, bench = recorded(credentials=EnvironmentCredentials(VARIABLE))

        async def script(bench: Bench) -> None:
            monkeypatch.setenv(VARIABLE, "new")
            await bench.clock.advance(INTERVAL)
            assert api.tokens == ["old", "new"]

        run(bench, script)

    def test_without_a_token_nothing_is_asked_and_it_counts_as_auth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        api, bench = recorded(credentials=EnvironmentCredentials(VARIABLE))

        async def script(bench: Bench) -> None:
            assert api.times == []
            assert bench.failures() == {"auth": 1}
            monkeypatch.setenv(VARIABLE, "late")
            await bench.clock.advance(1)
            assert api.tokens == ["late"]

        run(bench, script)

    def test_so_does_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        _, bench = recorded(credentials=FileCredentials(tmp_path / "token"))
        asyncio.run(bench.poller.poll())
        assert bench.failures() == {"auth": 1}


def test_a_bug_costs_a_poll_and_not_the_poller() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    bench = Bench(broken)

    async def script(bench: Bench) -> None:
        await bench.clock.advance(5 * INTERVAL)
        failures = bench.failures()
        assert failures["internal"] >= 5

    run(bench, script)


class TestMemory:
    """What the C library keeps for later is released where it is much."""

    @pytest.mark.parametrize(
        ("answer", "releases"),
        [
            (Listing(rows(3)), 0),
            (Listing(rows(50), per_page=1), 1),
            (lambda _: httpx.Response(500), 0),
        ],
        ids=["few pages", "many pages", "a failure"],
    )
    def test_after_a_poll(self, answer: Handler, releases: int) -> None:
        executor = NotingExecutor()

        async def script(bench: Bench) -> None:
            await bench.clock.advance(5)

        run(Bench(answer, executor=executor, poll_interval=60.0), script)
        assert [work.func for work in executor.submitted if isinstance(work, partial)].count(release_memory) == releases

    def test_nothing_of_what_a_failed_poll_read_is_kept(self) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(2**16)

        bench = Bench(lambda _: httpx.Response(200, content=endless()))

        async def kept() -> int:
            tracemalloc.start()
            try:
                fault = await bench.poller.poll()
                assert fault is not None
                return tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()

        assert asyncio.run(kept()) < LIMIT / 16


class TestRateLimit:
    def test_waiting_for_it_beyond_the_polls_end_fails_as_rate_limited(self) -> None:
        bench = Bench(lambda _: httpx.Response(429, headers={"Retry-After": "31536000"}))
        asyncio.run(bench.poll())
        assert bench.failures() == {"rate_limited": 1}
        assert bench.value("mihu_api_requests_total", code="429") == 1

    @pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (503, "timeout")])
    def test_a_poll_whose_time_it_used_up_fails_as_rate_limited(self, status: int, reason: str) -> None:
        answers = iter([httpx.Response(status, headers={"Retry-After": "5"})])

        async def api(_: httpx.Request) -> httpx.Response:
            for answer in answers:
                return answer
            await asyncio.Event().wait()
            raise AssertionError

        bench = Bench(api, poll_timeout=20.0, request_timeout=20.0)
        asyncio.run(bench.poll())
        assert bench.failures() == {reason: 1}

    def test_a_short_one_is_waited_for(self) -> None:
        listing = Listing(rows(3))
        answers = iter([429, 429, 429, 429, 429, 429, 200])

        def api(request: httpx.Request) -> httpx.Response:
            status = next(answers)
            return listing(request) if status == 200 else httpx.Response(status, headers={"Retry-After": "5"})

        bench = Bench(api)
        asyncio.run(bench.poll())
        assert bench.value("mihu_up") == 1
        assert bench.value("mihu_api_retries_total", reason="rate_limited") == 6
        assert bench.clock.monotonic() == pytest.approx(30, abs=0.2)
