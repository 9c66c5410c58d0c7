"""Looks at a running exporter from outside, and scrapes it, minute by minute."""

import asyncio
import contextlib
import os
import re
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import httpx
from support.processes import RunningExporter

MIB = 2**20
_POLLS = re.compile(r'^mihu_polls_total\{workspace="([^"]*)"\} (\S+)$', re.MULTILINE)
_FAILURES = re.compile(
    r'^mihu_poll_failures_total\{workspace="[^"]*",reason="([^"]*)"\} (\S+)$',
    re.MULTILINE,
)
_FORMATS = ("text/plain", "application/openmetrics-text")
_BETWEEN_SCRAPES = 0.02  # seconds
_BETWEEN_LOOKS = 0.25  # seconds


@dataclass
class Minute:
    """What was seen within a minute.

    Attributes:
        rss: bytes of resident memory, at each look.
        polls: by workspace; counted at the minute's end, as the failures by reason are.
    """

    rss: list[int] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    scrapes: int = 0
    failed_scrapes: int = 0
    polls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    healthy: bool = False

    @property
    def memory(self) -> float:
        """The median, since what it is at a moment depends on which page is being read."""
        return statistics.median(self.rss)

    @property
    def failing(self) -> float:
        """The share of the polls that failed."""
        return self.failures.total() / max(self.polls.total(), 1)

    def __str__(self) -> str:
        failed = ", ".join(f"{reason} {count}" for reason, count in sorted(self.failures.items()))
        return (
            f"rss {self.memory / MIB:.1f} MiB ({_span(round(rss / MIB) for rss in self.rss)}), "
            f"tasks {_span(self.tasks)}, files {_span(self.files)}, threads {_span(self.threads)}, "
            f"scrapes {self.scrapes} ({self.failed_scrapes} failed), "
            f"polls {self.polls.total()} ({_span(self.polls.values())} a workspace), "
            f"failed {self.failures.total()}: {failed or 'none'}"
        )


class Watch:
    """Watches an exporter, which writes the number of its tasks to a file."""

    def __init__(self, exporter: RunningExporter, tasks: Path) -> None:
        self._exporter = exporter
        self._tasks = tasks
        self._proc = Path(f"/proc/{exporter.program.process.pid}")
        self._minute = Minute()
        self._polls: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()

    async def scrape(self) -> None:
        """Scrape for ever, in either format by turns."""
        for format_ in cycle(_FORMATS):
            self._minute.scrapes += 1
            self._minute.failed_scrapes += not await self._answers("/metrics", format_)
            await asyncio.sleep(_BETWEEN_SCRAPES)

    async def look(self) -> None:
        """Look at the process for ever."""
        while True:
            status = (self._proc / "status").read_text(encoding="utf-8")
            self._minute.rss.append(_number(status, "VmRSS") * 1024)
            self._minute.threads.append(_number(status, "Threads"))
            self._minute.files.append(len(os.listdir(self._proc / "fd")))  # noqa: PTH208 - names, to be counted
            with contextlib.suppress(FileNotFoundError, ValueError):  # not written yet, or being written
                self._minute.tasks.append(int(self._tasks.read_text(encoding="utf-8")))
            await asyncio.sleep(_BETWEEN_LOOKS)

    async def end_minute(self) -> Minute:
        """Return what was seen since the last call."""
        minute, self._minute = self._minute, Minute()
        text = await self._exporter.metrics()
        polls, failures = _counted(_POLLS, text), _counted(_FAILURES, text)
        minute.polls = Counter({name: count - self._polls[name] for name, count in polls.items()})
        minute.failures = failures - self._failures
        minute.healthy = await self._answers("/-/healthy", "*/*")
        self._polls, self._failures = polls, failures
        return minute

    async def _answers(self, path: str, accept: str) -> bool:
        try:
            answer = await self._exporter.http.get(self._exporter.url + path, headers={"Accept": accept})
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK


def _counted(pattern: re.Pattern[str], text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, value in pattern.findall(text):
        found[name] += int(float(value))
    return found


def _number(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found, name
    return int(found[1])


def _span(values: Iterable[int]) -> str:
    seen = sorted(values)
    return f"{seen[0]}-{seen[-1]}" if seen else "unknown"
