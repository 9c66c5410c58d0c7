"""What a poll costs, against downloading the pages and throwing them away."""

from contextlib import AsyncExitStack

import httpx

from benchmarks.children import ask, child
from benchmarks.contenders.polling import CONTENDERS, FLOOR, GAUGES
from benchmarks.serving import api
from benchmarks.tables import Plan, Times, is_large, progress, ratios

CHANGES = {
    "nothing": "nothing changed",
    "one": "status of one",
    "front": "one added in front",
    "percent": "status of 1 %",
    "updates": "`updated_at` of all",
    "all": "status of all",
}


async def measure(plan: Plan) -> None:
    for trunks in plan.sizes:
        cpu, wall = await _size(trunks, plan)
        ratios(f"A poll of {trunks:,} trunks: processor time", "since the last poll", cpu, FLOOR)
        ratios(f"A poll of {trunks:,} trunks: wall time", "since the last poll", wall, FLOOR)


async def _size(trunks: int, plan: Plan) -> tuple[Times, Times]:
    names = [name for name in CONTENDERS if name != GAUGES or not is_large(trunks)]
    cpu: Times = {title: {name: [] for name in names} for title in CHANGES.values()}
    wall: Times = {title: {name: [] for name in names} for title in CHANGES.values()}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(api(trunks, 1, plan.folder))
        contenders = {
            name: await stack.enter_async_context(
                child("benchmarks.contenders.polling", name, f"{url}/w0", trunks, folder=plan.folder)
            )
            for name in names
        }
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        for name, contender in contenders.items():
            progress(f"{trunks:,} trunks: first poll by {name}")
            await ask(contender, "poll")
        for run in range(plan.runs):
            for change, title in CHANGES.items():
                (await http.post(f"{url}/change/{change}")).raise_for_status()
                for name, contender in contenders.items():
                    progress(f"{trunks:,} trunks, run {run + 1} of {plan.runs}: {title}, {name}")
                    took = await ask(contender, "poll")
                    cpu[title][name].append(took["cpu"])
                    wall[title][name].append(took["wall"])
    progress("")
    return cpu, wall
