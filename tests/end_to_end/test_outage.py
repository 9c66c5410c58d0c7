"""The API dies in the middle of a walk."""

from pathlib import Path

from support.processes import eventually, running_exporter
from support.simulating import write_config

from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator


def trunk_lines(metrics: str) -> list[str]:
    prefixes = ("mihu_trunk_", "mihu_trunks{", "mihu_trunks_by", "mihu_monthly", "mihu_unbound", "mihu_bound")
    return [line for line in metrics.splitlines() if line.startswith(prefixes)]


async def test_the_last_good_data_stays_to_the_last_series(tmp_path: Path) -> None:
    tenant = Tenant("acme", "test-token", Fleet.generate(137, seed=5))
    async with Simulator([tenant]) as simulator:
        shared = {"poll_interval": "2s", "poll_timeout": "2s", "max_staleness": "10m", "per_page": 5}
        config = write_config(tmp_path, simulator, [tenant], **shared)
        async with running_exporter(tmp_path, "--config.file", str(config)) as exporter:

            async def is_in_mid_walk() -> bool:
                return simulator.traffic.requests["acme"] >= asked + 6

            before = trunk_lines(await exporter.shows('mihu_up{workspace="acme"} 1'))
            assert len(before) > 137 * 10
            simulator.behaviour = Behaviour(latency=0.2)
            asked = simulator.traffic.requests["acme"]
            tenant.fleet.remove(tenant.fleet.numbers[0])
            await eventually(is_in_mid_walk, "some pages of a walk are read")
            await simulator.stop()
            text = await exporter.shows('mihu_up{workspace="acme"} 0')
            assert trunk_lines(text) == before
            assert 'mihu_poll_failures_total{workspace="acme",reason="connection"} 1\n' in text
