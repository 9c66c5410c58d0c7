"""The catalogue: every family, in the order in which it is exposed."""

from exporter.metrics.api_metrics import API_FAMILIES, DATA_STALE, SERIES
from exporter.metrics.exporter_metrics import EXPORTER_FAMILIES
from exporter.metrics.family import Family
from exporter.metrics.trunk_families import MEMORY_FAMILIES, TRUNK_FAMILIES
from exporter.metrics.workspace_families import MEMORY_TOTALS, WORKSPACE_FAMILIES

SECTIONS: tuple[tuple[str, tuple[Family, ...]], ...] = (
    ("Per workspace", (*WORKSPACE_FAMILIES, *MEMORY_TOTALS)),
    ("Per trunk", (*TRUNK_FAMILIES, *MEMORY_FAMILIES)),
    ("Reading the API", (DATA_STALE, *API_FAMILIES, SERIES)),
    ("The exporter itself", EXPORTER_FAMILIES),
)

# Those that the configuration may deny.
TRUNK_FAMILY_NAMES = [family.name for family in (*TRUNK_FAMILIES, *MEMORY_FAMILIES)]

# The families of workspaces; those of the exporter itself are rendered at the scrape.
SHOWN_FAMILIES: tuple[Family, ...] = tuple(family for _, families in SECTIONS[:-1] for family in families)

CATALOGUE: tuple[Family, ...] = (*SHOWN_FAMILIES, *EXPORTER_FAMILIES)
