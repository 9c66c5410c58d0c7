"""Reloads of a configuration file, often and under load; tests/test_reload.py has what they change."""

import asyncio
import json
import os
from pathlib import Path

import httpx
from support.exporters import on_loopback, running
from support.files import write_yaml
from support.processes import becomes, eventually
from support.simulating import write_config

from exporter.config.loading import load
from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator


async def test_a_hundred_reloads_under_load_fail_no_scrape_and_leak_nothing(tmp_path: Path) -> None:
    tenants = generate_tenants(3, 20, seed=1)
    scrapes = 0
    over = asyncio.Event()
    async with Simulator(tenants) as simulator:
        file = write_config(tmp_path, simulator, tenants, poll_interval="1h")
        document = json.loads(file.read_text(encoding="utf-8"))
        async with running(load(file), on_loopback()) as exporter:
            exporter.load = lambda: load(file)

            async def status() -> int:
                return (await exporter.get("/-/ready")).status_code

            async def scrape() -> None:
                nonlocal scrapes
                async with httpx.AsyncClient(base_url=exporter.http.base_url, trust_env=False, timeout=20) as http:
                    while not over.is_set():
                        answer = await http.get("/metrics")
                        assert answer.status_code == 200
                        assert answer.text.count('mihu_trunk_info{workspace="acme"') == 20
                        scrapes += 1

            async def reload_often(times: int) -> None:
                for number in range(times):
                    document["workspaces"][1]["per_page"] = 50 + number % 2
                    write_yaml(file, document)
                    assert (await exporter.reload()).status_code == 200

            def nothing_is_left() -> bool:
                # A poll may be under way, or a connection about to be closed.
                return len(asyncio.all_tasks()) - tasks <= 3 and open_files() - files <= 6

            await becomes(status, 200)
            await reload_often(10)
            await becomes(status, 200)
            tasks, files = len(asyncio.all_tasks()), open_files()
            clients = [asyncio.create_task(scrape()) for _ in range(4)]
            await reload_often(90)
            over.set()
            await asyncio.gather(*clients)
            await becomes(status, 200)
            await eventually(nothing_is_left, "reloads and scrapes leave neither tasks nor files behind")
        assert scrapes > 100
        assert simulator.traffic.requests["acme"] == 1


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
