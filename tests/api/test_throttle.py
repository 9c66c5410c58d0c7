"""How fast one poll asks: what is tried again, after how long, and how many pages are in flight."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import ManualClock

from exporter.api.errors import RETRYABLE, ApiError, OutOfTimeError, Reason
from exporter.api.throttle import MAX_ATTEMPTS, Throttle

Outcome = ApiError | str

RETRYABLE_WITH_LIMIT = sorted(RETRYABLE - {Reason.RATE_LIMITED})
FINAL = sorted(set(Reason) - RETRYABLE)


def limited(retry_after: float | None = None) -> ApiError:
    return ApiError(Reason.RATE_LIMITED, "HTTP 429", status=429, retry_after=retry_after)


def unavailable(retry_after: float | None = None) -> ApiError:
    return ApiError(Reason.SERVER_ERROR, "HTTP 503", status=503, retry_after=retry_after)


def broken(reason: Reason = Reason.CONNECTION) -> ApiError:
    return ApiError(reason, f"it is {reason}")


class ScriptedRandom(Random):
    """Returns always the same share of what is asked for, and remembers what that was."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share
        self.asked: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.asked.append((a, b))
        return a + (b - a) * self.share


@dataclass
class Counting:
    retries: list[Reason] = field(default_factory=list)

    def requested(self, code: str, seconds: float) -> None:
        raise AssertionError(f"the throttle makes no requests itself ({code}, {seconds})")

    def retried(self, reason: Reason) -> None:
        self.retries.append(reason)


class Bench:
    """A throttle, an API that is scripted request by request, and a record of when each request was made."""

    def __init__(
        self,
        *outcomes: Outcome,
        concurrency: int = 4,
        deadline: float = 1_000.0,
        share: float = 1.0,
        takes: float = 0.0,
        first_take: Sequence[float] = (),
    ) -> None:
        self.clock = ManualClock()
        self.random = ScriptedRandom(share)
        self.observer = Counting()
        self.throttle = Throttle(
            concurrency=concurrency,
            deadline=deadline,
            clock=self.clock,
            random=self.random,
            observer=self.observer,
        )
        self._outcomes = iter(outcomes)
        self._durations = chain(first_take, repeat(takes))
        self.made_at: list[float] = []
        self.in_flight = 0
        self.in_flight_at: list[int] = []  # with each request that is made, itself included

    async def request(self) -> str:
        self.made_at.append(self.clock.monotonic())
        outcome = next(self._outcomes, "a page")
        self.in_flight += 1
        self.in_flight_at.append(self.in_flight)
        try:
            if duration := next(self._durations):
                await self.clock.sleep(duration)
        finally:
            self.in_flight -= 1
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def carry(self, request: Callable[[], Awaitable[str]] | None = None) -> asyncio.Task[str]:
        return asyncio.create_task(self.throttle.run(request or self.request))

    async def carry_all(self, count: int, *, seconds: float) -> list[str | BaseException]:
        """Carry so many requests, letting so much time pass."""
        carried = [self.carry() for _ in range(count)]
        await self.clock.advance(seconds)
        assert all(task.done() for task in carried)
        return await asyncio.gather(*carried, return_exceptions=True)

    def carry_one(self, *, seconds: float = 0.0) -> str | BaseException:
        (outcome,) = asyncio.run(self.carry_all(1, seconds=seconds))
        return outcome


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


class TestTryingAgain:
    def test_is_not_needed_after_a_success(self) -> None:
        bench = Bench("a page")
        assert bench.carry_one() == "a page"
        assert (len(bench.made_at), bench.observer.retries) == (1, [])

    @pytest.mark.parametrize("reason", sorted(RETRYABLE))
    def test_is_done_where_it_may_help(self, reason: Reason) -> None:
        bench = Bench(broken(reason), "a page")
        assert bench.carry_one(seconds=1) == "a page"
        assert bench.observer.retries == [reason]

    @pytest.mark.parametrize("reason", FINAL)
    def test_is_not_done_where_somebody_must_change_something(self, reason: Reason) -> None:
        fault = broken(reason)
        bench = Bench(fault, "a page")
        assert bench.carry_one() is fault
        assert (len(bench.made_at), bench.observer.retries) == (1, [])

    @pytest.mark.parametrize("reason", RETRYABLE_WITH_LIMIT)
    def test_has_an_end(self, reason: Reason) -> None:
        faults = [broken(reason) for _ in range(MAX_ATTEMPTS)]
        bench = Bench(*faults)
        assert bench.carry_one(seconds=60) is faults[-1]
        assert len(bench.made_at) == MAX_ATTEMPTS
        assert bench.observer.retries == [reason] * (MAX_ATTEMPTS - 1)

    def test_succeeds_at_the_last_attempt_too(self) -> None:
        bench = Bench(*[broken()] * (MAX_ATTEMPTS - 1))
        assert bench.carry_one(seconds=60) == "a page"

    def test_of_one_page_does_not_count_for_another(self) -> None:
        bench = Bench(*[broken()] * (MAX_ATTEMPTS - 1) * 3, concurrency=1)
        assert asyncio.run(bench.carry_all(3, seconds=60)) == ["a page"] * 3

    def test_goes_on_as_long_as_the_rate_limit_asks_for_it(self) -> None:
        bench = Bench(*[limited(retry_after=5)] * 50)
        assert bench.carry_one(seconds=250) == "a page"
        assert bench.observer.retries == [Reason.RATE_LIMITED] * 50

    def test_goes_on_for_any_number_of_times(self) -> None:
        bench = Bench(*[limited()] * 1_500, share=0.0)
        assert asyncio.run(bench.throttle.run(bench.request)) == "a page"

    def test_after_other_faults_is_not_used_up_by_the_rate_limit(self) -> None:
        bench = Bench(*[limited(retry_after=1)] * 10, *[broken()] * (MAX_ATTEMPTS - 1))
        assert bench.carry_one(seconds=60) == "a page"

    def test_after_the_rate_limit_does_not_begin_anew(self) -> None:
        last = broken()
        bench = Bench(*[broken()] * (MAX_ATTEMPTS - 1), limited(retry_after=1), last)
        assert bench.carry_one(seconds=60) is last


class TestTheDelay:
    def test_doubles_with_each_attempt(self) -> None:
        bench = Bench(*[broken()] * 3)
        bench.carry_one(seconds=60)
        assert bench.random.asked == [(0, 1), (0, 2), (0, 4)]
        assert bench.made_at == [0, 1, 3, 7]

    def test_grows_to_eight_seconds_at_most(self) -> None:
        bench = Bench(*[limited()] * 6)
        bench.carry_one(seconds=60)
        assert bench.random.asked == [(0, 1), (0, 2), (0, 4), (0, 8), (0, 8), (0, 8)]

    @pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
    def test_is_anywhere_between_nothing_and_the_most(self, share: float) -> None:
        bench = Bench(broken(), share=share)
        bench.carry_one(seconds=60)
        assert bench.made_at == [0, share]

    def test_leaves_the_slot_to_others(self) -> None:
        bench = Bench(broken(), concurrency=1)
        assert asyncio.run(bench.carry_all(2, seconds=1)) == ["a page", "a page"]
        assert bench.made_at == [0, 0, 1]


class TestRetryAfter:
    @pytest.mark.parametrize("fault", [limited(7), unavailable(7)], ids=["429", "503"])
    def test_is_honoured_to_the_second(self, fault: ApiError) -> None:
        bench = Bench(fault)
        assert bench.carry_one(seconds=7) == "a page"
        assert bench.made_at == [0, 7]

    @pytest.mark.parametrize("fault", [limited(0), limited(), unavailable(0)], ids=["429, 0", "429", "503, 0"])
    def test_that_asks_for_nothing_leaves_the_usual_delay(self, fault: ApiError) -> None:
        bench = Bench(fault, share=0.5)
        bench.carry_one(seconds=7)
        assert bench.made_at == [0, 0.5]

    def test_of_another_fault_is_not_honoured(self) -> None:
        bench = Bench(ApiError(Reason.SERVER_ERROR, "HTTP 500", status=500, retry_after=7))
        bench.carry_one(seconds=7)
        assert bench.made_at == [0, 1]

    @pytest.mark.parametrize("fault", [limited(7), unavailable(7)], ids=["429", "503"])
    def test_holds_for_requests_that_come_later(self, fault: ApiError) -> None:
        bench = Bench(fault)

        async def test() -> None:
            first = bench.carry()
            await bench.clock.advance(2)
            second = bench.carry()
            await bench.clock.advance(4.9)
            assert bench.made_at == [0]
            await bench.clock.advance(0.1)
            assert [await first, await second] == ["a page", "a page"]

        run(test())
        assert bench.made_at == [0, 7, 7]

    def test_holds_for_requests_that_wait_for_a_slot(self) -> None:
        bench = Bench(limited(7), concurrency=1)
        asyncio.run(bench.carry_all(3, seconds=7))
        assert bench.made_at == [0, 7, 7, 7]

    def test_holds_for_requests_that_back_off_from_something_else(self) -> None:
        bench = Bench(broken(), limited(7))
        asyncio.run(bench.carry_all(2, seconds=8))
        assert bench.made_at == [0, 0, 7, 7]

    def test_counts_where_it_is_longest(self) -> None:
        bench = Bench(limited(7), limited(3), takes=1)
        asyncio.run(bench.carry_all(2, seconds=10))
        assert bench.made_at == [0, 0, 8, 9]

    def test_may_be_prolonged_meanwhile(self) -> None:
        bench = Bench(limited(3), limited(7), first_take=(1, 2))
        asyncio.run(bench.carry_all(2, seconds=9))
        assert bench.made_at == [0, 0, 9, 9]


class TestPagesInFlight:
    @pytest.mark.parametrize("concurrency", [1, 2, 4])
    def test_are_as_many_as_configured(self, concurrency: int) -> None:
        bench = Bench(concurrency=concurrency, takes=1)
        asyncio.run(bench.carry_all(8, seconds=8 / concurrency))
        assert max(bench.in_flight_at) == concurrency
        assert bench.clock.monotonic() == 8 / concurrency

    @pytest.mark.parametrize("fault", [limited(5), limited(), unavailable(5), unavailable()])
    @pytest.mark.parametrize(("concurrency", "half"), [(8, 4), (5, 2), (4, 2), (2, 1), (1, 1)])
    def test_are_halved_by_a_limit(self, fault: ApiError, concurrency: int, half: int) -> None:
        bench = Bench(fault, concurrency=concurrency, takes=1)

        async def test() -> None:
            await asyncio.gather(bench.carry_all(1, seconds=10), return_exceptions=False)
            bench.in_flight_at.clear()
            await bench.carry_all(12, seconds=20)

        run(test())
        assert max(bench.in_flight_at) == half

    def test_are_halved_again_and_again_but_never_none(self) -> None:
        bench = Bench(*[limited(1)] * 5, concurrency=8, takes=1)
        asyncio.run(bench.carry_all(1, seconds=20))
        bench.in_flight_at.clear()
        asyncio.run(bench.carry_all(4, seconds=20))
        assert max(bench.in_flight_at) == 1

    def test_stay_halved_for_the_rest_of_the_poll(self) -> None:
        bench = Bench(limited(1), takes=1)
        asyncio.run(bench.carry_all(50, seconds=100))
        bench.in_flight_at.clear()
        asyncio.run(bench.carry_all(50, seconds=100))
        assert max(bench.in_flight_at) == 2

    def test_that_were_let_in_before_may_finish(self) -> None:
        bench = Bench("a page", "a page", "a page", limited(5), takes=1)
        assert asyncio.run(bench.carry_all(4, seconds=7)) == ["a page"] * 4
        assert bench.in_flight_at == [1, 2, 3, 4, 1]

    def test_are_not_let_in_all_at_once_after_a_wait(self) -> None:
        bench = Bench(limited(5), limited(5), limited(5), concurrency=8, first_take=(1, 2, 3), takes=1)
        asyncio.run(bench.carry_all(12, seconds=60))
        assert max(bench.in_flight_at[8:]) == 1

    @pytest.mark.parametrize("reason", RETRYABLE_WITH_LIMIT)
    def test_are_not_fewer_after_other_faults(self, reason: Reason) -> None:
        bench = Bench(broken(reason), takes=1)
        asyncio.run(bench.carry_all(1, seconds=10))
        bench.in_flight_at.clear()
        asyncio.run(bench.carry_all(8, seconds=10))
        assert max(bench.in_flight_at) == 4


class TestTheEndOfThePoll:
    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (limited(60), Reason.RATE_LIMITED),
            (limited(10), Reason.RATE_LIMITED),
            (unavailable(60), Reason.SERVER_ERROR),
        ],
        ids=["429", "429, just at the end", "503"],
    )
    def test_is_not_waited_for(self, fault: ApiError, reason: Reason) -> None:
        bench = Bench(fault, deadline=10)
        outcome = bench.carry_one()
        assert isinstance(outcome, OutOfTimeError)
        assert (outcome.reason, outcome.status) == (reason, fault.status)
        assert f"the next attempt is due in {fault.retry_after:.0f}s, past the poll's end" in str(outcome)
        assert fault.seen in outcome.seen
        assert outcome.remedy == fault.remedy
        assert bench.clock.slept == []
        assert bench.observer.retries == []

    def test_is_waited_for_where_there_is_time(self) -> None:
        assert Bench(limited(9.9), deadline=10).carry_one(seconds=10) == "a page"

    def test_counts_from_now(self) -> None:
        bench = Bench(limited(6), limited(6), deadline=10)
        outcome = bench.carry_one(seconds=6)
        assert isinstance(outcome, OutOfTimeError)
        assert bench.made_at == [0, 6]
        assert bench.observer.retries == [Reason.RATE_LIMITED]

    def test_comes_before_the_usual_delay_too(self) -> None:
        outcome = Bench(broken(), deadline=0.9).carry_one()
        assert isinstance(outcome, OutOfTimeError)
        assert outcome.reason is Reason.CONNECTION

    def test_comes_later_than_the_last_attempt(self) -> None:
        last = broken()
        assert Bench(*[broken()] * (MAX_ATTEMPTS - 1), last, deadline=7.1).carry_one(seconds=10) is last

    def test_because_of_the_limit_comes_with_a_remedy(self) -> None:
        assert "raise poll_timeout and poll_interval" in str(Bench(limited(60), deadline=10).carry_one())
        assert "raise poll_timeout" not in str(Bench(unavailable(60), deadline=10).carry_one())


@pytest.mark.parametrize(
    ("fault", "is_limited"),
    [(limited(1), True), (unavailable(1), False), (broken(), False)],
    ids=["429", "503", "other"],
)
def test_a_poll_is_rate_limited_once_the_api_has_said_so(fault: ApiError, is_limited: bool) -> None:  # noqa: FBT001
    bench = Bench(fault)
    assert not bench.throttle.rate_limited
    bench.carry_one(seconds=10)
    assert bench.throttle.rate_limited is is_limited


class TestASlot:
    def test_is_freed_when_its_request_is_called_off(self) -> None:
        bench = Bench(concurrency=1, takes=5)

        async def test() -> None:
            first, second = bench.carry(), bench.carry()
            await bench.clock.advance(1)
            first.cancel()
            await bench.clock.advance(5)
            assert first.cancelled()
            assert await second == "a page"

        run(test())
        assert bench.made_at == [0, 1]

    def test_is_not_taken_by_a_request_that_is_called_off_while_it_waits(self) -> None:
        bench = Bench(concurrency=1, takes=5)

        async def test() -> None:
            first, second, third = bench.carry(), bench.carry(), bench.carry()
            await bench.clock.advance(1)
            second.cancel()
            await bench.clock.advance(9)
            assert second.cancelled()
            assert [await first, await third] == ["a page", "a page"]

        run(test())
        assert bench.made_at == [0, 5]

    def test_is_not_taken_by_a_request_that_is_called_off_while_the_limit_lasts(self) -> None:
        bench = Bench(limited(5), concurrency=1)

        async def test() -> None:
            first, second = bench.carry(), bench.carry()
            await bench.clock.advance(1)
            first.cancel()
            second.cancel()
            assert await bench.carry_all(1, seconds=4) == ["a page"]

        run(test())
        assert bench.made_at == [0, 5]

    def test_is_freed_by_an_error_that_nobody_expected(self) -> None:
        bench = Bench(concurrency=1)

        async def fail() -> str:
            raise ZeroDivisionError

        async def test() -> None:
            with pytest.raises(ZeroDivisionError):
                await bench.throttle.run(fail)
            assert await bench.throttle.run(bench.request) == "a page"

        run(test())


OUTCOMES = st.lists(
    st.sampled_from(["a page", limited(), limited(2), unavailable(), unavailable(3), broken(), broken(Reason.TIMEOUT)]),
    max_size=30,
)


@given(
    outcomes=OUTCOMES, concurrency=st.integers(1, 6), pages=st.integers(1, 12), share=st.sampled_from([0.0, 0.3, 1.0])
)
def test_never_are_there_more_pages_in_flight_than_allowed(
    outcomes: Sequence[Outcome], concurrency: int, pages: int, share: float
) -> None:
    bench = Bench(*outcomes, concurrency=concurrency, share=share, takes=1)
    carried = asyncio.run(bench.carry_all(pages, seconds=400))
    assert max(bench.in_flight_at) <= concurrency
    assert bench.in_flight == 0
    assert all(outcome == "a page" or isinstance(outcome, ApiError) for outcome in carried)
