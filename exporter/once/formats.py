"""The formats of ``once``: gauges for node_exporter's textfile collector, JSON and CSV for scripts, a table."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import Path

import msgspec

from exporter.listing.description import COLUMNS, Entry, ListedTrunk, csv_line, csv_row, exact_number, timestamp
from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exposition import Segments, exposed
from exporter.metrics.family import Type
from exporter.metrics.gzip_segments import inflated_parts
from exporter.metrics.text import PROMETHEUS, number
from exporter.metrics.workspace_families import MEMORY_TOTALS, Tally
from exporter.once.files import print_parts, replace_file
from exporter.polling.snapshot import EndedPoll, Status
from exporter.trunks.trunk import CHANNELS, UNKNOWN, UNREADABLE

# A counter or a histogram of a single poll would say nothing, and start again at the next.
_GAUGES = tuple(family for family in SHOWN_FAMILIES if family.type is Type.GAUGE)

_COLUMN_GAP = 2
_EMPTY_CELL = "-"
_LONG_WORD = 12  # longer ones may be broken on a terminal


@dataclass(frozen=True, slots=True)
class Collected:
    """The outcome of polling one workspace once."""

    status: Status
    segments: Sequence[Segments]  # what a scrape would show of the workspace
    has_memory: bool
    trunks: Sequence[ListedTrunk] | None = None  # those that were chosen, by number; None where the poll failed

    @property
    def name(self) -> str:
        return self.status.workspace.name

    @property
    def poll(self) -> EndedPoll:
        return self.status.snapshot.polls.recent[-1]


def write(format_: str, collected: Sequence[Collected], output: Path | None) -> None:
    """Write what was collected, in one of FORMATS, to a file, which may raise an OutputError, or to standard output."""
    if output is not None:
        # node_exporter runs as another user.
        replace_file(output, FORMATS[format_](collected), 0o444 if format_ == "prometheus" else 0)
    elif format_ == "table" and sys.stdout.isatty():
        _print_table(collected)
    else:
        print_parts(FORMATS[format_](collected))


def gauges(collected: Iterable[Collected]) -> Iterator[bytes]:
    segments = [segments for one in collected for segments in one.segments]
    return inflated_parts(exposed(_GAUGES, segments, PROMETHEUS))


def document(collected: Iterable[Collected]) -> list[bytes]:
    """Return JSON; times are Unix seconds, what is not known is null."""
    encoded = msgspec.json.encode({"workspaces": list(map(_workspace, collected))})
    return [msgspec.json.format(encoded, indent=2), b"\n"]


def _workspace(collected: Collected) -> Mapping[str, object]:
    poll, fleet, memory = collected.poll, collected.status.snapshot.fleet, collected.status.snapshot.memory
    totals = fleet and {**fleet.totals, **{total.name: total.count(memory) for total in MEMORY_TOTALS}}
    return {
        "name": collected.name,
        "up": poll.failure is None,
        "reason": poll.failure and poll.failure.reason,
        "error": poll.failure and poll.failure.message,
        "polled_at": exact_number(poll.ended_at),
        "totals": totals and {name.removeprefix("mihu_"): _total(tally) for name, tally in totals.items()},
        "trunks": None if collected.trunks is None else [listed.described() for listed in collected.trunks],
    }


def _total(tally: Tally) -> object:
    """Return the sums by the family's own label; the one sum of a family that has none."""
    sums = {value: exact_number(amount) for value, amount in tally.items()}
    return sums[""] if sums.keys() == {""} else sums


def table(collected: Iterable[Collected]) -> Iterator[bytes]:
    """Yield a line for each trunk: columns are two blanks apart, and no cell is empty or has two blanks in a row.

    rich's own table would take half a minute for 20,000 trunks.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - rich takes a moment to import

    rows = [tuple(_COLUMNS)]
    rows += [
        tuple(" ".join(", ".join(items(listed)).split()) or _EMPTY_CELL for items in _COLUMNS.values())
        for listed in by_harm(collected)
    ]
    widths = [max(map(cell_len, cells)) + _COLUMN_GAP for cells in zip(*rows, strict=True)]
    for row in rows:
        line = "".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield f"{line.rstrip()}\n".encode()


def _print_table(collected: Iterable[Collected]) -> None:
    """Print the table on a terminal, as wide as that is: long cells have several lines."""
    from rich.console import Console  # noqa: PLC0415 - rich takes a moment to import
    from rich.table import Table  # noqa: PLC0415 - likewise

    trunks = by_harm(collected)
    # Texts of the API are printed as they are, even if they look like markup.
    console = Console(markup=False, highlight=False, emoji=False)
    columns = {header: ["\n".join(items(listed)) for listed in trunks] for header, items in _COLUMNS.items()}
    widths = _least_widths(columns, console.width)
    table = Table(box=None, padding=(0, _COLUMN_GAP, 0, 0), pad_edge=False)
    for header, width in widths.items():
        table.add_column(header, no_wrap=header in _UNBROKEN, overflow="fold", min_width=width)
    for cells in zip(*(columns[header] for header in widths), strict=True):
        table.add_row(*(cell or _EMPTY_CELL for cell in cells))
    caption = counts(trunks)
    if any(listed.entry.out_of_service for listed in trunks) and "SINCE" not in widths:
        caption += "; the --storage.path of an exporter tells since when"
    console.print(table)
    console.print(caption, style="table.caption")  # the table's own would be as narrow as that


def counts(trunks: Sequence[ListedTrunk]) -> str:
    out_of_service = sum(listed.entry.out_of_service for listed in trunks)
    return f"{len(trunks)} trunk{'' if len(trunks) == 1 else 's'}, {out_of_service} out of service"


def _least_widths(columns: Mapping[str, Sequence[str]], width: int) -> Mapping[str, int]:
    """Return the columns that a terminal shows, and the least width of each; empty ones are left out."""
    from rich.cells import cell_len  # noqa: PLC0415 - rich takes a moment to import

    widths = {}
    for header, cells in columns.items():
        if any(cells) or header == "NUMBER":
            text = "\n".join((header, *cells))
            unbroken = text.split("\n") if header in _UNBROKEN else [word[:_LONG_WORD] for word in text.split()]
            widths[header] = max(map(cell_len, unbroken))
    for header in _LEFT_OUT_FIRST:
        if sum(widths.values()) + _COLUMN_GAP * (len(widths) - 1) > width:
            widths.pop(header, None)
    return widths


def by_harm(collected: Iterable[Collected]) -> list[ListedTrunk]:
    """Return the trunks: those that are out of service first, the longest-lasting before the others."""
    return sorted(all_trunks(collected), key=attrgetter("line"))


def all_trunks(collected: Iterable[Collected]) -> Iterator[ListedTrunk]:
    for one in collected:
        yield from one.trunks or ()


def _agents(entry: Entry) -> Iterable[str]:
    """Return the agents of the channels that are bound; where all have the same, only that one."""
    names = set(entry.agents.values())
    return names if len(names) == 1 else _pairs(entry.agents)


def _pairs(items: Mapping[str, str]) -> Iterable[str]:
    return (f"{name}: {value}" for name, value in items.items())


# The items of a cell; on a terminal they have a line each.
_COLUMNS: Mapping[str, Callable[[ListedTrunk], Iterable[str]]] = {
    "WORKSPACE": lambda listed: [listed.entry.workspace],
    "NUMBER": lambda listed: [listed.entry.number or listed.entry.phone_number_uuid or ""],
    "STATUS": lambda listed: [listed.entry.status or UNKNOWN],
    "OUT-OF-SERVICE": lambda listed: listed.entry.reasons,
    "SINCE": lambda listed: filter(
        None, (timestamp(listed.entry.since), "or earlier" if listed.entry.since_or_earlier else "")
    ),
    "AGENT": lambda listed: _agents(listed.entry),
    "LAST-AGENT": lambda listed: _pairs(listed.entry.last_agents),
    "BOUND-ON": lambda listed: [
        f"{channel}?" if bound == UNREADABLE else channel
        for channel, bound in zip(CHANNELS, listed.judged.bound, strict=True)
        if bound
    ],
    "LIMITS": lambda listed: [f"{name} {number(limit)}" for name, limit in listed.entry.channel_limits.items()],
    "LOCATION": lambda listed: filter(None, [listed.entry.location]),
    "REMARKS": lambda listed: filter(None, ["; ".join(listed.entry.remarks)]),
}
# On a narrow terminal; number, reasons, since when and agents stay.
_LEFT_OUT_FIRST = ("LOCATION", "LIMITS", "BOUND-ON", "REMARKS", "STATUS", "WORKSPACE")
_UNBROKEN = {"NUMBER", "STATUS", "OUT-OF-SERVICE", "SINCE", "BOUND-ON", "LIMITS"}


FORMATS: Mapping[str, Callable[[Iterable[Collected]], Iterable[bytes]]] = {
    "prometheus": gauges,
    "json": document,
    "table": table,
    "csv": lambda collected: chain([csv_line(COLUMNS)], map(csv_row, all_trunks(collected))),
}
