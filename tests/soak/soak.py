"""Runs the exporter for long against an API that churns and fails, at 100 times the usual poll rate.

``make soak MINUTES=15`` prints a line each minute, and what became of memory since the second one. It fails where
memory grew by more than 5 %, a workspace had no successful poll within a minute, a scrape failed, or a traceback is in
the log.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from soak.watch import Minute, Watch
from support.processes import running_exporter
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
_MINUTE = 60.0
_COMPARED_WITH = 2  # the minute by which everything has been used once
_MOST_GROWTH = 1.05


async def soak(minutes: float) -> list[str]:
    """Run, print, and return what was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    seen: list[Minute] = []
    async with (
        _simulated(folder) as simulator,
        running_exporter(folder, "--config.file", str(folder / "config.yaml")) as exporter,
    ):
        watch = Watch(exporter)
        _say(f"polling {_WORKSPACES} workspaces of {_TRUNKS} trunks every {_POLL_INTERVAL}; files in {folder}")
        looking = [asyncio.create_task(watch.scrape()), asyncio.create_task(watch.look())]
        ends = time.monotonic() + minutes * _MINUTE
        while (left := ends - time.monotonic()) > 0:
            await _sleep(min(_MINUTE, left), looking)
            seen.append(await watch.end_minute())
            _say(f"minute {len(seen):2}: {seen[-1]}")
        for task in looking:
            task.cancel()
        _say(f"requests to the simulated API: {simulator.traffic.requests.total()}")
        log = exporter.program.said()
    compared = min(_COMPARED_WITH, len(seen))
    ratio = seen[-1].memory / seen[compared - 1].memory
    _say(f"memory in minute {len(seen)} / in minute {compared}: {ratio:.3f}")
    return [*_complaints(ratio, log), *_troubles(seen)]


def _complaints(ratio: float, log: str) -> Iterator[str]:
    if ratio > _MOST_GROWTH:
        yield f"memory grew to {ratio:.1%}"
    if tracebacks := log.count("Traceback"):
        yield f"there are {tracebacks} tracebacks in the log"


def _troubles(seen: Sequence[Minute]) -> Iterator[str]:
    for number, minute in enumerate(seen, start=1):
        if not minute.healthy:
            yield f"minute {number}: a poller has died"
        if minute.stuck:
            yield f"minute {number}: no poll succeeded of {', '.join(minute.stuck)}"
        if minute.failed_scrapes:
            yield f"minute {number}: {minute.failed_scrapes} scrapes failed"


@asynccontextmanager
async def _simulated(folder: Path) -> AsyncIterator[Simulator]:
    """Run the simulated API, and write a configuration that polls it."""
    tenants = generate_tenants(_WORKSPACES, _TRUNKS, seed=1)
    faults = dict.fromkeys(FAULTS, _FAULTY / len(FAULTS))
    async with Simulator(tenants, Behaviour(faults=faults)) as simulator, AsyncExitStack() as stack:
        for seed, tenant in enumerate(tenants):
            churn = asyncio.create_task(Churn(tenant.fleet, seed).run(SystemClock(), _EVENTS_PER_MINUTE))
            stack.callback(churn.cancel)
        write_config(folder, simulator, tenants, poll_interval=_POLL_INTERVAL, per_page=20)
        yield simulator


async def _sleep(seconds: float, looking: Sequence[asyncio.Task[None]]) -> None:
    """Wait, unless one who looks has failed."""
    done, _ = await asyncio.wait(looking, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


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
