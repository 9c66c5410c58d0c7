"""Renders trunks: to one compressed segment a family, and to what they add to the workspace's sums."""

import sys
from collections.abc import Mapping, Sequence

import msgspec

from exporter.config.settings import Metrics, NumberStyle, Workspace
from exporter.metrics.segment import Segment, compress
from exporter.metrics.text import escaped, number, quoted
from exporter.metrics.trunk_families import UPDATED_TIMESTAMP, trunk_families_in_force
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally, WorkspaceFamily, add_up
from exporter.trunks.attention import Attention, reasons
from exporter.trunks.expectation import Expectation, Judged
from exporter.trunks.trunk import Trunk, Update

_SHOWN_DIGITS = (5, 2)  # at the start, the country and area; at the end, enough to tell two apart


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """What is left of a batch of trunks once it is rendered.

    Attributes:
        identity: a hash of how the lines of each trunk start: the same trunks have the same.
        segments: one for each family in force.
        endings: a hash of how the lines of each segment end: the same trunks and endings make the same segment.
        series: how many lines the segments hold.
        tallies: one for each of WORKSPACE_FAMILIES.
        attention: the trunks that need somebody's attention.
    """

    identity: int
    segments: tuple[Segment, ...]
    endings: tuple[int, ...]
    series: int
    tallies: tuple[Tally, ...]
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

    def render(self, trunks: Sequence[Trunk], earlier: Mapping[int, Rendered]) -> Rendered:
        """Render trunks.

        Of the same trunks rendered ``earlier``, by ``identity``, the segments are taken in which nothing has changed.
        """
        judged = [Judged(trunk, self._expectation.of(trunk)) for trunk in trunks]
        shown = [one for one in judged if self._may_show(one.trunk)]
        starts = [self._line_start(one.trunk) for one in shown]
        identity = hash(tuple(starts))
        before = earlier.get(identity)
        segments, endings, series = [], [], 0
        for index, family in enumerate(self._families):
            ends = family.ends_of(shown)
            ending = hash(ends)
            if before is not None and before.endings[index] == ending:
                segments.append(before.segments[index])
            else:
                segments.append(compress("".join(family.lines(starts, ends))))
            endings.append(ending)
            series += sum(map(len, ends))
        return Rendered(
            identity=identity,
            segments=tuple(segments),
            endings=tuple(endings),
            series=series,
            tallies=tuple(family.tally(judged) for family in WORKSPACE_FAMILIES),
            attention=tuple(
                Attention(trunk.uuid, self._styled(trunk.number), sys.intern(trunk.location), found)
                for trunk, expected in judged
                if (found := reasons(trunk, expected))
            ),
        )

    def renew(self, before: Rendered, updates: Sequence[Update]) -> Rendered:
        """Render anew when trunks were updated, of which nothing else has changed."""
        names = self.families
        if UPDATED_TIMESTAMP.name not in names:
            return before
        at = names.index(UPDATED_TIMESTAMP.name)
        shown = [update for update in updates if self._may_show(update)]
        ends = tuple(UPDATED_TIMESTAMP.ends(update.updated) for update in shown)
        segment = compress("".join(UPDATED_TIMESTAMP.lines(map(self._line_start, shown), ends)))
        return msgspec.structs.replace(
            before,
            segments=(*before.segments[:at], segment, *before.segments[at + 1 :]),
            endings=(*before.endings[:at], hash(ends), *before.endings[at + 1 :]),
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

    def _line_start(self, trunk: Trunk | Update) -> str:
        number = escaped(self._styled(trunk.number))
        return f'{self._start},phone_number_uuid="{escaped(trunk.uuid)}",number="{number}"'

    def _may_show(self, trunk: Trunk | Update) -> bool:
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
