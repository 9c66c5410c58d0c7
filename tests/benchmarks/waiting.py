"""How long others wait for answers: beside a poll in which everything changes, and beside other clients."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

import bcrypt
import httpx

from benchmarks.asking import Client
from benchmarks.children import child, peak
from benchmarks.pressure import KINDS, PASSWORD, authorization
from benchmarks.serving import api, configuration, exporter, ready
from benchmarks.tables import Plan, megabytes, progress, seconds, table

_SECONDS = 60.0
_PAUSE = 0.01
_TRUNKS_PER_SECOND = 5000
_COST = 10  # of bcrypt, htpasswd's advice
_SPREAD = ["p50", "p99", "longest"]


def _waited(clients: Mapping[str, Client], what: str) -> dict[str, list[str]]:
    """Let each client ask in turn, and return the spread of how long it waited."""
    progress(f"{what}: asking for {_SECONDS:g} s")
    waited: dict[str, list[float]] = {name: [] for name in clients}
    began = time.monotonic()
    while time.monotonic() - began < _SECONDS:
        for name, client in clients.items():
            start = time.perf_counter()
            client.fetch()
            waited[name].append(time.perf_counter() - start)
            time.sleep(_PAUSE)
    progress("")
    return {
        name: [seconds(value) for value in (median(times), quantiles(times, n=100)[98], max(times))]
        for name, times in waited.items()
    }


async def measure_beside_a_poll(plan: Plan) -> None:
    """Ask for what is small while each size is polled, and look at the most memory."""
    answers: list[list[str]] = []
    kept: list[list[str]] = []
    for trunks in plan.sizes:
        folder = plan.folder / str(trunks)
        (folder / "small").mkdir(parents=True)
        async with (
            api(trunks, 1, folder) as large,
            api(10, 1, folder / "small") as small,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            (await http.post(f"{large}/restless/on")).raise_for_status()
            interval = f"{max(1, trunks // _TRUNKS_PER_SECOND)}s"  # in which there is little time between two polls
            document = configuration(large, 1, poll_interval=interval, poll_timeout=interval)
            document["workspaces"] += [{"name": "small", "base_url": f"{small}/w0"}]
            async with exporter(document, folder) as (process, port):
                await ready(http, port)
                clients = {path: Client(port, path, "gzip") for path in ("/-/healthy", "/metrics?workspace=small")}
                answers += [[f"{trunks:,}", path, *spread] for path, spread in _waited(clients, f"{trunks:,}").items()]
                most, body = peak(process), Client(port, "/metrics", "gzip").fetch()
                kept.append([f"{trunks:,}", megabytes(body), megabytes(most), f"{most / body:.2g}x"])
    table("Answers while everything changes", ["trunks polled", "asked for", *_SPREAD], answers)
    table("The most memory while everything changes", ["trunks", "gzip body", "resident", "as a multiple"], kept)


async def measure_beside_clients(plan: Plan) -> None:
    """Scrape each size beside each kind of other clients."""
    rows = [row for trunks in plan.sizes for row in await _beside_clients(trunks, plan.folder / str(trunks))]
    table("A gzip scrape beside other clients", ["trunks", "beside", *_SPREAD], rows)


async def _beside_clients(trunks: int, folder: Path) -> list[list[str]]:
    folder.mkdir()  # noqa: ASYNC240 - nothing else goes on
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(_COST)).decode()
    web = folder / "web.yaml"
    web.write_text(json.dumps({"basic_auth_users": {"bench": hashed}}), encoding="utf-8")
    async with api(trunks, 1, folder) as url, httpx.AsyncClient(trust_env=False, timeout=600) as http:
        document = configuration(url, 1, poll_interval="1d", poll_timeout="10m")
        async with exporter(document, folder, "--web.config.file", str(web)) as (_, port):
            await ready(http, port)
            scraper = Client(port, "/metrics", "gzip", authorization(PASSWORD))
            waited = _waited({"alone": scraper}, f"{trunks:,} trunks, alone")
            for kind in KINDS:
                async with child("benchmarks.pressure", port, kind, folder=folder):
                    await asyncio.sleep(2)  # until the clients are there
                    waited |= _waited({kind: scraper}, f"{trunks:,} trunks, beside {kind}")
            return [[f"{trunks:,}", beside, *spread] for beside, spread in waited.items()]
