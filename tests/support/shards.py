"""Several exporters that split the workspaces of one configuration, on one simulated API."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from exporter.config.settings import Shard
from exporter.simulator.api import Tenant, generate_tenants
from exporter.simulator.server import Simulator
from support.processes import RunningExporter, eventually, running_exporter
from support.simulating import write_config


@dataclass
class Shards:
    """The workspaces, and the exporters that can be started for them."""

    folder: Path
    tenants: tuple[Tenant, ...]
    stack: AsyncExitStack

    async def start(self, total: int) -> list[RunningExporter]:
        """Start all shards of so many, and wait until each has polled its workspaces."""
        shards = await asyncio.gather(*(self._start(Shard(ordinal, total)) for ordinal in range(total)))
        for shard in shards:
            await eventually(partial(_is_ready, shard), "every workspace of the shard has been polled")
        return shards

    async def _start(self, shard: Shard) -> RunningExporter:
        folder = self.folder / f"{shard.ordinal}-of-{shard.total}"
        folder.mkdir()
        flags = ("--shard.ordinal", str(shard.ordinal), "--shard.total", str(shard.total))
        config = ("--config.file", str(self.folder / "config.yaml"))
        return await self.stack.enter_async_context(running_exporter(folder, *config, *flags))


async def _is_ready(shard: RunningExporter) -> bool:
    return (await shard.http.get(f"{shard.url}/-/ready")).status_code == 200


async def polled(shard: RunningExporter) -> set[str]:
    """Return the workspaces that a shard has polled."""
    return set(re.findall(r'^mihu_up\{workspace="([^"]+)"\} 1$', await shard.metrics(), re.MULTILINE))


@asynccontextmanager
async def sharded(folder: Path, workspaces: int) -> AsyncIterator[Shards]:
    tenants = generate_tenants(workspaces, 3, seed=1)
    async with Simulator(tenants) as simulator, AsyncExitStack() as stack:
        write_config(folder, simulator, tenants)
        yield Shards(folder, tenants, stack)
