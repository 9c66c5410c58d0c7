"""Many workspaces in one process: what they cost, what they keep, how long start and reload take."""

import asyncio
import json
import time
from pathlib import Path
from statistics import median

import httpx

from benchmarks.children import cpu, memory, peak
from benchmarks.serving import api, configuration, exporter, ready
from benchmarks.tables import Plan, megabytes, progress, seconds, table

_TRUNKS = 100  # in each
_COUNTS = (1, 10, 100, 1_000)
_SECONDS = 120.0


async def measure(plan: Plan) -> None:
    rows = [await _workspaces(count, plan.runs, plan.folder / str(count)) for count in _COUNTS]
    progress("")
    columns = ["workspaces of 100 trunks", "start to listening", "processor", "own memory", "most memory", "reload"]
    table("Many workspaces, polled once a minute", columns, rows)


async def _workspaces(count: int, runs: int, folder: Path) -> list[str]:
    folder.mkdir()  # noqa: ASYNC240 - nothing else goes on
    async with api(_TRUNKS, count, folder) as url, httpx.AsyncClient(trust_env=False, timeout=120) as http:
        document = configuration(url, count, poll_interval="1m")
        starts = []
        for _ in range(runs):
            began = time.perf_counter()
            async with exporter(document, folder):
                starts.append(time.perf_counter() - began)
        async with exporter(document, folder, "--web.enable-lifecycle") as (process, port):
            await ready(http, port)
            progress(f"{count:,} workspaces: polled for {_SECONDS:g} s")
            used, began = cpu(process), time.monotonic()
            await asyncio.sleep(_SECONDS)
            share = (cpu(process) - used) / (time.monotonic() - began)
            kept, most = memory(process), peak(process)
            reloads = []
            for number in range(runs):
                document["workspaces"][0]["request_timeout"] = f"{number + 5}s"
                (folder / "config.yaml").write_text(json.dumps(document), encoding="utf-8")
                began = time.perf_counter()
                (await http.post(f"http://127.0.0.1:{port}/-/reload")).raise_for_status()
                reloads.append(time.perf_counter() - began)
    start, reload = seconds(median(starts)), seconds(median(reloads))
    return [f"{count:,}", start, f"{share:.1%} of a core", megabytes(kept), megabytes(most), reload]
