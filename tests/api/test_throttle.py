"""The pace of a poll: what is tried again, after how long, and how many pages are in flight."""

import asyncio
from collections.abc import Sequence
from itertools import chain, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import ManualClock

from exporter.api.errors import ApiError, OutOfTimeError, Reason
from exporter.api.throttle import MAX_ATTEMPTS, Throttle
from exporter.metrics.api_metrics import ApiMetrics

Outcome = ApiError | str

LIMITED_TIMES = sorted(reason for reason in Reason if reason.is_retryable and reason is not Reason.RATE_LIMITED)


def limited(retry_after: float | None = None) -> ApiError:
    return ApiError(Reason.RATE_LIMITED, "HTTP 429", status=429, retry_after=retry_after)


def unavailable(retry_after: float | None = None) -> ApiError:
    return ApiError(Reason.SERVER_ERROR, "HTTP 503", status=503, retry_after=retry_after)


def broken(reason: Reason = Reason.CONNECTION) -> ApiError:
    return ApiError(reason, f"it is {reason}")


class ScriptedRandom(Random):
    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.share


class Noting(ApiMetrics):
    retries: tuple[Reason, ...] = ()

    def retried(self, reason: Reason) -> None:
        self.retries += (reason,)


class Bench:
    """A throttle, an API that is scripted request by request, and a record of when each request was made.

    ``takes`` are the seconds of a request, ``first_take`` of the first ones; ``remaining`` is what each answer says.
    """

    def __init__(  # noqa: PLR0913 - what a test may choose
        self,
        *outcomes: Outcome,
        concurrency: int = 4,
        deadline: float = 20_000.0,
        share: float = 1.0,
        takes: float = 0.0,
        first_take: Sequence[float] = (),
        remaining: Sequence[int | None] = (),
    ) -> None:
        self.clock, self.observer = ManualClock(), Noting("acme")
        self.throttle = Throttle(
            concurrency=concurrency,
            deadline=deadline,
            clock=self.clock,
            random=ScriptedRandom(share),
            observer=self.observer,
        )
        self._outcomes, self._remaining = iter(outcomes), iter(remaining)
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
        for remaining in self._remaining:
            self.throttle.note_remaining(remaining)
            break
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def start(self) -> asyncio.Task[str]:
        return asyncio.create_task(self.throttle.run(self.request))

    def run_all(self, count: int, *, seconds: float) -> list[str | BaseException]:
        """Make a number of requests, and let a number of seconds pass."""

        async def run() -> list[str | BaseException]:
            running = [self.start() for _ in range(count)]
            await self.clock.advance(seconds)
            assert all(task.done() for task in running)
            return await asyncio.gather(*running, return_exceptions=True)

        return asyncio.run(run())

    def run_one(self, *, seconds: float = 0.0) -> str | BaseException:
        (outcome,) = self.run_all(1, seconds=seconds)
        return outcome


@pytest.mark.parametrize(
    ("errors", "succeeds"),
    [
        pytest.param([], True, id="not after a success"),
        *(pytest.param([broken(reason)], reason.is_retryable, id=f"after {reason}, maybe") for reason in Reason),
        *(pytest.param([broken(reason)] * MAX_ATTEMPTS, False, id=f"{reason}, to an end") for reason in LIMITED_TIMES),
        pytest.param([broken()] * (MAX_ATTEMPTS - 1), True, id="to the last attempt"),
        pytest.param([limited(5)] * 50, True, id="as long as the rate limit asks for it"),
        pytest.param([limited()] * 1_500, True, id="any number of times"),
        pytest.param([limited(1)] * 10 + [broken()] * (MAX_ATTEMPTS - 1), True, id="the rate limit uses up no attempt"),
        pytest.param([broken()] * (MAX_ATTEMPTS - 1) + [limited(1), broken()], False, id="nor gives one back"),
    ],
)
def test_what_is_tried_again(errors: Sequence[ApiError], succeeds: bool) -> None:  # noqa: FBT001 - a parameter
    bench = Bench(*errors)
    assert bench.run_one(seconds=15_000) == ("a page" if succeeds else errors[-1])
    assert len(bench.made_at) == len(errors) + succeeds
    assert bench.observer.retries == tuple(error.reason for error in errors)[: len(bench.made_at) - 1]


def test_attempts_of_one_page_do_not_count_for_another() -> None:
    bench = Bench(*[broken()] * (MAX_ATTEMPTS - 1) * 3, concurrency=1)
    assert bench.run_all(3, seconds=60) == ["a page"] * 3


FAILING = ApiError(Reason.SERVER_ERROR, "HTTP 500", status=500, retry_after=7)


@pytest.mark.parametrize(
    ("outcomes", "settings", "made_at"),
    [
        pytest.param([broken()] * 3, {}, [0, 1, 3, 7], id="doubles with each attempt"),
        pytest.param([limited()] * 6, {}, [0, 1, 3, 7, 15, 23, 31], id="grows to eight seconds"),
        pytest.param([limited()] * 5, {"share": 0.5}, [0, 0.5, 1.5, 3.5, 7.5, 11.5], id="is anywhere below that"),
        pytest.param([broken()], {"share": 0.0}, [0, 0], id="may be nothing"),
        pytest.param([broken(), ""], {"concurrency": 1}, [0, 0, 1], id="leaves the slot to others"),
        pytest.param([limited(7)], {}, [0, 7], id="429 with Retry-After"),
        pytest.param([unavailable(7)], {}, [0, 7], id="503 with Retry-After"),
        pytest.param([limited(0)], {"share": 0.5}, [0, 0.5], id="429 with Retry-After 0"),
        pytest.param([unavailable(0)], {"share": 0.5}, [0, 0.5], id="503 with Retry-After 0"),
        pytest.param([FAILING], {}, [0, 1], id="Retry-After of another error is not honoured"),
        pytest.param([limited(7), "", ""], {"concurrency": 1}, [0, 7, 7, 7], id="holds for those that wait for a slot"),
        pytest.param([broken(), limited(7)], {}, [0, 0, 7, 7], id="holds for those that back off"),
        pytest.param([limited(7), limited(3)], {"takes": 1}, [0, 0, 8, 9], id="the longest counts"),
        pytest.param([limited(3), limited(7)], {"first_take": (1, 2)}, [0, 0, 9, 9], id="is prolonged meanwhile"),
    ],
)
def test_the_delay(outcomes: Sequence[Outcome], settings: dict[str, Any], made_at: list[float]) -> None:
    """A request for each outcome, all at once; where the first of one fails, it is the only one."""
    bench = Bench(*outcomes, **settings)
    bench.run_all(len(made_at) - sum(isinstance(outcome, ApiError) for outcome in outcomes), seconds=60)
    assert bench.made_at == made_at


class TestPagesInFlight:
    @pytest.mark.parametrize(
        ("outcomes", "concurrency", "most"),
        [
            *(([error], 4, 2) for error in (limited(5), limited(), unavailable(5), unavailable())),
            *(([limited(5)], concurrency, half) for concurrency, half in [(8, 4), (5, 2), (2, 1), (1, 1)]),
            ([limited(1)] * 5, 8, 1),  # again and again, but never to none
            *(([broken(reason)], 4, 4) for reason in LIMITED_TIMES),
        ],
        ids=str,
    )
    def test_are_halved_by_a_limit_for_the_rest_of_the_poll(
        self, outcomes: Sequence[Outcome], concurrency: int, most: int
    ) -> None:
        bench = Bench(*outcomes, concurrency=concurrency, takes=1)
        bench.run_all(1, seconds=20)
        for _ in range(2):
            bench.in_flight_at.clear()
            bench.run_all(12, seconds=20)
            assert max(bench.in_flight_at) == most

    @pytest.mark.parametrize(("left", "most"), [(None, 4), (100, 4), (4, 4), (3, 3), (1, 1), (0, 1)])
    def test_are_no_more_than_the_api_says_are_left_but_one_always_is(self, left: int | None, most: int) -> None:
        bench = Bench(takes=1, remaining=[left])
        bench.run_all(1, seconds=1)
        bench.run_all(8, seconds=10)
        assert max(bench.in_flight_at) == most

    def test_are_more_again_once_more_are_left_but_not_all_at_once_after_a_wait(self) -> None:
        bench = Bench(takes=1, remaining=(1, 0, 50))
        bench.run_all(1, seconds=1)
        bench.run_all(6, seconds=10)
        assert bench.made_at[1:] == [1, 2, 3, 3, 3, 3]
        bench = Bench(limited(5), limited(5), limited(5), concurrency=8, first_take=(1, 2, 3), takes=1)
        bench.run_all(12, seconds=60)
        assert max(bench.in_flight_at[8:]) == 1


_SLOWER = "raise poll_timeout and poll_interval, or lower concurrency"


@pytest.mark.parametrize(
    ("errors", "deadline", "due", "remedy"),
    [
        pytest.param([limited(60)], 10, 60, _SLOWER, id="429"),
        pytest.param([limited(10)], 10, 10, _SLOWER, id="at the end itself"),
        pytest.param([unavailable(60)], 10, 60, "if it lasts, ask the vendor", id="503"),
        pytest.param([broken()], 0.9, 1, "check the address, DNS, proxy and firewall", id="the usual delay"),
        pytest.param([limited(6), limited(6)], 10, 6, _SLOWER, id="counted from now"),
    ],
)
def test_the_end_of_the_poll_is_not_waited_for(errors: list[ApiError], deadline: float, due: int, remedy: str) -> None:
    bench, last = Bench(*errors, deadline=deadline), errors[-1]
    outcome = bench.run_one(seconds=6)
    assert isinstance(outcome, OutOfTimeError)
    assert (outcome.reason, outcome.status) == (last.reason, last.status)
    assert str(outcome) == f"{last.seen}; the next attempt is due in {due}s, past the poll's end; {remedy}"
    assert len(bench.clock.slept) == len(bench.observer.retries) == len(errors) - 1


def test_until_then_there_is_time() -> None:
    assert Bench(limited(9.9), deadline=10).run_one(seconds=10) == "a page"
    last = broken()
    assert Bench(*[broken()] * (MAX_ATTEMPTS - 1), last, deadline=7.1).run_one(seconds=10) is last


@pytest.mark.parametrize(
    ("outcomes", "takes", "cancelled", "made_at"),
    [
        pytest.param([], 5, {0}, [0, 1, 6], id="while its request is made"),
        pytest.param([], 5, {1}, [0, 5], id="while it waits"),
        pytest.param([limited(5)], 0, {0, 1}, [0, 5], id="while the limit lasts"),
    ],
)
async def test_a_slot_is_free_for_others_when_a_request_is_cancelled(
    outcomes: Sequence[Outcome], takes: float, cancelled: set[int], made_at: list[float]
) -> None:
    bench = Bench(*outcomes, concurrency=1, takes=takes)
    requests = [bench.start() for _ in range(3)]
    await bench.clock.advance(1)
    for number in cancelled:
        requests[number].cancel()
    await bench.clock.advance(10)
    ended = await asyncio.gather(*requests, return_exceptions=True)
    assert {number for number in range(3) if isinstance(ended[number], asyncio.CancelledError)} == cancelled
    assert ended.count("a page") == 3 - len(cancelled)
    assert bench.made_at == made_at


OUTCOMES = st.lists(
    st.sampled_from(["a page", limited(), limited(2), unavailable(), unavailable(3), broken(), broken(Reason.TIMEOUT)]),
    max_size=30,
)


@given(
    outcomes=OUTCOMES, concurrency=st.integers(1, 6), pages=st.integers(1, 12), share=st.sampled_from([0.0, 0.3, 1.0])
)
def test_no_more_pages_are_in_flight_than_allowed(
    outcomes: Sequence[Outcome], concurrency: int, pages: int, share: float
) -> None:
    bench = Bench(*outcomes, concurrency=concurrency, share=share, takes=1)
    ended = bench.run_all(pages, seconds=400)
    assert max(bench.in_flight_at) <= concurrency
    assert bench.in_flight == 0
    assert all(outcome == "a page" or isinstance(outcome, ApiError) for outcome in ended)
