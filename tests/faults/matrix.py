"""What the exporter makes of each fault: the table that the tests go by, and that docs/faults.md shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from exporter.api.errors import Reason
from exporter.api.throttle import MAX_ATTEMPTS


class Row(BaseModel, extra="forbid", coerce_numbers_to_str=True):
    fault: str
    when: str  # the fault in words
    settings: Mapping[str, Any] = {}
    listed: int = 30  # trunks


class Failing(Row):
    """A fault that fails the poll, so that the last good data stays."""

    reason: Reason  # of mihu_poll_failures_total
    code: str  # of mihu_api_requests_total
    requests: int | None = 1  # None where the clock decides
    own_remedy: str = ""  # of the line in the log, if it is not the remedy of the reason
    message: str = ""  # part of the line in the log
    max_sent: int | None = None  # bytes that the server can send until the client closes the connection

    @property
    def remedy(self) -> str:
        return self.own_remedy or self.reason.remedy

    @property
    def retries(self) -> int:
        return MAX_ATTEMPTS - 1 if self.requests == MAX_ATTEMPTS else 0


class Survived(Row):
    """A fault that the poll succeeds in spite of."""

    shows: str  # its effect on the metrics, in words
    unchanged: bool = False  # whether all series about the fleet stay as they were
    trunks: int = 30  # that are shown
    requests: int = 3
    invalid_fields: Mapping[str, int] = {}  # all of mihu_invalid_fields
    values: Mapping[str, float] = {}  # gauges without labels of their own


_TABLE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
FAILING = tuple(Failing(fault=fault, **row) for fault, row in _TABLE["failing"].items())
SURVIVED = tuple(Survived(fault=fault, **row) for fault, row in _TABLE["survived"].items())
