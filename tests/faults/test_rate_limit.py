"""Reading a large fleet against a rate limit, in simulated time."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import pytest
import structlog
from support.clock import ManualClock
from support.executor import InlineExecutor
from support.exposed import TOKEN, workspace
from support.polling import Bench, Listing
from support.trunks import row
from support.views import exposition

from exporter.api.errors import ApiError, Reason
from exporter.config.credentials import Authorization, Secret
from exporter.config.settings import ValidatedConfig
from exporter.polling.pollers import Pollers
from exporter.simulator.api import Api, Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet

FLEET = Fleet.generate(1_500, seed=1)
API = Behaviour(latency=0.1, rate_limit=60)  # requests per minute
_REMEDY = "raise poll_timeout and poll_interval, or lower concurrency"
SETTINGS = ("per_page", "poll_interval", "poll_timeout", "concurrency")


@pytest.mark.parametrize(
    ("polled", "seconds", "reason", "refused"),
    [
        ((50, 60, 50, 4), 240, None, 0),
        # Over the limit, and with the time that it takes.
        *(((10, 240, 200, number), 720, None, 0.05) for number in (1, 4, 16)),
        # And without.
        *(
            ((10, *times), 300, Reason.RATE_LIMITED, 0.05)
            for times in ((60, 50, 4), (60, 60, 1), (90, 50, 4), (45, 45, 16))
        ),
    ],
    ids=str,
)
async def test_polls_succeed_that_have_the_time_and_few_requests_are_refused(
    polled: tuple[float, ...], seconds: float, reason: Reason | None, refused: float
) -> None:
    clock = ManualClock()
    app = Api([Tenant("acme", TOKEN, FLEET)], API, clock=clock)
    settings: dict[str, Any] = dict(zip(SETTINGS, polled, strict=True))
    bench = Bench(httpx.ASGITransport(app=app), clock=clock, base_url="http://simulator/acme", **settings)
    with structlog.testing.capture_logs() as log:
        async with bench.running():
            await clock.advance(seconds)
    ended = [entry.get("reason") for entry in log]
    assert set(ended) == {reason}
    assert len(ended) >= 3
    statuses: Counter[tuple[str, int]] = app.traffic.statuses
    assert set(statuses) <= {("acme", 200), ("acme", 429)}
    assert (statuses["acme", 429] > 0) is (refused > 0)
    assert statuses["acme", 429] <= refused * statuses.total()
    if reason is None:
        assert bench.poller.snapshot.fleet is not None
        assert bench.poller.snapshot.fleet.trunk_count == 1_500
    else:
        assert all(_REMEDY in entry["error"] for entry in log)


@pytest.mark.parametrize(("left", "steps"), [("50", 3), ("1", 8)])
async def test_a_poll_follows_what_the_api_says_of_the_requests_that_are_left(left: str, steps: int) -> None:
    listing = Listing([row(index) for index in range(40)], per_page=5)
    moments = []

    async def api(request: httpx.Request) -> httpx.Response:
        moments.append(bench.clock.monotonic())
        await bench.clock.sleep(1)
        answer = listing(request)
        answer.headers["X-RateLimit-Remaining"] = left
        return answer

    bench = Bench(api)
    await bench.poll()
    assert bench.value("mihu_up") == 1
    assert len(set(moments)) == steps


@dataclass(frozen=True, kw_only=True)
class Marking(Authorization):
    """Notes when a poll begins, which asks for the token first, and ends it there."""

    clock: ManualClock
    began: list[float] = field(default_factory=list)

    def read(self) -> Secret:
        self.began.append(self.clock.monotonic())
        raise ApiError(Reason.CONNECTION, "there is no API")


async def test_many_workspaces_are_not_polled_together_neither_at_the_start_nor_later() -> None:
    clock = ManualClock()
    marks = [Marking(clock=clock) for _ in range(100)]
    workspaces = (workspace(f"w{number}", credentials=mark) for number, mark in enumerate(marks))
    with structlog.testing.capture_logs():
        pollers = Pollers(exposition(clock=clock), clock=clock, random=Random(1), executor=InlineExecutor())  # noqa: S311 - a repeatable one
        applying = asyncio.create_task(pollers.apply(pollers.prepare(ValidatedConfig(workspaces=tuple(workspaces)))))
        for _ in range(9):
            await asyncio.sleep(0)
        assert 0 < len(pollers.statuses()) < 100  # scrapes are answered meanwhile
        await applying
        await clock.advance(1.0)
        first = [mark.began[0] for mark in marks]
        assert len(set(first)) == 100
        assert max(Counter(int(moment * 10) for moment in first).values()) < 25
        await clock.advance(149.0)
        assert not pollers.dead()
        await pollers.end()
    assert all(len(mark.began) >= 3 for mark in marks)
    in_a_sixth = Counter(int(mark.began[1] % 60 // 10) for mark in marks)
    assert in_a_sixth.keys() == set(range(6))
    assert max(in_a_sixth.values()) < 34
