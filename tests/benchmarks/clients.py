"""How long a scrape takes beside clients that are idle, guess passwords or read the status page."""

import json
import time
from statistics import median, quantiles

import bcrypt
import httpx

from benchmarks.asking import Client
from benchmarks.children import child, module
from benchmarks.plan import Plan
from benchmarks.pressure import KINDS, PASSWORD, authorization
from benchmarks.serving import api, configuration, exporter, ready
from benchmarks.tables import multiple, progress, seconds, table

_SECONDS = 15.0
_PAUSE = 0.02
_COST = 10  # of bcrypt, htpasswd's advice
_ALONE = "alone"


async def measure(plan: Plan) -> None:
    """Scrape each size beside each kind of other clients."""
    rows: list[list[str]] = []
    for trunks in plan.sizes:
        taken = await _size(trunks, plan)
        alone = median(taken[_ALONE])
        for clients, times in taken.items():
            p99 = quantiles(times, n=100)[98]
            row = [median(times), p99, max(times)]
            cells = [f"{seconds(value)} ({multiple(value / alone)})" for value in row]
            rows.append([f"{trunks:,} trunks", clients, *cells])
    progress("")
    table(
        "A gzip scrape beside other clients, and as multiples of the median without them",
        ["of", "beside", "p50", "p99", "longest"],
        rows,
    )


async def _size(trunks: int, plan: Plan) -> dict[str, list[float]]:
    folder = plan.folder / str(trunks)
    folder.mkdir()
    log, config, web = folder / "log", folder / "config.yaml", folder / "web.yaml"
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(_COST)).decode()
    web.write_text(json.dumps({"basic_auth_users": {"bench": hashed}}), encoding="utf-8")
    async with api(trunks, 1, log) as url, httpx.AsyncClient(trust_env=False, timeout=600) as http:
        config.write_text(configuration(url, 1, poll_interval="1d", poll_timeout="10m"), encoding="utf-8")
        async with exporter(config, log, "--web.config.file", str(web)) as (_, port):
            await ready(http, port)
            taken = {_ALONE: _scrape(port, f"{trunks:,} trunks, alone")}
            for kind in KINDS:
                async with child(*module("benchmarks.pressure", port, kind), log=log):
                    time.sleep(2)  # noqa: ASYNC251 - until the clients are there; nothing else goes on in this process
                    taken[kind] = _scrape(port, f"{trunks:,} trunks, beside {kind}")
            return taken


def _scrape(port: int, what: str) -> list[float]:
    progress(what)
    client = Client(port, "/metrics", "gzip", authorization(PASSWORD))
    times: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < _SECONDS:
        start = time.perf_counter()
        client.fetch()
        times.append(time.perf_counter() - start)
        time.sleep(_PAUSE)
    client.close()
    return times
