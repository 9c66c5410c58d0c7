"""How long others wait for an answer while a large fleet, in which everything changes, is polled."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks.asking import Client
from benchmarks.serving import api, configuration, exporter, ready
from benchmarks.tables import progress, seconds, table

_SECONDS = 60.0
_PAUSE = 0.01
_TRUNKS_PER_SECOND = 5000


async def measure(sizes: Sequence[int], _: int, folder: Path) -> None:
    """Ask again and again, for each size."""
    rows = []
    for trunks in sizes:
        here = folder / str(trunks)
        here.mkdir()
        rows += await _size(trunks, here)
    progress("")
    table("Answers while everything changes", ["polled", "asked for", "p50", "p99", "longest"], rows)


async def _size(trunks: int, folder: Path) -> list[list[str]]:
    log, config = folder / "log", folder / "config.yaml"
    async with api(trunks, 1, log) as large, api(10, 1, log) as small, httpx.AsyncClient(trust_env=False) as http:
        (await http.post(f"{large}/restless/on")).raise_for_status()
        interval = f"{max(1, trunks // _TRUNKS_PER_SECOND)}s"  # in which there is little time between two polls
        document = json.loads(configuration(large, 1, poll_interval=interval, poll_timeout=interval))
        document["workspaces"] += [{"name": "small", "base_url": f"{small}/w0"}]
        config.write_text(json.dumps(document), encoding="utf-8")
        async with exporter(config, log) as (_, port):
            await ready(http, port)
            progress(f"{trunks:,} trunks: asking for {_SECONDS:g} s")
            clients = {path: Client(port, path, "gzip") for path in ("/-/healthy", "/metrics?workspace=small")}
            asked = {path: [] for path in clients}  # type: dict[str, list[float]]
            began = time.monotonic()
            while time.monotonic() - began < _SECONDS:
                for path, client in clients.items():
                    start = time.perf_counter()
                    client.fetch()
                    asked[path].append(time.perf_counter() - start)
                    time.sleep(_PAUSE)  # noqa: ASYNC251 - nothing else goes on in this process
    return [
        [f"{trunks:,} trunks", path, seconds(median(times)), seconds(quantiles(times, n=100)[98]), seconds(max(times))]
        for path, times in asked.items()
    ]
