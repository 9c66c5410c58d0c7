"""Several exporters split the workspaces of one configuration, and Prometheus finds a target for each workspace."""

import asyncio
from pathlib import Path
from typing import Any

import yaml
from support.processes import Prometheus, RunningExporter, eventually, running_prometheus
from support.shards import Shards, polled, sharded

from exporter.config.sharding import owner

WORKSPACES = 20
EXAMPLE = Path(__file__).parents[2] / "deploy" / "prometheus" / "prometheus-sd.yaml"


def discovering(exporters: list[RunningExporter]) -> dict[str, Any]:
    """Return the example's scrape job for these exporters, faster."""
    (job,) = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["scrape_configs"]
    example, (static,) = job["http_sd_configs"][0]["url"], job["static_configs"]
    assert example.endswith("/sd")
    job["http_sd_configs"] = [{"url": f"{exporter.url}/sd", "refresh_interval": "1s"} for exporter in exporters]
    static["targets"] = [exporter.url.removeprefix("http://") for exporter in exporters]
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}


async def the_workspaces_by_instance(prometheus: Prometheus, metric: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for series in await prometheus.query(metric):
        labels = dict(series)
        assert not [name for name in labels if name.startswith("exported_")]
        found.setdefault(labels["instance"], set()).add(labels.get("workspace", ""))
    return found


async def assert_each_polls_its_own(shards: Shards, exporters: list[RunningExporter]) -> None:
    total = len(exporters)
    for ordinal, exporter in enumerate(exporters):
        assert await polled(exporter) == {
            tenant.name for tenant in shards.tenants if owner(tenant.name, total) == ordinal
        }
        text = await exporter.metrics()
        stranger = next(tenant.name for tenant in shards.tenants if owner(tenant.name, total) != ordinal)
        refused = await exporter.http.get(f"{exporter.url}/metrics?workspace={stranger}")
        assert f"but by shard {owner(stranger, total)} of {total}" in refused.text
        assert f"mihu_exporter_shard_ordinal {ordinal}\n" in text
        assert f"mihu_exporter_shards {total}\n" in text
        assert f'mihu_exporter_shard_info{{shard="{ordinal}"}} 1\n' in text


async def assert_prometheus_finds_all(folder: Path, shards: Shards, exporters: list[RunningExporter]) -> None:
    total = len(exporters)
    hosts = [exporter.url.removeprefix("http://") for exporter in exporters]
    expected = {f"{hosts[owner(tenant.name, total)]}/{tenant.name}": {tenant.name} for tenant in shards.tenants}
    async with running_prometheus(folder, discovering(exporters)) as prometheus:

        async def all_are_up() -> bool:
            return len(await prometheus.query('up{job="mihu-trunk-exporter"} == 1')) == WORKSPACES + total

        await eventually(all_are_up, "every target is scraped")
        for metric in ("mihu_up == 1", "mihu_trunks", "mihu_trunk_info"):
            assert await the_workspaces_by_instance(prometheus, metric) == expected
        for metric in ("mihu_exporter_shards", "process_cpu_seconds_total"):
            assert await the_workspaces_by_instance(prometheus, metric) == {host: {""} for host in hosts}


def test_each_workspace_is_polled_by_exactly_one_shard_and_scraped_as_a_target_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sharded(tmp_path, WORKSPACES) as shards:

            async def assert_all_is_found(total: int) -> None:
                exporters = await shards.start(total)
                await assert_each_polls_its_own(shards, exporters)
                folder = tmp_path / f"prometheus-{total}"
                folder.mkdir()
                await assert_prometheus_finds_all(folder, shards, exporters)

            await asyncio.gather(assert_all_is_found(3), assert_all_is_found(4))

    asyncio.run(scenario())
