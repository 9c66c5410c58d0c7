"""What a workspace shows, as a poller would leave it, without polling."""

from collections.abc import Iterable

from exporter.api.errors import Reason
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition, Segments, View
from exporter.metrics.gzip_segments import compress
from exporter.metrics.text import labelled
from exporter.trunks.memory import Memory
from support.clock import ManualClock
from support.exposed import fleet, workspace


def view(name: str, rows: Iterable[object] = (), *, expires_at: float = 300.0) -> View:
    """Return the view of a workspace whose polls succeed now and then."""
    api_metrics = ApiMetrics(name)
    api_metrics.configure(workspace(name))
    api_metrics.requested("200", 0.2)
    api_metrics.failed(Reason.TIMEOUT, seconds=1.5, now=1_700_000_000.0)
    found = fleet(list(rows), workspace(name))
    remembered = found.maker.renderer.memory(Memory())
    return View(
        workspace=name,
        reading=api_metrics.render(),
        trunks={**found.segments, **remembered, **_of_age(name, 0, 99)},
        stale=_of_age(name, 1, 0),
        expires_at=expires_at,
        polled=True,
    )


def _of_age(name: str, stale: int, series: int) -> Segments:
    labels = labelled([("workspace", name)])
    values = {"mihu_data_stale": stale, "mihu_series": series}
    return {family: compress(f"{family}{{{labels}}} {value}\n") for family, value in values.items()}


def exposition(*views: View, clock: ManualClock | None = None) -> Exposition:
    """Return an exposition of some views, by default on a clock that stands still."""
    made = Exposition(ExporterMetrics(), clock or ManualClock())
    for each in views:
        made.show(each)
    return made
