"""A reload applies a configuration whole or not at all, and disturbs nobody."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.processes import eventually, running_exporter, says

from exporter.app import Exporter
from exporter.config.loading import load
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.server import Simulator
from exporter.web.listening import ListenAddress, listen, url
from exporter.web.settings import WebSettings


class Configuration:
    """A configuration file that polls simulated workspaces."""

    def __init__(self, file: Path, simulator: Simulator, tenants: Sequence[Tenant]) -> None:
        self.file = file
        self.shared: dict[str, Any] = {"poll_interval": "1h"}
        self.metrics: dict[str, Any] = {}
        self.workspaces: dict[str, dict[str, Any]] = {
            tenant.name: {
                "name": tenant.name,
                "base_url": simulator.base_url(tenant.name),
                "authorization": {"credentials": tenant.token},
            }
            for tenant in tenants
        }
        self.write()

    def write(self) -> None:
        document = {"global": self.shared, "metrics": self.metrics, "workspaces": list(self.workspaces.values())}
        self.file.write_text(json.dumps(document), encoding="utf-8")


class Running:
    """An exporter in this process, with what it polls."""

    def __init__(self, simulator: Simulator, configuration: Configuration, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.configuration = configuration
        self.http = http

    async def metrics(self) -> str:
        answer = await self.http.get("/metrics")
        assert answer.status_code == 200
        return answer.text

    async def reload(self) -> httpx.Response:
        return await self.http.post("/-/reload")

    async def ready(self) -> None:
        async def is_ready() -> bool:
            return (await self.http.get("/-/ready")).status_code == 200

        await eventually(is_ready, "every workspace has had its first poll")

    def polls(self, workspace: str) -> int:
        return self.simulator.traffic.requests[workspace]


@asynccontextmanager
async def running(folder: Path, workspaces: int = 3) -> AsyncIterator[Running]:
    tenants = generate_tenants(workspaces, 20, seed=1)
    listener = listen(ListenAddress("127.0.0.1", 0))
    stop = asyncio.Event()
    async with (
        Simulator(tenants) as simulator,
        httpx.AsyncClient(base_url=url(listener), trust_env=False, timeout=20) as http,
    ):
        configuration = Configuration(folder / "config.yaml", simulator, tenants)
        exporter = Exporter(
            load(configuration.file), lambda: load(configuration.file), WebSettings(enable_lifecycle=True)
        )
        serving = asyncio.create_task(exporter.serve([listener], stop))
        try:
            bench = Running(simulator, configuration, http)
            await bench.ready()
            yield bench
        finally:
            stop.set()
            await serving


def lines(metrics: str, *starts: str) -> list[str]:
    return [line for line in metrics.splitlines() if line.startswith(starts)]


def test_a_workspace_that_is_configured_as_before_is_not_disturbed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as bench:
            before = lines(await bench.metrics(), "mihu_trunk", "mihu_polls_total")
            bench.configuration.workspaces.pop("globex")
            bench.configuration.write()
            assert (await bench.reload()).status_code == 200
            after = lines(await bench.metrics(), "mihu_trunk", "mihu_polls_total")
            assert after == [line for line in before if 'workspace="globex"' not in line]
            assert bench.polls("acme") == 1

    asyncio.run(scenario())


def test_workspaces_come_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as bench:
            workspaces = bench.configuration.workspaces
            bench.configuration.workspaces = {"workspace-3": workspaces["workspace-3"]}
            bench.configuration.write()
            await bench.reload()
            bench.configuration.workspaces = workspaces
            bench.configuration.write()
            await bench.reload()
            await bench.ready()
            assert [line.split('"')[1] for line in lines(await bench.metrics(), "mihu_up{")] == [
                "acme",
                "globex",
                "workspace-3",
            ]

    asyncio.run(scenario())


def test_a_changed_workspace_keeps_its_data_and_is_polled_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as bench:
            before = lines(await bench.metrics(), "mihu_trunk_info")
            bench.configuration.shared["max_staleness"] = "7h"
            bench.configuration.write()
            assert (await bench.reload()).status_code == 200
            text = await bench.metrics()
            assert lines(text, "mihu_trunk_info") == before
            assert 'mihu_max_staleness_seconds{workspace="acme"} 25200\n' in text

            async def are_polled_again() -> bool:
                return [line for line in lines(await bench.metrics(), "mihu_polls_total") if line.endswith(" 2")] != []

            await eventually(are_polled_again, "changed workspaces are polled")

    asyncio.run(scenario())


@pytest.mark.parametrize("metrics", [{"deny": ["mihu_trunk_info"]}, {"trunk_details": False}], ids=["deny", "details"])
def test_polls_go_on_where_other_families_are_wanted(metrics: dict[str, Any], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as bench:
            assert lines(await bench.metrics(), "mihu_trunk_info") != []
            bench.configuration.metrics |= metrics
            bench.configuration.write()
            assert (await bench.reload()).status_code == 200

            async def are_polled_again() -> bool:
                return (
                    len([line for line in lines(await bench.metrics(), "mihu_polls_total") if line.endswith(" 2")]) == 3
                )

            await eventually(are_polled_again, "every workspace is polled again")
            text = await bench.metrics()
            assert {line.split(" ")[1] for line in lines(text, "mihu_up{")} == {"1"}
            assert lines(text, "mihu_trunk_info") == []
            assert lines(text, "mihu_trunks{") != []

    asyncio.run(scenario())


def test_what_was_read_elsewhere_or_under_other_labels_is_dropped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as bench:
            number = next(iter(lines(await bench.metrics(), "mihu_trunk_info"))).split('number="')[1].split('"')[0]
            await bench.simulator.stop()
            bench.configuration.metrics["number"] = "masked"
            bench.configuration.write()
            assert (await bench.reload()).status_code == 200
            text = await bench.metrics()
            assert number not in text
            assert lines(text, "mihu_trunk_info", "mihu_trunks{") == []
            assert lines(text, "mihu_max_staleness_seconds") != []

    asyncio.run(scenario())


def test_a_bad_file_leaves_everything_as_it_was_and_says_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as bench:
            before = lines(await bench.metrics(), "mihu_trunk", "mihu_polls_total", "mihu_exporter_config_hash")
            bench.configuration.shared["poll_interval"] = "often"
            bench.configuration.write()
            answer = await bench.reload()
            assert answer.status_code == 500
            assert "global.poll_interval" in answer.text
            text = await bench.metrics()
            assert "mihu_exporter_config_last_reload_successful 0\n" in text
            assert lines(text, "mihu_trunk", "mihu_polls_total", "mihu_exporter_config_hash") == before
            bench.configuration.shared["poll_interval"] = "1h"
            bench.configuration.write()
            assert (await bench.reload()).status_code == 200
            assert "mihu_exporter_config_last_reload_successful 1\n" in await bench.metrics()

    asyncio.run(scenario())


def test_a_hundred_reloads_under_load_fail_no_scrape_and_leak_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path, workspaces=4) as bench:
            scrapes = 0
            over = asyncio.Event()

            async def scrape() -> None:
                nonlocal scrapes
                async with httpx.AsyncClient(base_url=bench.http.base_url, trust_env=False, timeout=20) as http:
                    while not over.is_set():
                        answer = await http.get("/metrics")
                        assert answer.status_code == 200
                        assert answer.text.count('mihu_trunk_info{workspace="acme"') == 20
                        scrapes += 1

            def reloaded(number: int) -> None:
                bench.configuration.workspaces["globex"]["per_page"] = 50 + number % 2
                bench.configuration.write()

            async def reload_often(times: int) -> None:
                for number in range(times):
                    reloaded(number)
                    assert (await bench.reload()).status_code == 200

            await reload_often(10)
            await bench.ready()
            tasks, files = len(asyncio.all_tasks()), open_files()
            clients = [asyncio.create_task(scrape()) for _ in range(4)]
            await reload_often(90)
            over.set()
            await asyncio.gather(*clients)
            await bench.ready()

            async def nothing_is_left() -> bool:
                # A poll may be under way, or a connection about to be closed.
                return len(asyncio.all_tasks()) - tasks <= 3 and open_files() - files <= 6

            await eventually(nothing_is_left, "reloads and scrapes leave neither tasks nor files behind")
            assert scrapes > 100
            assert bench.polls("acme") == 1

    asyncio.run(scenario())


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names


def test_sighup_reloads_and_http_does_not_unless_it_is_enabled(tmp_path: Path) -> None:
    async def scenario() -> None:
        tenants = generate_tenants(2, 5, seed=1)
        async with Simulator(tenants) as simulator:
            configuration = Configuration(tmp_path / "config.yaml", simulator, tenants)
            async with running_exporter(tmp_path, "--config.file", str(configuration.file)) as exporter:
                refused = await exporter.http.post(f"{exporter.url}/-/reload")
                assert refused.status_code == 403
                assert "--web.enable-lifecycle" in refused.text
                assert (await exporter.http.get(f"{exporter.url}/-/reload")).status_code == 405
                configuration.workspaces.pop("globex")
                configuration.write()
                exporter.program.process.send_signal(signal.SIGHUP)

                async def is_gone() -> bool:
                    return "globex" not in await exporter.metrics()

                await eventually(is_gone, "the workspace is not polled any more")
                configuration.file.write_text("workspaces: [", encoding="utf-8")
                exporter.program.process.send_signal(signal.SIGHUP)

                async def has_failed() -> bool:
                    return "mihu_exporter_config_last_reload_successful 0\n" in await exporter.metrics()

                await eventually(has_failed, "the bad file is refused")
                await says(exporter.program, "configuration not reloaded")

    asyncio.run(scenario())
