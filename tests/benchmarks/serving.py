"""Starts the exporter, and programs that serve the same series in another way."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from support.processes import Program, free_port, program
from support.programs import installed

from benchmarks.children import child, listening
from benchmarks.tables import is_large, progress

Served = dict[str, tuple[Program, int]]  # the process and its port, by what it is called

SERVERS = EXPORTER, GAUGES, NGINX = "exporter", "Gauges", "nginx"

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
async def api(trunks: int, workspaces: int, folder: Path) -> AsyncIterator[str]:
    port = free_port()
    async with child("benchmarks.api", port, trunks, workspaces, folder=folder) as process:
        await listening(port, process)
        yield f"http://127.0.0.1:{port}"


def configuration(url: str, workspaces: int, **shared: Any) -> dict[str, Any]:  # noqa: ANN401 - settings of any workspace
    return {
        "global": {"authorization": {"credentials_env": "BENCH_TOKEN"}, "max_trunks": 1_000_000, **shared},
        "workspaces": [{"name": f"w{number}", "base_url": f"{url}/w{number}"} for number in range(workspaces)],
    }


@asynccontextmanager
async def exporter(document: dict[str, Any], folder: Path, *flags: str) -> AsyncIterator[tuple[Program, int]]:
    """Run the exporter until the block is left; yield it as soon as it listens."""
    os.environ["BENCH_TOKEN"] = "x"
    port, config = free_port(), folder / "config.yaml"
    config.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    named = ("--config.file", config, "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error")
    async with child("exporter", *named, *flags, folder=folder) as process:
        await listening(port, process)
        yield process, port


async def ready(http: httpx.AsyncClient, port: int) -> None:
    while (await http.get(f"http://127.0.0.1:{port}/-/ready")).status_code != httpx.codes.OK:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)


@asynccontextmanager
async def contenders(trunks: int, folder: Path) -> AsyncIterator[Served]:
    """Run the exporter, prometheus_client unless there are many trunks, and nginx; all serve the same series."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else goes on
    async with AsyncExitStack() as stack:
        progress(f"{trunks:,} trunks: the exporter polls")
        async with api(trunks, 1, folder) as url, httpx.AsyncClient(trust_env=False, timeout=600) as http:
            document = configuration(url, 1, poll_interval="1d", poll_timeout="10m")
            served = {EXPORTER: await stack.enter_async_context(exporter(document, folder))}
            await ready(http, served[EXPORTER][1])
            address = f"http://127.0.0.1:{served[EXPORTER][1]}/metrics"
            async with http.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
                (folder / "metrics.gz").write_bytes(b"".join([part async for part in answer.aiter_raw()]))
            plain = await http.get(address, headers={"Accept-Encoding": "identity"})
            (folder / "metrics").write_bytes(plain.content)
        if not is_large(trunks):
            progress(f"{trunks:,} trunks: prometheus_client loads")
            port = free_port()
            gauges = child("benchmarks.contenders.serving", folder / "metrics", port, folder=folder)
            served[GAUGES] = await stack.enter_async_context(gauges), port
        port, file = free_port(), folder / "nginx.conf"
        # Started by root, its worker would be another user, who may not read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        file.write_text(_NGINX.format(folder=folder, port=port, user=user), encoding="utf-8")
        nginx = program([installed("nginx"), "-c", str(file)], folder / "nginx.out")
        served[NGINX] = await stack.enter_async_context(nginx), port
        for process, port in served.values():
            await listening(port, process)
        yield served
