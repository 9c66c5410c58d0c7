"""What a benchmark is asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how thoroughly.

    Attributes:
        sizes: of the fleet, in trunks.
        runs: of each measurement, of which the medians are shown.
        servers: those that are compared, by name.
        folder: where files go.
    """

    sizes: tuple[int, ...]
    runs: int
    servers: tuple[str, ...]
    folder: Path
