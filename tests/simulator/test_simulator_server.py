"""The simulated API over a real socket, and as a command."""

import asyncio
import os
import socket
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from support import event_loop
from support.processes import exporter_command, free_port, program

from exporter.cli import main
from exporter.simulator.api import PATH, Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults import FAULTS, described
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

HEADERS = {"Accept": "application/json", "Authorization": "Bearer demo-token-acme"}

anyio_backend = event_loop.on_each


ACME = Tenant("acme", "demo-token-acme", Fleet.generate(30, 1))


async def test_stops_at_once_with_idle_and_waiting_connections() -> None:
    simulator = Simulator([ACME])
    await simulator.start()
    url = simulator.base_url("acme") + PATH
    async with httpx.AsyncClient(headers=HEADERS, trust_env=False) as http:
        await asyncio.gather(*(http.get(url) for _ in range(3)))
        simulator.behaviour = Behaviour(latency=60)
        waiting = asyncio.create_task(http.get(url))
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
        simulator = Simulator([ACME], port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await simulator.start()
        await simulator.stop()


def test_they_can_be_listed_each_in_a_line() -> None:
    ended = CliRunner().invoke(main, ["simulate", "--fault", "list"])
    assert (ended.exit_code, ended.stderr, ended.stdout) == (0, "", described())
    assert [line.split()[0] for line in described().splitlines() if len(line) < 80] == list(FAULTS)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("slow-drop=1", f"no fault called 'slow-drop'; did you mean slow-drip? There are: {', '.join(FAULTS)}."),
        *((value, f"'{value}' has no rate; write error-500=0.1") for value in ("error-500", "error-500=often")),
        *(
            (f"reset={rate}", f"{rate} is not from 0 to 1; write reset=1 to strike all requests")
            for rate in ("2", "-1", "1.5", "nan")
        ),
    ],
)
def test_invalid_values_are_refused(value: str, said: str) -> None:
    ended = CliRunner().invoke(main, ["simulate", "--fault", value])
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.split())


async def test_simulate_injects_the_faults(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    flags = ("--fault", "error-500=0.3", "--fault", "forbidden=0.3", "--seed", "7")
    command = exporter_command("simulate", *flags, "--listen-address", address)
    async with (
        program(command, tmp_path / "log", os.environ | {"PYTHONUNBUFFERED": "1"}) as simulator,
        httpx.AsyncClient(base_url=f"http://{address}/acme", headers=HEADERS, trust_env=False) as http,
    ):
        await simulator.says("workspaces:")
        assert {(await http.get(PATH)).status_code for _ in range(40)} == {200, 403, 500}
