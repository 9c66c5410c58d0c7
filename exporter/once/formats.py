"""The formats of ``once``: gauges for node_exporter's textfile collector, JSON for scripts, a table for people."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from exporter.documents import exact_number, to_json
from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exposition import exposed
from exporter.metrics.family import Type
from exporter.metrics.gzip_segments import inflated_parts
from exporter.metrics.text import PROMETHEUS, number
from exporter.metrics.trunk_families import UNKNOWN
from exporter.metrics.workspace_families import Tally
from exporter.once.collecting import Collected, ListedTrunk
from exporter.once.files import print_parts, replace_file
from exporter.process import interruptible
from exporter.trunks.description import describe
from exporter.trunks.trunk import CHANNELS, SERVICES, UNREADABLE, Trunk

# A counter or a histogram of a single poll would say nothing, and start anew with the next.
_GAUGES = tuple(family for family in SHOWN_FAMILIES if family.type is Type.GAUGE)

_COLUMN_GAP = 2
_EMPTY_CELL = "-"


class Format(StrEnum):
    PROMETHEUS = "prometheus"
    JSON = "json"
    TABLE = "table"


def write(format_: Format, collected: Sequence[Collected], output: Path | None) -> None:
    """Write what was collected to a file, or to standard output.

    Raises:
        OutputError: it cannot be written.
    """
    if output is not None:
        with interruptible():
            replace_file(output, _FORMATS[format_](collected))
    elif format_ is Format.TABLE and sys.stdout.isatty():
        _print_table(collected)
    else:
        print_parts(_FORMATS[format_](collected))


def gauges(collected: Iterable[Collected]) -> Iterator[bytes]:
    segments = [segments for one in collected for segments in one.segments]
    return inflated_parts(exposed(_GAUGES, segments, PROMETHEUS))


def document(collected: Iterable[Collected]) -> list[bytes]:
    """Return JSON; times are Unix seconds, what is not known is null."""
    return [to_json({"workspaces": list(map(_workspace, collected))}, indent=2)]


def _workspace(collected: Collected) -> Mapping[str, object]:
    failure, totals, trunks = collected.failure, collected.totals, collected.trunks
    return {
        "name": collected.workspace,
        "up": failure is None,
        "reason": failure and failure.reason,
        "error": failure and failure.message,
        "polled_at": exact_number(collected.polled_at),
        "totals": totals and {name.removeprefix("mihu_"): _total(tally) for name, tally in totals.items()},
        "trunks": None if trunks is None else [describe(listed.judged, listed.remarks) for listed in trunks],
    }


def _total(tally: Tally) -> object:
    """Return the sums by the family's own label; the one sum of a family that has none."""
    sums = {value: exact_number(amount) for value, amount in tally.items()}
    return sums[""] if sums.keys() == {""} else sums


class _Column(NamedTuple):
    header: str
    items: Callable[[ListedTrunk], Iterable[str]]  # of a cell; on a terminal a line each
    separator: str = ", "  # between items where a trunk has one line
    may_break: bool = True  # whether a cell that is too long may be broken


def _bound_on(trunk: Trunk) -> Iterator[str]:
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        if binding.bound == UNREADABLE:
            yield f"{channel}?"
        elif binding.bound:
            yield channel


def _agents(trunk: Trunk) -> Iterator[str]:
    """Yield the agents of the channels that are bound; where all have the same, that one alone."""
    agents = {
        channel: binding.agent_name or binding.agent_uuid or UNKNOWN
        for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
        if binding.bound is True
    }
    names = set(agents.values())
    yield from names if len(names) == 1 else (f"{channel}: {agent}" for channel, agent in agents.items())


def _limits(trunk: Trunk) -> Iterator[str]:
    for name, service in zip(SERVICES, trunk.services, strict=True):
        if service.channel_limit is not None and service.enabled is not False:
            yield f"{name} {number(service.channel_limit)}"


_COLUMNS = (
    _Column("Workspace", lambda listed: [listed.workspace]),
    _Column("Number", lambda listed: filter(None, [listed.judged.trunk.number]), may_break=False),
    _Column("Location", lambda listed: filter(None, [listed.judged.trunk.location])),
    _Column("Status", lambda listed: [listed.status], may_break=False),
    _Column("Bound on", lambda listed: _bound_on(listed.judged.trunk), may_break=False),
    _Column("Agent", lambda listed: _agents(listed.judged.trunk)),
    _Column("Limits", lambda listed: _limits(listed.judged.trunk), may_break=False),
    _Column("Needs attention", lambda listed: (remark.words for remark in listed.remarks), separator="; "),
)


def table(collected: Iterable[Collected]) -> Iterator[bytes]:
    """Yield a line for each trunk; rich's own table would take half a minute for 20,000 of them."""
    from rich.cells import cell_len  # noqa: PLC0415 - rich takes a moment to import

    rows = [tuple(column.header for column in _COLUMNS)]
    rows += [
        tuple(column.separator.join(column.items(listed)) or _EMPTY_CELL for column in _COLUMNS)
        for listed in all_trunks(collected)
    ]
    widths = [max(map(cell_len, cells)) + _COLUMN_GAP for cells in zip(*rows, strict=True)]
    for row in rows:
        line = "".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield f"{line.rstrip()}\n".encode()


def _print_table(collected: Iterable[Collected]) -> None:
    """Print the table on a terminal, as wide as that is."""
    from rich.console import Console  # noqa: PLC0415 - rich takes a moment to import
    from rich.table import Table  # noqa: PLC0415 - likewise

    table = Table(box=None, padding=(0, _COLUMN_GAP, 0, 0), pad_edge=False, caption_justify="left")
    for column in _COLUMNS:
        table.add_column(column.header, no_wrap=not column.may_break, overflow="fold")
    for listed in all_trunks(collected):
        table.add_row(*("\n".join(column.items(listed)) or _EMPTY_CELL for column in _COLUMNS))
    table.caption = f"{table.row_count} trunk{'' if table.row_count == 1 else 's'}"
    # Texts of the API are printed as they are, whatever they look like.
    Console(markup=False, highlight=False, emoji=False).print(table)


def all_trunks(collected: Iterable[Collected]) -> Iterator[ListedTrunk]:
    for one in collected:
        yield from one.trunks or ()


_FORMATS: Mapping[Format, Callable[[Iterable[Collected]], Iterable[bytes]]] = {
    Format.PROMETHEUS: gauges,
    Format.JSON: document,
    Format.TABLE: table,
}
