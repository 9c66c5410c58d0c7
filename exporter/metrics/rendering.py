"""Renders trunks: to one compressed segment a family, and to what they add to the workspace's sums."""

import sys
from collections.abc import Mapping, Sequence

import msgspec

from exporter.config.settings import Metrics, NumberStyle, Workspace
from exporter.metrics.segment import Segment, compress
from exporter.metrics.text import escaped, number, quoted
from exporter.metrics.trunk_families import trunk_families_in_force
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally, WorkspaceFamily, add_up
from exporter.trunks.attention import Attention, reasons
from exporter.trunks.expectation import Expectation, Judged
from exporter.trunks.trunk import Trunk

_SHOWN_DIGITS = (5, 2)  # at the start, the country and area; at the end, enough to tell two apart


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """What is left of a batch of trunks once it is rendered.

    Attributes:
        segments: one for each family in force.
        tallies: one for each of WORKSPACE_FAMILIES.
        series: how many lines the segments hold.
        attention: the trunks that need somebody's attention.
    """

    segments: tuple[Segment, ...]
    tallies: tuple[Tally, ...]
    series: int
    attention: tuple[Attention, ...]


class Renderer:
    """Renders the trunks of one workspace as its configuration says."""

    def __init__(self, workspace: Workspace, settings: Metrics) -> None:
        self._start = f'{{workspace="{escaped(workspace.name)}"'
        self._number_style = settings.number
        self._expectation = Expectation(workspace.expect, workspace.filter)
        self._families = trunk_families_in_force(settings)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the per-trunk families in force, in the order of a rendering's segments."""
        return tuple(family.name for family in self._families)

    def render(self, trunks: Sequence[Trunk]) -> Rendered:
        """Render trunks."""
        judged = [Judged(trunk, self._expectation.of(trunk)) for trunk in trunks]
        shown = [one for one in judged if self._may_show(one.trunk)]
        starts = [self._line_start(one.trunk) for one in shown]
        lines = [family.lines(starts, shown) for family in self._families]
        return Rendered(
            segments=tuple(compress("".join(family_lines)) for family_lines in lines),
            tallies=tuple(family.tally(judged) for family in WORKSPACE_FAMILIES),
            series=sum(map(len, lines)),
            attention=tuple(
                Attention(trunk.uuid, self._styled(trunk.number), sys.intern(trunk.location), found)
                for trunk, expected in judged
                if (found := reasons(trunk, expected))
            ),
        )

    def add_up(
        self, parts: Sequence[Rendered], previous: Sequence[Tally] | None
    ) -> tuple[tuple[Tally, ...], Mapping[str, Segment]]:
        """Add up a fleet: the sums, one for each of WORKSPACE_FAMILIES, and these rendered, by family."""
        sums = tuple(
            add_up(
                family,
                [part.tallies[index] for part in parts],
                previous[index] if previous else {},
                self._expectation,
            )
            for index, family in enumerate(WORKSPACE_FAMILIES)
        )
        rendered = {
            family.name: compress("".join(self._lines(family, total)))
            for family, total in zip(WORKSPACE_FAMILIES, sums, strict=True)
        }
        return sums, rendered

    def _lines(self, family: WorkspaceFamily, total: Tally) -> list[str]:
        return [
            f"{family.name}{self._start}{_own_label(family, value)}}} {number(amount)}\n"
            for value, amount in total.items()
        ]

    def _line_start(self, trunk: Trunk) -> str:
        number = escaped(self._styled(trunk.number))
        return f'{self._start},phone_number_uuid="{escaped(trunk.uuid)}",number="{number}"'

    def _may_show(self, trunk: Trunk) -> bool:
        """Without a uuid the number is the identity: masked, it would be shared."""
        return bool(trunk.uuid) or self._number_style is NumberStyle.FULL

    def _styled(self, number: str) -> str:
        match self._number_style:
            case NumberStyle.FULL:
                return number
            case NumberStyle.HIDDEN:
                return ""
            case NumberStyle.MASKED:
                return masked(number)


def _own_label(family: WorkspaceFamily, value: str) -> str:
    return "".join(f",{label}={quoted(value)}" for label in family.labels[1:])


def masked(number: str) -> str:
    """Return a number that still tells country and length: +12084439178 is +1208*****78."""
    start, end = _SHOWN_DIGITS
    hidden = len(number) - start - end
    if hidden <= 0:
        return "*" * len(number)
    return number[:start] + "*" * hidden + number[-end:]
