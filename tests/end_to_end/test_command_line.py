"""The command as a person or a service manager runs it."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import (
    PATIENCE,
    PROJECT,
    eventually,
    exporter_command,
    free_port,
    program,
    ran,
    running_exporter,
)

from exporter import __version__
from exporter.config.loading import load
from exporter.metrics.catalogue import CATALOGUE


def test_version(tmp_path: Path) -> None:
    assert ran(tmp_path, "--version").stdout == f"mihu-trunk-exporter {__version__}\n"


def test_help_names_flags_defaults_and_variables(tmp_path: Path) -> None:
    text = " ".join(ran(tmp_path, "--help").stdout.split())
    for part in ("--config.file", "config.yaml", "MIHU_CONFIG_FILE", "--web.listen-address", ":10155", "simulate"):
        assert part in text
    assert "MIHU_WEB_LISTEN_ADDRESS" in text


def test_a_level_that_is_nearly_right_gets_a_suggestion(tmp_path: Path) -> None:
    ended = ran(tmp_path, "--log.level", "warning")
    assert ended.returncode == 2
    assert "'warning' is not one of 'debug', 'info', 'warn', 'error'.\n" in ended.stderr
    assert "'all' is not one of 'debug', 'info', 'warn', 'error'.\n" in ran(tmp_path, "--log.level", "all").stderr


@pytest.mark.parametrize("other", ["--demo", "once", "doctor", "simulate"])
def test_a_check_of_the_configuration_goes_with_nothing_else(tmp_path: Path, other: str) -> None:
    ended = ran(tmp_path, "--config.check", other)
    assert ended.returncode == 2
    assert f"validates the configuration and does nothing else; leave out {other}" in " ".join(ended.stderr.split())


class TestConfigurationThatIsMissingOrWrong:
    def test_missing(self, tmp_path: Path) -> None:
        ended = ran(tmp_path)
        assert ended.returncode == 1
        assert ended.stdout == ""
        assert ended.stderr.startswith("mihu-trunk-exporter: config.yaml: ")
        assert "--config.file" in ended.stderr
        assert "--demo" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_every_problem_is_told_at_once(self, tmp_path: Path) -> None:
        file = tmp_path / "wrong.yaml"
        file.write_text("global: {poll_interval: 60}\nworkspaces: [{subdomain: acme}]\n", encoding="utf-8")
        ended = ran(tmp_path, "--config.check", "--config.file", "wrong.yaml")
        assert ended.returncode == 1
        assert "global.poll_interval" in ended.stderr
        assert "workspaces[0]" in ended.stderr

    def test_check_of_a_good_one(self, tmp_path: Path) -> None:
        ended = ran(tmp_path, "--config.check", "--config.file", str(PROJECT / "config.yaml"), MIHU_API_TOKEN="t")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.endswith("config.yaml is valid\n")

    def test_the_flag_may_come_from_the_environment(self, tmp_path: Path) -> None:
        ended = ran(tmp_path, "--config.check", MIHU_CONFIG_FILE=str(PROJECT / "config.yaml"))
        assert ended.returncode == 0

    def test_a_family_to_leave_out_that_there_is_not_is_said_when_checking(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("workspaces: []\nmetrics: {deny: [mihu_trunk_capabilty]}", encoding="utf-8")
        ended = ran(tmp_path, "--config.check")
        assert ended.returncode == 0
        assert "did you mean mihu_trunk_capability?\n" in ended.stderr

    def test_a_token_that_is_missing_is_said_when_checking(self, tmp_path: Path) -> None:
        ended = ran(tmp_path, "--config.check", "--config.file", str(PROJECT / "config.yaml"))
        assert ended.returncode == 0
        assert "the environment variable MIHU_API_TOKEN is not set" in ended.stderr


@pytest.mark.parametrize("address", ["10155", "localhost", ":port", ":70000", "::1:10155"])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    ended = ran(tmp_path, "--demo", "--web.listen-address", address)
    assert ended.returncode == 2
    assert "write :PORT, HOST:PORT or [IPV6]:PORT" in " ".join(ended.stderr.split())


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = ran(tmp_path, "--demo", "--web.listen-address", address)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"mihu-trunk-exporter: cannot listen on {address} (Address already in use); stop what uses it, or choose "
        "another address\n"
    )


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_demo_with_0_within_5_seconds(tmp_path: Path, signum: signal.Signals) -> None:
    async def scenario() -> None:
        async with running_exporter(tmp_path, "--demo") as exporter:
            assert "mihu_exporter_build_info" in await exporter.metrics()  # leaves a connection open
            exporter.program.process.send_signal(signum)
            assert await asyncio.wait_for(exporter.program.process.wait(), 5) == 0
            assert f"msg=stopping signal={signum.name}" in exporter.program.said()
            assert "Traceback" not in exporter.program.said()

    asyncio.run(scenario())


def test_the_demo_shows_every_family_and_says_where_to_look(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_exporter(tmp_path, "--demo") as exporter:

            async def is_ready() -> bool:
                return (await exporter.http.get(f"{exporter.url}/-/ready")).status_code == 200

            await eventually(is_ready, "the first polls end")
            text = await exporter.metrics()
            for family in CATALOGUE:
                if family.name == "mihu_exporter_storage_healthy":
                    continue  # without --storage.path there is nothing to be healthy
                assert f"# TYPE {family.name} {family.type}\n" in text
            for prefix in ("process_resident_memory_bytes", "python_info"):
                assert f"\n{prefix}" in text
            for workspace in ("acme", "globex"):
                assert f'mihu_up{{workspace="{workspace}"}} 1\n' in text
            unbound = re.findall(r'^mihu_unbound_channels\{.*channel="call"\} (\d+)$', text, re.MULTILINE)
            assert sum(map(int, unbound)) >= 2
            assert f"{exporter.url}/metrics" in exporter.program.said()

    asyncio.run(scenario())


def test_the_simulated_api_prints_a_configuration_that_polls_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        flags = ("--workspaces", "3", "--trunks", "40", "--listing", "channel", "--latency", "10ms", "--churn", "0")
        command = exporter_command(
            "--log.level", "debug", "simulate", "--log.format", "json", *flags, "--listen-address", f"127.0.0.1:{port}"
        )
        async with program(command, tmp_path / "simulate.log", os.environ | {"PYTHONUNBUFFERED": "1"}) as simulator:

            async def has_said() -> bool:
                assert simulator.process.returncode is None, simulator.said()
                return "workspace-3" in simulator.said()

            await eventually(has_said, "the simulator says how to poll it")
            file = tmp_path / "config.yaml"
            file.write_text(simulator.said(), encoding="utf-8")
            workspaces = [(workspace.name, workspace.poll_interval) for workspace in load(file).workspaces]
            assert workspaces == [("acme", 5.0), ("globex", 5.0), ("workspace-3", 5.0)]
            async with running_exporter(tmp_path, "--config.file", str(file)) as exporter:

                async def is_up() -> bool:
                    return len(re.findall(r"^mihu_up\{.*\} 1$", await exporter.metrics(), re.MULTILINE)) == 3

                await eventually(is_up, "all three workspaces are polled")
            simulator.process.terminate()
            assert await simulator.ended() == 0
            assert '"msg": "stopping"' in simulator.said()

    asyncio.run(scenario())


def test_it_runs_as_a_console_script_too(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "mihu-trunk-exporter"
    ended = subprocess.run(  # noqa: S603 - our own program
        [script, "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout == f"mihu-trunk-exporter {__version__}\n"
