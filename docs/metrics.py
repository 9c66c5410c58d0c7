"""Writes metrics.md beside this script from the catalogue; ``make reference`` runs it.

With --check nothing is written, and the exit code is 1 where it is out of date.
"""
# ruff: noqa: INP001 - a script, not a package

import sys
from collections.abc import Sequence
from pathlib import Path

from exporter.metrics.catalogue import SECTIONS
from exporter.metrics.family import Family, Type
from exporter.metrics.trunk_families import IDENTITY

_INTRODUCTION = """\
# Metrics

`T` stands for the labels that identify a trunk: `workspace`, `phone_number_uuid`, `number`. A join always uses all of
them. All families are gauges unless a type is given. What the API leaves out has no series. Besides these, there are
prometheus_client's `process_*` and `python_*`.

A trunk is **unbound** if a channel is expected on it and not bound. Without `expect` in the configuration, calls are
expected on every trunk, unless both its voice and its inbound service are disabled, or it is bound only on WhatsApp.
It is **out of service** for a `reason`: it is `unbound`, its status is `not_active`, or it is `blocked` by services
that are disabled or have a channel limit of 0. A channel that was bound and is not, while nothing else answers the
number, is **lost**; a trunk that was bound and has left the list is **gone**.
"""


def reference() -> str:
    return "\n".join([_INTRODUCTION, *(_section(title, families) for title, families in SECTIONS)])


def _section(title: str, families: Sequence[Family]) -> str:
    rows = "".join(
        f"| `{family.name}` | {_type(family)} | {_labels(family)} | {family.help} |\n" for family in families
    )
    return f"## {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}"


def _type(family: Family) -> str:
    return "" if family.type is Type.GAUGE else family.type


def _labels(family: Family) -> str:
    labels = [f"`{label}`" for label in family.labels]
    if family.labels[: len(IDENTITY)] == IDENTITY:
        labels[: len(IDENTITY)] = ["T"]
    return ", ".join(labels)


def main(*, check: bool) -> int:
    file = Path(__file__).with_suffix(".md")
    if check and file.read_text(encoding="utf-8") != reference():
        sys.stderr.write("docs/metrics.md is out of date; run make reference\n")
        return 1
    file.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
