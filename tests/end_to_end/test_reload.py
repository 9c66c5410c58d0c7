"""A reload applies a configuration whole or not at all, and disturbs nobody."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.exporters import Running, on_loopback, running
from support.processes import eventually, running_exporter

from exporter.config.loading import load
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.server import Simulator


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


class Bench:
    """An exporter in this process, with what it polls."""

    def __init__(self, simulator: Simulator, configuration: Configuration, exporter: Running) -> None:
        self.simulator = simulator
        self.configuration = configuration
        self.exporter = exporter

    async def metrics(self) -> str:
        answer = await self.exporter.get("/metrics")
        assert answer.status_code == 200
        return answer.text

    async def reload(self) -> httpx.Response:
        """Write the configuration, and let it be loaded."""
        self.configuration.write()
        return await self.exporter.reload()

    async def ready(self) -> None:
        async def is_ready() -> bool:
            return (await self.exporter.get("/-/ready")).status_code == 200

        await eventually(is_ready, "every workspace has had its first poll")

    def polls(self, workspace: str) -> int:
        return self.simulator.traffic.requests[workspace]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    tenants = generate_tenants(3, 20, seed=1)
    async with Simulator(tenants) as simulator:
        configuration = Configuration(tmp_path / "config.yaml", simulator, tenants)
        async with running(load(configuration.file), on_loopback()) as exporter:
            exporter.load = lambda: load(configuration.file)
            bench = Bench(simulator, configuration, exporter)
            await bench.ready()
            yield bench


def lines(metrics: str, *starts: str) -> list[str]:
    return [line for line in metrics.splitlines() if line.startswith(starts)]


async def test_a_workspace_that_is_configured_as_before_is_not_disturbed(bench: Bench) -> None:
    before = lines(await bench.metrics(), "mihu_trunk", "mihu_polls_total")
    bench.configuration.workspaces.pop("globex")
    assert (await bench.reload()).status_code == 200
    after = lines(await bench.metrics(), "mihu_trunk", "mihu_polls_total")
    assert after == [line for line in before if 'workspace="globex"' not in line]
    assert bench.polls("acme") == 1


async def test_workspaces_come_in_the_order_of_the_configuration(bench: Bench) -> None:
    workspaces = bench.configuration.workspaces
    bench.configuration.workspaces = {"workspace-3": workspaces["workspace-3"]}
    await bench.reload()
    bench.configuration.workspaces = workspaces
    await bench.reload()
    await bench.ready()
    assert [line.split('"')[1] for line in lines(await bench.metrics(), "mihu_up{")] == [
        "acme",
        "globex",
        "workspace-3",
    ]


async def test_a_changed_workspace_keeps_its_data_and_is_polled_at_once(bench: Bench) -> None:
    before = lines(await bench.metrics(), "mihu_trunk_info")
    bench.configuration.shared["max_staleness"] = "7h"
    assert (await bench.reload()).status_code == 200
    text = await bench.metrics()
    assert lines(text, "mihu_trunk_info") == before
    assert 'mihu_max_staleness_seconds{workspace="acme"} 25200\n' in text

    async def are_polled_again() -> bool:
        return [line for line in lines(await bench.metrics(), "mihu_polls_total") if line.endswith(" 2")] != []

    await eventually(are_polled_again, "changed workspaces are polled")


@pytest.mark.parametrize("metrics", [{"deny": ["mihu_trunk_info"]}, {"trunk_details": False}], ids=["deny", "details"])
async def test_polls_go_on_where_other_families_are_wanted(metrics: dict[str, Any], bench: Bench) -> None:
    assert lines(await bench.metrics(), "mihu_trunk_info") != []
    bench.configuration.metrics |= metrics
    assert (await bench.reload()).status_code == 200

    async def are_polled_again() -> bool:
        return len([line for line in lines(await bench.metrics(), "mihu_polls_total") if line.endswith(" 2")]) == 3

    await eventually(are_polled_again, "every workspace is polled again")
    text = await bench.metrics()
    assert {line.split(" ")[1] for line in lines(text, "mihu_up{")} == {"1"}
    assert lines(text, "mihu_trunk_info") == []
    assert lines(text, "mihu_trunks{") != []


async def test_what_was_read_elsewhere_or_under_other_labels_is_dropped(bench: Bench) -> None:
    number = next(iter(lines(await bench.metrics(), "mihu_trunk_info"))).split('number="')[1].split('"')[0]
    await bench.simulator.stop()
    bench.configuration.metrics["number"] = "masked"
    assert (await bench.reload()).status_code == 200
    text = await bench.metrics()
    assert number not in text
    assert lines(text, "mihu_trunk_info", "mihu_trunks{") == []
    assert lines(text, "mihu_max_staleness_seconds") != []


async def test_a_bad_file_leaves_everything_as_it_was_and_says_why(bench: Bench) -> None:
    before = lines(await bench.metrics(), "mihu_trunk", "mihu_polls_total", "mihu_exporter_config_hash")
    bench.configuration.shared["poll_interval"] = "often"
    answer = await bench.reload()
    assert answer.status_code == 500
    assert "global.poll_interval" in answer.text
    text = await bench.metrics()
    assert "mihu_exporter_config_last_reload_successful 0\n" in text
    assert lines(text, "mihu_trunk", "mihu_polls_total", "mihu_exporter_config_hash") == before
    bench.configuration.shared["poll_interval"] = "1h"
    assert (await bench.reload()).status_code == 200
    assert "mihu_exporter_config_last_reload_successful 1\n" in await bench.metrics()


async def test_a_hundred_reloads_under_load_fail_no_scrape_and_leak_nothing(bench: Bench) -> None:
    scrapes = 0
    over = asyncio.Event()

    async def scrape() -> None:
        nonlocal scrapes
        async with httpx.AsyncClient(base_url=bench.exporter.http.base_url, trust_env=False, timeout=20) as http:
            while not over.is_set():
                answer = await http.get("/metrics")
                assert answer.status_code == 200
                assert answer.text.count('mihu_trunk_info{workspace="acme"') == 20
                scrapes += 1

    async def reload_often(times: int) -> None:
        for number in range(times):
            bench.configuration.workspaces["globex"]["per_page"] = 50 + number % 2
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


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names


async def test_sighup_reloads_and_http_does_not_unless_it_is_enabled(tmp_path: Path) -> None:
    tenants = generate_tenants(2, 5, seed=1)
    async with Simulator(tenants) as simulator:
        configuration = Configuration(tmp_path / "config.yaml", simulator, tenants)
        async with running_exporter(tmp_path, "--config.file", str(configuration.file)) as exporter:
            refused = await exporter.http.post("/-/reload")
            assert refused.status_code == 403
            assert "--web.enable-lifecycle" in refused.text
            assert (await exporter.http.get("/-/reload")).status_code == 405
            configuration.workspaces.pop("globex")
            configuration.write()
            exporter.program.process.send_signal(signal.SIGHUP)

            async def is_gone() -> bool:
                return "globex" not in await exporter.metrics()

            await eventually(is_gone, "the workspace is not polled any more")
            configuration.file.write_text("workspaces: [", encoding="utf-8")
            exporter.program.process.send_signal(signal.SIGHUP)
            await exporter.shows("mihu_exporter_config_last_reload_successful 0")
            await exporter.program.says("configuration not reloaded")
