"""How long others wait for answers while a large fleet that changes all over is polled, and what that keeps."""

import json
import time
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import httpx

from benchmarks.asking import Client
from benchmarks.plan import Plan
from benchmarks.serving import api, configuration, exporter, ready
from benchmarks.tables import megabytes, progress, seconds, table

_SECONDS = 60.0
_PAUSE = 0.01
_TRUNKS_PER_SECOND = 5000


class _Measured(NamedTuple):
    """How long answers took, by path; the bytes of a gzip body, and the most that were resident."""

    waited: dict[str, list[float]]
    body: float
    peak: float


async def measure(plan: Plan) -> None:
    """Ask again and again, for each size."""
    measured: dict[int, _Measured] = {}
    for trunks in plan.sizes:
        here = plan.folder / str(trunks)
        here.mkdir()
        measured[trunks] = await _size(trunks, here)
    progress("")
    answers = [
        [f"{trunks:,} trunks", path, seconds(median(times)), seconds(quantiles(times, n=100)[98]), seconds(max(times))]
        for trunks, found in measured.items()
        for path, times in found.waited.items()
    ]
    table("Answers while everything changes", ["polled", "asked for", "p50", "p99", "longest"], answers)
    memory = [
        [f"{trunks:,}", megabytes(found.body), megabytes(found.peak), f"{found.peak / found.body:.2g}x"]
        for trunks, found in measured.items()
    ]
    table("The most memory while everything changes", ["trunks", "gzip body", "resident", "as a multiple"], memory)


async def _size(trunks: int, folder: Path) -> _Measured:
    log, config = folder / "log", folder / "config.yaml"
    async with api(trunks, 1, log) as large, api(10, 1, log) as small, httpx.AsyncClient(trust_env=False) as http:
        (await http.post(f"{large}/restless/on")).raise_for_status()
        interval = f"{max(1, trunks // _TRUNKS_PER_SECOND)}s"  # in which there is little time between two polls
        document = json.loads(configuration(large, 1, poll_interval=interval, poll_timeout=interval))
        document["workspaces"] += [{"name": "small", "base_url": f"{small}/w0"}]
        config.write_text(json.dumps(document), encoding="utf-8")
        async with exporter(config, log) as (process, port):
            await ready(http, port)
            progress(f"{trunks:,} trunks: asking for {_SECONDS:g} s")
            clients = {path: Client(port, path, "gzip") for path in ("/-/healthy", "/metrics?workspace=small")}
            waited: dict[str, list[float]] = {path: [] for path in clients}
            began = time.monotonic()
            while time.monotonic() - began < _SECONDS:
                for path, client in clients.items():
                    start = time.perf_counter()
                    client.fetch()
                    waited[path].append(time.perf_counter() - start)
                    time.sleep(_PAUSE)  # noqa: ASYNC251 - nothing else goes on in this process
            peak = process.peak()
            return _Measured(waited, Client(port, "/metrics", "gzip").fetch(), peak)
