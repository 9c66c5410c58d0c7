"""What a scrape says of trunks, and what it should."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from support.samples import Labels

from exporter.metrics.memory_families import MEMORY_FAMILIES, MEMORY_TOTALS
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES

_TOTALS = frozenset(family.name for family in WORKSPACE_FAMILIES)
_OF_THE_PAST = frozenset(
    {
        "mihu_trunk_out_of_service_timestamp_seconds",
        "mihu_trunk_outage_timestamp_seconds",
        *(family.name for family in (*MEMORY_FAMILIES, *MEMORY_TOTALS)),
    }
)

Samples = dict[tuple[str, Labels], float]  # by name and labels


class Scrape:
    """What was scraped, or should have been.

    Attributes:
        trunks: the series of each trunk.
        totals: the workspace's.
        past: how many series there are about what trunks were before.
        readings: the rest by name; of several series the sum.
    """

    def __init__(self, samples: Iterable[tuple[str, Labels, float]]) -> None:
        self.trunks: dict[str, Samples] = defaultdict(dict)
        self.totals: Samples = {}
        self.past = 0
        self.readings: defaultdict[str, float] = defaultdict(float)
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

    @property
    def fleet(self) -> tuple[Mapping[str, Samples], Samples]:
        return self.trunks, self.totals


@lru_cache(maxsize=2**17)  # most come again and again
def _trunk(labels: Labels) -> str | None:
    """Return the trunk that a series is about, if any."""
    known = dict(labels)
    return known["phone_number_uuid"] or known["number"] if "number" in known else None
