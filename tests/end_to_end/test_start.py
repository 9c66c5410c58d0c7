"""How the program begins: with signals at once, with standard streams, and with files enough."""

import asyncio
import os
import re
import resource
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.processes import PROJECT, Program, eventually, exporter_command, free_port, program, running_exporter

ENDS = [signal.SIGTERM, signal.SIGINT]


def isolated(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one as the first process of a container."""
    unshare = shutil.which("unshare")
    assert unshare, "unshare is missing; install it: apt-get install util-linux"
    powers = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [unshare, *powers, "--pid", "--fork", "--mount-proc", "--kill-child", *command]


def child_of(pid: int) -> int | None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return int(children) if children else None


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

        async def has_begun() -> int | None:
            assert started.process.returncode is None, started.said()
            pid = child_of(outer) if as_pid_1 else outer
            return pid if pid and holds_signals(pid) else None

        yield started, await eventually(has_begun, "the program's first line has run")


@pytest.mark.parametrize("as_pid_1", [False, True], ids=["", "as the first process"])
@pytest.mark.parametrize("signum", ENDS)
def test_a_signal_that_comes_early_ends_the_exporter_well(
    tmp_path: Path, signum: signal.Signals, *, as_pid_1: bool
) -> None:
    async def scenario() -> None:
        command = exporter_command("--demo", "--web.listen-address", f"127.0.0.1:{free_port()}")
        async with beginning(command, tmp_path / "log", as_pid_1=as_pid_1) as (exporter, pid):
            os.kill(pid, signum)
            assert await exporter.ended() == 0
            assert "Traceback" not in exporter.said()

    asyncio.run(scenario())


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("command", [("--demo", "once"), ("--demo", "doctor")], ids=["once", "doctor"])
def test_one_that_comes_early_ends_a_command_as_shells_expect(
    tmp_path: Path, command: Sequence[str], signum: signal.Signals, status: int
) -> None:
    async def scenario() -> None:
        async with beginning(exporter_command(*command), tmp_path / "log", as_pid_1=False) as (running, pid):
            os.kill(pid, signum)
            assert await running.ended() == status
            assert running.said() == ""

    asyncio.run(scenario())


def test_a_signal_that_was_ignored_before_the_start_ends_a_command_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        command = [sys.executable, *through_shell("trap '' INT; exec \"$@\"", "--demo", "doctor")]
        async with beginning(command, tmp_path / "log", as_pid_1=False) as (running, pid):
            os.kill(pid, signal.SIGINT)
            assert await running.ended() == 130

    asyncio.run(scenario())


@pytest.mark.parametrize("as_pid_1", [False, True], ids=["", "as the first process"])
def test_a_reload_that_is_asked_for_early_is_held_until_it_can_be_served(tmp_path: Path, *, as_pid_1: bool) -> None:
    async def scenario() -> None:
        (tmp_path / "config.yaml").write_text("workspaces: []", encoding="utf-8")
        flags = ("--config.file", str(tmp_path / "config.yaml"), "--web.listen-address", f"127.0.0.1:{free_port()}")
        async with beginning(exporter_command(*flags), tmp_path / "log", as_pid_1=as_pid_1) as (exporter, pid):
            os.kill(pid, signal.SIGHUP)

            async def is_reloaded() -> bool:
                assert exporter.process.returncode is None, exporter.said()
                return "configuration reloaded" in exporter.said()

            await eventually(is_reloaded, "the configuration is reloaded")
            os.kill(pid, signal.SIGTERM)
            assert await exporter.ended() == 0

    asyncio.run(scenario())


def test_a_signal_ends_the_exporter_where_its_configuration_hangs(tmp_path: Path) -> None:
    async def scenario() -> None:
        os.mkfifo(tmp_path / "config.yaml")  # reading it waits for somebody to write
        command = exporter_command("--config.file", str(tmp_path / "config.yaml"))
        async with beginning(command, tmp_path / "log", as_pid_1=False) as (exporter, pid):
            os.kill(pid, signal.SIGTERM)
            assert await exporter.ended() == 0

    asyncio.run(scenario())


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


class TestClosedStreams:
    """Whatever else is opened first would take their place: a log in a socket, or an event loop that aborts."""

    @pytest.mark.parametrize("closed", CLOSED)
    @pytest.mark.parametrize("command", ["once --output out.prom", "doctor", "--version"])
    def test_commands_do_what_they_do(self, tmp_path: Path, command: str, closed: str) -> None:
        words = exporter_command("--demo", *command.split()) if command != "--version" else exporter_command(command)
        ended = asyncio.run(shell(f'"$@" {closed}', words, tmp_path))
        assert ended == 0
        if "--output" in command:
            assert "mihu_up" in (tmp_path / "out.prom").read_text(encoding="utf-8")

    def test_what_goes_elsewhere_still_does(self, tmp_path: Path) -> None:
        words = exporter_command("--demo", "once", "--format", "json")
        assert asyncio.run(shell('"$@" <&- 2>&- >out.json', words, tmp_path)) == 0
        assert (tmp_path / "out.json").read_text(encoding="utf-8").startswith("{")

    @pytest.mark.parametrize("closed", CLOSED)
    @pytest.mark.parametrize("polled", ["demo", "configuration"])
    def test_the_exporter_answers_and_ends_well(self, tmp_path: Path, polled: str, closed: str) -> None:
        async def scenario() -> None:
            (tmp_path / "config.yaml").write_text("workspaces: []", encoding="utf-8")
            flags = {"demo": ["--demo"], "configuration": ["--config.file", str(tmp_path / "config.yaml")]}[polled]
            script = through_shell(f'exec "$@" {closed}', *flags)
            async with running_exporter(tmp_path, script=script) as exporter:
                assert "mihu_exporter_build_info" in await exporter.metrics()
                exporter.program.process.terminate()
                assert await exporter.program.ended() == 0

        asyncio.run(scenario())


def through_shell(change: str, *flags: str) -> tuple[str, ...]:
    """Return what starts the exporter from Python by a line of shell that changes what it is started with."""
    starts = "import os, sys; os.execvp('sh', ['sh', '-c', *sys.argv[1:]])"
    return ("-c", starts, change, "sh", *exporter_command(*flags))


async def shell(script: str, words: Sequence[str], folder: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, "sh", *words, cwd=folder, env=os.environ | {"PYTHONPATH": str(PROJECT)}
    )
    return await asyncio.wait_for(process.wait(), 60)


def test_as_many_files_as_the_system_allows_may_be_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert hard > 1024
        script = through_shell('ulimit -Sn 256; exec "$@"', "--demo")
        async with running_exporter(tmp_path, script=script) as exporter:
            (limit,) = re.findall(r"^process_max_fds (\S+)$", await exporter.metrics(), re.MULTILINE)
            assert float(limit) == hard

    asyncio.run(scenario())
