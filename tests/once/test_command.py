"""``mihu-trunk-exporter once`` as a person, cron, a script or node_exporter uses it."""

import asyncio
import csv
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.processes import PATIENCE, PROJECT, answering, exporter_command, free_port, program, ran
from support.programs import Shown, installed, on_terminal
from support.samples import samples
from support.simulating import simulating, write_config

from exporter.cli import main
from exporter.simulator.api import Tenant
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

_REFUSED = (
    "mihu-trunk-exporter: globex: HTTP 401 (INVALID_AUTH_TOKEN, Authentication token is invalid or has been revoked.): "
    "the token is missing, invalid, expired or revoked; put a valid token in place, where authorization in the "
    "configuration says\n"
)
_ABOUT_ALL = (
    "Error: --out-of-service, --status and --search choose trunks from a list, and the totals of --format prometheus "
    "are about all; add --format table, csv or json\n"
)


ACME, GLOBEX = Tenant("acme", "token-a", Fleet.generate(120, 1)), Tenant("globex", "token-g", Fleet.generate(5, 2))


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    with simulating([ACME, GLOBEX]) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, api: Simulator) -> Path:
    return write_config(tmp_path, api, [ACME, GLOBEX])


@pytest.fixture
def config_with_a_wrong_token(tmp_path: Path, api: Simulator) -> Path:
    """Return one of which globex cannot be polled."""
    return write_config(tmp_path, api, [ACME, Tenant(GLOBEX.name, "wrong", GLOBEX.fleet)])


@contextmanager
def behaving(api: Simulator, *, latency: float) -> Iterator[None]:
    before, api.behaviour = api.behaviour, Behaviour(latency=latency)
    try:
        yield
    finally:
        api.behaviour = before


def once(config: Path, *flags: str) -> Result:
    return CliRunner().invoke(main, ["--config.file", str(config), "once", *flags])


def started(config: Path, *flags: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    command = exporter_command("--config.file", str(config), "once", *flags)
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)  # noqa: S603 - our own program


def infos(output: str) -> int:
    return len(re.findall(r"^mihu_trunk_info\{", output, re.MULTILINE))


def test_gauges_in_a_pipe_and_nothing_beside_them(config: Path) -> None:
    process = started(config)
    output, errors = (part.decode() for part in process.communicate(timeout=PATIENCE))
    assert (process.returncode, errors) == (0, "")
    assert '\nmihu_up{workspace="acme"} 1\nmihu_up{workspace="globex"} 1\n' in output
    assert infos(output) == 125
    assert not re.search(r"^(process|python|mihu_exporter)_|_total|_bucket", output, re.MULTILINE)


def test_a_workspace_that_fails_costs_the_status_and_a_line_and_no_other(config_with_a_wrong_token: Path) -> None:
    ended = once(config_with_a_wrong_token)
    assert (ended.exit_code, ended.stderr) == (1, _REFUSED)
    assert '\nmihu_up{workspace="acme"} 1\nmihu_up{workspace="globex"} 0\n' in ended.stdout
    assert infos(ended.stdout) == 120
    no_status_is_missed = once(config_with_a_wrong_token, "--format", "table", "--status", "Active")
    assert (no_status_is_missed.exit_code, no_status_is_missed.stderr) == (1, _REFUSED)
    log = once(config_with_a_wrong_token, "--log.format", "json", "--log.level", "debug")
    lines = log.stderr.splitlines(keepends=True)
    assert lines.pop() == _REFUSED
    assert {json.loads(line)["msg"] for line in lines} == {"trunks read", "poll failed"}


def test_json_and_its_filters(config: Path) -> None:
    ended = once(config, "--format", "json", "--workspace", "acme", "--out-of-service", "--status", "active")
    assert (ended.exit_code, ended.stderr) == (0, "")
    (acme,) = json.loads(ended.stdout)["workspaces"]
    assert acme["name"] == "acme"
    assert sum(acme["totals"]["trunks"].values()) == 120
    assert 0 < len(acme["trunks"]) < 20
    assert all(trunk["reasons"] and trunk["status"] == "active" for trunk in acme["trunks"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--search nobody\x1b", "no trunk that is listed has 'nobody\\x1b' in its number, uuid, location or agents"),
        ("--status Active", "no trunk has the status 'Active'; the statuses found are active, pending, suspended"),
    ],
)
def test_a_choice_that_finds_nothing_says_why(config: Path, flags: str, said: str) -> None:
    ended = once(config, "--format", "csv", *flags.split())
    assert (ended.exit_code, ended.stdout.count("\n")) == (0, 1)
    assert ended.stderr == f"mihu-trunk-exporter: {said}\n"


def test_a_workspace_that_was_not_chosen_is_not_asked(config: Path, api: Simulator) -> None:
    before = api.traffic.requests.copy()
    assert once(config, "--workspace", "globex").exit_code == 0
    assert dict(api.traffic.requests - before) == {"globex": 1}


def test_a_table_that_is_not_on_a_terminal_is_plain(config: Path) -> None:
    ended = once(config, "--format", "table", "--workspace", "globex", "--workspace", "acme")
    assert (ended.exit_code, ended.stderr) == (0, "")
    header, *rows = ended.stdout.splitlines()
    assert header.startswith("WORKSPACE  NUMBER  ")
    assert len([row for row in rows if re.match(r"(acme|globex) +\+\d+  ", row)]) == len(rows) == 125


@pytest.mark.parametrize("flags", ["--demo once", "once --demo"])
def test_the_demo_needs_no_configuration(flags: str) -> None:
    ended = CliRunner().invoke(main, [*flags.split(), "--format", "table", "--unbound"])
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.count("no agent on call") >= 2


def test_a_shard_polls_its_own_workspaces(config: Path) -> None:
    shards = [["--shard.total", "2", "--shard.ordinal", ordinal, "--config.file", str(config)] for ordinal in "01"]
    written = "".join(CliRunner().invoke(main, [*shard, "once"]).stdout for shard in shards)
    assert sorted(re.findall(r'^mihu_up\{workspace="(.*)"\} 1$', written, re.MULTILINE)) == ["acme", "globex"]


class TestStorage:
    def row(self, config: Path, number: str) -> dict[str, str]:
        folder = str(config.parent / "storage")
        ended = once(config, "--format", "csv", "--search", number, "--storage.path", folder)
        assert (ended.exit_code, ended.stderr) == (0, "")
        (row,) = csv.DictReader(ended.stdout.splitlines())
        return row

    def test_since_when_and_who_was_the_last_agent(self, config: Path) -> None:
        fleet = ACME.fleet
        number = next(number for number in fleet.numbers if fleet.trunk(number)["bindings"]["call"]["bound"])
        agent = fleet.trunk(number)["bindings"]["call"]["agent_name"]
        assert self.row(config, number)["call_agent"] == agent
        fleet.bind(number, "call", None, now=time.time())
        lost = self.row(config, number)
        assert (lost["out_of_service"], lost["call_agent"], lost["call_last_agent"]) == ("unbound", "", agent)
        age = datetime.now(UTC) - datetime.fromisoformat(lost["since"])
        assert 0 <= age.total_seconds() < PATIENCE
        assert self.row(config, number) == lost

        # What was so at the first poll may have been so before.
        ended = once(config, "--format", "table", "--out-of-service", "--storage.path", str(config.parent / "storage"))
        since = {re.split("  +", line)[1]: re.split("  +", line)[4] for line in ended.stdout.splitlines()[1:]}
        assert since.pop(number) == lost["since"]
        assert all(each.endswith("Z, or earlier") for each in since.values())

        # An exporter that runs keeps what is remembered, and lets others read it.
        folder = config.parent / "storage"
        (file,) = folder.glob("acme*.state")
        stored = file.read_bytes()
        with (folder / "lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fleet.bind(number, "call", fleet.agents[0], now=time.time())
            assert self.row(config, number)["since"] == ""
        assert file.read_bytes() == stored

    def test_a_folder_that_cannot_be_used_is_warned_about(self, config: Path) -> None:
        folder = config.parent / "file"
        folder.write_bytes(b"")
        ended = once(config, "--storage.path", str(folder))
        message = f"warning: what is remembered in {folder} cannot be read or written; --log.level warn says why"
        assert (ended.exit_code, ended.stderr) == (0, f"mihu-trunk-exporter: {message}\n")
        assert infos(ended.stdout) == 125


class TestOutput:
    def test_a_name_that_node_exporter_would_not_read_is_warned_about(self, config: Path) -> None:
        file = config.with_name("mihu.txt")
        for flags, told in (
            ((), f"warning: node_exporter only reads files that end in .prom, and {file} does not"),
            (("--format", "json"), ""),
        ):
            ended = once(config, "--output", str(file), *flags)
            assert (ended.exit_code, ended.stderr) == (0, told and f"mihu-trunk-exporter: {told}\n")
            assert ("mihu_trunk_info" in file.read_text(encoding="utf-8")) is bool(told)

    def test_the_old_file_stays_when_there_is_nothing_to_write(self, config: Path) -> None:
        file = config.with_name("mihu.prom")
        file.write_text("old", encoding="utf-8")
        config.write_text("workspaces: [{subdomain: acme, per_page: 0}]", encoding="utf-8")
        ended = once(config, "--output", str(file))
        assert ended.exit_code == 1
        assert "config.yaml: workspaces[0].per_page: " in ended.stderr
        assert file.read_text(encoding="utf-8") == "old"

    def test_what_cannot_be_written_is_said_before_anything_is_polled(self, config: Path, api: Simulator) -> None:
        before = api.traffic.requests.copy()
        file = config.parent / "nowhere" / "mihu.prom"
        ended = once(config, "--output", str(file))
        message = f"cannot write {file}: there is no folder {file.parent}; make it, or name another --output"
        assert (ended.exit_code, ended.stderr) == (1, f"mihu-trunk-exporter: {message}\n")
        assert api.traffic.requests == before

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("flags", [[], ["--help"]])
    def test_full_disk(self, config: Path, unbuffered: str, flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        full = os.open("/dev/full", os.O_WRONLY)
        process = started(config, *flags, stdout=full)
        os.close(full)
        _, errors = process.communicate(timeout=PATIENCE)
        message = "cannot write to standard output (No space left on device)"
        assert (process.returncode, errors.decode()) == (1, f"mihu-trunk-exporter: {message}\n")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--workspace", "acne"], "there is no workspace called 'acne'; did you mean acme?\n"),
        (["--out-of-service"], _ABOUT_ALL),
        (["--search", "Ada"], _ABOUT_ALL),
        (["--status", "active"], _ABOUT_ALL),
    ],
)
def test_flags_that_make_no_sense(config: Path, flags: list[str], message: str) -> None:
    ended = once(config, *flags)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(message)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_polling_as_shells_expect_and_leaves_no_trace(
    config: Path, api: Simulator, signum: signal.Signals, status: int
) -> None:
    file = config.with_name("mihu.prom")
    file.write_text("old", encoding="utf-8")
    with behaving(api, latency=60.0):
        before = api.traffic.requests.total()
        process = started(config, "--output", str(file))
        give_up = time.monotonic() + PATIENCE
        while api.traffic.requests.total() == before:
            assert time.monotonic() < give_up, "it does not poll"
            time.sleep(0.02)
        process.send_signal(signum)
        assert process.communicate(timeout=10) == (b"", b"")
    assert process.returncode == status
    assert file.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in file.parent.iterdir()) == ["config.yaml", "mihu.prom"]


def test_a_signal_ends_writing_that_nobody_reads_and_failures_are_told(config_with_a_wrong_token: Path) -> None:
    process = started(config_with_a_wrong_token, "--format", "json")
    assert process.stdout is not None
    assert process.stdout.read(1) == b"{"  # the rest is more than a pipe holds
    process.terminate()
    assert process.wait(10) == 143
    assert process.communicate(timeout=10)[1].decode() == _REFUSED


# Without a memory nothing is known of SINCE and LAST-AGENT, and the others give way to number, reasons and agents.
@pytest.mark.parametrize(
    ("width", "columns"),
    [(80, "WORKSPACE NUMBER STATUS OUT-OF-SERVICE AGENT REMARKS"), (50, "NUMBER OUT-OF-SERVICE AGENT")],
)
def test_a_terminal_shows_progress_and_then_the_table(config: Path, api: Simulator, width: int, columns: str) -> None:
    flags = ("once", "--format", "table", "--workspace", "acme", "--out-of-service", "--storage.path", "")
    with behaving(api, latency=0.5):
        shown = on_terminal(exporter_command("--config.file", str(config), *flags), PROJECT, {}, width)
    assert shown.status == 0
    progress, _, table = shown.raw.rpartition("\x1b[2K")  # the line is erased at the end
    assert "Waiting for the first page" in progress
    assert "Page 1 of 2" in progress
    header, *lines = Shown(table, 0).text.splitlines()
    assert " ".join(header.split()) == columns
    assert all(len(line.rstrip()) <= width for line in lines)
    assert any(re.search(r"unbound .* no agent on" if "REMARKS" in columns else "unbound", line) for line in lines)
    assert re.search(r"(\d+) trunks, \1 out of service; the\s+--storage.path", table)


def test_a_person_sees_beside_a_pipe_how_many_there_are(config: Path) -> None:
    table = exporter_command("--config.file", str(config), "once", "--format", "table", "--status", "active")
    shown = on_terminal(["sh", "-c", f"{shlex.join(table)} | wc -l"], PROJECT, {})
    found = re.search(r"mihu-trunk-exporter: (\d+) trunks, \d+ out of service\r\n(\d+)\r\n$", shown.text)
    assert found, shown.text
    assert int(found[1]) + 1 == int(found[2])  # the header
    assert "\n0 trunks, 0 out of service\r\n" in on_terminal([*table, "--search", "nobody"], PROJECT, {}).text


async def test_node_exporter_exposes_the_file_without_an_error(tmp_path: Path, config_with_a_wrong_token: Path) -> None:
    folder = tmp_path / "textfiles"
    folder.mkdir()
    file = folder / "mihu.prom"
    address = f"127.0.0.1:{free_port()}"
    flags = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={folder}"]
    command = [installed("prometheus-node-exporter"), *flags, f"--web.listen-address={address}"]
    running = program(command, tmp_path / "node_exporter.log")
    async with answering(running, f"http://{address}", "/metrics") as (_, http):
        once = ("--config.file", str(config_with_a_wrong_token), "once", "--output", str(file))
        ended = await asyncio.to_thread(ran, tmp_path, *once)
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", _REFUSED)
        text = (await http.get("/metrics")).text
    assert "\nnode_textfile_scrape_error 0\n" in text
    exposed = {series: value for series, value in samples(text).items() if series[0].startswith("mihu_")}
    assert exposed == samples(file.read_text(encoding="utf-8"))
    assert '\nmihu_up{workspace="acme"} 1\nmihu_up{workspace="globex"} 0\n' in text
