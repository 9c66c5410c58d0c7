"""What a benchmark is asked for."""

from dataclasses import dataclass
from pathlib import Path

_LARGE = 10_000  # trunks, beyond which some would take hours


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how thoroughly.

    Attributes:
        sizes: of the fleet, in trunks.
        runs: of each measurement, of which the medians are shown.
        contenders: the names of those that are compared with the exporter and the baseline; None for the usual.
        folder: where files go.
    """

    sizes: tuple[int, ...]
    runs: int
    contenders: frozenset[str] | None
    folder: Path

    def compares(self, contender: str, trunks: int) -> bool:
        """Tell whether a contender takes part at a size: always if it is named, else while that is not large."""
        return trunks <= _LARGE if self.contenders is None else contender in self.contenders
