"""How the program begins: with signals at once, with standard streams, and with files enough."""

import os
import re
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.processes import PATIENCE, Program, by_shell, eventually, exporter_command, program, running_exporter
from support.programs import installed


def isolated(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one as the first process of a container."""
    powers = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [installed("unshare"), *powers, "--pid", "--fork", "--mount-proc", "--kill-child", *command]


def holds_signals(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    if status.startswith("Name:\tunshare\n"):  # which is about to become the program
        return False
    (blocked,) = re.findall(r"^SigBlk:\t(\w+)$", status, re.MULTILINE)
    return bool(int(blocked, 16) >> (signal.SIGTERM - 1) & 1)


@asynccontextmanager
async def beginning(command: Sequence[str], log: Path, *, as_pid_1: bool) -> AsyncIterator[tuple[Program, int]]:
    """Yield a program whose first line has just run, and its process id."""
    async with program(isolated(command) if as_pid_1 else command, log) as started:
        outer = started.process.pid
        children = Path(f"/proc/{outer}/task/{outer}/children")

        def has_begun() -> int | None:
            assert started.process.returncode is None, started.said()
            pid = int(children.read_text(encoding="ascii") or 0) if as_pid_1 else outer
            return pid if pid and holds_signals(pid) else None

        yield started, await eventually(has_begun, "the program's first line has run")


ANYWHERE = ("--web.listen-address", "127.0.0.1:0")
either_way = pytest.mark.parametrize("as_pid_1", [False, True], ids=["", "as the first process"])


@either_way
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_an_early_signal_ends_the_exporter(tmp_path: Path, signum: signal.Signals, *, as_pid_1: bool) -> None:
    command = exporter_command("--demo", *ANYWHERE)
    async with beginning(command, tmp_path / "log", as_pid_1=as_pid_1) as (exporter, pid):
        os.kill(pid, signum)
        assert await exporter.ended() == 0
        assert "Traceback" not in exporter.said()


@pytest.mark.parametrize(
    ("command", "signum", "status", "before"),
    [
        ("once", signal.SIGTERM, 143, ()),
        ("doctor", signal.SIGINT, 130, ()),
        pytest.param("doctor", signal.SIGINT, 130, by_shell("trap '' INT; exec \"$@\""), id="ignored before"),
    ],
)
async def test_an_early_signal_ends_a_command_as_shells_expect(
    tmp_path: Path, command: str, signum: signal.Signals, status: int, before: Sequence[str]
) -> None:
    begins = exporter_command("--demo", command, before=before)
    async with beginning(begins, tmp_path / "log", as_pid_1=False) as (running, pid):
        os.kill(pid, signum)
        assert await running.ended() == status
        assert running.said() == ""


@either_way
async def test_an_early_reload_is_held_until_it_can_be_served(tmp_path: Path, *, as_pid_1: bool) -> None:
    (tmp_path / "config.yaml").write_text("workspaces: []", encoding="utf-8")
    command = exporter_command("--config.file", str(tmp_path / "config.yaml"), *ANYWHERE)
    async with beginning(command, tmp_path / "log", as_pid_1=as_pid_1) as (exporter, pid):
        os.kill(pid, signal.SIGHUP)
        await exporter.says("configuration reloaded")
        os.kill(pid, signal.SIGTERM)
        assert await exporter.ended() == 0


async def test_a_signal_ends_the_exporter_where_its_configuration_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")  # reading it waits for somebody to write
    command = exporter_command("--config.file", str(tmp_path / "config.yaml"))
    async with beginning(command, tmp_path / "log", as_pid_1=False) as (exporter, pid):
        os.kill(pid, signal.SIGTERM)
        assert await exporter.ended() == 0


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


class TestClosedStreams:
    """Whatever else is opened first would take their place: a log in a socket, or an event loop that aborts."""

    @pytest.mark.parametrize(
        ("line", "file", "beginning"),
        [
            *((f'"$@" once --output out {closed}', "out", "# HELP") for closed in CLOSED),
            ('"$@" once --format json <&- 2>&- >out', "out", "{"),
            (f'"$@" doctor {CLOSED[-1]}', None, ""),
            (f'"$@" --version {CLOSED[-1]}', None, ""),
        ],
    )
    def test_commands_do_what_they_do(self, tmp_path: Path, line: str, file: str | None, beginning: str) -> None:
        words = exporter_command("--demo", before=by_shell(line))
        subprocess.run(words, cwd=tmp_path, timeout=PATIENCE, check=True)  # noqa: S603 - our own program
        assert [written.name for written in tmp_path.iterdir()] == [file] * bool(file)
        assert file is None or (tmp_path / file).read_text(encoding="utf-8").startswith(beginning)

    @pytest.mark.parametrize(
        ("flags", "closed"), [*(("--config.file={}", closed) for closed in CLOSED), ("--demo", CLOSED[-1])]
    )
    async def test_the_exporter_answers_and_ends_well(self, tmp_path: Path, flags: str, closed: str) -> None:
        config = tmp_path / "config.yaml"
        config.write_text("workspaces: []", encoding="utf-8")
        before = by_shell(f'exec "$@" {closed}')
        async with running_exporter(tmp_path, flags.format(config), before=before) as exporter:
            assert "mihu_exporter_build_info" in await exporter.metrics()
            await exporter.ends()


async def test_as_many_files_as_the_system_allows_may_be_open(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > 1024
    async with running_exporter(tmp_path, "--demo", before=by_shell('ulimit -Sn 256; exec "$@"')) as exporter:
        (limit,) = re.findall(r"^process_max_fds (\S+)$", await exporter.metrics(), re.MULTILINE)
        assert float(limit) == hard
