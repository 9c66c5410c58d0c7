"""A reload is never half applied, and keeps what it can; tests/polling/test_storage.py has what a restart keeps."""

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from structlog.testing import capture_logs
from support.clock import ManualClock
from support.exporters import Running, hourly, on_loopback, running
from support.exposed import proxied, workspace
from support.files import write_yaml
from support.processes import becomes, eventually
from support.simulating import answered, write_config

from exporter.app import Exporter
from exporter.clock import Clock
from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.config.settings import Filter, Metrics, NumberStyle, Remember, ValidatedConfig
from exporter.config.values import compile_pattern
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.server import Simulator
from exporter.web.settings import WebSettings

LAST_POLL = "mihu_last_poll_timestamp_seconds"
UNUSABLE = proxied("gopher://127.0.0.1:1")  # refused by httpx


@dataclass
class Bench:
    """A running exporter that polls two simulated workspaces once an hour."""

    exporter: Running
    simulator: Simulator
    config: ValidatedConfig
    acme: Tenant

    async def health(self) -> int:
        return (await self.exporter.get("/-/healthy")).status_code

    async def lines(self, *starts: str) -> list[str]:
        return [line for line in (await self.exporter.get("/metrics")).text.splitlines() if line.startswith(starts)]

    async def values(self, *starts: str) -> list[float]:
        return [float(line.split()[-1]) for line in await self.lines(*starts)]

    async def polls(self, *, number: int = 1) -> dict[str, int]:
        """Return how often each workspace was polled once all have been so often."""
        await becomes(lambda: self.values("mihu_polls_total"), [float(number)] * 2)
        return dict(self.simulator.traffic.requests)

    async def reload(self, config: ValidatedConfig | None = None, **changed: Any) -> None:  # noqa: ANN401 - any of a configuration
        config = replace(config or self.config, **changed)
        self.exporter.load = lambda: config
        answer = await self.exporter.reload()
        assert answer.status_code == 200, answer.text

    def changed(self, name: str, /, **settings: Any) -> ValidatedConfig:  # noqa: ANN401 - any of a workspace
        every = {workspace.name: workspace for workspace in self.config.workspaces}
        every[name] = replace(every[name], **settings)
        return replace(self.config, workspaces=tuple(every.values()))

    async def reload_acme(self, metrics: Metrics | None = None, **settings: Any) -> None:  # noqa: ANN401 - any of a workspace
        """Reload with other settings of acme, and wait for the poll that follows."""
        begun = time.time()
        await self.reload(self.changed("acme", **settings), metrics=metrics or Metrics())
        name = settings.get("name", "acme")

        async def is_polled() -> bool:
            return any(ended > begun for ended in await self.values(f'{LAST_POLL}{{workspace="{name}"}}'))

        await eventually(is_polled, "acme is polled")

    def lose(self) -> None:
        first, second, *_ = answered(self.acme.fleet)
        self.acme.fleet.bind(first, "call", None, now=1_800_000_000.0)
        self.acme.fleet.remove(second)

    async def remembered(self) -> tuple[float, float, int]:
        """Return how many channels are lost, how many trunks gone, and how many changes the history has."""
        history = (await self.exporter.get("/changes.json")).json()
        return sum(await self.values("mihu_channels_lost")), sum(await self.values("mihu_trunks_gone")), len(history)


@asynccontextmanager
async def benched(clock: Clock | None = None, **settings: Any) -> AsyncIterator[Bench]:  # noqa: ANN401 - of workspaces
    tenants = generate_tenants(2, 12, seed=1)
    async with Simulator(tenants) as simulator:
        config = hourly(simulator, tenants, **settings)
        async with running(config, clock=clock) as exporter:
            yield Bench(exporter, simulator, config, tenants[0])


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with benched() as bench:
        yield bench


STAYS = "configuration not reloaded; the one in force stays"
IS_WRONG = "The configuration is not reloaded:\nconfig.yaml: workspaces[0]: is wrong\n"


@pytest.mark.parametrize(
    ("loading", "answered", "logged"),
    [
        (
            lambda bench: bench.changed("globex", **UNUSABLE, poll_interval=1800.0),
            "workspace globex: its client cannot be made (ValueError); check proxy_url, no_proxy,",
            STAYS,
        ),
        (Mock(side_effect=ConfigError(["config.yaml: workspaces[0]: is wrong"])), IS_WRONG, STAYS),
        (
            Mock(side_effect=ZeroDivisionError),
            "ZeroDivisionError in the exporter, which is a bug; see the log",
            "configuration not reloaded; this is a bug in the exporter",
        ),
    ],
)
async def test_a_refused_reload_changes_nothing(
    loading: Callable[[Bench], ValidatedConfig], answered: str, logged: str, bench: Bench
) -> None:
    assert await bench.polls() == {"acme": 1, "globex": 1}
    bench.exporter.load = lambda: loading(bench)
    with capture_logs() as log:
        answer = await bench.exporter.reload()
    assert [line["event"] for line in log if line["log_level"] == "error"] == [logged]
    assert answer.status_code == 500
    assert answered in answer.text
    gauge = "mihu_exporter_config_last_reload_successful"
    assert await bench.lines(gauge) == [f"{gauge} 0"]
    assert await bench.health() == 200
    assert (await bench.exporter.get("/config")).text.count("poll_interval: 1h") == 2

    await bench.reload(bench.changed("globex", per_page=50))
    await eventually(lambda: bench.simulator.traffic.requests["globex"] == 2, "the changed workspace is polled")
    assert await bench.lines('mihu_up{workspace="globex"}') == ['mihu_up{workspace="globex"} 1']
    assert await bench.lines(gauge) == [f"{gauge} 1"]
    assert bench.simulator.traffic.requests == {"acme": 1, "globex": 2}


async def test_workspaces_come_in_the_order_of_the_configuration(bench: Bench) -> None:
    await bench.reload(workspaces=bench.config.workspaces[1:])
    await bench.reload()
    await bench.polls()
    assert [line.split('"')[1] for line in await bench.lines("mihu_up{")] == ["acme", "globex"]


async def test_a_changed_workspace_keeps_its_data_and_is_polled_at_once(bench: Bench) -> None:
    await bench.polls()
    before = await bench.lines("mihu_trunk_info")
    changed = tuple(replace(workspace, max_staleness=25200.0) for workspace in bench.config.workspaces)
    await bench.reload(workspaces=changed)
    assert await bench.lines("mihu_trunk_info") == before
    assert await bench.values("mihu_max_staleness_seconds") == [25200] * 2
    await bench.polls(number=2)


Changed = Callable[[Bench], dict[str, Any]]
KEPT: dict[str, Changed] = {
    "page size": lambda _: {"per_page": 50},
    "how long": lambda _: {"remember": Remember(lost=3600.0)},
    "details": lambda _: {"metrics": Metrics(trunk_details=False)},
    "agents": lambda _: {"metrics": Metrics(agent_names=False)},
    "families": lambda _: {"metrics": Metrics(deny=(compile_pattern("mihu_trunk_info"),))},
}
FORGOTTEN: dict[str, Changed] = {
    "address": lambda bench: {"base_url": bench.simulator.base_url("acme").replace("127.0.0.1", "localhost")},
    "filter": lambda _: {"filter": Filter(channel="call")},
    "numbers": lambda _: {"metrics": Metrics(number=NumberStyle.MASKED)},
    "name": lambda _: {"name": "renamed"},
}


@pytest.mark.parametrize("what", [*KEPT, *FORGOTTEN])
async def test_another_address_filter_name_or_style_of_labels_alone_forgets(what: str, bench: Bench) -> None:
    await bench.polls()
    fleet = bench.acme.fleet
    for status, changed, remembered in (
        ("parked", {"per_page": 25}, (1, 1, 3)),
        ("active", (KEPT | FORGOTTEN)[what](bench), (2, 2, 6) if what in KEPT else (0, 0, 0)),
    ):
        bench.lose()
        fleet.change(fleet.numbers[-1], now=1_800_000_000.0, status=status)
        await bench.reload_acme(**changed)
        assert await bench.remembered() == remembered
    # A status that was seen stays at 0, so that alerts on it resolve.
    assert await bench.values('mihu_trunks{workspace="acme",status="parked"}') == ([0] if what in KEPT else [])


async def test_names_of_agents_that_are_to_be_hidden_are_hidden_everywhere_at_once(bench: Bench) -> None:
    async def shown() -> str:
        paths = ("/metrics", "/changes.json", "/status.json", "/trunks.json", "/trunks.csv", "/trunks")
        return "\n".join([(await bench.exporter.get(path)).text for path in paths])

    await bench.polls()
    bench.lose()
    await bench.reload_acme(per_page=25)
    before, series = await shown(), await bench.lines("mihu_trunk_info")
    names = [agent.name for agent in bench.acme.fleet.agents if agent.name in before]
    assert names
    bench.simulator.behaviour = Behaviour(faults={"no-answer": 1})
    await bench.reload(metrics=Metrics(agent_names=False))
    after = await shown()
    assert not [name for name in names if name in after]
    assert not any([(await bench.exporter.get(f"/trunks.json?search={name}")).json()["total"] for name in names])
    assert await bench.lines("mihu_trunk_info") == series != []
    assert (await bench.remembered())[2] == 2


async def test_data_that_were_never_read_are_stale_as_long_after_the_start_whatever_is_reloaded() -> None:
    clock = ManualClock()
    async with benched(clock, base_url="http://127.0.0.1:1", poll_interval=36000.0) as bench:

        async def have_failed() -> bool:
            await clock.advance(1)  # the first poll does not start at once, nor does a request that is made again
            return await bench.values("mihu_up{") == [0, 0]

        await eventually(have_failed, "both polls end")
        for seconds, stale in ((35000, 0), (1000, 1)):
            await clock.advance(seconds)
            await bench.reload(bench.changed("acme", per_page=25))
            assert await bench.values("mihu_data_stale") == [stale] * 2


async def test_a_client_that_cannot_be_made_at_the_start_is_a_config_error() -> None:
    config = ValidatedConfig(workspaces=(workspace(**UNUSABLE),))
    with pytest.raises(ConfigError, match="workspace acme: its client cannot be made"):
        await Exporter(config, lambda: config, WebSettings()).serve([])


class Breakable(Clock):
    broken = True

    async def sleep(self, seconds: float) -> None:
        if self.broken:
            raise RuntimeError("cannot sleep")
        await super().sleep(seconds)


async def test_pollers_that_die_are_reported_by_health_and_the_log_and_revived_by_a_reload() -> None:
    clock = Breakable()
    with capture_logs() as log:
        async with benched(clock) as bench:
            await becomes(bench.health, 503)
            clock.broken = False
            await bench.reload()
            assert await bench.health() == 200
            assert await bench.polls() == {"acme": 1, "globex": 1}
            clock.broken = True
            await bench.reload(bench.changed("globex", per_page=50))
            await becomes(bench.health, 503)
    *died, ended = (line for line in log if line["log_level"] == "error")
    assert sorted(line["workspace"] for line in died) == ["acme", "globex", "globex"]
    event = "a poller died, which is a bug in the exporter; /-/healthy says so, and a reload brings it back"
    assert {(line["event"], str(line["exc_info"])) for line in died} == {(event, "cannot sleep")}
    assert ended["event"] == "pollers had died, so that /-/healthy answered 503"
    assert ended["workspaces"] == "globex"


class Gate:
    """A configuration that is read once the gate is open, as from a mount that hangs."""

    def __init__(self, config: ValidatedConfig) -> None:
        self._config = config
        self._open = threading.Event()
        self.open = self._open.set
        self.entered = threading.Event()

    def __call__(self) -> ValidatedConfig:
        self.entered.set()
        self._open.wait()
        return self._config


async def test_a_reload_that_hangs_times_out_and_the_next_one_works() -> None:
    clock = ManualClock()
    async with benched(clock) as bench:
        bench.exporter.load = gate = Gate(bench.config)
        try:
            reloading = asyncio.create_task(bench.exporter.reload())
            await eventually(gate.entered.is_set, "the reload is under way")
            assert await bench.health() == 200
            assert (await bench.exporter.get("/metrics")).status_code == 200
            await clock.advance(60)
            answer = await reloading
            assert answer.status_code == 500
            assert "not read within 60s; check the files that it names, and where they are mounted" in answer.text
            await bench.reload()
        finally:
            gate.open()


async def test_reading_is_cancelled_when_the_exporter_ends(bench: Bench) -> None:
    asked = await bench.polls()
    bench.exporter.load = gate = Gate(bench.changed("acme", per_page=50))
    try:
        first, second = asyncio.create_task(bench.exporter.reload()), asyncio.create_task(bench.exporter.reload())
        await eventually(gate.entered.is_set, "the reload is under way")
        await bench.exporter.end()
        for answer in (await first, await second):
            assert answer.status_code == 500
            assert "the exporter is ending" in answer.text
    finally:
        gate.open()
    assert bench.simulator.traffic.requests == asked


async def test_a_hundred_reloads_under_load_fail_no_scrape_and_leak_nothing(tmp_path: Path) -> None:
    tenants = generate_tenants(3, 20, seed=1)
    scrapes = 0
    over = asyncio.Event()
    async with Simulator(tenants) as simulator:
        file = write_config(tmp_path, simulator, tenants, poll_interval="1h")
        document = json.loads(file.read_text(encoding="utf-8"))
        async with running(load(file), on_loopback()) as exporter:
            exporter.load = lambda: load(file)

            async def status() -> int:
                return (await exporter.get("/-/ready")).status_code

            async def scrape() -> None:
                nonlocal scrapes
                async with httpx.AsyncClient(base_url=exporter.http.base_url, trust_env=False, timeout=20) as http:
                    while not over.is_set():
                        answer = await http.get("/metrics")
                        assert answer.status_code == 200
                        assert answer.text.count('mihu_trunk_info{workspace="acme"') == 20
                        scrapes += 1

            async def reload_often(times: int) -> None:
                for number in range(times):
                    document["workspaces"][1]["per_page"] = 50 + number % 2
                    write_yaml(file, document)
                    assert (await exporter.reload()).status_code == 200

            def nothing_is_left() -> bool:
                # A poll may be under way, or a connection about to be closed.
                return len(asyncio.all_tasks()) - tasks <= 3 and open_files() - files <= 6

            await becomes(status, 200)
            await reload_often(10)
            await becomes(status, 200)
            tasks, files = len(asyncio.all_tasks()), open_files()
            clients = [asyncio.create_task(scrape()) for _ in range(4)]
            await reload_often(90)
            over.set()
            await asyncio.gather(*clients)
            await becomes(status, 200)
            await eventually(nothing_is_left, "reloads and scrapes leave neither tasks nor files behind")
        assert scrapes > 100
        assert simulator.traffic.requests["acme"] == 1


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
