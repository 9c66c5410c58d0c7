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

_INTRODUCTION = """\
# Faults

What becomes of each fault of the simulated API, as the tests have it. Try one yourself: `mihu-trunk-exporter simulate
--fault reset=0.1` strikes one request in ten, `--fault list` names all. Pages and rows that move or come twice need
more than one page: `--trunks 300`. Refused connections and bad certificates are not among them.

When the poll fails, `mihu_up` is 0, the last good data stays to the last series, one failure counter moves, and the
log has one line.
"""


def markdown() -> str:
    failing = "".join(
        f"| {row.when} | `{row.reason.value}` | `{row.code}` | {_tries(row)} | {row.remedy} |\n" for row in FAILING
    )
    survived = "".join(f"| {row.when} | {row.shows} |\n" for row in SURVIVED)
    return (
        f"{_INTRODUCTION}\n"
        "| when | `mihu_poll_failures_total{reason}` | `mihu_api_requests_total{code}` | tried | the log says |\n"
        "|---|---|---|---|---|\n"
        f"{failing}\n"
        "| when | you see |\n"
        "|---|---|\n"
        f"{survived}"
    )


def _tries(row: Failing) -> str:
    if row.reason is Reason.INCOMPLETE:
        return "3 walks"
    if row.requests is None:
        return "until `poll_timeout`"
    return f"{MAX_ATTEMPTS} times" if row.retries else "once"


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - what it is run for
