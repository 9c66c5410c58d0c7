"""Several exporters split the workspaces of one configuration."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path

from support.processes import RunningExporter, eventually, running_exporter

from exporter.config.settings import Shard
from exporter.config.sharding import owner
from exporter.simulator.server import Simulator
from exporter.simulator.tenants import generate_tenants

WORKSPACES = 20


async def polled(shard: RunningExporter) -> set[str]:
    """Return the workspaces that a shard has polled, once it is ready."""

    async def is_ready() -> bool:
        return (await shard.http.get(f"{shard.url}/-/ready")).status_code == 200

    await eventually(is_ready, "every workspace of the shard has been polled")
    return set(re.findall(r'^mihu_up\{workspace="([^"]+)"\} 1$', await shard.metrics(), re.MULTILINE))


def test_each_workspace_is_polled_by_exactly_one_shard(tmp_path: Path) -> None:
    async def scenario() -> None:
        tenants = generate_tenants(WORKSPACES, 3, seed=1)
        async with Simulator(tenants) as simulator, AsyncExitStack() as stack:
            document = {
                "workspaces": [
                    {
                        "name": tenant.name,
                        "base_url": simulator.base_url(tenant.name),
                        "authorization": {"credentials": tenant.token},
                    }
                    for tenant in tenants
                ]
            }
            config = tmp_path / "config.yaml"
            config.write_text(json.dumps(document), encoding="utf-8")

            async def start(shard: Shard) -> RunningExporter:
                folder = tmp_path / f"{shard.ordinal}-of-{shard.total}"
                folder.mkdir()
                flags = ("--shard.ordinal", str(shard.ordinal), "--shard.total", str(shard.total))
                return await stack.enter_async_context(running_exporter(folder, "--config.file", str(config), *flags))

            for total in (3, 4):
                shards = [await start(Shard(ordinal, total)) for ordinal in range(total)]
                for ordinal, shard in enumerate(shards):
                    assert await polled(shard) == {
                        tenant.name for tenant in tenants if owner(tenant.name, total) == ordinal
                    }
                    text = await shard.metrics()
                    assert f"mihu_exporter_shard_ordinal {ordinal}\n" in text
                    assert f"mihu_exporter_shards {total}\n" in text
                    assert f'mihu_exporter_shard_info{{shard="{ordinal}"}} 1\n' in text

    asyncio.run(scenario())
