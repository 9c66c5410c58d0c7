"""The catalogue: every family of the exporter, in the order in which it is exposed."""

from exporter.metrics.exporter_families import EXPORTER_FAMILIES
from exporter.metrics.family import Family
from exporter.metrics.reading_families import READING_FAMILIES
from exporter.metrics.trunk_families import TRUNK_FAMILIES
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES

# What views hold; the exporter's own families are rendered when somebody scrapes.
VIEW_FAMILIES: tuple[Family, ...] = (*WORKSPACE_FAMILIES, *TRUNK_FAMILIES, *READING_FAMILIES)

SECTIONS: tuple[tuple[str, tuple[Family, ...]], ...] = (
    ("Per workspace", WORKSPACE_FAMILIES),
    ("Per trunk", TRUNK_FAMILIES),
    ("Reading the API", READING_FAMILIES),
    ("The exporter itself", EXPORTER_FAMILIES),
)

CATALOGUE: tuple[Family, ...] = (*VIEW_FAMILIES, *EXPORTER_FAMILIES)
