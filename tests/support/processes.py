"""Real programs on loopback, for tests: started, waited for, and ended by their own process id."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from inspect import isawaitable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from support.files import write_yaml
from support.programs import installed, run

T = TypeVar("T")

PROJECT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds after which something that ought to happen is taken not to happen
_PAUSE = 0.05
_GRACE = 10.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def eventually(condition: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - the condition's
    """Wait until a condition, which may have to be awaited, holds, and return its value."""
    give_up = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < give_up, f"waited {PATIENCE:g}s in vain: {what}"
        await asyncio.sleep(_PAUSE)


async def becomes(ask: Callable[[], Awaitable[T]], expected: T) -> None:
    """Wait until what is asked for is what is expected."""

    async def is_so() -> bool:
        return await ask() == expected

    await eventually(is_so, f"it becomes {expected}")


@dataclass
class Program:
    process: asyncio.subprocess.Process
    log: Path

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    async def says(self, text: str) -> None:
        await eventually(lambda: text in self.said(), f"it says {text!a}")


@asynccontextmanager
async def program(
    arguments: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    streams: Mapping[str, int] | None = None,
) -> AsyncIterator[Program]:
    """Run a program, whose outputs go to a log or to other streams; it is ended when the block is left."""
    with log.open("wb") as output:
        files: dict[str, Any] = {"stdout": output, "stderr": output, **(streams or {})}
        process = await asyncio.create_subprocess_exec(*arguments, env=env, cwd=cwd, **files)
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


@asynccontextmanager
async def answering(
    running: AbstractAsyncContextManager[Program], url: str, path: str, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Program, httpx.AsyncClient]]:
    """Run a program until the block is left; yield it, and a client of it, once all is well at a path."""
    async with (
        running as program,
        httpx.AsyncClient(base_url=url, verify=context or True, trust_env=False, timeout=30) as http,
    ):
        await all_well(program, http, path)
        yield program, http


async def all_well(program: Program, http: httpx.AsyncClient, path: str) -> None:
    async def is_well() -> bool:
        assert program.process.returncode is None, program.said()
        with suppress(httpx.TransportError):
            return (await http.get(path)).status_code == httpx.codes.OK
        return False

    await eventually(is_well, f"{http.base_url} answers at {path}")


def exporter_command(*flags: str, before: Sequence[str] = ()) -> list[str]:
    """Return the command line of the exporter as this Python runs it; ``before`` is a program that starts it."""
    return [*before, sys.executable, "-m", "exporter", *flags]


def by_shell(line: str) -> Sequence[str]:
    """Return what lets a line of shell start a program, which it knows as ``"$@"``."""
    return ("sh", "-c", line, "sh")


def ran(folder: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the exporter in a folder, to its end."""
    return run(*exporter_command(*flags), cwd=folder, env=os.environ | {"PYTHONPATH": str(PROJECT)} | env)


@dataclass
class RunningExporter:
    """The exporter as a process of its own; its client's paths begin where the exporter's do."""

    program: Program
    url: str
    http: httpx.AsyncClient

    @property
    def address(self) -> str:
        return httpx.URL(self.url).netloc.decode()

    async def metrics(self) -> str:
        return (await self.http.get("/metrics")).text

    async def shows(self, *lines: str) -> str:
        """Wait until a scrape has these lines, and return it."""

        async def has_lines() -> str:
            text = await self.metrics()
            return text if set(lines) <= set(text.splitlines()) else ""

        return str(await eventually(has_lines, f"/metrics shows {lines}"))

    async def has_polled(self) -> None:
        await all_well(self.program, self.http, "/-/ready")

    async def ends(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal, and wait until it has ended well."""
        self.program.process.send_signal(signum)
        assert await self.program.ended() == 0, self.program.said()


@asynccontextmanager
async def running_exporter(  # noqa: PLR0913 - what a test may choose
    folder: Path,
    *flags: str,
    before: Sequence[str] = (),
    prefix: str = "",
    context: ssl.SSLContext | None = None,
    env: Mapping[str, str] | None = None,
    streams: Mapping[str, int] | None = None,
) -> AsyncIterator[RunningExporter]:
    """Run the exporter until the block is left, under the flags' prefix; with a context, reach it over TLS."""
    port = free_port()
    command = exporter_command("--web.listen-address", f"127.0.0.1:{port}", *flags, before=before)
    url = f"http{'s' if context else ''}://127.0.0.1:{port}{prefix}"
    running = program(command, folder / "exporter.log", env, streams=streams)
    async with answering(running, url, "/-/healthy", context) as (exporter, http):
        yield RunningExporter(exporter, url, http)


@dataclass
class Prometheus:
    url: str
    http: httpx.AsyncClient
    program: Program

    async def query(self, promql: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return the instant vector of a query, by its labels."""
        answer = await self.http.get("/api/v1/query", params={"query": promql})
        document = answer.json()
        assert document["status"] == "success", document
        return {frozenset(result["metric"].items()): float(result["value"][1]) for result in document["data"]["result"]}

    async def up(self) -> dict[str, float]:
        """Return whether the last scrape succeeded, by the job."""
        return {dict(labels)["job"]: value for labels, value in (await self.query("up")).items()}

    async def finds(self, promql: str) -> None:
        await eventually(lambda: self.query(promql), f"Prometheus finds {promql}")


def scrape_job(address: str, interval: str = "500ms") -> dict[str, Any]:
    """Return the job by which a Prometheus scrapes an exporter, under the name that rules and dashboards know."""
    return {
        "job_name": "mihu-trunk-exporter",
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "static_configs": [{"targets": [address]}],
    }


@asynccontextmanager
async def running_prometheus(folder: Path, config: dict[str, Any]) -> AsyncIterator[Prometheus]:
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        installed("prometheus"),
        f"--config.file={write_yaml(folder / 'prometheus.yml', config)}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--log.level=warn",
    ]
    async with answering(program(command, folder / "prometheus.log"), url, "/-/ready") as (running, http):
        yield Prometheus(url, http, running)


@asynccontextmanager
async def running_alertmanager(folder: Path, config: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run Alertmanager with a configuration, in a folder of its own, until the block is left; yield a client of it."""
    address = f"127.0.0.1:{free_port()}"
    storage = folder / "alertmanager"
    storage.mkdir()
    command = [
        installed("prometheus-alertmanager", "alertmanager"),
        f"--config.file={config}",
        f"--storage.path={storage}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    running = program(command, folder / "alertmanager.log", cwd=storage)
    async with answering(running, f"http://{address}", "/-/ready") as (_, http):
        yield http
