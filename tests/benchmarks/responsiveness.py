"""How long others wait for an answer while a large fleet, in which everything changes, is polled."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks.serving import api, configuration, exporter, ready
from benchmarks.tables import progress, seconds, table

_SECONDS = 30.0
_PAUSE = 0.01


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
        document = json.loads(configuration(large, 1, poll_interval="10m", poll_timeout="10m"))
        document["workspaces"] += [{"name": "small", "base_url": f"{small}/w0"}]
        config.write_text(json.dumps(document), encoding="utf-8")
        async with exporter(config, log, "--web.enable-lifecycle") as (_, port):
            url = f"http://127.0.0.1:{port}"
            http.timeout = httpx.Timeout(600)
            await ready(http, port)
            polling = asyncio.create_task(_poll_again(http, url, config, document))
            asked = {"/-/healthy": [], "/metrics?workspace=small": []}  # type: dict[str, list[float]]
            progress(f"{trunks:,} trunks: asking for {_SECONDS:g} s")
            began = time.monotonic()
            while time.monotonic() - began < _SECONDS:
                for path, times in asked.items():
                    start = time.perf_counter()
                    (await http.get(url + path)).raise_for_status()
                    times.append(time.perf_counter() - start)
                await asyncio.sleep(_PAUSE)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
    return [
        [f"{trunks:,} trunks", path, seconds(median(times)), seconds(quantiles(times, n=100)[98]), seconds(max(times))]
        for path, times in asked.items()
    ]


async def _poll_again(http: httpx.AsyncClient, url: str, config: Path, document: dict[str, object]) -> None:
    """Let the large workspace be polled without a pause: a reload with another setting polls it at once."""
    for number in range(1_000_000):
        shared = document["global"]
        assert isinstance(shared, dict)
        shared["per_page"] = 100
        shared["request_timeout"] = f"{30 + number % 2}s"
        config.write_text(json.dumps(document), encoding="utf-8")  # noqa: ASYNC240 - a few bytes
        before = await _polls(http, url)
        (await http.post(f"{url}/-/reload")).raise_for_status()
        while await _polls(http, url) == before:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.25)


async def _polls(http: httpx.AsyncClient, url: str) -> float | None:
    document = (await http.get(f"{url}/status.json", params={"workspace": "w0", "search": "-"})).json()
    found: float | None = document["workspaces"]["items"][0]["last_poll_at"]
    return found
