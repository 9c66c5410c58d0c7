"""The simulated API over a real socket."""

import asyncio
import socket
import time

import httpx
import pytest
from support import event_loop

from exporter.simulator.api import PATH, Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

HEADERS = {"Accept": "application/json", "Authorization": "Bearer demo-token-acme"}

anyio_backend = event_loop.on_each


def client(headers: dict[str, str] = HEADERS) -> httpx.AsyncClient:
    return httpx.AsyncClient(headers=headers, trust_env=False, timeout=5)


def url(simulator: Simulator) -> str:
    return simulator.base_url("acme") + PATH


def acme(trunks: int = 30) -> Tenant:
    return Tenant("acme", "demo-token-acme", Fleet.generate(trunks, 1))


async def test_stops_at_once_with_idle_and_waiting_connections() -> None:
    tenant = acme()
    async with client() as http:
        simulator = Simulator([tenant])
        await simulator.start()
        await asyncio.gather(*(http.get(url(simulator)) for _ in range(3)))
        simulator.behaviour = Behaviour(latency=60)
        waiting = asyncio.create_task(http.get(url(simulator)))
        while simulator.traffic.requests["acme"] < 4:  # noqa: ASYNC110 - an arrival sets no event
            await asyncio.sleep(0.01)

        start = time.monotonic()
        await simulator.stop()
        assert time.monotonic() - start < 1
        with pytest.raises(httpx.TransportError):
            await waiting
        assert simulator.traffic.statuses == {("acme", 200): 3}


async def test_a_taken_port_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulator = Simulator([acme()], port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await simulator.start()
        await simulator.stop()
