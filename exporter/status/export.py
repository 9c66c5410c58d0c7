"""Writes the trunks that a lookup finds as CSV and as JSON, in parts."""

import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice

from exporter.documents import to_json
from exporter.status.lookup import Entry, Found

_PART = 500  # trunks
_COLUMNS = (
    *("workspace", "number", "uuid", "status", "out_of_service", "reasons", "why", "since"),
    *("agents", "last_agents", "channel_limits", "country", "location", "type"),
)
# What a spreadsheet takes for a formula, unless it is a phone number.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d*]*$)")


def csv_parts(found: Found) -> Iterator[bytes]:
    """Yield CSV with a header (RFC 4180); a text that a spreadsheet would compute has an apostrophe in front."""
    yield _lines([_COLUMNS])
    entries = found.entries()
    while part := list(islice(entries, _PART)):
        yield _lines(map(_cells, part))


def json_parts(found: Found) -> Iterator[bytes]:
    yield b'{"total":%d,"trunks":[' % found.total
    entries, separator = found.entries(), b""
    while part := list(islice(entries, _PART)):
        yield separator + to_json(part)[1:-1]
        separator = b","
    yield b"]}"


def _cells(entry: Entry) -> list[str]:
    cells = (
        entry.workspace,
        entry.number,
        entry.phone_number_uuid,
        entry.status,
        "true" if entry.out_of_service else "false",
        " ".join(entry.reasons),
        "; ".join(entry.remarks),
        "" if entry.since is None else f"{entry.since:.0f}",
        "; ".join(f"{channel}: {agent}" for channel, agent in entry.agents.items()),
        "; ".join(f"{channel}: {agent}" for channel, agent in entry.last_agents.items()),
        "; ".join(f"{service}: {limit:g}" for service, limit in entry.channel_limits.items()),
        entry.country_code,
        entry.location,
        entry.type,
    )
    return [f"'{cell}" if _FORMULA.match(cell) else cell for cell in (cell or "" for cell in cells)]


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
