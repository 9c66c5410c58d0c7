"""A reload is never half applied, whatever goes wrong in it and whenever the exporter ends."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from structlog.testing import capture_logs
from support.clock import ManualClock
from support.processes import eventually

from exporter.app import Exporter
from exporter.clock import Clock, SystemClock
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.problems import ConfigError, Problem
from exporter.config.settings import Proxy, ValidatedConfig, Workspace
from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator
from exporter.web.settings import WebSettings

Scenario = Callable[["Running"], Awaitable[None]]

UNUSABLE = Proxy(url="gopher://127.0.0.1:1")  # which httpx refuses


class Running:
    """An exporter that polls a simulated API; what a reload loads is what a test puts into ``load``."""

    def __init__(self, simulator: Simulator, workspaces: Sequence[Workspace], clock: Clock) -> None:
        self.simulator = simulator
        self.config = ValidatedConfig(workspaces=tuple(workspaces))
        self.load: Callable[[], ValidatedConfig] = lambda: self.config
        self.exporter = Exporter(self.config, self._load, WebSettings(enable_lifecycle=True), clock=clock)
        self.http = httpx.AsyncClient(
            base_url="http://exporter", transport=httpx.ASGITransport(self.exporter.application), timeout=20
        )
        self.stop = asyncio.Event()
        self.serving = asyncio.create_task(self.exporter.serve([], self.stop))

    def _load(self) -> ValidatedConfig:
        return self.load()

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def reload(self) -> httpx.Response:
        return await self.http.post("/-/reload")

    async def line(self, start: str) -> str:
        (line,) = [line for line in (await self.get("/metrics")).text.splitlines() if line.startswith(start)]
        return line

    async def polls(self) -> dict[str, int]:
        """Return how often each workspace was polled once all have been."""

        async def are_over() -> bool:
            return (await self.get("/metrics")).text.count("\nmihu_up{") == 2

        await eventually(are_over, "the first polls end")
        return dict(self.simulator.traffic.requests)

    def changed(self, name: str, **settings: object) -> ValidatedConfig:
        workspaces = (
            replace(workspace, **settings) if workspace.name == name else workspace  # type: ignore[arg-type]  # any
            for workspace in self.config.workspaces
        )
        return replace(self.config, workspaces=tuple(workspaces))


@asynccontextmanager
async def running(clock: Clock | None = None) -> AsyncIterator[Running]:
    tenants = generate_tenants(2, 5, seed=1)
    async with Simulator(tenants) as simulator:
        workspaces = [
            Workspace(
                name=tenant.name,
                base_url=simulator.base_url(tenant.name),
                credentials=InlineCredentials(Secret(tenant.token)),
                poll_interval=3600.0,
                max_staleness=36000.0,
            )
            for tenant in tenants
        ]
        bench = Running(simulator, workspaces, clock or SystemClock())
        try:
            yield bench
        finally:
            bench.stop.set()
            await bench.serving
            await bench.http.aclose()


def run(scenario: Scenario, clock: Clock | None = None) -> None:
    async def inside() -> None:
        async with running(clock) as bench:
            await scenario(bench)

    asyncio.run(inside())


def refuse() -> ValidatedConfig:
    raise ZeroDivisionError


def test_a_client_that_cannot_be_made_is_a_failed_reload_that_disturbs_nobody() -> None:
    async def scenario(bench: Running) -> None:
        assert await bench.polls() == {"acme": 1, "globex": 1}
        bench.load = lambda: bench.changed("globex", proxy=UNUSABLE, poll_interval=1800.0)
        answer = await bench.reload()
        assert answer.status_code == 500
        assert "workspace globex: its client cannot be made (ValueError); check proxy_url, no_proxy," in answer.text
        assert await bench.line("mihu_exporter_config_last_reload_successful") == (
            "mihu_exporter_config_last_reload_successful 0"
        )
        assert (await bench.get("/-/healthy")).status_code == 200
        assert (await bench.get("/config")).text.count("poll_interval: 1h") == 2

        bench.load = lambda: bench.changed("globex", per_page=50)
        assert (await bench.reload()).status_code == 200

        async def is_polled_again() -> bool:
            return bench.simulator.traffic.requests["globex"] == 2

        await eventually(is_polled_again, "the changed workspace is polled")
        assert await bench.line('mihu_up{workspace="globex"}') == 'mihu_up{workspace="globex"} 1'
        assert bench.simulator.traffic.requests == {"acme": 1, "globex": 2}

    with capture_logs() as log:
        run(scenario)
    (failed,) = (line for line in log if line["event"].startswith("configuration not reloaded"))
    assert "globex" in failed["error"]


def test_any_exception_is_a_failed_reload() -> None:
    async def scenario(bench: Running) -> None:
        await bench.polls()
        bench.load = refuse
        answer = await bench.reload()
        assert answer.status_code == 500
        assert "ZeroDivisionError in the exporter, which is a bug; see the log" in answer.text
        assert await bench.line("mihu_exporter_config_last_reload_successful") == (
            "mihu_exporter_config_last_reload_successful 0"
        )
        bench.load = lambda: bench.config
        assert (await bench.reload()).status_code == 200
        assert await bench.polls() == {"acme": 1, "globex": 1}

    with capture_logs() as log:
        run(scenario)
    assert "configuration not reloaded; this is a bug in the exporter" in [line["event"] for line in log]


def test_a_client_that_cannot_be_made_at_the_start_is_told_as_a_mistake() -> None:
    async def scenario() -> None:
        workspace = Workspace(
            name="acme", base_url="http://127.0.0.1:1", credentials=InlineCredentials(Secret("t")), proxy=UNUSABLE
        )
        config = ValidatedConfig(workspaces=(workspace,))
        await Exporter(config, lambda: config, WebSettings()).serve([], asyncio.Event())

    with pytest.raises(ConfigError, match="workspace acme: its client cannot be made"):
        asyncio.run(scenario())


def test_pollers_that_died_live_again() -> None:
    class Breakable(SystemClock):
        broken = True

        async def sleep(self, seconds: float) -> None:
            if self.broken:
                raise ZeroDivisionError
            await super().sleep(seconds)

    clock = Breakable()

    async def scenario(bench: Running) -> None:
        async def has_died() -> bool:
            return (await bench.get("/-/healthy")).status_code == 503

        await eventually(has_died, "the pollers die")
        clock.broken = False
        assert (await bench.reload()).status_code == 200
        assert (await bench.get("/-/healthy")).status_code == 200
        assert await bench.polls() == {"acme": 1, "globex": 1}

    with capture_logs():
        run(scenario, clock)


def under_way(coroutine: str) -> list[str]:
    return [name for task in asyncio.all_tasks() if coroutine in (name := repr(task.get_coro()))]


class Gate:
    """A configuration that takes until it is opened to be read, as from a mount that hangs."""

    def __init__(self, config: ValidatedConfig) -> None:
        self._config = config
        self._open = threading.Event()
        self.entered = threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(self) -> ValidatedConfig:
        self.entered.set()
        self._open.wait()
        return self._config


async def begun(gate: Gate) -> None:
    async def has_begun() -> bool:
        return gate.entered.is_set()

    await eventually(has_begun, "the reload is under way")


def test_one_that_hangs_is_given_up_and_the_next_one_works() -> None:
    clock = ManualClock()

    async def scenario(bench: Running) -> None:
        bench.load = gate = Gate(bench.config)
        try:
            reloading = asyncio.create_task(bench.reload())
            await begun(gate)
            assert (await bench.get("/-/healthy")).status_code == 200
            assert (await bench.get("/metrics")).status_code == 200
            await clock.advance(60)
            answer = await reloading
            assert answer.status_code == 500
            assert "not read within 60s; check the files that it names, and where they are mounted" in answer.text
            bench.load = lambda: bench.config
            assert (await bench.reload()).status_code == 200
        finally:
            gate.open()

    run(scenario, clock)


def test_one_that_is_being_read_when_the_exporter_ends_is_called_off() -> None:
    async def scenario(bench: Running) -> None:
        asked = await bench.polls()
        bench.load = gate = Gate(bench.changed("acme", per_page=50))
        try:
            first, second = asyncio.create_task(bench.reload()), asyncio.create_task(bench.reload())
            await begun(gate)
            bench.stop.set()
            await bench.serving
            for answer in (await first, await second):
                assert answer.status_code == 500
                assert "the exporter is ending" in answer.text
        finally:
            gate.open()
        await asyncio.sleep(0)
        assert bench.simulator.traffic.requests == asked
        assert not under_way("Poller.run")

    run(scenario)


class Clinging(SystemClock):
    """Time that lets those who wait for it go only when it is told to."""

    def __init__(self) -> None:
        self.lets_go = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        try:
            await super().sleep(seconds)
        except asyncio.CancelledError:
            await self.lets_go.wait()
            raise


def test_one_that_is_being_applied_when_the_exporter_ends_is_finished_first() -> None:
    async def scenario() -> None:
        clock = Clinging()
        async with running(clock) as bench:
            await bench.polls()
            bench.load = lambda: bench.changed("acme", per_page=50)
            reloading = asyncio.create_task(bench.reload())

            async def is_being_applied() -> bool:
                return any(task.cancelling() for task in asyncio.all_tasks())

            await eventually(is_being_applied, "the old poller is ended")
            assert (await bench.get("/-/healthy")).status_code == 200
            bench.stop.set()

            async def answers_no_more() -> bool:
                return not under_way("Server.serve_on")

            await eventually(answers_no_more, "the server ends")
            assert not bench.serving.done()
            clock.lets_go.set()
            await bench.serving
            assert (await reloading).status_code == 200
            assert not under_way("Poller.run")

    asyncio.run(scenario())


def test_a_mistake_in_the_file_is_told_as_it_is() -> None:
    def mistaken() -> ValidatedConfig:
        raise ConfigError((Problem("config.yaml", "workspaces[0]", "is wrong"),))

    async def scenario(bench: Running) -> None:
        bench.load = mistaken
        assert (
            await bench.reload()
        ).text == "The configuration is not reloaded:\nconfig.yaml: workspaces[0]: is wrong\n"

    run(scenario)
