"""A token file that hangs is the failure of its workspace alone; a pipe is read as it comes."""

import asyncio
import json
import os
from pathlib import Path

from support.processes import exporter_command, ran, running_exporter
from support.programs import run

from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator


def configuration(folder: Path, **workspaces: tuple[str, str]) -> None:
    """Write a configuration; of each workspace its address, and the file with its token."""
    (folder / "config.yaml").write_text(
        json.dumps(
            {
                "workspaces": [
                    {"name": name, "base_url": address, "authorization": {"credentials_file": token}}
                    for name, (address, token) in workspaces.items()
                ]
            }
        ),
        encoding="utf-8",
    )


async def test_the_other_workspaces_are_polled_and_a_check_says_which_file_hangs(tmp_path: Path) -> None:
    (healthy,) = generate_tenants(1, 3, seed=1)
    os.mkfifo(tmp_path / "hung", 0o600)
    (tmp_path / "token").write_text(healthy.token, encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    async with Simulator([healthy]) as simulator:
        address = simulator.base_url(healthy.name)
        configuration(tmp_path, hung=(address, "hung"), healthy=(address, "token"))
        # Both give up after 5 s.
        checking = asyncio.create_task(asyncio.to_thread(ran, tmp_path, "--config.check"))
        async with running_exporter(tmp_path, "--config.file", str(tmp_path / "config.yaml")) as exporter:
            await exporter.shows('mihu_up{workspace="healthy"} 1', 'mihu_up{workspace="hung"} 0')
            said = exporter.program.said()
            assert f"cannot read {tmp_path}/hung (nothing came within 5s)" in said
            await exporter.ends()
        checked = await checking
    assert checked.returncode == 0
    assert "workspaces[0].authorization: no token: cannot read hung (nothing came within 5s)" in checked.stderr


async def test_a_token_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As from ``pass show mihu | mihu-trunk-exporter``: it comes once, and is read more than once."""
    (tenant,) = generate_tenants(1, 3, seed=1)

    async with Simulator([tenant]) as simulator:
        configuration(tmp_path, acme=(simulator.base_url(tenant.name), "/dev/stdin"))
        command = exporter_command("once", "--config.file", str(tmp_path / "config.yaml"))
        ended = await asyncio.to_thread(run, *command, input=f"{tenant.token}\n")
    assert ended.stderr == ""
    assert ended.returncode == 0
