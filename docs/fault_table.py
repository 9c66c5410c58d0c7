"""Writes faults.md from the table of the tests; ``make reference`` runs it.

With --check nothing is written, and the exit code is 1 where the page is out of date.
"""
# ruff: noqa: INP001 - a script, not a package

import sys
from pathlib import Path

from faults.matrix import FAILING, SURVIVED, Failing

from exporter.api.errors import Reason
from exporter.api.throttle import MAX_ATTEMPTS

PAGE = Path(__file__).with_name("faults.md")

_INTRODUCTION = """\
# Faults

What each fault of the simulated API leads to, as the tests check it. Try one yourself: a tenth of the requests fail
with `mihu-trunk-exporter simulate --fault reset=0.1`, and `--fault list` prints all names. Pages and rows that move
or come twice need more than one page: `--trunks 300`. Refused connections and bad certificates cannot be simulated.

If the poll fails, `mihu_up` is 0, all series of the last good poll stay, one failure counter is incremented, and the
log has one line.
"""


def main(*, check: bool) -> int:
    new = markdown()
    if check and new != PAGE.read_text(encoding="utf-8"):
        sys.stderr.write("docs/faults.md is out of date; run make reference\n")
        return 1
    PAGE.write_text(new, encoding="utf-8")
    return 0


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
    sys.exit(main(check="--check" in sys.argv[1:]))
