"""What a scrape costs and what it keeps, side by side: nginx with the same bytes as a file is the limit."""

import time
from statistics import median

from support.processes import Program

from benchmarks.asking import Client
from benchmarks.children import cpu, memory
from benchmarks.serving import NGINX, SERVERS, contenders
from benchmarks.tables import Plan, Times, megabytes, progress, ratios, table

_LONG = 0.5  # seconds for which scrapes that are short are repeated, and averaged


async def measure(plan: Plan) -> None:
    wall: Times = {}
    used: Times = {}
    kept: list[list[str]] = []
    for trunks in plan.sizes:
        async with contenders(trunks, plan.folder / str(trunks)) as served:
            for encoding in ("gzip", "identity"):
                row = f"{trunks:,} trunks, {encoding}"
                wall[row] = {name: [] for name in served}
                used[row] = {name: [] for name in served}
                for run in range(plan.runs):
                    for name, (process, port) in served.items():
                        progress(f"{row}, run {run + 1} of {plan.runs}: {name}")
                        seconds, processor = _scrape(process, port, encoding)
                        wall[row][name].append(seconds)
                        used[row][name].append(processor)
            of = {name: megabytes(memory(process)) for name, (process, _) in served.items()}
            kept.append([f"{trunks:,}", *(of.get(name, "-") for name in SERVERS)])
    progress("")
    ratios("A scrape: wall time", "of", wall, NGINX)
    ratios("A scrape: the server's processor time", "of", used, NGINX)
    table("Memory of the server after the scrapes", ["trunks", *SERVERS], kept)


def _scrape(process: Program, port: int, encoding: str) -> tuple[float, float]:
    """Return the seconds and the seconds of processor time of a scrape."""
    client = Client(port, "/metrics", encoding)
    client.fetch()
    used, began = cpu(process), time.perf_counter()
    times: list[float] = []
    while not times or time.perf_counter() - began < _LONG:
        start = time.perf_counter()
        client.fetch()
        times.append(time.perf_counter() - start)
    client.close()
    return median(times), (cpu(process) - used) / len(times)
