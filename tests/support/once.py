"""One poll of scripted APIs, without sockets and without time; and the command ``once`` as a process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.once.collecting import Collected, Collector, Watch
from exporter.polling.page import ListedPage
from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator
from support.clock import ManualClock
from support.executor import InlineExecutor
from support.processes import PATIENCE, exporter_command
from support.transport import Handler, StreamingTransport

PROJECT = Path(__file__).parents[2]


def watch_nothing(_workspace: str, _page: ListedPage) -> None:
    pass


def collected(
    apis: Mapping[str, Handler],
    metrics: Metrics | None = None,
    watch: Watch = watch_nothing,
    **settings: Any,  # noqa: ANN401 - any setting of a workspace
) -> list[Collected]:
    """Poll these workspaces, each with an API of its own."""
    config = ValidatedConfig(
        workspaces=tuple(
            Workspace(
                name=name,
                base_url=f"https://{name}.mihu.ai",
                credentials=InlineCredentials(Secret("test-token")),
                **settings,
            )
            for name in apis
        ),
        metrics=metrics or Metrics(),
    )

    def handle(request: httpx.Request) -> Any:  # noqa: ANN401 - as the APIs answer
        return apis[request.url.host.removesuffix(".mihu.ai")](request)

    async def scenario() -> list[Collected]:
        clock = ManualClock()
        collector = Collector(
            watch=watch,
            clock=clock,
            random=Random(1),  # noqa: S311 - a repeatable one
            executor=InlineExecutor(),
            transport=StreamingTransport(handle),
        )
        collecting = asyncio.create_task(collector.collect(config))
        await clock.settle()
        while not collecting.done():
            await clock.advance(0.5)
        return await collecting

    return asyncio.run(scenario())


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    status: int
    output: str
    errors: str


async def start(folder: Path, *flags: str, **streams: Any) -> asyncio.subprocess.Process:  # noqa: ANN401 - as Popen's
    """Start the command in a folder, on the configuration that is there."""
    return await asyncio.create_subprocess_exec(
        *exporter_command(*flags),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        **{"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE} | streams,
    )


async def once(folder: Path, *flags: str) -> Ended:
    """Run the command to its end."""
    process = await start(folder, *flags)
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode is not None
    return Ended(process.returncode, output.decode(), errors.decode())


@asynccontextmanager
async def simulated(folder: Path, behaviour: Behaviour | None = None) -> AsyncIterator[Simulator]:
    """Run the workspaces acme and globex, and write the configuration that polls them into a folder."""
    tenants = [Tenant("acme", "token-a", Fleet.generate(120, 1)), Tenant("globex", "token-g", Fleet.generate(5, 2))]
    async with Simulator(tenants, behaviour) as simulator:
        lines = ["workspaces:"]
        for tenant in tenants:
            lines += [
                f"  - name: {tenant.name}",
                f"    base_url: {simulator.base_url(tenant.name)}",
                f"    authorization: {{credentials: {tenant.token}}}",
            ]
        (folder / "config.yaml").write_text("\n".join(lines), encoding="utf-8")
        yield simulator


def revoke(folder: Path) -> None:
    """Have the configuration use a token for globex that is none."""
    file = folder / "config.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("token-g", "wrong"), encoding="utf-8")
