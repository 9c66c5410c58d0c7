"""Faults on the command line."""

import os
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from support.processes import exporter_command, free_port, program

from exporter.cli import main
from exporter.simulator.api import PATH
from exporter.simulator.faults import FAULTS, described


def test_they_can_be_listed() -> None:
    ended = CliRunner().invoke(main, ["simulate", "--fault", "list"])
    assert (ended.exit_code, ended.stderr, ended.stdout) == (0, "", described())


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
    headers = {"Accept": "application/json", "Authorization": "Bearer demo-token-acme"}
    async with (
        program(command, tmp_path / "log", os.environ | {"PYTHONUNBUFFERED": "1"}) as simulator,
        httpx.AsyncClient(base_url=f"http://{address}/acme", headers=headers, trust_env=False) as http,
    ):
        await simulator.says("workspaces:")
        assert {(await http.get(PATH)).status_code for _ in range(40)} == {200, 403, 500}
