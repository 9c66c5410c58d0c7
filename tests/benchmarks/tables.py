"""What is measured, and its results as Markdown."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Times = dict[str, dict[str, list[float]]]  # seconds, by row, by contender

_STEPS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
_LARGE = 10_000  # trunks, beyond which prometheus_client would take hours


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and the folder for its files."""

    sizes: Sequence[int]  # of the fleet, in trunks
    runs: int  # of each measurement, of which the medians are shown
    folder: Path


def is_large(trunks: int) -> bool:
    """Tell whether only the exporter and the baseline are measured."""
    return trunks > _LARGE


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [columns, ["---"] * len(columns), *rows]
    sys.stdout.write(f"\n### {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines))
    sys.stdout.flush()


def ratios(title: str, what: str, measured: Mapping[str, Mapping[str, Sequence[float]]], baseline: str) -> None:
    """Print medians in seconds, and each as a multiple of the baseline's, for contenders by row by name."""
    names = list(next(iter(measured.values())))
    rows = []
    for row, by_name in measured.items():
        base = median(by_name[baseline])
        medians = [median(by_name[name]) if name in by_name else None for name in names]
        cells = ("-" if value is None else f"{seconds(value)} ({multiple(value / base)})" for value in medians)
        rows.append([row, *cells])
    table(f"{title}, and as multiples of {baseline}'s", [what, *names], rows)


def seconds(value: float) -> str:
    """Return a time in the unit in which it is read most easily."""
    unit, worth = next((step for step in _STEPS if value >= step[1]), _STEPS[-1])
    return f"{value / worth:.3g} {unit}"


def multiple(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def megabytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB"


def progress(said: str) -> None:
    """Say what is being done; nothing in a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{said}")
        sys.stderr.flush()
