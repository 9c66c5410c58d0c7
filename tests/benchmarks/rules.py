"""What the alerting rules cost a real Prometheus, beside one without them: in an ordinary fleet, then in trouble."""

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx
from support.processes import Prometheus, running_exporter, running_prometheus, scrape_job
from support.rules import RULE_FILES
from support.simulating import healthy_fleet, write_config

from benchmarks.children import cpu, memory
from benchmarks.tables import Plan, megabytes, progress, table
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

_SCRAPE = 30
_FILLING = 1380  # seconds in which all is well; the rules look back 22 minutes
_ALERTING = 150  # seconds after which all that happened is told
_MEASURED = 3 * _SCRAPE  # seconds
_COLLECTIONS = 3
_OUT_OF_SERVICE = (0.01, 0.15)  # shares of the fleet, one after the other


async def measure(plan: Plan) -> None:
    """Let two Prometheus servers scrape each size, one with the rules and one without; it takes half an hour a size."""
    rows = [row for trunks in plan.sizes for row in await _measure(trunks, plan)]
    progress("")
    columns = ["trunks", "out of service", "alerts", "all groups once", "largest group"]
    compared = ["processor", "without", "live heap", "without", "resident", "without"]
    table("Rules in Prometheus", columns + compared, rows)


async def _measure(trunks: int, plan: Plan) -> list[list[str]]:
    folder = plan.folder / str(trunks)
    (folder / "with").mkdir(parents=True)
    (folder / "without").mkdir()
    tenant = Tenant("acme", "test-token", healthy_fleet(trunks, 1, time.time()))
    async with Simulator([tenant]) as simulator:
        file = write_config(folder, simulator, [tenant], max_trunks=2 * trunks, poll_interval="20s")
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
                await _wait(_FILLING, f"{trunks:,} trunks, all in service")
                bench = _Bench(tenant.fleet, (with_rules, without))
                return [await bench.row(share) for share in _OUT_OF_SERVICE]


@dataclass(frozen=True, slots=True)
class _Bench:
    """A fleet, and two servers that watch it, the first with rules."""

    fleet: Fleet
    servers: tuple[Prometheus, Prometheus]

    async def row(self, share: float) -> list[str]:
        """Put a share of the fleet out of service, and return what that costs."""
        count, now = round(share * len(self.fleet)), time.time()
        for number in self.fleet.numbers[: count // 2]:
            self.fleet.bind(number, "call", None, now=now)
        for number in self.fleet.numbers[count // 2 : count]:
            self.fleet.change(number, now=now, status="suspended")
        about = f"{len(self.fleet):,} trunks, {count:,} out of service"
        await _wait(_ALERTING, f"{about}: until they are told")
        with_rules, _ = self.servers
        programs = [server.program for server in self.servers]
        began, used = time.monotonic(), [cpu(program) for program in programs]
        evaluated = []
        for _ in range(_MEASURED // _SCRAPE):
            await _wait(_SCRAPE, f"{about}: measuring")
            evaluated.append(await _evaluations(with_rules))
        taken = time.monotonic() - began
        shares = [(cpu(program) - before) / taken for program, before in zip(programs, used, strict=True)]
        firing = await with_rules.query('count(ALERTS{alertstate="firing"})')
        resident = [memory(program) for program in programs]
        live = [await _live(server) for server in self.servers]
        groups = {name: median(one[name] for one in evaluated) for name in evaluated[0]}
        name, largest = max(groups.items(), key=lambda item: item[1])
        return [
            f"{len(self.fleet):,}",
            f"{count:,}",
            f"{sum(firing.values()):,.0f}",
            f"{sum(groups.values()):.2f} s",
            f"{largest:.2f} s ({name})",
            *(f"{100 * share:.1f} %" for share in shares),
            *map(megabytes, (*live, *resident)),
        ]


async def _wait(seconds: int, what: str) -> None:
    for left in range(seconds, 0, -1):
        progress(f"{what}, {left} s")
        await asyncio.sleep(1)


async def _evaluations(prometheus: Prometheus) -> dict[str, float]:
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
            await asyncio.sleep(2)
    return min(found)
