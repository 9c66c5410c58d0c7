"""Kills processes that write what is remembered, again and again, and looks at what they leave in a folder."""

import asyncio
import os
import signal
import sys
import time
from itertools import cycle
from pathlib import Path
from random import Random

from support.clock import ManualClock
from support.executor import InlineExecutor
from support.exposed import workspace
from support.polling import Bench, Listing
from support.stored import only_file, stored
from support.trunks import row

from exporter.config.settings import Metrics
from exporter.polling.storage import Storage

ROUNDS = 200
_TRUNKS = 300


async def _write_for_ever(folder: Path, benches: list[Bench], ready: int) -> None:
    storage = Storage(folder, ManualClock(), lambda _: None, InlineExecutor())
    os.write(ready, b".")
    for known in cycle([bench.poller.snapshot for bench in benches]):
        assert known.fleet is not None
        storage.save(workspace(), Metrics(), known.fleet, known.memory)
        await asyncio.sleep(0)


def _round(folder: Path, benches: list[Bench], seconds: float) -> None:
    """Let a process write until it is killed so many seconds after it began."""
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(_write_for_ever(folder, benches, begun))
    os.close(begun)
    os.read(ready, 1)
    os.close(ready)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main(folder: Path) -> None:
    random = Random(1)  # noqa: S311 - a repeatable one
    benches = [Bench(Listing([row(index, status=status) for index in range(_TRUNKS)], per_page=100)) for status in "ab"]
    for bench in benches:
        asyncio.run(bench.poll())
    _round(folder, benches, 1.0)  # the first file
    unfinished = set()
    for _ in range(ROUNDS):
        _round(folder, benches, random.uniform(0, 0.02))  # seconds that a process lives
        statuses = {state[2] for state in stored(only_file(folder))["states"]}
        assert statuses in ({"a"}, {"b"}), statuses
        assert len(stored(only_file(folder))["states"]) == _TRUNKS
        unfinished |= {file.name for file in folder.glob(".*.tmp")}
    print(f"{len(unfinished)} killed while they wrote")  # noqa: T201 - for the test


if __name__ == "__main__":
    main(Path(sys.argv[1]))
