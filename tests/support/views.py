"""What a workspace shows, as a poller would leave it, without polling."""

from collections.abc import Iterable

from exporter.config.settings import Metrics
from exporter.metrics.api_metrics import ApiMetrics
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Exposition, View
from exporter.metrics.gzip_segments import Segment, compress
from exporter.metrics.text import labelled
from exporter.mihu.faults import Reason
from support.clock import ManualClock
from support.exposed import segments, workspace


def view(name: str, rows: Iterable[object] = (), *, expires_at: float = 300.0, polled: bool = True) -> View:
    """Return the view of a workspace whose polls succeed now and then."""
    api_metrics = ApiMetrics(name)
    api_metrics.configure(workspace(name))
    api_metrics.requested("200", 0.2)
    api_metrics.failed(Reason.TIMEOUT, seconds=1.5, now=1_700_000_000.0)
    return View(
        workspace=name,
        reading=api_metrics.render(),
        trunks={**segments(list(rows), workspace(name), Metrics()), "mihu_series": _series(name, 99)},
        stale={"mihu_series": _series(name, 0)},
        expires_at=expires_at,
        polled=polled,
    )


def _series(name: str, count: int) -> Segment:
    return compress(f"mihu_series{{{labelled([('workspace', name)])}}} {count}\n")


def exposition(*views: View, clock: ManualClock | None = None) -> Exposition:
    """Return an exposition of some views, by default on a clock that stands still."""
    made = Exposition(ExporterMetrics(), clock or ManualClock())
    for each in views:
        made.show(each)
    return made
