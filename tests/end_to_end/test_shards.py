"""Several exporters split the workspaces of one configuration, and Prometheus finds a target for each workspace."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml
from support.processes import Prometheus, RunningExporter, running_exporter, running_prometheus
from support.simulating import write_config

from exporter.config.settings import Shard
from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator

SHARDS = 3
TENANTS = generate_tenants(20, 3, seed=1)
EXAMPLE = Path(__file__).parents[2] / "deploy" / "prometheus" / "prometheus-sd.yaml"


def owner(name: str) -> int:
    return Shard(0, SHARDS).owner(name).ordinal


def discovering(exporters: list[RunningExporter]) -> dict[str, Any]:
    (job,) = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["scrape_configs"]
    example, (static,) = job["http_sd_configs"][0]["url"], job["static_configs"]
    assert example.endswith("/sd")
    job["http_sd_configs"] = [{"url": f"{exporter.url}/sd", "refresh_interval": "1s"} for exporter in exporters]
    static["targets"] = [exporter.address for exporter in exporters]
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}


async def the_workspaces_by_instance(prometheus: Prometheus, metric: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for series in await prometheus.query(metric):
        labels = dict(series)
        assert not [name for name in labels if name.startswith("exported_")]
        found.setdefault(labels["instance"], set()).add(labels.get("workspace", ""))
    return found


async def assert_each_polls_its_own(exporters: list[RunningExporter]) -> None:
    for ordinal, exporter in enumerate(exporters):
        polled = re.findall(r'^mihu_up\{workspace="([^"]+)"\} 1$', await exporter.metrics(), re.MULTILINE)
        assert set(polled) == {tenant.name for tenant in TENANTS if owner(tenant.name) == ordinal}
        stranger = next(tenant.name for tenant in TENANTS if owner(tenant.name) != ordinal)
        refused = await exporter.http.get(f"/metrics?workspace={stranger}")
        assert f"but by shard {owner(stranger)} of {SHARDS}" in refused.text
        await exporter.shows(
            f"mihu_exporter_shard_ordinal {ordinal}",
            f"mihu_exporter_shards {SHARDS}",
            f'mihu_exporter_shard_info{{shard="{ordinal}"}} 1',
        )


async def assert_prometheus_finds_all(folder: Path, exporters: list[RunningExporter]) -> None:
    hosts = [exporter.address for exporter in exporters]
    expected = {f"{hosts[owner(tenant.name)]}/{tenant.name}": {tenant.name} for tenant in TENANTS}
    async with running_prometheus(folder, discovering(exporters)) as prometheus:
        await prometheus.finds(f'count(up{{job="mihu-trunk-exporter"}} == 1) == {len(TENANTS) + SHARDS}')
        for metric in ("mihu_up == 1", "mihu_trunks", "mihu_trunk_info"):
            assert await the_workspaces_by_instance(prometheus, metric) == expected
        for metric in ("mihu_exporter_shards", "process_cpu_seconds_total"):
            assert await the_workspaces_by_instance(prometheus, metric) == {host: {""} for host in hosts}


async def test_each_workspace_is_polled_by_exactly_one_shard_and_scraped_as_a_target_of_its_own(tmp_path: Path) -> None:
    async with Simulator(TENANTS) as simulator, AsyncExitStack() as stack:
        config = write_config(tmp_path, simulator, TENANTS)

        async def start(ordinal: int) -> RunningExporter:
            folder = tmp_path / str(ordinal)
            folder.mkdir()
            flags = ("--config.file", str(config), "--shard.ordinal", str(ordinal), "--shard.total", str(SHARDS))
            exporter = await stack.enter_async_context(running_exporter(folder, *flags))
            await exporter.has_polled()
            return exporter

        exporters = await asyncio.gather(*map(start, range(SHARDS)))
        await assert_each_polls_its_own(exporters)
        await assert_prometheus_finds_all(tmp_path, exporters)
