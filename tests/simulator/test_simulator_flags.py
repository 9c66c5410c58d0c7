"""Faults on the command line."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from support.processes import eventually, exporter_command, free_port, program, ran

from exporter.simulator.api import PATH
from exporter.simulator.faults import FAULTS, described


def test_they_can_be_listed(tmp_path: Path) -> None:
    ended = ran(tmp_path, "simulate", "--fault", "list")
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", described())


def test_one_that_does_not_exist_gets_a_suggestion_and_the_list(tmp_path: Path) -> None:
    ended = ran(tmp_path, "simulate", "--fault", "slow-drop=1")
    assert ended.returncode == 2
    message = " ".join(ended.stderr.split())
    assert "there is no fault called 'slow-drop'; did you mean slow-drip?" in message
    assert all(name in message for name in FAULTS)


@pytest.mark.parametrize("value", ["error-500", "error-500=", "error-500=often"])
def test_one_without_a_rate_is_refused(tmp_path: Path, value: str) -> None:
    ended = ran(tmp_path, "simulate", "--fault", value)
    assert ended.returncode == 2
    assert f"'{value}' has no rate; write error-500=0.1" in " ".join(ended.stderr.split())


@pytest.mark.parametrize("rate", ["2", "-1", "1.5", "nan"])
def test_a_rate_is_a_share(tmp_path: Path, rate: str) -> None:
    ended = ran(tmp_path, "simulate", "--fault", f"reset={rate}")
    assert ended.returncode == 2
    assert f"{rate} is not from 0 to 1; write reset=1 to strike all requests" in " ".join(ended.stderr.split())


def test_help_says_how_to_list_them(tmp_path: Path) -> None:
    text = " ".join(ran(tmp_path, "simulate", "--help").stdout.split())
    assert "--fault NAME=RATE" in text
    assert "--fault list prints the names" in text
    assert "MIHU_SIMULATE_FAULT" in text


def test_they_strike(tmp_path: Path) -> None:
    async def statuses(log: str) -> list[int]:
        address = f"127.0.0.1:{free_port()}"
        flags = ("--fault", "error-500=0.3", "--fault", "forbidden=0.3", "--seed", "7")
        command = exporter_command("simulate", *flags, "--listen-address", address)
        headers = {"Accept": "application/json", "Authorization": "Bearer demo-token-acme"}
        async with (
            program(command, tmp_path / log, os.environ | {"PYTHONUNBUFFERED": "1"}) as simulator,
            httpx.AsyncClient(base_url=f"http://{address}/acme", headers=headers, trust_env=False) as http,
        ):

            async def serves() -> bool:
                assert simulator.process.returncode is None, simulator.said()
                return "workspaces:" in simulator.said()

            await eventually(serves, "the simulator serves")
            return [(await http.get(PATH)).status_code for _ in range(40)]

    async def scenario() -> None:
        first, again = await asyncio.gather(statuses("one.log"), statuses("other.log"))
        assert set(first) == {200, 403, 500}
        assert first == again

    asyncio.run(scenario())
