"""The formats of ``once``: gauges for node_exporter's textfile collector, JSON and CSV for scripts, a table."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec

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
from exporter.trunks.trunk import CHANNELS, SERVICES, UNREADABLE, Binding, Trunk

# A counter or a histogram of a single poll would say nothing, and start anew with the next.
_GAUGES = tuple(family for family in SHOWN_FAMILIES if family.type is Type.GAUGE)

_COLUMN_GAP = 2
_EMPTY_CELL = "-"


class Format(StrEnum):
    PROMETHEUS = "prometheus"
    JSON = "json"
    TABLE = "table"
    CSV = "csv"


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
        "trunks": None if trunks is None else list(map(_trunk, trunks)),
    }


def _total(tally: Tally) -> object:
    """Return the sums by the family's own label; the one sum of a family that has none."""
    sums = {value: exact_number(amount) for value, amount in tally.items()}
    return sums[""] if sums.keys() == {""} else sums


def _trunk(listed: ListedTrunk) -> Mapping[str, object]:
    described: dict[str, object] = msgspec.to_builtins(describe(listed.judged, listed.remarks))
    lost = [
        {
            "channel": entry.channel,
            "agent_uuid": entry.agent_uuid or None,
            "agent_name": entry.agent_name or None,
            "since": exact_number(entry.since),
        }
        for entry in listed.lost
    ]
    return described | {"out_of_service_since": exact_number(listed.since), "lost": lost}


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

    table = Table(box=None, padding=(0, _COLUMN_GAP, 0, 0), pad_edge=False, caption_justify="left")
    for header in _COLUMNS:
        table.add_column(header, no_wrap=header in _UNBROKEN, overflow="fold")
    for listed in by_harm(collected):
        table.add_row(*("\n".join(items(listed)) or _EMPTY_CELL for items in _COLUMNS.values()))
    table.caption = f"{table.row_count} trunk{'' if table.row_count == 1 else 's'}"
    # Texts of the API are printed as they are, whatever they look like.
    Console(markup=False, highlight=False, emoji=False).print(table)


def by_harm(collected: Iterable[Collected]) -> list[ListedTrunk]:
    """Return the trunks: those that are out of service first, the longest-lasting before the others."""

    def order(listed: ListedTrunk) -> tuple[bool, float]:
        return not listed.judged.is_out_of_service, float("inf") if listed.since is None else listed.since

    return sorted(all_trunks(collected), key=order)


def all_trunks(collected: Iterable[Collected]) -> Iterator[ListedTrunk]:
    for one in collected:
        yield from one.trunks or ()


def _bound_on(trunk: Trunk) -> Iterator[str]:
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        if binding.bound == UNREADABLE:
            yield f"{channel}?"
        elif binding.bound:
            yield channel


def _agents(trunk: Trunk) -> Iterator[str]:
    """Yield the agents of the channels that are bound; where all have the same, that one alone."""
    agents = {channel: _agent(binding) for channel, binding in _bound(trunk)}
    names = set(agents.values())
    yield from names if len(names) == 1 else (f"{channel}: {agent}" for channel, agent in agents.items())


def _bound(trunk: Trunk) -> Iterator[tuple[str, Binding]]:
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        if binding.bound is True:
            yield channel, binding


def _agent(binding: Binding) -> str:
    return binding.agent_name or binding.agent_uuid or UNKNOWN


def _limits(trunk: Trunk) -> Iterator[str]:
    for name, service in zip(SERVICES, trunk.services, strict=True):
        if service.channel_limit is not None and service.enabled is not False:
            yield f"{name} {number(service.channel_limit)}"


def _reasons(listed: ListedTrunk) -> list[str]:
    return [reason.value for reason, applies in listed.judged.reasons if applies]


def _last_agents(listed: ListedTrunk) -> Iterator[str]:
    for entry in listed.lost:
        yield f"{entry.channel}: {entry.agent_name or entry.agent_uuid or UNKNOWN}"


def _remarks(listed: ListedTrunk) -> str:
    return "; ".join(remark.words for remark in listed.remarks)


def _since(listed: ListedTrunk) -> str:
    return "" if listed.since is None else datetime.fromtimestamp(listed.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# The items of a cell; on a terminal they have a line each.
_COLUMNS: Mapping[str, Callable[[ListedTrunk], Iterable[str]]] = {
    "WORKSPACE": lambda listed: [listed.workspace],
    "NUMBER": lambda listed: [listed.judged.trunk.number or listed.judged.trunk.uuid],
    "STATUS": lambda listed: [listed.status],
    "OUT-OF-SERVICE": _reasons,
    "SINCE": lambda listed: filter(None, [_since(listed)]),
    "AGENT": lambda listed: _agents(listed.judged.trunk),
    "LAST-AGENT": _last_agents,
    "BOUND-ON": lambda listed: _bound_on(listed.judged.trunk),
    "LIMITS": lambda listed: _limits(listed.judged.trunk),
    "LOCATION": lambda listed: filter(None, [listed.judged.trunk.location]),
    "REMARKS": lambda listed: filter(None, [_remarks(listed)]),
}
_UNBROKEN = {"NUMBER", "STATUS", "OUT-OF-SERVICE", "SINCE", "BOUND-ON", "LIMITS"}


def csv_rows(collected: Iterable[Collected]) -> Iterator[bytes]:
    """Yield CSV (RFC 4180): a header, and a row for each trunk by workspace and number."""
    writer = csv.writer(_Line())
    for row in (CSV_COLUMNS, *map(_csv_row, all_trunks(collected))):
        yield writer.writerow(row)


class _Line:
    """What csv writes a row to: its result is that of ``writerow``."""

    def write(self, line: str) -> bytes:
        return line.encode()


CSV_COLUMNS = (
    "workspace",
    "number",
    "phone_number_uuid",
    "status",
    "out_of_service",
    "since",
    *(f"{channel}_{part}" for channel in CHANNELS for part in ("bound", "agent", "last_agent")),
    *(f"{service}_{part}" for service in SERVICES for part in ("enabled", "channel_limit")),
    "compliance_status",
    "country_code",
    "location",
    "type",
    "monthly_fee",
    "currency",
    "remarks",
)


def _csv_row(listed: ListedTrunk) -> Iterator[str]:
    trunk = listed.judged.trunk
    last_agents = {entry.channel: entry.agent_name or entry.agent_uuid for entry in listed.lost}
    yield from (listed.workspace, trunk.number, trunk.uuid, listed.status, " ".join(_reasons(listed)), _since(listed))
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        agent = (binding.agent_name or binding.agent_uuid or "") if binding.bound is True else ""
        yield from (_boolean(binding.bound), agent, last_agents.get(channel, ""))
    for service in trunk.services:
        yield from (_boolean(service.enabled), _number(service.channel_limit))
    yield from (trunk.compliance_status, trunk.country_code, trunk.location, trunk.type)
    yield from (_number(trunk.monthly_fee), trunk.currency, _remarks(listed))


def _boolean(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


_FORMATS: Mapping[Format, Callable[[Iterable[Collected]], Iterable[bytes]]] = {
    Format.PROMETHEUS: gauges,
    Format.JSON: document,
    Format.TABLE: table,
    Format.CSV: csv_rows,
}
