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
from collections.abc import Iterator
from contextlib import AsyncExitStack
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

_FASTER = 100  # than the default of a poll a minute
_FAULTY = 0.2  # of the requests, over all faults together
_FORMATS = ("text/plain", "application/openmetrics-text")
_BETWEEN_SCRAPES = 0.02  # seconds
_COMPARED_WITH = 2  # the minute by which everything has been used once
_MOST_GROWTH = 1.05
_PROCESS = re.compile(r"^process_resident_memory_bytes (\S+)$.*^process_open_fds (\S+)$", re.MULTILINE | re.DOTALL)


@dataclass
class Minute:
    """What was scraped within a minute.

    Attributes:
        bodies: how many scrapes there were.
        failed: how many of them failed.
    """

    memory: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    bodies: int = 0
    failed: int = 0
    last: str = ""

    @property
    def typical_memory(self) -> float:
        """The median, since what it is at a moment depends on which page is being read."""
        return median(self.memory)

    def counted(self, name: str, label: str) -> Counter[str]:
        """Return the sums of a counter by a label."""
        counted: Counter[str] = Counter()
        for sample in read(self.last):
            if sample.name == name:
                counted[dict(sample.labels)[label]] += int(sample.value)
        return counted

    def __str__(self) -> str:
        memory = f"{self.typical_memory / 2**20:.1f} MiB"
        return f"{memory}, {min(self.files):g} to {max(self.files):g} files, {self.bodies} scrapes"


async def soak(minutes: float) -> list[str]:
    """Run, print, and return what was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    tenants = generate_tenants(4, 60, seed=1)
    seen: list[Minute] = []
    wrong: list[str] = []
    polls: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        faults = dict.fromkeys(FAULTS, _FAULTY / len(FAULTS))
        simulator = await stack.enter_async_context(Simulator(tenants, Behaviour(faults=faults)))
        for seed, tenant in enumerate(tenants):
            churn = asyncio.create_task(Churn(tenant.fleet, seed).run(SystemClock(), 6.0 * _FASTER))
            stack.callback(churn.cancel)
        config = write_config(folder, simulator, tenants, poll_interval=f"{60_000 // _FASTER}ms", per_page=20)
        exporter = await stack.enter_async_context(running_exporter(folder, "--config.file", str(config)))
        _say(f"polling {len(tenants)} workspaces; files in {folder}")
        ends = time.monotonic() + minutes * 60
        while (left := ends - time.monotonic()) > 0:
            minute = await _scrape(exporter, min(60.0, left))
            seen.append(minute)
            polled = minute.counted("mihu_polls_total", "workspace")
            failed = minute.counted("mihu_poll_failures_total", "workspace")
            reasons = minute.counted("mihu_poll_failures_total", "reason").most_common()
            told = ", ".join(f"{reason} {count}" for reason, count in reasons if count)
            _say(f"minute {len(seen):2}: {minute}, {(polled - polls).total()} polls; failed so far: {told or 'none'}")
            stuck = [name for name in polled if polled[name] - polls[name] <= failed[name] - failures[name]]
            wrong += [f"minute {len(seen)}: no poll of {name} succeeded" for name in stuck]
            polls, failures = polled, failed
        log = exporter.program.said()
    return [*wrong, *_troubles(seen, log)]


def _troubles(seen: list[Minute], log: str) -> Iterator[str]:
    compared_with = min(_COMPARED_WITH, len(seen))
    ratio = seen[-1].typical_memory / seen[compared_with - 1].typical_memory
    _say(f"memory in minute {len(seen)} / in minute {compared_with}: {ratio:.3f}")
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
            for memory, files in _PROCESS.findall(answer.text):
                minute.memory.append(float(memory))
                minute.files.append(float(files))
            minute.bodies, minute.last = minute.bodies + 1, answer.text
        if time.monotonic() > ends:
            return minute
        await asyncio.sleep(_BETWEEN_SCRAPES)
    raise AssertionError("formats come again and again")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what it is run for


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run the exporter for long against an API that churns and fails.")
    parser.add_argument("--minutes", type=float, default=15.0, help="how long  [default: 15]")
    complaints = asyncio.run(soak(parser.parse_args().minutes))
    _say("\n".join(complaints or ["nothing was wrong"]))
    sys.exit(bool(complaints))
