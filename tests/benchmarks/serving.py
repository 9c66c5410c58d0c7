"""Starts the exporter, and programs that serve the same series in another way."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from support.processes import free_port

from benchmarks.children import Child, child, listening, module
from benchmarks.plan import Plan
from benchmarks.programs import built, program
from benchmarks.tables import progress

Served = dict[str, tuple[Child, int]]  # the process and its port, by what it is called

SERVERS = EXPORTER, GAUGES, COLLECTOR, GO, NGINX = "exporter", "Gauges", "collector", "Go", "nginx"

_NGINX = """
{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder}; sendfile on; tcp_nopush on; keepalive_requests 100000;
  default_type "text/plain; version=0.0.4; charset=utf-8";
  server {{ listen 127.0.0.1:{port}; root {folder}; gzip_static on; }}
}}
"""


@asynccontextmanager
async def api(trunks: int, workspaces: int, log: Path) -> AsyncIterator[str]:
    """Run the list of trunks, and yield its address."""
    port = free_port()
    async with child(*module("benchmarks.api", port, trunks, workspaces), log=log) as process:
        await listening(port, process)
        yield f"http://127.0.0.1:{port}"


def configuration(url: str, workspaces: int, **shared: Any) -> str:  # noqa: ANN401 - settings of any workspace
    """Return a configuration that polls the list."""
    document = {
        "global": {"authorization": {"credentials_env": "BENCH_TOKEN"}, "max_trunks": 1_000_000, **shared},
        "workspaces": [{"name": f"w{number}", "base_url": f"{url}/w{number}"} for number in range(workspaces)],
    }
    return json.dumps(document)


@asynccontextmanager
async def exporter(config: Path, log: Path, *flags: str) -> AsyncIterator[tuple[Child, int]]:
    """Run the exporter until the block is left; yield it as soon as it listens."""
    os.environ["BENCH_TOKEN"] = "x"
    port = free_port()
    flags = ("--config.file", str(config), "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error", *flags)
    async with child(*module("exporter", *flags), log=log) as process:
        await listening(port, process)
        yield process, port


async def ready(http: httpx.AsyncClient, port: int) -> None:
    """Wait until every workspace has been polled."""
    while (await http.get(f"http://127.0.0.1:{port}/-/ready")).status_code != httpx.codes.OK:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)


@asynccontextmanager
async def contenders(trunks: int, plan: Plan) -> AsyncIterator[Served]:
    """Run the exporter, nginx, and those of the others that take part; all serve the same series."""
    folder = plan.folder / str(trunks)
    folder.mkdir()
    log = folder / "log"
    async with AsyncExitStack() as stack:
        progress(f"{trunks:,} trunks: the exporter polls")
        config = folder / "config.yaml"
        async with api(trunks, 1, log) as url:
            config.write_text(configuration(url, 1, poll_interval="1d", poll_timeout="10m"), encoding="utf-8")
            ours = await stack.enter_async_context(exporter(config, log))
            async with httpx.AsyncClient(trust_env=False, timeout=600) as http:
                await ready(http, ours[1])
                address = f"http://127.0.0.1:{ours[1]}/metrics"
                async with http.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
                    (folder / "metrics.gz").write_bytes(b"".join([part async for part in answer.aiter_raw()]))
                plain = await http.get(address, headers={"Accept-Encoding": "identity"})
                (folder / "metrics").write_bytes(plain.content)
        served: Served = {EXPORTER: ours}
        file = str(folder / "metrics")
        commands: dict[str, Callable[[int], Sequence[str]]] = {
            GAUGES: lambda port: module("benchmarks.contenders.serving", "gauges", file, port),
            COLLECTOR: lambda port: module("benchmarks.contenders.serving", "collector", file, port),
            GO: lambda port: [built(folder), file, str(port)],
            NGINX: lambda port: _nginx(folder, port),
        }
        for name, command in commands.items():
            if name != NGINX and not plan.compares(name, trunks):
                continue
            progress(f"{trunks:,} trunks: {name} loads")
            port = free_port()
            process = await stack.enter_async_context(child(*command(port), log=log))
            await listening(port, process)
            served[name] = process, port
        yield served


def _nginx(folder: Path, port: int) -> list[str]:
    file = folder / "nginx.conf"
    # Started by root, its worker would be another user, who may not read the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(_NGINX.format(folder=folder, port=port, user=user), encoding="utf-8")
    return [program("nginx"), "-c", str(file)]
