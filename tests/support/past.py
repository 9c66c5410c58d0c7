"""What is remembered of a fleet from poll to poll, an hour apart."""

import asyncio
from collections import Counter
from typing import Any

import httpx

from exporter.config.settings import Remember
from exporter.trunks.memory import Memory
from support.polling import Bench, Listing
from support.trunks import Row

START = 1_700_000_000.0
DAY = 86_400.0
HOUR = 3_600.0

LOST = "mihu_trunk_channel_lost_timestamp_seconds"
GONE = "mihu_trunk_gone_timestamp_seconds"
DISABLED = "mihu_trunk_service_disabled_timestamp_seconds"
OUT_OF_SERVICE = "mihu_trunk_out_of_service_timestamp_seconds"


class OneWalk(list[Row]):
    """What a poll finds that has time for one walk alone."""


class Past:
    """Takes a workspace from poll to poll, ``every`` some seconds; times are those since the start."""

    def __init__(self, *, every: float = HOUR, **settings: Any) -> None:  # noqa: ANN401 - any of a bench
        self.listing = Listing([])
        self.now = 0.0
        self._every = every
        self._one_walk = False
        self._asked = 0  # for a page, in this poll
        self._settings = {"poll_timeout": 1.0, "request_timeout": 1.0, "max_staleness": 100_000 * DAY} | settings
        self.bench = Bench(self._answer, **self._settings)
        self.changes: list[str] = []

    def poll(self, *rows: Row, after: float | None = None, in_time: bool = True) -> Bench:
        """Find these rows some seconds after the last poll; not in time to walk through the list once more."""
        self.listing.rows, self._one_walk = [*rows], not in_time
        asyncio.run(self._poll(self._every if after is None else after))
        return self.bench

    async def _poll(self, after: float) -> None:
        await self._pass(after)
        self._asked = 0
        before = self.bench.changes()
        await self.bench.poll()
        made = {kind: int(count - before.get(kind, 0)) for kind, count in self.bench.changes().items()}
        self.changes = sorted(Counter(made).elements())

    def restart(self, *, after: float = HOUR, **settings: Any) -> Bench:  # noqa: ANN401 - any of a bench
        """Start anew some seconds later, with other settings if there are any."""
        asyncio.run(self._end(after))
        self.bench = Bench(self._answer, clock=self.bench.clock, **{**self._settings, **settings})
        return self.bench

    async def _end(self, after: float) -> None:
        assert self.bench.storage is not None
        await self.bench.storage.end()
        await self._pass(after)

    async def _pass(self, seconds: float) -> None:
        """Let time pass, or go back; a poll that was not in time has used some of it."""
        clock = self.bench.clock
        self.now += seconds
        passed = clock.time() - START
        if passed > self.now:
            clock.set_back(passed - self.now)
        await clock.advance(max(self.now - passed, 0))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self._asked += 1
        if self._one_walk and self._asked > 1:
            await asyncio.Event().wait()
        return self.listing(request)

    @property
    def memory(self) -> Memory:
        return self.bench.poller.snapshot.memory

    def lost(self) -> list[tuple[str, str, str, float]]:
        """Return the number, the channel and the agent's name of each channel that is lost, and since when."""
        shown = self._shown(LOST)
        return [(labels["number"], labels["channel"], labels.get("agent_name", ""), since) for labels, since in shown]

    def gone(self) -> list[tuple[str, float]]:
        return [(labels["number"], since) for labels, since in self._shown(GONE)]

    def disabled(self) -> list[tuple[str, str, float]]:
        """Return the number and the service of each that is disabled, and since when."""
        return [(labels["number"], labels["carrier_service"], since) for labels, since in self._shown(DISABLED)]

    def out_of_service(self) -> list[tuple[str, float]]:
        return [(labels["number"], since) for labels, since in self._shown(OUT_OF_SERVICE)]

    def _shown(self, family: str) -> list[tuple[dict[str, str], float]]:
        return [(dict(labels), value - START) for (_, labels), value in sorted(self.bench.samples(family).items())]


def polled(*polls: list[Row], **settings: Any) -> Past:  # noqa: ANN401 - any of a bench
    """Return what is remembered after polls an hour apart."""
    past = Past(**settings)
    for rows in polls:
        bench = past.poll(*rows, in_time=not isinstance(rows, OneWalk))
        assert bench.value("mihu_up") == 1
    return past


def days(*, lost: float = 7, gone: float = 1) -> Remember:
    return Remember(lost=lost * DAY, gone=gone * DAY)
