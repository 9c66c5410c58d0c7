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
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median

import httpx
from support.processes import RunningExporter, running_exporter
from support.samples import read
from support.simulating import write_config

from exporter.clock import Clock
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
    """What was scraped within a minute: of each answer, memory and open files; the last one; and how many failed."""

    process: list[tuple[float, float]] = field(default_factory=list)
    last: str = ""
    failed: int = 0

    @property
    def memory(self) -> float:
        """The median, since what it is at a moment depends on which page is being read."""
        return median(memory for memory, _ in self.process)

    def counted(self, name: str, label: str) -> Counter[str]:
        counted: Counter[str] = Counter()
        for sample in read(self.last):
            if sample.name == name:
                counted[dict(sample.labels)[label]] += int(sample.value)
        return counted

    def __str__(self) -> str:
        files = [files for _, files in self.process]
        return f"{self.memory / 2**20:.1f} MiB, {min(files):g} to {max(files):g} files, {len(files)} scrapes"


async def soak(minutes: float) -> list[str]:
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
            churn = asyncio.create_task(Churn(tenant.fleet, seed).run(Clock(), 6.0 * _FASTER))
            stack.callback(churn.cancel)
        config = write_config(folder, simulator, tenants, poll_interval=f"{60_000 // _FASTER}ms", per_page=20)
        exporter = await stack.enter_async_context(running_exporter(folder, "--config.file", str(config)))
        _say(f"polling {len(tenants)} workspaces; files in {folder}")
        ends = time.monotonic() + minutes * 60
        while (left := ends - time.monotonic()) > 0:
            seen.append(minute := await _scrape(exporter, min(60.0, left)))
            polled = minute.counted("mihu_polls_total", "workspace")
            failed = minute.counted("mihu_poll_failures_total", "workspace")
            reasons = minute.counted("mihu_poll_failures_total", "reason").most_common()
            told = ", ".join(f"{reason} {count}" for reason, count in reasons if count)
            _say(f"minute {len(seen):2}: {minute}, {(polled - polls).total()} polls; failed so far: {told or 'none'}")
            stuck = [name for name in polled if polled[name] - polls[name] <= failed[name] - failures[name]]
            wrong += [f"minute {len(seen)}: no poll of {name} succeeded" for name in stuck]
            polls, failures = polled, failed
    early = min(_COMPARED_WITH, len(seen))
    ratio = seen[-1].memory / seen[early - 1].memory
    _say(f"memory in minute {len(seen)} / in minute {early}: {ratio:.3f}")
    troubles = {
        f"memory grew to {ratio:.1%}": ratio > _MOST_GROWTH,
        "there are tracebacks in the log": "Traceback" in exporter.program.said(),
        "scrapes failed": any(minute.failed for minute in seen),
    }
    return [*wrong, *(trouble for trouble, is_so in troubles.items() if is_so)]


async def _scrape(exporter: RunningExporter, seconds: float) -> Minute:
    """Scrape for so long, in either format by turns."""
    minute, ends, formats = Minute(), time.monotonic() + seconds, cycle(_FORMATS)
    while time.monotonic() < ends:
        try:
            answer = await exporter.http.get("/metrics", headers={"Accept": next(formats)})
            answer.raise_for_status()
        except httpx.HTTPError:
            minute.failed += 1
        else:
            minute.last = answer.text
            minute.process += [(float(memory), float(files)) for memory, files in _PROCESS.findall(answer.text)]
        await asyncio.sleep(_BETWEEN_SCRAPES)
    return minute


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what it is run for


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run the exporter for long against an API that churns and fails.")
    parser.add_argument("--minutes", type=float, default=15.0, help="how long  [default: 15]")
    complaints = asyncio.run(soak(parser.parse_args().minutes))
    _say("\n".join(complaints or ["nothing was wrong"]))
    sys.exit(bool(complaints))
