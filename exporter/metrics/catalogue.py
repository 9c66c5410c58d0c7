"""The catalogue: every family, in the order in which it is exposed.

``python -m exporter.metrics.catalogue README.md`` writes the metrics reference of the README.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from exporter.metrics.api_metrics import DATA_STALE, SERIES, ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.family import Family
from exporter.metrics.memory_families import MEMORY_FAMILIES, MEMORY_TOTALS
from exporter.metrics.trunk_families import TRUNK_FAMILIES
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

_BEGIN = "<!-- The metrics reference begins; `make reference` writes it from the catalogue. -->\n"
_END = "<!-- The metrics reference ends. -->\n"


def with_reference(document: str) -> str:
    """Return a Markdown document with its reference written anew.

    Raises:
        ValueError: the document does not say where the reference begins and ends.
    """
    before, begin, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the document has no place for the metrics reference")
    reference = "\n".join(_section(title, families) for title, families in SECTIONS)
    return f"{before}{begin}\n{reference}\n{end}{after}"


def _section(title: str, families: Sequence[Family]) -> str:
    rows = "".join(
        f"| `{family.name}` | {family.type} | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |\n"
        for family in families
    )
    return f"### {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_reference(path.read_text(encoding="utf-8")), encoding="utf-8")
