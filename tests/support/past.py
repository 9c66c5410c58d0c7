"""What is remembered of a fleet from poll to poll, an hour apart."""

import asyncio
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
    """Takes a workspace from poll to poll, each of which finds rows; times are those since the start."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - any of a bench
        self._listing = Listing([])
        self._answers = 1  # that the API still gives
        self.now = 0.0
        times = {"poll_timeout": 1.0, "request_timeout": 1.0, "max_staleness": 100_000 * DAY}
        self.bench = Bench(self._answer, **{**times, **settings})
        self.changes: list[str] = []

    def poll(self, *rows: Row, after: float = HOUR, in_time: bool = True) -> None:
        """Find these rows some seconds after the last poll; not in time to walk through the list once more."""
        asyncio.run(self._poll([*rows], after, answers=100 if in_time else 1))

    async def _poll(self, rows: list[Row], after: float, answers: int) -> None:
        clock = self.bench.clock
        self.now += after
        passed = clock.time() - START
        if passed > self.now:
            clock.set_back(passed - self.now)
        await clock.advance(max(self.now - passed, 0))
        self._listing.rows, self._answers = rows, answers
        before = self._counted()
        await self.bench.poll()
        assert self.bench.value("mihu_up") == 1
        self.changes = [kind for kind, count in self._counted().items() for _ in range(count - before[kind])]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if not self._answers:
            await asyncio.Event().wait()
        self._answers -= 1
        return self._listing(request)

    @property
    def memory(self) -> Memory:
        return self.bench.poller.snapshot.memory

    def lost(self) -> list[tuple[str, str, str, float]]:
        """Return the number, the channel and the agent's name of each channel that is lost, and since when."""
        found = self._shown(LOST)
        return [(labels["number"], labels["channel"], labels.get("agent_name", ""), since) for labels, since in found]

    def gone(self) -> list[tuple[str, float]]:
        """Return the number of each trunk that is gone, and since when."""
        return [(labels["number"], since) for labels, since in self._shown(GONE)]

    def disabled(self) -> list[tuple[str, str, float]]:
        """Return the number and the service of each that is disabled, and since when."""
        found = self._shown(DISABLED)
        return [(labels["number"], labels["carrier_service"], since) for labels, since in found]

    def out_of_service(self) -> list[tuple[str, float]]:
        """Return the number of each trunk that is out of service, and since when."""
        found = self._shown(OUT_OF_SERVICE)
        return [(labels["number"], since) for labels, since in found]

    def _shown(self, family: str) -> list[tuple[dict[str, str], float]]:
        return [(dict(labels), value - START) for (_, labels), value in sorted(self.bench.samples(family).items())]

    def _counted(self) -> dict[str, int]:
        samples = self.bench.samples("mihu_trunk_changes_total")
        return {dict(labels)["change"]: int(value) for (_, labels), value in sorted(samples.items())}


def polled(*polls: list[Row], **settings: Any) -> Past:  # noqa: ANN401 - any of a bench
    """Return what is remembered after polls an hour apart."""
    past = Past(**settings)
    for rows in polls:
        past.poll(*rows, in_time=not isinstance(rows, OneWalk))
    return past


def days(*, lost: float = 7, gone: float = 1) -> Remember:
    return Remember(lost=lost * DAY, gone=gone * DAY)
