"""What a poll costs, against downloading the pages and throwing them away."""

from contextlib import AsyncExitStack

import httpx
from support.processes import free_port

from benchmarks.children import child, listening, module
from benchmarks.contenders.polling import CONTENDERS
from benchmarks.plan import Plan
from benchmarks.tables import progress, ratios

CHANGES = {
    "nothing": "nothing changed",
    "one": "status of one",
    "front": "one added in front",
    "percent": "status of 1 %",
    "updates": "`updated_at` of all",
    "all": "status of all",
}


async def measure(plan: Plan) -> None:
    """Poll lists of each size, after each kind of change."""
    for trunks in plan.sizes:
        cpu, wall = await _size(trunks, plan)
        ratios(f"A poll of {trunks:,} trunks: processor time", "since the last poll", cpu, "floor")
        ratios(f"A poll of {trunks:,} trunks: wall time", "since the last poll", wall, "floor")


Times = dict[str, dict[str, list[float]]]  # by change, by contender


async def _size(trunks: int, plan: Plan) -> tuple[Times, Times]:
    names = [name for name in CONTENDERS if name in {"exporter", "floor"} or plan.compares(name, trunks)]
    cpu: Times = {title: {name: [] for name in names} for title in CHANGES.values()}
    wall: Times = {title: {name: [] for name in names} for title in CHANGES.values()}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        log = plan.folder / "log"
        api = await stack.enter_async_context(child(*module("benchmarks.api", port, trunks, 1), log=log))
        await listening(port, api)
        contenders = {
            name: await stack.enter_async_context(
                child(*module("benchmarks.contenders.polling", name, f"{url}/w0", trunks), log=log)
            )
            for name in names
        }
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        for name, contender in contenders.items():
            progress(f"{trunks:,} trunks: first poll by {name}")
            await contender.ask("poll")
        for run in range(plan.runs):
            for change, title in CHANGES.items():
                (await http.post(f"{url}/change/{change}")).raise_for_status()
                for name, contender in contenders.items():
                    progress(f"{trunks:,} trunks, run {run + 1} of {plan.runs}: {title}, {name}")
                    took = await contender.ask("poll")
                    cpu[title][name].append(took["cpu"])
                    wall[title][name].append(took["wall"])
    progress("")
    return cpu, wall
