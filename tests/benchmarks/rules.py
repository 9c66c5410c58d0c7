"""What the alerting rules cost a real Prometheus, beside one without them, where one trunk in eight alerts."""

import asyncio
import time
from statistics import median
from typing import Any

import httpx
from support.processes import Prometheus, running_exporter, running_prometheus, scrape_job
from support.rules import RULE_FILES
from support.simulating import answered, write_config

from benchmarks.children import Child
from benchmarks.plan import Plan
from benchmarks.programs import program
from benchmarks.tables import progress, table
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

_SCRAPE = 30
_FILLING = 4 * _SCRAPE  # seconds in which all is well
_ALERTING = 300  # seconds after which everything that happened fires
_MEASURED = 240  # seconds
_COLLECTIONS = 5


async def measure(plan: Plan) -> None:
    """Let two Prometheus servers scrape each size, one with the rules and one without."""
    program("prometheus")
    rows = [await _measure(trunks, plan) for trunks in plan.sizes]
    progress("")
    table(
        "Rules in Prometheus",
        [
            "trunks",
            "alerts",
            "all groups once",
            "largest group",
            "processor",
            "without",
            "live heap",
            "without",
            "resident",
            "without",
        ],
        rows,
    )


async def _measure(trunks: int, plan: Plan) -> list[str]:
    fleet = Fleet.generate(trunks, seed=1)
    healthy = answered(fleet)
    folder = plan.folder / str(trunks)
    (folder / "with").mkdir(parents=True)
    (folder / "without").mkdir()
    tenant = Tenant("acme", "test-token", fleet)
    async with Simulator([tenant]) as simulator:
        file = write_config(folder, simulator, [tenant], max_trunks=2 * trunks)
        async with running_exporter(folder, "--config.file", str(file)) as exporter:
            config: dict[str, Any] = {
                "global": {"scrape_interval": f"{_SCRAPE}s"},
                "scrape_configs": [scrape_job(exporter.address, f"{_SCRAPE}s")],
            }
            rules = {"rule_files": [str(path) for path in RULE_FILES]}
            async with (
                running_prometheus(folder / "with", config | rules) as with_rules,
                running_prometheus(folder / "without", config) as without,
            ):
                both = with_rules, without
                servers = [Child(one.program.process, one.program.log) for one in both]
                progress(f"{trunks:,} trunks: {_FILLING} s while all is well")
                await asyncio.sleep(_FILLING)
                now = time.time()
                share = round(0.02 * trunks)  # as many again are not well from the start
                for number in healthy[:share]:
                    fleet.unbind(number, "call", now=now)
                for number in healthy[share : 2 * share]:
                    fleet.change(number, now=now, status="suspended")
                progress(f"{trunks:,} trunks: {_ALERTING} s until {2 * share:,} alert")
                await asyncio.sleep(_ALERTING)
                began = time.monotonic(), [server.cpu() for server in servers]
                evaluated = []
                while time.monotonic() - began[0] < _MEASURED:
                    progress(f"{trunks:,} trunks: measuring for {_MEASURED} s")
                    await asyncio.sleep(20)
                    evaluated.append(await _evaluations(with_rules))
                taken = time.monotonic() - began[0]
                cpu = [(server.cpu() - before) / taken for server, before in zip(servers, began[1], strict=True)]
                firing = await with_rules.query('count(ALERTS{alertstate="firing"})')
                live = [await _live(one) for one in both]
                resident = [server.memory() for server in servers]
                groups = {name: median(one[name] for one in evaluated) for name in evaluated[0]}
                name, largest = max(groups.items(), key=lambda item: item[1])
                return [
                    f"{trunks:,}",
                    f"{sum(firing.values()):,.0f}",
                    f"{sum(groups.values()):.2f} s",
                    f"{largest:.2f} s ({name})",
                    *(f"{100 * share:.1f} %" for share in cpu),
                    *(f"{size / 1e6:,.0f} MB" for size in (*live, *resident)),
                ]


async def _evaluations(prometheus: Prometheus) -> dict[str, float]:
    """Return how many seconds the last evaluation of each group took."""
    answer = (await prometheus.http.get(f"{prometheus.url}/api/v1/rules", timeout=600)).json()
    return {group["name"]: group["evaluationTime"] for group in answer["data"]["groups"]}


async def _live(prometheus: Prometheus) -> float:
    """Return the bytes that live on Go's heap: the least of some collections, since a scrape may be under way."""
    found = []
    async with httpx.AsyncClient(trust_env=False, timeout=600) as http:
        for _ in range(_COLLECTIONS):
            (await http.get(f"{prometheus.url}/debug/pprof/heap", params={"gc": "1"})).raise_for_status()
            lines = (await http.get(f"{prometheus.url}/metrics")).text.splitlines()
            found += [float(line.split()[1]) for line in lines if line.startswith("go_memstats_heap_alloc_bytes ")]
            await asyncio.sleep(_SCRAPE / _COLLECTIONS)
    return min(found)
