"""Runs what is measured as processes of its own, and reads from the kernel what they use."""

import asyncio
import contextlib
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from support.processes import PROJECT, Program, program

PATIENCE = 600.0  # seconds: large lists take long to be made


def child(name: str, *arguments: object, folder: Path) -> AbstractAsyncContextManager[Program]:
    """Run a module of the benchmarks, or of the project, that is talked to line by line."""
    command = [sys.executable, "-m", name, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": f"{PROJECT / 'tests'}:{PROJECT}"}
    return program(command, folder / f"{name}.log", environment, streams={"stdin": PIPE, "stdout": PIPE})


async def ask(program: Program, question: str) -> Any:  # noqa: ANN401 - JSON
    assert program.process.stdin
    assert program.process.stdout
    program.process.stdin.write(question.encode() + b"\n")
    line = await asyncio.wait_for(program.process.stdout.readline(), PATIENCE)
    assert line, f"it ended: {program.said()}"
    return json.loads(line)


async def listening(port: int, program: Program) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert program.process.returncode is None, program.said()
            assert time.monotonic() < give_up, "it does not listen"
            await asyncio.sleep(0.002)
        else:
            writer.close()
            return


def cpu(program: Program) -> float:
    """Return the seconds of processor time that a program and those that it started have used so far."""
    return sum(_cpu(pid) for pid in _pids(program))


def memory(program: Program) -> float:
    """Return the resident bytes that belong to these processes alone."""
    return sum(_memory(pid, "smaps_rollup", "Private_Dirty") for pid in _pids(program))


def peak(program: Program) -> float:
    """Return the most resident bytes that a program ever had."""
    return _memory(program.process.pid, "status", "VmHWM")


def _pids(program: Program) -> list[int]:
    pid = program.process.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split())]


def _cpu(pid: int) -> float:
    """Return what the kernel counts: to the nanosecond for threads that live, in ticks where some have ended."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text(encoding="utf-8").split()[0]) / 1e9
    used = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return max(total, (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK"))


def _memory(pid: int, file: str, field: str) -> float:
    return float(Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").partition(f"{field}:")[2].split()[0]) * 1024
