"""Trunks as CSV (RFC 4180)."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from exporter.listing.description import ListedTrunk
from exporter.metrics.text import number
from exporter.trunks.trunk import CHANNELS, SERVICES, UNKNOWN

COLUMNS = (
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
# What a spreadsheet takes for a formula, unless it is a phone number or a number.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d*.]*$)")
_SIGNS = frozenset("=@\t\r+-")  # few texts begin with one


def header() -> bytes:
    return _line(COLUMNS)


def row(listed: ListedTrunk) -> bytes:
    """Return the line of a trunk; a text that a spreadsheet would compute has an apostrophe in front."""
    return _line(f"'{cell}" if cell[:1] in _SIGNS and _FORMULA.match(cell) else cell for cell in _cells(listed))


def timestamp(time: float | None) -> str:
    return "" if time is None else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cells(listed: ListedTrunk) -> Iterator[str]:
    entry, trunk = listed.entry, listed.judged.trunk
    last_agents = {lost.channel: lost.agent_name or lost.agent_uuid for lost in listed.lost}
    yield from (entry.workspace, trunk.number, trunk.uuid, trunk.status or UNKNOWN, " ".join(entry.reasons))
    yield timestamp(entry.since)
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        agent = (binding.agent_name or binding.agent_uuid or "") if binding.bound is True else ""
        yield from (_boolean(binding.bound), agent, last_agents.get(channel, ""))
    for service in trunk.services:
        yield from (_boolean(service.enabled), _number(service.channel_limit))
    yield from (trunk.compliance_status, trunk.country_code, trunk.location, trunk.type)
    yield from (_number(trunk.monthly_fee), trunk.currency, "; ".join(entry.remarks))


def _boolean(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
