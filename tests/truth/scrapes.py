"""What a scrape says of trunks, and what it should."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from support.exposed import workspace
from support.oracle import Oracle
from support.samples import Labels, read
from truth.moments import Rows

from exporter.config.settings import Metrics
from exporter.metrics.trunk_families import MEMORY_FAMILIES
from exporter.metrics.workspace_families import MEMORY_TOTALS, WORKSPACE_FAMILIES
from exporter.simulator.generator import bound_channels

_TOTALS = frozenset(family.name for family in WORKSPACE_FAMILIES)
_OF_THE_PAST = frozenset(
    {
        "mihu_trunk_out_of_service_timestamp_seconds",
        "mihu_trunk_outage_timestamp_seconds",
        *(family.name for family in (*MEMORY_FAMILIES, *MEMORY_TOTALS)),
    }
)

Samples = dict[str, float]  # by name and labels


class Sample(NamedTuple):
    """One line of a scrape."""

    series: str
    value: float
    name: str
    trunk: str | None  # that it is about, if any


class Scrape:
    """What was scraped, or should have been.

    Attributes:
        trunks: the series of each trunk.
        totals: the workspace's.
        past: how many series there are about what trunks were before.
        readings: the rest by name; of several series the sum.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.trunks: dict[str, Samples] = defaultdict(dict)
        self.totals: Samples = {}
        self.past = 0
        self.readings: defaultdict[str, float] = defaultdict(float)
        for series, value, name, trunk in samples:
            if name in _OF_THE_PAST:
                self.past += 1
                continue
            if trunk is None and name not in _TOTALS:
                self.readings[name] += value
                continue
            about = self.totals if trunk is None else self.trunks[trunk]
            assert series not in about, f"comes twice: {series}"
            about[series] = value

    @property
    def fleet(self) -> tuple[Mapping[str, Samples], Samples]:
        """Everything about trunks."""
        return self.trunks, self.totals


def scraped(text: str) -> Scrape:
    return Scrape(_sample(name, labels, value) for name, labels, value in read(text))


def expected(oracle: Oracle) -> Scrape:
    return Scrape(
        _sample(sample.name, frozenset(sample.labels.items()), sample.value)
        for family in oracle.collect()
        for sample in family.samples
    )


@lru_cache(maxsize=2**17)  # most come again and again
def _sample(name: str, labels: Labels, value: float) -> Sample:
    known = dict(labels)
    trunk = known["phone_number_uuid"] or known["number"] if "number" in known else None
    return Sample(f"{name} {sorted(labels)}", value, name, trunk)


class Oracles:
    """What rows of a trunk must look like, remembered by their versions."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Scrape] = {}

    def of(self, rows: Rows) -> Scrape:
        version = tuple((row["number"], row["updated_at"], bound_channels(row)) for row in rows)
        if version not in self._known:
            self._known[version] = expected(Oracle(rows, workspace(), Metrics()))
        return self._known[version]
