"""Polls a changing list, and holds every scrape against it."""

import asyncio
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from support.exposed import text_of, workspace
from support.oracle import oracle
from support.polling import Bench
from support.samples import read
from truth.changing import ChangingApi
from truth.moments import RowId, Rows, Truth
from truth.scrapes import Samples, Scrape

from exporter.api.errors import Reason
from exporter.config.settings import Metrics
from exporter.metrics.text import PROMETHEUS
from exporter.simulator.generator import bound_channels

_CHANGES = ("mihu_trunks_added_total", "mihu_trunks_removed_total")

Changes = Callable[[Random], Iterable[int]]


def once(random: Random) -> list[int]:
    """Change the list while it is walked through, or after that."""
    return [random.randint(1, 5)]


def often(random: Random) -> list[int]:
    return [request for request in range(1, 20) if random.random() < 0.4]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A poll that succeeded.

    Attributes:
        wrong: the trunks that are shown as they never were during the poll.
        missing: the rows that were listed throughout, and are not shown.
        missing_known: those of them that the poll before showed.
        left: how many rows are shown that are not listed any more in the end.
        repeated: how many rows were taken beyond those that are shown.
        total_moved: whether its requests were told different totals.
    """

    wrong: frozenset[str]
    missing: frozenset[RowId]
    missing_known: frozenset[RowId]
    left: int
    repeated: int
    drift: int
    total_moved: bool


def watch(api: ChangingApi, polls: int, changes: Changes) -> list[Published]:
    """Poll so many times, and return the polls that succeeded.

    ``changes`` tells before which requests of a poll the list changes.
    """
    random = Random(4)  # noqa: S311 - a repeatable one

    async def run() -> list[Published]:
        watcher = Watcher(api)
        seen = [await watcher.poll(changes(random)) for _ in range(polls)]
        return [poll for poll in seen if poll is not None]

    return asyncio.run(run())


class Watcher:
    def __init__(self, api: ChangingApi) -> None:
        self._api = api
        self._bench = Bench(api)
        self._oracles: dict[tuple[object, ...], Scrape] = {}  # by the versions of a trunk's rows
        self._before = Scrape([])
        self._shown: frozenset[RowId] = frozenset()
        self._known: Samples = {}  # totals that stay, at 0

    async def poll(self, changes: Iterable[int]) -> Published | None:
        """Poll once; None where that failed."""
        self._api.begin_poll(changes)
        fault = await self._bench.poller.poll()
        body = await self._bench.exposition.some(["acme"], PROMETHEUS)
        scrape, before = Scrape(read(text_of(body))), self._before
        self._before = scrape
        assert scrape.readings["mihu_up"] == (fault is None)
        if fault is None:
            return self._published(scrape, before)
        assert fault.reason is Reason.INCOMPLETE
        assert scrape.fleet == before.fleet
        return None

    def _published(self, scrape: Scrape, before: Scrape) -> Published:
        totals, readings = self._api.totals, scrape.readings
        truth = self._api.truth()
        states = {trunk: self._state(truth, trunk, series) for trunk, series in scrape.trunks.items()}
        shown = {trunk: rows for trunk, rows in states.items() if rows is not None}
        wrong = frozenset(states.keys() - shown.keys())
        if not wrong:
            self._check_totals(scrape, shown.values())
        rows = frozenset(truth.row_id(row) for rows in shown.values() for row in rows)
        missing = frozenset(row_id for row_id in truth.throughout - rows if row_id[0] not in wrong)
        missing_known, self._shown = missing & self._shown, rows
        taken = len(states) + int(readings["mihu_duplicate_items"])
        left = len(rows - truth.in_the_end)
        assert min(totals) <= taken <= max(totals) + left
        drift = int(readings["mihu_poll_drift"])
        assert readings["mihu_poll_reported_trunks"] in totals
        assert drift == abs(taken - readings["mihu_poll_reported_trunks"])
        self._check_readings(scrape, before)
        return Published(
            wrong=wrong,
            missing=missing,
            missing_known=missing_known,
            left=left,
            repeated=taken - sum(map(len, shown.values())),
            drift=drift,
            total_moved=len(set(totals)) > 1,
        )

    def _state(self, truth: Truth, trunk: str, series: Samples) -> Rows | None:
        """Return the rows by which a trunk is shown; None if it was never like this during the poll."""
        for rows in truth.states(trunk):
            if self._oracle(rows).trunks[trunk] == series:
                return rows
        return None

    def _oracle(self, rows: Rows) -> Scrape:
        """Return what a trunk must look like that is listed in some rows."""
        version = tuple((row["number"], row["updated_at"], bound_channels(row)) for row in rows)
        if version not in self._oracles:
            expected = oracle(rows, workspace(), Metrics())
            self._oracles[version] = Scrape((*series, value) for series, value in expected.items())
        return self._oracles[version]

    def _check_totals(self, scrape: Scrape, shown: Iterable[Rows]) -> None:
        self._known = dict.fromkeys(self._known, 0.0)
        for rows in shown:
            for series, value in self._oracle(rows).totals.items():
                self._known[series] = self._known.get(series, 0.0) + value
        assert scrape.totals.keys() == self._known.keys()
        for series, value in self._known.items():
            assert math.isclose(scrape.totals[series], value, rel_tol=1e-9, abs_tol=1e-9), series

    @staticmethod
    def _check_readings(scrape: Scrape, before: Scrape) -> None:
        readings = scrape.readings
        assert readings["mihu_series"] == sum(map(len, scrape.trunks.values())) + len(scrape.totals) + scrape.past
        assert readings["mihu_invalid_items"] == readings["mihu_invalid_fields"] == 0
        if before.trunks:
            added, removed = (readings[name] - before.readings[name] for name in _CHANGES)
            assert added == len(scrape.trunks.keys() - before.trunks.keys())
            assert removed == len(before.trunks.keys() - scrape.trunks.keys())
