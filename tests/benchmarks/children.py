"""Runs what is measured as processes of its own, and reads from the kernel what they use."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
PATIENCE = 1800.0  # seconds: the slowest contender loads for minutes


@dataclass
class Child:
    """A process that runs, with those that it has started."""

    process: asyncio.subprocess.Process
    log: Path

    def cpu(self) -> float:
        """Return the seconds of processor time used so far, to the nanosecond that the kernel counts."""
        return sum(_cpu(pid) for pid in self._pids())

    def memory(self) -> float:
        """Return the resident bytes that belong to the processes alone."""
        return sum(_memory(pid, "smaps_rollup", "Private_Dirty") for pid in self._pids())

    def peak(self) -> float:
        """Return the most resident bytes that the process ever had."""
        return _memory(self.process.pid, "status", "VmHWM")

    async def ask(self, question: str) -> Any:  # noqa: ANN401 - JSON
        """Send a line and return the JSON that is answered."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(question.encode() + b"\n")
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        assert line, f"it ended: {self.said()}"
        return json.loads(line)

    def said(self) -> str:
        """Return the end of what it wrote to its log."""
        return self.log.read_text(encoding="utf-8")[-2000:]

    def _pids(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        return [pid, *map(int, children)]


def _cpu(pid: int) -> float:
    """Return what the kernel counts: to the nanosecond for threads that live, in ticks where some have ended."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text(encoding="utf-8").split()[0]) / 1e9
    used = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return max(total, (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK"))


def _memory(pid: int, file: str, field: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1]) * 1024
    raise LookupError(field)


@asynccontextmanager
async def child(*command: str, log: Path) -> AsyncIterator[Child]:
    """Run a program that is talked to line by line; it is ended when the block is left."""
    environment = os.environ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output, env=environment
        )
    try:
        yield Child(process, log)
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 20)
        if process.returncode is None:
            process.kill()
            await process.wait()


def module(name: str, *arguments: object) -> Sequence[str]:
    """Return the command that runs a module of the benchmarks, or of the project."""
    return [sys.executable, "-m", name, *map(str, arguments)]


async def listening(port: int, process: Child) -> None:
    """Wait until something listens on a port."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert process.process.returncode is None, process.said()
            assert time.monotonic() < give_up, "it does not listen"
            await asyncio.sleep(0.002)
        else:
            writer.close()
            return
