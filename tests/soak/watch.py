"""Looks at a running exporter from outside, and scrapes it, minute by minute."""

import asyncio
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
_COUNTED = re.compile(
    r'^mihu_poll(?:s|_failures)_total\{workspace="([^"]*)"(?:,reason="([^"]*)")?\} (\S+)$', re.MULTILINE
)
_FORMATS = ("text/plain", "application/openmetrics-text")
_BETWEEN_SCRAPES = 0.02  # seconds
_BETWEEN_LOOKS = 0.25  # seconds


@dataclass
class Minute:
    """What was seen within a minute.

    Attributes:
        rss: bytes of resident memory, at each look.
        counted: polls by workspace and "", those that failed by workspace and reason.
        healthy: whether all pollers lived at its end.
    """

    rss: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    scrapes: int = 0
    failed_scrapes: int = 0
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    healthy: bool = False

    @property
    def memory(self) -> float:
        """The median, since what it is at a moment depends on which page is being read."""
        return statistics.median(self.rss)

    @property
    def polls(self) -> dict[str, int]:
        """By workspace."""
        return {workspace: count for (workspace, reason), count in self.counted.items() if not reason}

    @property
    def failures(self) -> Counter[str]:
        """By reason."""
        found: Counter[str] = Counter()
        for (_, reason), count in self.counted.items():
            found[reason] += count if reason else 0
        return +found

    @property
    def stuck(self) -> list[str]:
        """The workspaces of which no poll succeeded."""
        failed: Counter[str] = Counter()
        for (workspace, reason), count in self.counted.items():
            failed[workspace] += count if reason else 0
        return [workspace for workspace, count in self.polls.items() if count == failed[workspace]]

    def __str__(self) -> str:
        failed = ", ".join(f"{reason} {count}" for reason, count in sorted(self.failures.items()))
        return (
            f"rss {self.memory / MIB:.1f} MiB ({_span(round(rss / MIB) for rss in self.rss)}), "
            f"files {_span(self.files)}, threads {_span(self.threads)}, "
            f"scrapes {self.scrapes} ({self.failed_scrapes} failed), "
            f"polls {sum(self.polls.values())} ({_span(self.polls.values())} a workspace), "
            f"failed {self.failures.total()}: {failed or 'none'}"
        )


class Watch:
    """Watches an exporter from outside."""

    def __init__(self, exporter: RunningExporter) -> None:
        self._exporter = exporter
        self._proc = Path(f"/proc/{exporter.program.process.pid}")
        self._minute = Minute()
        self._counted: Counter[tuple[str, str]] = Counter()

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
            await asyncio.sleep(_BETWEEN_LOOKS)

    async def end_minute(self) -> Minute:
        """Return what was seen since the last call."""
        minute, self._minute = self._minute, Minute()
        found = _COUNTED.findall(await self._exporter.metrics())
        counted = Counter({(workspace, reason): int(float(count)) for workspace, reason, count in found})
        minute.counted = counted.copy()
        minute.counted.subtract(self._counted)
        self._counted = counted
        minute.healthy = await self._answers("/-/healthy", "*/*")
        return minute

    async def _answers(self, path: str, accept: str) -> bool:
        try:
            answer = await self._exporter.http.get(path, headers={"Accept": accept})
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK


def _number(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found, name
    return int(found[1])


def _span(values: Iterable[int]) -> str:
    seen = sorted(values)
    return f"{seen[0]}-{seen[-1]}" if seen else "unknown"
