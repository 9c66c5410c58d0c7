"""A trunk as people and their scripts see it, its number and agents as the configuration lets them be seen.

It is described as JSON, where times are Unix seconds and what is not known is null, and as CSV (RFC 4180).
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from exporter.metrics.text import number
from exporter.trunks.memory import Lost
from exporter.trunks.out_of_service import Concern, Judged, unbound_channels
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, SERVICES, UNKNOWN


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    workspace: str
    phone_number_uuid: str | None
    number: str | None
    country_code: str | None
    location: str | None
    type: str | None
    status: str | None
    out_of_service: bool
    being_set_up: bool  # its status says that it waits; it is out of service for no reason meanwhile
    reasons: list[Concern]  # why it is out of service
    concerns: list[Concern]  # the kinds of the remarks, in the same order
    remarks: list[str]  # the faults to be looked at, in words, in the order of harm
    since: float | None  # when the worst of it was first seen
    since_or_earlier: bool  # whether it was so when polling began, perhaps for long
    purchased_at: float | None
    agents: Mapping[str, str]  # by the channel on which they are bound
    last_agents: Mapping[str, str]  # by the channel that is lost
    channel_limits: Mapping[str, float]  # by the service that is not disabled


class ListedTrunk(NamedTuple):
    line: str
    entry: Entry
    judged: Judged  # of one that is gone, what was known when it was last seen, but for its bindings
    lost: tuple[Lost, ...]

    def described(self) -> Mapping[str, object]:
        """Describe it in full, as JSON has it."""
        entry, trunk = self.entry, self.judged.trunk
        return {
            **msgspec.structs.asdict(entry),
            "source": trunk.source or None,
            "is_external": trunk.is_external,
            "compliance": {"status": trunk.compliance_status or None, "requirements": trunk.compliance_requirements},
            "capabilities": dict(zip(CAPABILITIES, trunk.capabilities, strict=True)),
            "bindings": {
                channel: {
                    "bound": binding.bound if isinstance(binding.bound, bool) else None,
                    "agent_uuid": binding.agent_uuid or None,
                    "agent_name": binding.agent_name or None,
                }
                for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
            },
            "expected_channels": self.judged.expected,
            "unbound_channels": unbound_channels(self.judged.bound, self.judged.expected),
            "services": {
                name: {
                    "enabled": service.enabled,
                    "channel_limit": exact_number(service.channel_limit),
                    "whitelisted_destinations": service.destinations,
                }
                for name, service in zip(SERVICES, trunk.services, strict=True)
            },
            "monthly_fee": exact_number(trunk.monthly_fee),
            "currency": trunk.currency or None,
            "updated_at": exact_number(trunk.updated),
            "out_of_service_since": entry.since if entry.out_of_service else None,
            "lost": [
                {
                    "channel": lost.channel,
                    "agent_uuid": lost.agent_uuid or None,
                    "agent_name": lost.agent_name or None,
                    "since": exact_number(lost.since),
                }
                for lost in self.lost
            ],
        }


def exact_number(amount: float | Decimal | None) -> float | None:
    """Return a number as JSON should have it: without a fraction where that is 0."""
    if amount is None:
        return None
    as_float = float(amount)
    return int(as_float) if as_float.is_integer() else as_float


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
_FIRST_TIME, _LAST_TIME = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999, in Unix time
# Where a spreadsheet sees a formula, and not a phone number or a number: at the start of a cell, which a semicolon ends
# where a comma is in numbers. Full-width signs count, too.
_FORMULA = re.compile(r"(?!^[+-][\d*.]*$)(^|;)([=@+＝＠＋－-])")  # noqa: RUF001 - see above


def csv_line(cells: Iterable[str]) -> bytes:
    """Return a line; a text that a spreadsheet would compute has an apostrophe in front."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(
        [_FORMULA.sub(r"\1'\2", cell) if ";" in cell or _FORMULA.match(cell) else cell for cell in cells]
    )
    return line.getvalue().encode()


def csv_row(listed: ListedTrunk) -> bytes:
    entry, trunk = listed.entry, listed.judged.trunk
    last_agents = {lost.channel: lost.agent_name or lost.agent_uuid for lost in listed.lost}
    cells = [entry.workspace, trunk.number, trunk.uuid, trunk.status or UNKNOWN, " ".join(entry.reasons)]
    cells.append(timestamp(entry.since))
    for channel, binding in zip(CHANNELS, trunk.bindings, strict=True):
        agent = (binding.agent_name or binding.agent_uuid) if binding.bound is True else ""
        cells += _boolean(binding.bound), agent, last_agents.get(channel, "")
    for service in trunk.services:
        cells += _boolean(service.enabled), _number(service.channel_limit)
    cells += trunk.compliance_status, trunk.country_code, trunk.location, trunk.type
    cells += _number(trunk.monthly_fee), trunk.currency, "; ".join(entry.remarks)
    return csv_line(cells)


def timestamp(time: float | None) -> str:
    """Return a time as ISO 8601 has it; in a zone far from UTC, the first or last day may be beyond what Python has."""
    if time is None:
        return ""
    shown = datetime.fromtimestamp(min(max(time, _FIRST_TIME), _LAST_TIME), UTC)
    return shown.isoformat(timespec="seconds").replace("+00:00", "Z")


def _boolean(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def _number(value: float | None) -> str:
    return "" if value is None else number(value)
