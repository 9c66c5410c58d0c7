"""Renders trunks, totals and memory to text: a compressed segment for each family."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from exporter.config.settings import Metrics, NumberStyle, Workspace
from exporter.metrics.family import Family, in_force
from exporter.metrics.gzip_segments import Segment, compress
from exporter.metrics.text import escaped, number
from exporter.metrics.trunk_families import IDENTITY, MEMORY_FAMILIES, TRUNK_FAMILIES, MemoryFamily, TrunkFamily
from exporter.metrics.workspace_families import MEMORY_TOTALS, WORKSPACE_FAMILIES, Tally
from exporter.trunks.memory import Memory, Since
from exporter.trunks.out_of_service import Judged

_KEPT_DIGITS = (5, 2)  # at the start, the country and area; at the end, enough to tell two apart


class Renderer:
    def __init__(self, workspace: Workspace, settings: Metrics) -> None:
        self._workspace = f'{{workspace="{escaped(workspace.name)}"'
        self._number_style = settings.number
        self.families: tuple[TrunkFamily, ...] = in_force(TRUNK_FAMILIES, settings)
        self._ends = {family.name: _ends(family) for family in self.families}
        self._memory_families: tuple[MemoryFamily, ...] = in_force(MEMORY_FAMILIES, settings)

    @property
    def shows_numbers(self) -> bool:
        return self._number_style is NumberStyle.FULL

    def has_series(self, uuid: str) -> bool:
        """Return whether a trunk has series of its own: without a uuid, a masked number would be its identity."""
        return bool(uuid) or self.shows_numbers

    def shown_number(self, number: str) -> str:
        match self._number_style:
            case NumberStyle.FULL:
                return number
            case NumberStyle.HIDDEN:
                return ""
            case NumberStyle.MASKED:
                return masked(number)

    def trunks(self, judged: Sequence[Judged], families: Iterable[TrunkFamily]) -> Mapping[str, Segment]:
        """Return a segment for each of some families."""
        starts: list[str] = []
        rendered: dict[str, Segment] = {}
        for family in families:
            name, ends_of = family.name, self._ends[family.name]
            starts = starts or [self._start(one.trunk.uuid, self.shown_number(one.trunk.number)) for one in judged]
            rendered[name] = compress(
                "".join(
                    [
                        f"{name}{start}{end}"
                        for start, ends in zip(starts, map(ends_of, family.parts(judged)), strict=True)
                        for end in ends
                    ]
                )
            )
        return rendered

    def totals(self, totals: Mapping[str, Tally]) -> Mapping[str, Segment]:
        """Return a segment for each of WORKSPACE_FAMILIES, given its total."""
        return {family.name: self._total(family, totals[family.name]) for family in WORKSPACE_FAMILIES}

    def memory(self, memory: Memory) -> Mapping[str, Segment]:
        """Return a segment for each family in force."""
        segments = {total.name: self._total(total, total.count(memory)) for total in MEMORY_TOTALS}
        for family in self._memory_families:
            entries = [entry for entry in family.entries(memory) if self.has_series(entry.uuid)]
            segments[family.name] = compress("".join(self._entry_lines(family, entries)))
        return segments

    def _entry_lines(self, family: MemoryFamily, entries: Iterable[Since]) -> Iterator[str]:
        own_labels = family.labels[len(IDENTITY) :]
        for entry in entries:
            values = tuple(getattr(entry, label) for label in own_labels)
            yield f"{family.name}{self._start(entry.uuid, entry.number)}{_line_end(own_labels, values, entry.since)}"

    def _total(self, family: Family, total: Mapping[str, int | Decimal]) -> Segment:
        start, own_labels = f"{family.name}{self._workspace}", family.labels[1:]
        return compress("".join(f"{start}{_line_end(own_labels, (value,), amount)}" for value, amount in total.items()))

    def _start(self, uuid: str, shown_number: str) -> str:
        return f'{self._workspace},phone_number_uuid="{escaped(uuid)}",number="{escaped(shown_number)}"'


def _ends(family: TrunkFamily) -> Callable[[Any], tuple[str, ...]]:
    """Return a cached function from what a family is ``of`` to its line ends: many trunks have them in common."""
    own_labels = family.labels[len(IDENTITY) :]

    @lru_cache(maxsize=256)
    def ends_of(part: Any) -> tuple[str, ...]:  # noqa: ANN401 - what a family is of
        return tuple(_line_end(own_labels, values, value) for values, value in family.samples(part))

    return ends_of


def _line_end(labels: tuple[str, ...], values: tuple[str, ...], value: float | Decimal) -> str:
    """Return the rest of a line after the labels that identify the trunk."""
    # Of families without agents' names, the last value is left out.
    own = "".join(f',{label}="{escaped(text)}"' for label, text in zip(labels, values, strict=False))
    return f"{own}}} {number(value)}\n"


def masked(number: str) -> str:
    """Return ``+1208*****78`` for ``+12084439178``."""
    start, end = _KEPT_DIGITS
    hidden = len(number) - start - end
    if hidden <= 0:
        return "*" * len(number)
    return number[:start] + "*" * hidden + number[-end:]
