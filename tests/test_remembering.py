"""What the exporter remembers, as it is seen from outside; tests/polling/test_storage.py has restarts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from support.clock import ManualClock
from support.exporters import hourly, running
from support.processes import eventually
from support.samples import read

from exporter.clock import Clock, SystemClock
from exporter.config.patterns import compile_pattern
from exporter.config.settings import Filter, Metrics, NumberStyle, Remember, ValidatedConfig
from exporter.simulator.api import generate_tenants
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.server import Simulator


class Site:
    """An exporter on a simulated API with one workspace, acme, of 20 trunks; it polls when it is reloaded."""

    def __init__(self, clock: Clock) -> None:
        (self.tenant,) = generate_tenants(1, 20, seed=1)
        self.simulator = Simulator([self.tenant])
        self.clock = clock
        self._polls = 0

    @property
    def fleet(self) -> Any:  # noqa: ANN401 - the simulated fleet
        return self.tenant.fleet

    def configured(self, metrics: Metrics | None = None, **settings: Any) -> ValidatedConfig:  # noqa: ANN401 - any
        return replace(hourly(self.simulator, [self.tenant], **settings), metrics=metrics or Metrics())

    @asynccontextmanager
    async def started(self, **settings: Any) -> AsyncIterator[None]:  # noqa: ANN401 - any of a workspace
        """Run an exporter, from its first poll on."""
        config = self.configured(**settings)
        async with running(config, clock=self.clock) as self.exporter:
            self._polls = 0
            await self.polled()
            yield

    async def polled(self) -> None:
        """Wait for another poll to end."""
        self._polls += 1

        async def is_over() -> bool:
            if isinstance(self.clock, ManualClock):
                # The first poll does not start at once, nor does a request that is made again.
                await self.clock.advance(1)
            ended = await self.value("mihu_polls_total")
            return ended is not None and ended >= self._polls

        await eventually(is_over, "a poll ends")

    async def reload(self, metrics: Metrics | None = None, **settings: Any) -> None:  # noqa: ANN401 - any
        """Reload with other settings, and wait for the poll that follows."""
        config = self.configured(metrics, **settings)
        self.exporter.load = lambda: config
        answer = await self.exporter.reload()
        assert answer.status_code == 200, answer.text
        self._polls *= "name" not in settings  # another workspace has counters of its own
        await self.polled()

    async def value(self, name: str, **labels: str) -> float | None:
        found = [
            sample.value
            for sample in read((await self.exporter.http.get("/metrics")).text)
            if sample.name == name and labels.items() <= sample.labels
        ]
        return sum(found) if found else None

    async def remembered(self) -> tuple[float | None, float | None, int]:
        """Return how many channels are lost, how many trunks gone, and how many changes the history has."""
        lost, gone = await self.value("mihu_channels_lost"), await self.value("mihu_trunks_gone")
        return lost, gone, len((await self.exporter.http.get("/changes.json?limit=1000")).json())

    async def shown(self) -> str:
        """Return all that the exporter answers about trunks."""
        paths = ("/metrics", "/changes.json", "/status.json", "/trunks.json", "/trunks.csv", "/trunks")
        return "\n".join([(await self.exporter.http.get(path)).text for path in paths])

    def lose(self) -> None:
        """Unbind a trunk, and remove another one."""
        bound = [number for number in self.fleet.numbers if self.fleet.trunk(number)["bindings"]["call"]["bound"]]
        self.fleet.unbind(bound[0], "call", now=1_800_000_000.0)
        self.fleet.remove(bound[1])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with put_up() as site:
        yield site


@asynccontextmanager
async def put_up(clock: Clock | None = None) -> AsyncIterator[Site]:
    site = Site(clock or SystemClock())
    async with site.simulator:
        yield site


@pytest.mark.parametrize(
    "changed",
    [
        {"per_page": 50},
        {"remember": Remember(lost=3600.0)},
        {"metrics": Metrics(trunk_details=False)},
        {"metrics": Metrics(agent_names=False)},
        {"metrics": Metrics(deny=(compile_pattern("mihu_trunk_info"),))},
    ],
)
async def test_a_reload_forgets_nothing(changed: dict[str, Any], site: Site) -> None:
    async with site.started():
        site.lose()
        await site.reload(per_page=25)
        await site.reload(**changed)
        assert await site.remembered() == (1, 1, 2)


async def test_a_reload_that_hides_the_names_of_agents_hides_them_everywhere_at_once(site: Site) -> None:
    async with site.started():
        site.lose()
        await site.reload(per_page=25)
        shown = await site.shown()
        names = [agent.name for agent in site.fleet.agents if agent.name in shown]
        assert names
        site.simulator.behaviour = Behaviour(faults={"no-answer": 1})
        config = site.configured(Metrics(agent_names=False))
        site.exporter.load = lambda: config
        assert (await site.exporter.reload()).status_code == 200
        shown = await site.shown()
        assert not [name for name in names if name in shown]
        assert (await site.remembered())[2] == 2


@pytest.mark.parametrize(
    "changed",
    [
        lambda site: {"base_url": site.simulator.base_url("acme").replace("127.0.0.1", "localhost")},
        lambda _: {"filter": Filter(channel="call")},
        lambda _: {"metrics": Metrics(number=NumberStyle.MASKED)},
        lambda _: {"name": "renamed"},
    ],
    ids=["address", "filter", "numbers", "name"],
)
async def test_another_address_filter_name_or_style_of_labels_forgets_everything(
    changed: Callable[[Site], dict[str, Any]], site: Site
) -> None:
    async with site.started():
        site.lose()
        await site.reload(per_page=25)
        assert await site.remembered() == (1, 1, 2)
        site.lose()
        await site.reload(**changed(site))
        assert await site.remembered() == (0, 0, 0)


async def test_the_health_of_storage_is_not_exposed_without_a_folder(site: Site) -> None:
    async with site.started():
        assert "storage" not in (await site.exporter.http.get("/metrics")).text


async def test_data_of_a_workspace_that_was_never_read_are_stale_max_staleness_after_the_start() -> None:
    clock = ManualClock()
    unread: dict[str, Any] = {"base_url": "http://127.0.0.1:1", "poll_interval": 36000.0}
    async with put_up(clock) as site, site.started(**unread):
        assert await site.value("mihu_up") == 0
        assert await site.value("mihu_data_stale") == 0
        await clock.advance(35000)
        assert await site.value("mihu_data_stale") == 0
        await site.reload(**unread, per_page=25)
        assert await site.value("mihu_data_stale") == 0
        await clock.advance(1000)
        assert await site.value("mihu_data_stale") == 1
