"""Reading a large fleet against a rate limit, in simulated time."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import httpx
import pytest
import structlog
from structlog.typing import EventDict
from support.clock import ManualClock
from support.executor import InlineExecutor
from support.views import exposition

from exporter.api.client import Client
from exporter.api.errors import ApiError, Reason
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.api_metrics import ApiMetrics
from exporter.polling.buckets import BucketMaker
from exporter.polling.poll import PollContext
from exporter.polling.poller import Poller
from exporter.polling.pollers import Pollers
from exporter.simulator.api import Tenant, create_app
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet

LIMIT = 60  # requests per minute
FLEET = Fleet.generate(3_000, seed=1)
_LATENCY = 0.1
_REMEDY = "raise poll_timeout and poll_interval, or lower concurrency"


class Bench:
    """One workspace of 3,000 trunks, polled for some simulated time."""

    def __init__(self, *, per_page: int, poll_interval: float, poll_timeout: float, concurrency: int = 4) -> None:
        self.clock = ManualClock()
        app = create_app(
            [Tenant("acme", "test-token", FLEET)], Behaviour(latency=_LATENCY, rate_limit=LIMIT), clock=self.clock
        )
        self.traffic = app.state.traffic
        workspace = Workspace(
            name="acme",
            base_url="http://simulator/acme",
            credentials=InlineCredentials(Secret("test-token")),
            per_page=per_page,
            poll_interval=poll_interval,
            poll_timeout=poll_timeout,
            concurrency=concurrency,
        )
        api_metrics = ApiMetrics(workspace.name)
        client = Client(workspace, clock=self.clock, observer=api_metrics, transport=httpx.ASGITransport(app=app))
        self.poller = Poller(
            PollContext(
                workspace=workspace,
                maker=BucketMaker(workspace, Metrics()),
                client=client,
                observer=api_metrics,
                clock=self.clock,
                random=Random(1),  # noqa: S311 - a repeatable one
                executor=InlineExecutor(),
            ),
            api_metrics,
            exposition(clock=self.clock),
        )
        self.log: list[EventDict] = []

    def run(self, seconds: float) -> None:
        async def scenario() -> None:
            polling = asyncio.create_task(self.poller.run(0.0))
            await self.clock.advance(seconds)
            assert not polling.done()
            polling.cancel()

        with structlog.testing.capture_logs() as self.log:
            asyncio.run(scenario())

    @property
    def ended(self) -> Counter[str]:
        """How polls ended: ``succeeded``, or the reason of their failure."""
        return Counter(entry.get("reason", "succeeded") for entry in self.log)

    @property
    def refused(self) -> float:
        """Which share of the answers was 429."""
        statuses: Counter[tuple[str, int]] = self.traffic.statuses
        assert set(statuses) <= {("acme", 200), ("acme", 429)}
        return statuses["acme", 429] / sum(statuses.values())


class TestPollsThatHaveTheTime:
    def test_complete_within_the_limit(self) -> None:
        bench = Bench(per_page=100, poll_interval=60, poll_timeout=50)
        bench.run(360)
        assert bench.ended.keys() == {"succeeded"}
        assert bench.ended["succeeded"] >= 5
        assert bench.refused == 0

    @pytest.mark.parametrize("concurrency", [1, 4, 16])
    def test_complete_though_they_need_several_times_the_limit(self, concurrency: int) -> None:
        bench = Bench(per_page=20, poll_interval=240, poll_timeout=200, concurrency=concurrency)
        bench.run(960)
        assert bench.ended.keys() == {"succeeded"}
        assert bench.ended["succeeded"] >= 4
        assert bench.poller.snapshot.fleet is not None
        assert bench.poller.snapshot.fleet.trunk_count == 3_000
        assert 0 < bench.refused < 0.05


class TestPollsThatDoNot:
    @pytest.mark.parametrize(
        ("poll_interval", "poll_timeout", "concurrency"), [(60, 50, 4), (60, 60, 1), (90, 50, 4), (45, 45, 16)]
    )
    def test_fail_with_the_remedy_and_are_seldom_refused(
        self, poll_interval: float, poll_timeout: float, concurrency: int
    ) -> None:
        bench = Bench(per_page=20, poll_interval=poll_interval, poll_timeout=poll_timeout, concurrency=concurrency)
        bench.run(480)
        assert bench.ended.keys() == {Reason.RATE_LIMITED.value}
        assert bench.ended[Reason.RATE_LIMITED.value] >= 5
        assert all(_REMEDY in entry["error"] for entry in bench.log)
        assert 0 < bench.refused < 0.05


@dataclass(frozen=True)
class Marking(InlineCredentials):
    """Notes when a poll begins, which asks for the token first, and ends it there."""

    clock: ManualClock
    began: list[float] = field(default_factory=list)

    def read(self) -> Secret:
        self.began.append(self.clock.monotonic())
        raise ApiError(Reason.CONNECTION, "there is no API")


class TestManyWorkspaces:
    def polls(self, count: int, seconds: float) -> list[list[float]]:
        """Return when the polls of each workspace began."""
        clock = ManualClock()
        marks = [Marking(Secret("test-token"), clock) for _ in range(count)]
        config = ValidatedConfig(
            workspaces=tuple(
                Workspace(name=f"w{number}", base_url="http://127.0.0.1:1", credentials=mark)
                for number, mark in enumerate(marks)
            )
        )

        async def scenario() -> None:
            pollers = Pollers(exposition(clock=clock), clock=clock, random=Random(1), executor=InlineExecutor())  # noqa: S311 - likewise
            await pollers.apply(pollers.prepare(config))
            await clock.advance(seconds)
            assert pollers.is_healthy()
            await pollers.end()

        with structlog.testing.capture_logs():
            asyncio.run(scenario())
        return [mark.began for mark in marks]

    def test_start_at_once_but_not_together(self) -> None:
        first = sorted(began[0] for began in self.polls(100, 1.0))
        assert len(first) == 100
        assert len(set(first)) == 100
        assert max(Counter(int(moment * 10) for moment in first).values()) < 25

    def test_are_not_in_step_later(self) -> None:
        polls = self.polls(100, 150.0)
        assert all(len(began) >= 3 for began in polls)
        phases = [began[1] % 60 for began in polls]
        in_a_sixth = Counter(int(phase // 10) for phase in phases)
        assert in_a_sixth.keys() == set(range(6))
        assert max(in_a_sixth.values()) < 34

    def test_keep_their_interval(self) -> None:
        for began in self.polls(10, 400.0):
            later = began[1:]
            assert {round(after - before, 6) for before, after in pairwise(later)} == {60.0}
