"""``mihu-trunk-exporter once`` as a person, cron or a script runs it."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from support.once import PROJECT, Ended, once, revoke, simulated, start
from support.processes import PATIENCE, eventually, exporter_command
from support.terminals import Shown, on_terminal

from exporter.cli import main
from exporter.simulator.behaviour import Behaviour

_REFUSED = (
    "mihu-trunk-exporter: globex: HTTP 401 (INVALID_AUTH_TOKEN, Authentication token is invalid or has been revoked.): "
    "the token is missing, invalid, expired or revoked; put a valid token in place, where authorization in the "
    "configuration says\n"
)
_ABOUT_ALL = (
    "Error: --unbound and --status choose trunks from a list, and the totals of --format prometheus are about all; "
    "add --format json or --format table\n"
)


def ran(folder: Path, *flags: str) -> Ended:
    """Run the command while two workspaces are simulated."""

    async def scenario() -> Ended:
        async with simulated(folder):
            return await once(folder, *flags)

    return asyncio.run(scenario())


def ran_with_a_revoked_token(folder: Path, *flags: str) -> Ended:
    async def scenario() -> Ended:
        async with simulated(folder):
            revoke(folder)
            return await once(folder, *flags)

    return asyncio.run(scenario())


@pytest.fixture
def log_restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def invoked(folder: Path, *flags: str, config: str = "") -> Result:
    """Run the command in this process: it needs no API, or brings its own."""
    file = folder / "config.yaml"
    file.write_text(config, encoding="utf-8")
    return CliRunner().invoke(main, ["--config.file", str(file), *flags], env={"TOKEN": "token"})


def test_gauges_on_standard_output_and_nothing_in_a_pipe_beside_them(tmp_path: Path) -> None:
    ended = ran(tmp_path, "once")
    assert (ended.status, ended.errors) == (0, "")
    for line in ('mihu_up{workspace="acme"} 1', 'mihu_up{workspace="globex"} 1', 'mihu_poll_pages{workspace="acme"} 2'):
        assert f"\n{line}\n" in ended.output
    assert len(re.findall(r"^mihu_trunk_info\{", ended.output, re.MULTILINE)) == 125
    assert not re.search(r"^(process|python|mihu_exporter)_|_total|_bucket", ended.output, re.MULTILINE)


def test_a_workspace_that_fails_costs_the_status_and_a_line_and_the_others_are_written(tmp_path: Path) -> None:
    ended = ran_with_a_revoked_token(tmp_path, "once")
    assert (ended.status, ended.errors) == (1, _REFUSED)
    assert '\nmihu_up{workspace="acme"} 1\nmihu_up{workspace="globex"} 0\n' in ended.output
    assert len(re.findall(r"^mihu_trunk_info\{", ended.output, re.MULTILINE)) == 120


def test_the_log_says_more_where_it_is_asked_to(tmp_path: Path) -> None:
    ended = ran_with_a_revoked_token(tmp_path, "once", "--log.format", "json", "--log.level", "debug")
    lines = ended.errors.splitlines(keepends=True)
    assert lines.pop() == _REFUSED
    assert {json.loads(line)["msg"] for line in lines} == {"trunks read", "poll failed"}


def test_json_and_its_filters(tmp_path: Path) -> None:
    ended = ran(tmp_path, "once", "--format", "json", "--workspace", "acme", "--unbound", "--status", "active")
    assert (ended.status, ended.errors) == (0, "")
    (acme,) = json.loads(ended.output)["workspaces"]
    assert acme["name"] == "acme"
    assert sum(acme["totals"]["trunks"].values()) == 120
    assert 0 < len(acme["trunks"]) < 20
    assert all(trunk["unbound_channels"] and trunk["status"] == "active" for trunk in acme["trunks"])


def test_a_workspace_that_was_not_chosen_is_not_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with simulated(tmp_path) as simulator:
            assert (await once(tmp_path, "once", "--workspace", "globex")).status == 0
            assert dict(simulator.traffic.requests) == {"globex": 1}

    asyncio.run(scenario())


def test_a_table_in_a_pipe_is_plain(tmp_path: Path) -> None:
    ended = ran(tmp_path, "once", "--format", "table", "--workspace", "globex", "--workspace", "acme")
    assert (ended.status, ended.errors) == (0, "")
    header, *rows = ended.output.splitlines()
    assert re.split(r"  +", header) == [
        "Workspace",
        "Number",
        "Location",
        "Status",
        "Bound on",
        "Agent",
        "Limits",
        "Needs attention",
    ]
    assert len(rows) == 125
    assert all(re.match(r"(acme|globex) +\+\d+  ", row) for row in rows)


@pytest.mark.usefixtures("log_restored")
def test_the_demo_needs_no_configuration() -> None:
    ended = CliRunner().invoke(main, ["--demo", "once", "--format", "table", "--unbound"])
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.count("no agent on call") >= 2


def test_a_shard_polls_its_own_workspaces(tmp_path: Path) -> None:
    async def scenario() -> list[Ended]:
        async with simulated(tmp_path):
            shards = [("--shard.total", "2", "--shard.ordinal", str(ordinal)) for ordinal in range(2)]
            return list(await asyncio.gather(*(once(tmp_path, *shard, "once") for shard in shards)))

    first, second = ([*re.findall(r"^mihu_up\{.*", ended.output, re.MULTILINE)] for ended in asyncio.run(scenario()))
    assert len(first) + len(second) == 2
    assert len({*first, *second}) == 2


class TestOutput:
    def test_a_file_that_another_user_can_read(self, tmp_path: Path) -> None:
        ended = ran_with_a_revoked_token(tmp_path, "once", "--output", "mihu.prom")
        assert (ended.status, ended.output, ended.errors) == (1, "", _REFUSED)
        file = tmp_path / "mihu.prom"
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert '\nmihu_up{workspace="globex"} 0\n' in file.read_text(encoding="utf-8")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "mihu.prom"]

    def test_a_name_that_node_exporter_would_not_read_is_warned_about(self, tmp_path: Path) -> None:
        ended = ran(tmp_path, "once", "--output", "mihu.txt")
        assert (ended.status, ended.errors) == (
            0,
            "mihu-trunk-exporter: warning: node_exporter reads files that end in .prom alone, and mihu.txt does not\n",
        )
        assert (tmp_path / "mihu.txt").exists()

    def test_of_the_other_formats_any_name_will_do(self, tmp_path: Path) -> None:
        ended = ran(tmp_path, "once", "--format", "json", "--output", "mihu.json")
        assert (ended.status, ended.errors) == (0, "")
        assert len(json.loads((tmp_path / "mihu.json").read_text(encoding="utf-8"))["workspaces"]) == 2

    @pytest.mark.usefixtures("log_restored")
    def test_the_old_file_stays_when_there_is_nothing_to_write(self, tmp_path: Path) -> None:
        file = tmp_path / "mihu.prom"
        file.write_text("old", encoding="utf-8")
        ended = invoked(tmp_path, "once", "--output", str(file), config="workspaces: [{subdomain: acme, per_page: 0}]")
        assert ended.exit_code == 1
        assert "config.yaml: workspaces[0].per_page: " in ended.stderr
        assert file.read_text(encoding="utf-8") == "old"

    @pytest.mark.usefixtures("log_restored")
    def test_what_cannot_be_written_is_said_before_anything_is_polled(self, tmp_path: Path) -> None:
        file = tmp_path / "nowhere" / "mihu.prom"
        ended = invoked(tmp_path, "once", "--output", str(file))
        said = f"cannot write {file}: there is no folder {file.parent}; make it, or name another --output"
        assert (ended.exit_code, ended.stderr) == (1, f"mihu-trunk-exporter: {said}\n")

    def test_a_full_disk(self, tmp_path: Path) -> None:
        async def scenario() -> tuple[int, bytes]:
            full = os.open("/dev/full", os.O_WRONLY)
            async with simulated(tmp_path):
                process = await start(tmp_path, "once", stdout=full)
                os.close(full)
                _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
                return await process.wait(), errors

        assert asyncio.run(scenario()) == (
            1,
            b"mihu-trunk-exporter: cannot write to standard output (No space left on device)\n",
        )


@pytest.mark.usefixtures("log_restored")
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--workspace", "acne"],
            "Error: Invalid value for '--workspace': there is no workspace called 'acne'; did you mean acme?\n",
        ),
        (["--unbound"], _ABOUT_ALL),
        (["--status", "active"], _ABOUT_ALL),
    ],
)
def test_flags_that_make_no_sense(tmp_path: Path, flags: list[str], said: str) -> None:
    config = "workspaces: [{subdomain: acme, authorization: {credentials_env: TOKEN}}]"
    ended = invoked(tmp_path, "once", *flags, config=config)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(said)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_as_shells_expect_and_leaves_no_trace(
    tmp_path: Path, signum: signal.Signals, status: int
) -> None:
    (tmp_path / "mihu.prom").write_text("old", encoding="utf-8")

    async def scenario() -> Ended:
        async with simulated(tmp_path, Behaviour(latency=60.0)) as simulator:
            process = await start(tmp_path, "once", "--output", "mihu.prom")

            async def polls() -> int:
                return simulator.traffic.requests.total()

            await eventually(polls, "it polls")
            process.send_signal(signum)
            output, errors = await asyncio.wait_for(process.communicate(), 10)
            return Ended(await process.wait(), output.decode(), errors.decode())

    assert asyncio.run(scenario()) == Ended(status, "", "")
    assert (tmp_path / "mihu.prom").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "mihu.prom"]


def test_a_terminal_shows_the_progress_and_then_the_table(tmp_path: Path) -> None:
    command = exporter_command("once", "--format", "table", "--workspace", "acme", "--unbound")

    async def scenario() -> Shown:
        async with simulated(tmp_path, Behaviour(latency=0.5)):
            return await asyncio.to_thread(on_terminal, command, tmp_path, {"PYTHONPATH": str(PROJECT)}, 140)

    shown = asyncio.run(scenario())
    assert shown.status == 0
    progress, _, table = shown.raw.rpartition("\x1b[2K")  # the line is erased at the end
    assert "Waiting for the first page" in progress
    assert "Page 1 of 2" in progress
    assert "Needs attention" in table
    assert "no agent on call" in table
    assert re.search(r"\d+ trunks", table)


def test_the_exporter_itself_does_not_pay_for_tables_and_bars() -> None:
    loaded = "import sys, exporter.cli; print({'exporter.once.table', 'exporter.once.progress'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert found.stdout == "set()\n"
