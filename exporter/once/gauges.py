"""The Prometheus format for node_exporter's textfile collector."""

from collections.abc import Iterable, Iterator

from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exposition import exposed
from exporter.metrics.family import Type
from exporter.metrics.gzip_segments import inflated_parts
from exporter.metrics.text import PROMETHEUS
from exporter.once.collecting import Collected

# A counter or a histogram of a single poll would tell nothing, and start anew with the next.
_FAMILIES = tuple(family for family in SHOWN_FAMILIES if family.type is Type.GAUGE)


def gauges(collected: Iterable[Collected]) -> Iterator[bytes]:
    """Yield the gauges about the workspaces, as text."""
    shown = [segments for one in collected for segments in one.shown]
    return inflated_parts(exposed(_FAMILIES, shown, PROMETHEUS))
