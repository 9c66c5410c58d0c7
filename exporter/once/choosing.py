"""Which trunks are listed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.metrics.trunk_families import UNKNOWN
from exporter.once.collecting import Collected
from exporter.once.listed import ListedTrunk


@dataclass(frozen=True, slots=True)
class Choice:
    """Which trunks are listed.

    Attributes:
        unbound: only those on which a channel is expected and not bound.
        statuses: only those with one of these; empty for all.
    """

    unbound: bool = False
    statuses: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Tell whether no trunk is left out."""
        return not self.unbound and not self.statuses

    def of(self, collected: Iterable[Collected]) -> list[Collected]:
        """Return what was collected with the chosen trunks alone; totals are about all."""
        return [
            replace(one, found=one.found and replace(one.found, trunks=list(filter(self._includes, one.found.trunks))))
            for one in collected
        ]

    def _includes(self, listed: ListedTrunk) -> bool:
        if self.unbound and not listed.unbound:
            return False
        return not self.statuses or _status(listed) in self.statuses


def statuses_of(collected: Iterable[Collected]) -> list[str]:
    """Return the statuses that there are."""
    return sorted({_status(listed) for one in collected if one.found for listed in one.found.trunks})


def _status(listed: ListedTrunk) -> str:
    return listed.trunk.status or UNKNOWN
