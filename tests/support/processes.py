"""Real programs on loopback, for tests: started, waited for, and ended by their own process id."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

PROJECT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds after which something that ought to happen is taken not to happen
_PAUSE = 0.05
_GRACE = 10.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def eventually(condition: Callable[[], Awaitable[Any]], what: str) -> Any:  # noqa: ANN401 - the condition's
    """Wait until a condition holds, and return its value."""
    give_up = time.monotonic() + PATIENCE
    while not (value := await condition()):
        assert time.monotonic() < give_up, f"waited {PATIENCE:g}s in vain: {what}"
        await asyncio.sleep(_PAUSE)
    return value


async def says(program: "Program", text: str) -> None:
    """Wait until a program has said something: a thread of its own writes the log."""

    async def has_said() -> bool:
        return text in program.said()

    await eventually(has_said, f"it says {text!a}")


@dataclass
class Program:
    """A running program and what it says."""

    process: asyncio.subprocess.Process
    log: Path

    async def ended(self) -> int:
        """Wait until it ends by itself, and return its status."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@asynccontextmanager
async def program(
    arguments: Sequence[str], log: Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[Program]:
    """Run a program; it is ended when the block is left."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*arguments, stdout=output, stderr=output, env=env, cwd=cwd)
    try:
        yield Program(process, log)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _GRACE)
            except TimeoutError:
                process.kill()
                await process.wait()


EXPORTER = ("-m", "exporter")


def exporter_command(*flags: str, script: Sequence[str] = EXPORTER) -> list[str]:
    """Return the command line of the exporter as this Python runs it."""
    return [sys.executable, *script, *flags]


def ran(folder: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the exporter in a folder, to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        exporter_command(*flags),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT)} | env,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@dataclass
class RunningExporter:
    """The exporter as a process of its own."""

    program: Program
    url: str
    http: httpx.AsyncClient

    async def metrics(self) -> str:
        return (await self.http.get(f"{self.url}/metrics")).text

    async def is_up(self) -> bool:
        try:
            return (await self.http.get(f"{self.url}/-/healthy")).status_code == httpx.codes.OK
        except httpx.TransportError:
            assert self.program.process.returncode is None, self.program.said()
            return False


@asynccontextmanager
async def running_exporter(
    folder: Path, *flags: str, script: Sequence[str] = EXPORTER, prefix: str = ""
) -> AsyncIterator[RunningExporter]:
    """Run the exporter on a free port until the block is left; its paths begin with the prefix that the flags give."""
    port = free_port()
    command = exporter_command("--web.listen-address", f"127.0.0.1:{port}", *flags, script=script)
    async with (
        program(command, folder / "exporter.log") as running,
        httpx.AsyncClient(trust_env=False, timeout=10) as http,
    ):
        exporter = RunningExporter(running, f"http://127.0.0.1:{port}{prefix}", http)
        await eventually(exporter.is_up, "the exporter answers")
        yield exporter


@dataclass
class Prometheus:
    """A real Prometheus."""

    url: str
    http: httpx.AsyncClient
    program: Program

    async def is_ready(self) -> bool:
        try:
            return (await self.http.get(f"{self.url}/-/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            assert self.program.process.returncode is None, self.program.said()
            return False

    async def query(self, promql: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return the instant vector of a query, by its labels."""
        answer = await self.http.get(f"{self.url}/api/v1/query", params={"query": promql})
        document = answer.json()
        assert document["status"] == "success", document
        return {frozenset(result["metric"].items()): float(result["value"][1]) for result in document["data"]["result"]}


@asynccontextmanager
async def running_prometheus(folder: Path, config: dict[str, Any]) -> AsyncIterator[Prometheus]:
    """Run Prometheus with a configuration until the block is left."""
    binary = shutil.which("prometheus")
    assert binary, "prometheus is missing; install it: apt-get install prometheus"
    port = free_port()
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    command = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    async with (
        program(command, folder / "prometheus.log") as running,
        httpx.AsyncClient(trust_env=False, timeout=10) as http,
    ):
        prometheus = Prometheus(f"http://127.0.0.1:{port}", http, running)
        await eventually(prometheus.is_ready, "Prometheus is ready")
        yield prometheus


@asynccontextmanager
async def running_alertmanager(
    folder: Path, config: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[str]:
    """Run Alertmanager with a configuration until the block is left; yield its address.

    It starts in a folder of its own, as services do, and not in that of its configuration.
    """
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert binary, "alertmanager is missing; install it: apt-get install prometheus-alertmanager"
    port = free_port()
    storage = folder / "alertmanager"
    storage.mkdir()
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.path={storage}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    async with (
        program(command, folder / "alertmanager.log", {**os.environ, **environment}, storage) as running,
        httpx.AsyncClient(trust_env=False, timeout=10) as http,
    ):

        async def is_ready() -> bool:
            try:
                return (await http.get(f"http://127.0.0.1:{port}/-/ready")).status_code == httpx.codes.OK
            except httpx.TransportError:
                assert running.process.returncode is None, running.said()
                return False

        await eventually(is_ready, "Alertmanager is ready")
        yield f"127.0.0.1:{port}"
