"""Renders trunks, totals and memory to text: a compressed segment for each family."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from exporter.config.settings import Metrics, NumberStyle, Workspace
from exporter.metrics.family import Family, JudgedFamily, in_force
from exporter.metrics.gzip_segments import Segment, compress
from exporter.metrics.text import escaped, number
from exporter.metrics.trunk_families import IDENTITY, MEMORY_FAMILIES, TRUNK_FAMILIES
from exporter.metrics.workspace_families import MEMORY_TOTALS, WORKSPACE_FAMILIES, Tally
from exporter.trunks.memory import Memory
from exporter.trunks.out_of_service import Judged

_KEPT_DIGITS = (5, 2)  # at the start, the country and area; at the end, enough to tell two apart


def masked(number: str) -> str:
    """Return ``+1208*****78`` for ``+12084439178``."""
    start, end = _KEPT_DIGITS
    hidden = len(number) - start - end
    return number[:start] + "*" * hidden + number[-end:] if hidden > 0 else "*" * len(number)


_SHOWN: Mapping[NumberStyle, Callable[[str], str]] = {
    NumberStyle.FULL: str,
    NumberStyle.MASKED: masked,
    NumberStyle.HIDDEN: lambda _: "",
}


class Renderer:
    def __init__(self, workspace: Workspace, settings: Metrics) -> None:
        self._workspace = f'{{workspace="{escaped(workspace.name)}"'
        self.shown_number = _SHOWN[settings.number]
        self.shows_numbers = settings.number is NumberStyle.FULL
        self.families = in_force(TRUNK_FAMILIES, settings)
        self._ends = {family.name: _ends(family) for family in self.families}
        self._memory_families = in_force(MEMORY_FAMILIES, settings)

    def has_series(self, uuid: str) -> bool:
        """Return whether a trunk has series of its own: without a uuid, a masked number would be its identity."""
        return bool(uuid) or self.shows_numbers

    def trunks(self, judged: Sequence[Judged], families: Iterable[JudgedFamily]) -> Mapping[str, Segment]:
        """Return a segment for each of some families."""
        starts: list[str] = []
        rendered: dict[str, Segment] = {}
        for family in families:
            name, ends_of = family.name, self._ends[family.name]
            starts = starts or [self._start(one.trunk.uuid, self.shown_number(one.trunk.number)) for one in judged]
            ends_by_trunk = zip(starts, map(ends_of, family.parts(judged)), strict=True)
            rendered[name] = compress("".join([f"{name}{start}{end}" for start, ends in ends_by_trunk for end in ends]))
        return rendered

    def totals(self, totals: Mapping[str, Tally]) -> Mapping[str, Segment]:
        """Return a segment for each of WORKSPACE_FAMILIES, given its total."""
        return {family.name: self._total(family, totals[family.name]) for family in WORKSPACE_FAMILIES}

    def memory(self, memory: Memory) -> Mapping[str, Segment]:
        """Return a segment for each family in force."""
        segments = {total.name: self._total(total, total.count(memory)) for total in MEMORY_TOTALS}
        for family in self._memory_families:
            own_labels = family.labels[len(IDENTITY) :]
            lines = [
                f"{family.name}{self._start(entry.uuid, entry.number)}"
                + _line_end(own_labels, [getattr(entry, label) for label in own_labels], entry.since)
                for entry in family.entries(memory)
                if self.has_series(entry.uuid)
            ]
            segments[family.name] = compress("".join(lines))
        return segments

    def _total(self, family: Family, total: Mapping[str, int | Decimal]) -> Segment:
        start, own_labels = f"{family.name}{self._workspace}", family.labels[1:]
        return compress("".join(f"{start}{_line_end(own_labels, (value,), amount)}" for value, amount in total.items()))

    def _start(self, uuid: str, shown_number: str) -> str:
        return f'{self._workspace},phone_number_uuid="{escaped(uuid)}",number="{escaped(shown_number)}"'


def _ends(family: JudgedFamily) -> Callable[[Any], tuple[str, ...]]:
    """Return a cached function from a family's attributes to its line ends: many trunks have them in common."""
    own_labels = family.labels[len(IDENTITY) :]

    @lru_cache(maxsize=256)
    def ends_of(part: Any) -> tuple[str, ...]:  # noqa: ANN401 - an attribute of any type, or several
        samples = family.samples(part)
        return tuple(_line_end(own_labels, values, value) for values, value in samples if value is not None)

    return ends_of


def _line_end(labels: Sequence[str], values: Sequence[str], value: float | Decimal) -> str:
    """Return the rest of a line after the labels that identify the trunk."""
    # Of families without agents' names, the last value is left out.
    own = "".join(f',{label}="{escaped(text)}"' for label, text in zip(labels, values, strict=False))
    return f"{own}}} {number(value)}\n"
