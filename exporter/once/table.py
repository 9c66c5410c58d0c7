"""A table of trunks, for people. It imports rich, which takes a moment, so import it only to draw one."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from msgspec import UNSET
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from exporter.metrics.text import number
from exporter.metrics.trunk_families import UNKNOWN
from exporter.once.collecting import Collected
from exporter.once.listed import ListedTrunk
from exporter.trunks.trunk import CHANNELS, SERVICES, Trunk

_GAP = 2  # between columns
_NOTHING = "-"


def _bound_on(trunk: Trunk) -> Iterator[str]:
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        if binding.bound is UNSET:
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


class _Column(NamedTuple):
    """A column.

    Attributes:
        items: what a cell holds; on a terminal a line each.
        separator: between them, where a trunk has one line.
        may_break: whether a cell that is too long may be broken.
    """

    header: str
    items: Callable[[ListedTrunk], Iterable[str]]
    separator: str = ", "
    may_break: bool = True


_COLUMNS = (
    _Column("Workspace", lambda listed: [listed.workspace]),
    _Column("Number", lambda listed: filter(None, [listed.trunk.number]), may_break=False),
    _Column("Location", lambda listed: filter(None, [listed.trunk.location])),
    _Column("Status", lambda listed: [listed.trunk.status or UNKNOWN], may_break=False),
    _Column("Bound on", lambda listed: _bound_on(listed.trunk), may_break=False),
    _Column("Agent", lambda listed: _agents(listed.trunk)),
    _Column("Limits", lambda listed: _limits(listed.trunk), may_break=False),
    _Column("Needs attention", lambda listed: (remark.words for remark in listed.remarks), separator="; "),
)


def show_table(collected: Iterable[Collected]) -> None:
    """Print the table on the terminal, as wide as that is."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, caption_justify="left")
    for column in _COLUMNS:
        table.add_column(column.header, no_wrap=not column.may_break, overflow="fold")
    for listed in _listed(collected):
        table.add_row(*("\n".join(column.items(listed)) or _NOTHING for column in _COLUMNS))
    table.caption = f"{table.row_count} trunk{'' if table.row_count == 1 else 's'}"
    # What comes from outside is text alone, whatever it looks like.
    Console(markup=False, highlight=False, emoji=False).print(table)


def plain_table(collected: Iterable[Collected]) -> Iterator[bytes]:
    """Yield the table as text, a line for each trunk; rich's own would take half a minute for 20,000 of them."""
    rows = [tuple(column.header for column in _COLUMNS)]
    rows += [_cells(listed) for listed in _listed(collected)]
    widths = [max(map(cell_len, cells)) + _GAP for cells in zip(*rows, strict=True)]
    for row in rows:
        line = "".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield f"{line.rstrip()}\n".encode()


def _listed(collected: Iterable[Collected]) -> Iterator[ListedTrunk]:
    for one in collected:
        if one.found:
            yield from one.found.trunks


def _cells(listed: ListedTrunk) -> tuple[str, ...]:
    return tuple(column.separator.join(column.items(listed)) or _NOTHING for column in _COLUMNS)
