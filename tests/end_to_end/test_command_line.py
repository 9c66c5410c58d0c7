"""The command as a person or a service manager runs it."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import programs
from support.processes import PROJECT, exporter_command, free_port, program, ran, running_exporter

from exporter.cli import main
from exporter.config.loading import load
from exporter.metrics.catalogue import CATALOGUE
from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator

UP = 'mihu_up{{workspace="{}"}} 1'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return what runs the command in a folder, in this process, with flags."""
    monkeypatch.chdir(tmp_path)
    return lambda *flags: CliRunner().invoke(main, flags, prog_name="mihu-trunk-exporter")


@pytest.mark.parametrize("other", ["--demo", "once", "doctor", "simulate"])
def test_a_check_does_nothing_else(run: Callable[..., Result], other: str) -> None:
    ended = run("--config.check", other)
    assert ended.exit_code == 2
    assert f"and does nothing else; leave out {other}" in " ".join(ended.stderr.split())


@pytest.mark.parametrize("flags", [(), ("once",), ("--config.check",)], ids=["run", "once", "check"])
def test_without_a_configuration(run: Callable[..., Result], flags: tuple[str, ...]) -> None:
    ended = run(*flags)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("mihu-trunk-exporter: config.yaml: there is no such file; name another with ")


def test_a_check_says_what_is_well_and_what_is_odd(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("workspaces: []\nmetrics: {deny: [mihu_trunk_capabilty]}", "utf-8")
    ended = run("--config.check")
    assert (ended.exit_code, ended.stdout) == (0, "config.yaml is valid\n")
    assert "did you mean mihu_trunk_capability?\n" in ended.stderr


def test_an_address_that_cannot_be_listened_on_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = ran(tmp_path, "--demo", "--web.listen-address", address)
    assert (ended.returncode, ended.stdout) == (1, "")
    message = f"cannot listen on {address} (Address already in use); stop what uses it, or choose another address\n"
    assert ended.stderr == f"mihu-trunk-exporter: {message}"
    ended = ran(tmp_path, "simulate", "--listen-address", "a..b:1")
    assert ended.stderr.startswith("mihu-trunk-exporter: cannot listen on a..b:1 (this is not a valid host name); ")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_the_demo_shows_every_family_and_says_where_to_look(tmp_path: Path, signum: signal.Signals) -> None:
    async with running_exporter(tmp_path, "--demo") as exporter:
        await exporter.has_polled()
        text = await exporter.metrics()  # leaves a connection open
        types = {f"# TYPE {family.name} {family.type}" for family in CATALOGUE}
        assert types - set(text.splitlines()) == {"# TYPE mihu_exporter_storage_healthy gauge"}  # nothing is stored
        for beginning in ("process_resident_memory_bytes", "python_info", *map(UP.format, ("acme", "globex"))):
            assert f"\n{beginning}" in text
        out_of_service = re.findall(r"^mihu_trunks_out_of_service\{.*\} (\d+)$", text, re.MULTILINE)
        assert sum(map(int, out_of_service)) >= 2
        await asyncio.wait_for(exporter.ends(signum), 5)
        said = exporter.program.said()
        assert f"{exporter.url}/metrics | grep mihu_trunks_out_of_service\n" in said
        worth_a_look = re.findall(r"^(?:Look at)? +(mihu_\w+)  ", said, re.MULTILINE)
        assert len(worth_a_look) == 4
        assert {*worth_a_look} <= {family.name for family in CATALOGUE}
        assert f"msg=stopping signal={signum.name}" in said
        assert "Traceback" not in said


async def test_the_simulated_api_prints_a_configuration_that_polls_it(tmp_path: Path) -> None:
    flags = ("--workspaces", "3", "--trunks", "40", "--listing", "channel", "--latency", "10ms", "--churn", "0")
    address = ("--listen-address", f"127.0.0.1:{free_port()}")
    command = exporter_command("--log.level", "debug", "simulate", "--log.format", "json", *flags, *address)
    async with program(command, tmp_path / "simulate.log", os.environ | {"PYTHONUNBUFFERED": "1"}) as simulator:
        await simulator.says("workspace-3")
        file = tmp_path / "config.yaml"
        file.write_text(simulator.said(), encoding="utf-8")
        workspaces = [(workspace.name, workspace.poll_interval) for workspace in load(file).workspaces]
        assert workspaces == [("acme", 5.0), ("globex", 5.0), ("workspace-3", 5.0)]
        async with running_exporter(tmp_path, "--config.file", str(file)) as exporter:
            await exporter.shows(*(UP.format(name) for name, _ in workspaces))
        simulator.process.terminate()
        assert await simulator.ended() == 0
        assert '"msg": "stopping"' in simulator.said()


async def test_a_token_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As from ``pass show mihu | mihu-trunk-exporter``: it comes once, and is read more than once."""
    (tenant,) = generate_tenants(1, 3, seed=1)
    async with Simulator([tenant]) as simulator:
        given = {"MIHU_BASE_URL": simulator.base_url(tenant.name), "MIHU_API_TOKEN_FILE": "/dev/stdin"}
        env = os.environ | {"PYTHONPATH": str(PROJECT)} | given
        run = partial(programs.run, *exporter_command("once"), cwd=tmp_path, env=env, input=tenant.token)
        ended = await asyncio.to_thread(run)
    assert (ended.returncode, ended.stderr) == (0, "")
