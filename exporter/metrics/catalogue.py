"""The catalogue: every family, in the order in which it is exposed.

``python -m exporter.metrics.catalogue`` prints docs/metrics.md.
"""

import sys
from collections.abc import Sequence

from exporter.metrics.api_metrics import DATA_STALE, SERIES, ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.family import Family, Type
from exporter.metrics.memory_families import MEMORY_FAMILIES, MEMORY_TOTALS
from exporter.metrics.trunk_families import IDENTITY, TRUNK_FAMILIES
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES

_exporter_metrics = ExporterMetrics()
_exporter_metrics.storage_health(1)

SECTIONS: tuple[tuple[str, tuple[Family, ...]], ...] = (
    ("Per workspace", (*WORKSPACE_FAMILIES, *MEMORY_TOTALS)),
    ("Per trunk", (*TRUNK_FAMILIES, *MEMORY_FAMILIES)),
    ("Reading the API", (DATA_STALE, *ApiMetrics("").families, SERIES)),
    ("The exporter itself", tuple(_exporter_metrics.families)),
)

# Those that the configuration may deny.
TRUNK_FAMILY_NAMES = [family.name for family in (*TRUNK_FAMILIES, *MEMORY_FAMILIES)]

CATALOGUE: tuple[Family, ...] = tuple(family for _, families in SECTIONS for family in families)

# The families of workspaces; those of the exporter itself are rendered at the scrape.
SHOWN_FAMILIES: tuple[Family, ...] = tuple(family for _, families in SECTIONS[:-1] for family in families)

_INTRODUCTION = """\
# Metrics

`T` stands for the labels that identify a trunk: `workspace`, `phone_number_uuid`, `number`. A join always uses all of
them. All families are gauges unless a type is given. What the API leaves out has no series. Beside these there are
prometheus_client's `process_*` and `python_*`.

A trunk is **unbound** where a channel is expected on it and not bound. Without `expect` in the configuration calls
are expected on every trunk, unless both its voice and its inbound service are disabled, or it is bound on WhatsApp
alone. It is **out of service** for a `reason`: it is `unbound`, its status is `not_active`, or it is `blocked` by
services that are disabled or have a channel limit of 0. A channel that was bound and is not, while nothing else
answers the number, is **lost**; a trunk that was bound and left the list is **gone**.
"""


def reference() -> str:
    """Return the metrics reference as Markdown."""
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


if __name__ == "__main__":
    sys.stdout.write(reference())
