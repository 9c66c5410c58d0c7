"""Polls a changing list, and holds every scrape against what the list was meanwhile."""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from random import Random

from support.exposed import text_of, workspace
from support.oracle import oracle
from support.polling import Bench
from support.samples import Labels, read
from truth.changing import ChangingApi

from exporter.api.errors import Reason
from exporter.config.settings import Metrics
from exporter.metrics.text import PROMETHEUS
from exporter.metrics.trunk_families import MEMORY_FAMILIES
from exporter.metrics.workspace_families import MEMORY_TOTALS, WORKSPACE_FAMILIES
from exporter.simulator.behaviour import RowPer
from exporter.simulator.generator import Trunk, bound_channels

_CHANGES = ("mihu_trunks_added_total", "mihu_trunks_removed_total")
_TOTALS = frozenset(family.name for family in WORKSPACE_FAMILIES)
_OF_THE_PAST = frozenset(
    {
        "mihu_trunk_out_of_service_timestamp_seconds",
        "mihu_trunk_outage_timestamp_seconds",
        *(family.name for family in (*MEMORY_FAMILIES, *MEMORY_TOTALS)),
    }
)

Changes = Callable[[Random], Iterable[int]]
Rows = tuple[Trunk, ...]
RowId = tuple[str, tuple[str, ...]]  # of a row, whatever happens to it: its trunk, and its channels where it is one's
Samples = dict[tuple[str, Labels], float]  # by name and labels


def once(random: Random) -> list[int]:
    """Change the list while it is walked through, or after that."""
    return [random.randint(1, 5)]


def often(random: Random) -> list[int]:
    return [request for request in range(1, 20) if random.random() < 0.4]


class Truth:
    """What the list was while a poll went on: rows by moment, throughout and in the end."""

    def __init__(self, moments: Sequence[Sequence[Trunk]], listing: RowPer) -> None:
        self._listing = listing
        self._versions: dict[RowId, dict[str, Trunk]] = defaultdict(dict)
        listed: Counter[RowId] = Counter()
        for rows in moments:
            for row in rows:
                listed[self.row_id(row)] += 1
                self._versions[self.row_id(row)][row["updated_at"]] = row
        self.throughout = frozenset(row_id for row_id, count in listed.items() if count == len(moments))
        self.in_the_end = frozenset(map(self.row_id, moments[-1]))

    def row_id(self, row: Trunk) -> RowId:
        trunk = row["phone_number_uuid"] or row["number"]
        return trunk, bound_channels(row) if self._listing is RowPer.CHANNEL else ()

    def states(self, trunk: str) -> Iterator[Rows]:
        """Yield what may have been seen of a trunk: of each row one version or none, the most rows first."""
        versions = [versions for row_id, versions in sorted(self._versions.items()) if row_id[0] == trunk]
        for seen in product(*([*each.values(), None] for each in versions)):
            rows = tuple(row for row in seen if row is not None)
            # Rows that are not for different channels are versions of one, of which the newest counts.
            if rows and (len(rows) == 1 or all(map(bound_channels, rows))):
                yield rows


class Scrape:
    """What was scraped, or should have been."""

    def __init__(self, samples: Iterable[tuple[str, Labels, float]]) -> None:
        self.trunks: dict[str, Samples] = defaultdict(dict)
        self.totals: Samples = {}
        self.past = 0  # series about what trunks were before
        self.readings: defaultdict[str, float] = defaultdict(float)  # the rest by name; of several series the sum
        for name, labels, value in samples:
            trunk = _trunk(labels)
            if name in _OF_THE_PAST:
                self.past += 1
            elif trunk is None and name not in _TOTALS:
                self.readings[name] += value
            else:
                about = self.totals if trunk is None else self.trunks[trunk]
                assert (name, labels) not in about, f"comes twice: {name}{dict(labels)}"
                about[name, labels] = value


@lru_cache(maxsize=2**17)  # most come again and again
def _trunk(labels: Labels) -> str | None:
    """Return the trunk that a series is about, if any."""
    known = dict(labels)
    return known["phone_number_uuid"] or known["number"] if "number" in known else None


@dataclass(frozen=True, kw_only=True)
class Published:
    """A poll that succeeded."""

    wrong: frozenset[str]  # the trunks that are shown as they never were during the poll
    missing: frozenset[RowId]  # the rows that were listed throughout, and are not shown
    missing_known: frozenset[RowId]  # those of them that the poll before showed
    left: int  # how many rows are shown that are not listed any more in the end
    repeated: int  # how many rows were taken beyond those that are shown
    drift: int
    total_moved: bool  # whether its requests were told different totals


def watch(api: ChangingApi, polls: int, changes: Changes) -> list[Published]:
    """Poll so often, and return the successes; ``changes`` tells before which requests of a poll the list changes."""
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
        assert (scrape.trunks, scrape.totals) == (before.trunks, before.totals)
        return None

    def _published(self, scrape: Scrape, before: Scrape) -> Published:
        totals, readings = self._api.totals, scrape.readings
        truth = Truth(self._api.moments, self._api.listing)
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
