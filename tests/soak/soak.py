"""Runs the exporter for long against an API that churns and fails, at 100 times the usual poll rate.

``make soak MINUTES=15`` prints a line each minute, and what became of memory since the second one. It fails where
memory grew by more than 5 %, a workspace had no successful poll within a minute, a scrape failed, or a traceback is in
the log.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median

import httpx
from support.processes import RunningExporter, running_exporter
from support.samples import read
from support.simulating import write_config

from exporter.clock import SystemClock
from exporter.simulator.api import generate_tenants
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.churn import Churn
from exporter.simulator.faults import FAULTS
from exporter.simulator.server import Simulator

_WORKSPACES, _TRUNKS = 4, 60
_FASTER = 100  # than the default of a poll a minute
_POLL_INTERVAL = f"{60_000 // _FASTER}ms"
_EVENTS_PER_MINUTE = 6.0 * _FASTER
_FAULTY = 0.2  # of the requests, over all faults together
_FORMATS = ("text/plain", "application/openmetrics-text")
_BETWEEN_SCRAPES = 0.02  # seconds
_COMPARED_WITH = 2  # the minute by which everything has been used once
_MOST_GROWTH = 1.05
_PROCESS = re.compile(r"^process_(resident_memory_bytes|open_fds) (\S+)$", re.MULTILINE)


@dataclass
class Minute:
    """What was scraped within a minute.

    Attributes:
        process: resident bytes and open files, as each scrape has them.
        failed: scrapes.
    """

    process: dict[str, list[float]] = field(default_factory=lambda: {"resident_memory_bytes": [], "open_fds": []})
    failed: int = 0

    @property
    def memory(self) -> float:
        """The median, since what it is at a moment depends on which page is being read."""
        return median(self.process["resident_memory_bytes"])

    def __str__(self) -> str:
        files = self.process["open_fds"]
        return f"{self.memory / 2**20:.1f} MiB, {min(files):g} to {max(files):g} files, {len(files)} scrapes"


async def soak(minutes: float) -> list[str]:
    """Run, print, and return what was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    seen: list[Minute] = []
    wrong: list[str] = []
    polls: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    async with (
        _simulated(folder),
        running_exporter(folder, "--config.file", str(folder / "config.yaml")) as exporter,
    ):
        _say(f"polling {_WORKSPACES} workspaces of {_TRUNKS} trunks every {_POLL_INTERVAL}; files in {folder}")
        ends = time.monotonic() + minutes * 60
        while (left := ends - time.monotonic()) > 0:
            seen.append(await _scrape(exporter, min(60.0, left)))
            text = await exporter.metrics()
            polled = _counted(text, "mihu_polls_total", "workspace")
            failed = _counted(text, "mihu_poll_failures_total", "workspace")
            new, new_failures = polled - polls, failed - failures
            reasons = _counted(text, "mihu_poll_failures_total", "reason").most_common()
            told = ", ".join(f"{reason} {count}" for reason, count in reasons if count)
            _say(f"minute {len(seen):2}: {seen[-1]}, {new.total()} polls; failed so far: {told or 'none'}")
            stuck = [name for name, count in polled.items() if count - polls[name] <= new_failures[name]]
            wrong += [f"minute {len(seen)}: no poll of {name} succeeded" for name in stuck]
            polls, failures = polled, failed
        log = exporter.program.said()
    return [*wrong, *_troubles(seen, log)]


def _troubles(seen: list[Minute], log: str) -> Iterator[str]:
    ratio = seen[-1].memory / seen[min(_COMPARED_WITH, len(seen)) - 1].memory
    _say(f"memory in minute {len(seen)} / in minute {min(_COMPARED_WITH, len(seen))}: {ratio:.3f}")
    if ratio > _MOST_GROWTH:
        yield f"memory grew to {ratio:.1%}"
    if tracebacks := log.count("Traceback"):
        yield f"there are {tracebacks} tracebacks in the log"
    if failed := sum(minute.failed for minute in seen):
        yield f"{failed} scrapes failed"


async def _scrape(exporter: RunningExporter, seconds: float) -> Minute:
    """Scrape for so long, in either format by turns."""
    minute, ends = Minute(), time.monotonic() + seconds
    for format_ in cycle(_FORMATS):
        try:
            answer = await exporter.http.get("/metrics", headers={"Accept": format_})
        except httpx.HTTPError:
            minute.failed += 1
        else:
            minute.failed += not answer.is_success
            for name, value in _PROCESS.findall(answer.text):
                minute.process[name].append(float(value))
        if time.monotonic() > ends:
            break
        await asyncio.sleep(_BETWEEN_SCRAPES)
    return minute


def _counted(text: str, name: str, label: str) -> Counter[str]:
    """Return the sums of a counter by a label."""
    counted: Counter[str] = Counter()
    for sample in read(text):
        if sample.name == name:
            counted[dict(sample.labels)[label]] += int(sample.value)
    return counted


@asynccontextmanager
async def _simulated(folder: Path) -> AsyncIterator[None]:
    """Run the simulated API, and write a configuration that polls it."""
    tenants = generate_tenants(_WORKSPACES, _TRUNKS, seed=1)
    faults = dict.fromkeys(FAULTS, _FAULTY / len(FAULTS))
    async with Simulator(tenants, Behaviour(faults=faults)) as simulator, AsyncExitStack() as stack:
        for seed, tenant in enumerate(tenants):
            churn = asyncio.create_task(Churn(tenant.fleet, seed).run(SystemClock(), _EVENTS_PER_MINUTE))
            stack.callback(churn.cancel)
        write_config(folder, simulator, tenants, poll_interval=_POLL_INTERVAL, per_page=20)
        yield


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the exporter for long against an API that churns and fails.")
    parser.add_argument("--minutes", type=float, default=15.0, help="how long  [default: 15]")
    complaints = asyncio.run(soak(parser.parse_args().minutes))
    _say("\n".join(complaints or ["nothing was wrong"]))
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
