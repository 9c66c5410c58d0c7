"""A real Prometheus scrapes the running exporter, which polls a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from support.exposed import workspace
from support.oracle import oracle
from support.processes import Prometheus, RunningExporter, running_exporter, running_prometheus, scrape_job
from support.simulating import write_config

from exporter.clock import Clock
from exporter.config.settings import Metrics
from exporter.metrics.trunk_families import MEMORY_FAMILIES
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.behaviour import Behaviour, RowPer
from exporter.simulator.churn import Churn
from exporter.simulator.server import Simulator

JOB = "mihu-trunk-exporter"
# The oracle knows what a first poll remembers; tests/metrics compares that with it.
REMEMBERED = {family.name for family in MEMORY_FAMILIES} | {
    "mihu_trunk_out_of_service_timestamp_seconds",
    "mihu_trunk_outage_timestamp_seconds",
    "mihu_trunk_changes_total",
}


@dataclass
class Site:
    """A simulated API, the exporter that polls it, and a Prometheus that scrapes the exporter."""

    simulator: Simulator
    tenants: Sequence[Tenant]
    exporter: RunningExporter
    prometheus: Prometheus


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder, tenants = tmp_path_factory.mktemp("site"), generate_tenants(2, 30, seed=7)
    async with Simulator(tenants) as simulator:
        shared = {"poll_interval": "500ms", "max_staleness": "1500ms", "per_page": 10}
        config = write_config(folder, simulator, tenants, **shared)
        async with (
            running_exporter(folder, "--config.file", str(config)) as exporter,
            running_prometheus(folder, {"scrape_configs": [scrape_job(exporter.address)]}) as prometheus,
        ):
            yield Site(simulator, tenants, exporter, prometheus)


def expected_samples(tenant: Tenant, listing: RowPer) -> dict[frozenset[tuple[str, str]], float]:
    """Return what ought to be held of a workspace, by the labels that are not empty."""
    return {
        frozenset({("__name__", name), *(label for label in labels if label[1])}): value
        for (name, labels), value in oracle(tenant.fleet.rows(listing), workspace(tenant.name), Metrics()).items()
        if name not in REMEMBERED
    }


async def assert_prometheus_holds_what_is_listed(site: Site, listing: RowPer) -> None:
    """Look at it once Prometheus has seen, of every workspace, a poll that began after now."""
    prometheus = site.prometheus
    # The second success from now on began after now, since polls of a workspace do not overlap.
    await prometheus.finds(f"count(mihu_last_success_timestamp_seconds > {time.time() + 1}) == {len(site.tenants)}")
    found = await prometheus.query(f'{{__name__=~"mihu_.+", job="{JOB}"}}')
    added = {("job", JOB), ("instance", site.exporter.address)}
    held = {labels - added: value for labels, value in found.items()}
    for tenant in site.tenants:
        expected = expected_samples(tenant, listing)
        assert len(expected) > 100
        assert {labels: held.get(labels) for labels in expected} == expected
        own = {labels for labels in held if ("workspace", tenant.name) in labels}
        assert set(filter(is_about_a_trunk, own)) == set(filter(is_about_a_trunk, expected))


def is_about_a_trunk(labels: frozenset[tuple[str, str]]) -> bool:
    """Tell whether a series says how a trunk is now, and not what is remembered of it."""
    name = dict(labels)["__name__"]
    return name.startswith("mihu_trunk_") and name not in REMEMBERED


async def test_prometheus_holds_exactly_what_the_api_lists(site: Site) -> None:
    churns = (Churn(tenant.fleet, 3).run(Clock(), per_minute=600) for tenant in site.tenants)
    churning = [asyncio.create_task(churn) for churn in churns]
    await site.prometheus.finds("count(mihu_trunks_added_total + mihu_trunks_removed_total > 3) == 2")
    for task in churning:
        task.cancel()
    for listing in (RowPer.NUMBER, RowPer.CHANNEL):
        site.simulator.behaviour = Behaviour(listing=listing)
        await assert_prometheus_holds_what_is_listed(site, listing)


async def test_series_end_when_the_api_dies_and_return_with_it(site: Site) -> None:
    prometheus = site.prometheus
    await prometheus.finds("mihu_trunk_info")
    await site.simulator.stop()
    await prometheus.finds("absent(mihu_trunk_info) and absent(mihu_trunks)")
    assert set((await prometheus.query("mihu_up")).values()) == {0.0}
    assert set((await prometheus.query(f'up{{job="{JOB}"}}')).values()) == {1.0}
    failures = await prometheus.query('mihu_poll_failures_total{reason="connection"}')
    assert all(value > 0 for value in failures.values())
    await site.simulator.start()
    await prometheus.finds("mihu_trunk_info")
    assert "mihu_up" in await site.exporter.metrics()
