"""How reading one workspace goes: counted with prometheus_client, rendered when a poll ends."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

from exporter.config.settings import Workspace
from exporter.metrics import reading_families as families
from exporter.metrics.family import Family
from exporter.metrics.library import sample_lines
from exporter.metrics.segment import Segment, compress
from exporter.mihu.faults import Reason
from exporter.polling.snapshot import Snapshot

_POLL_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 300.0)
_REQUEST_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Readings:
    """Counts one workspace's polls and requests; the Observer of its client."""

    def __init__(self, workspace: Workspace) -> None:
        self._name = workspace.name
        self._metrics: dict[str, Gauge | Counter | Histogram] = {}
        self._up = self._gauge(families.UP)
        self._last_success = self._gauge(families.LAST_SUCCESS)
        self._last_poll = self._gauge(families.LAST_POLL)
        self._poll_interval = self._gauge(families.POLL_INTERVAL)
        self._max_staleness = self._gauge(families.MAX_STALENESS)
        self._polls = self._counter(families.POLLS)
        self._failures = self._counter(families.POLL_FAILURES)
        self._poll_duration = self._histogram(families.POLL_DURATION, _POLL_BUCKETS)
        self._walks = self._gauge(families.POLL_WALKS)
        self._pages = self._gauge(families.POLL_PAGES)
        self._reused_pages = self._gauge(families.POLL_REUSED_PAGES)
        self._reported = self._gauge(families.POLL_REPORTED_TRUNKS)
        self._drift = self._gauge(families.POLL_DRIFT)
        self._added = self._counter(families.TRUNKS_ADDED)
        self._removed = self._counter(families.TRUNKS_REMOVED)
        self._requests = self._counter(families.API_REQUESTS)
        self._request_duration = self._histogram(families.API_REQUEST_DURATION, _REQUEST_BUCKETS)
        self._retries = self._counter(families.API_RETRIES)
        self._invalid_fields = self._gauge(families.INVALID_FIELDS)
        self._invalid_items = self._gauge(families.INVALID_ITEMS)
        self._duplicate_items = self._gauge(families.DUPLICATE_ITEMS)
        self.configure(workspace)
        for metric in (self._polls, self._poll_duration, self._request_duration, self._added, self._removed):
            metric.labels(self._name)  # they start at 0, so that the first increase can be seen
        for reason in Reason:
            self._failures.labels(self._name, reason)
            self._retries.labels(self._name, reason)

    def configure(self, workspace: Workspace) -> None:
        """Show the settings that alerts read instead of constants."""
        self._poll_interval.labels(self._name).set(workspace.poll_interval)
        self._max_staleness.labels(self._name).set(workspace.max_staleness)

    def requested(self, code: str, seconds: float) -> None:
        """Count one request to the API."""
        self._requests.labels(self._name, code).inc()
        self._request_duration.labels(self._name).observe(seconds)

    def retried(self, reason: Reason) -> None:
        """Count one request that is made again."""
        self._retries.labels(self._name, reason).inc()

    def failed(self, reason: Reason, *, seconds: float, now: float) -> None:
        """Count a poll that failed after some seconds; ``now`` is Unix time."""
        self._ended(seconds, now)
        self._up.labels(self._name).set(0)
        self._failures.labels(self._name, reason).inc()

    def succeeded(self, snapshot: Snapshot, *, seconds: float, now: float) -> None:
        """Count a poll that succeeded after some seconds; ``now`` is Unix time."""
        self._ended(seconds, now)
        self._up.labels(self._name).set(1)
        self._last_success.labels(self._name).set(now)
        self._walks.labels(self._name).set(snapshot.walks)
        self._pages.labels(self._name).set(snapshot.listed_pages)
        self._reused_pages.labels(self._name).set(snapshot.reused_pages)
        self._drift.labels(self._name).set(snapshot.drift)
        self._added.labels(self._name).inc(snapshot.added)
        self._removed.labels(self._name).inc(snapshot.removed)
        self._invalid_items.labels(self._name).set(snapshot.invalid_items)
        self._duplicate_items.labels(self._name).set(snapshot.duplicate_items)
        self._reported.clear()
        if snapshot.reported is not None:
            self._reported.labels(self._name).set(snapshot.reported)
        self._invalid_fields.clear()
        for field, count in sorted(snapshot.invalid_fields.items()):
            self._invalid_fields.labels(self._name, field).set(count)

    def render(self) -> Mapping[str, tuple[Segment, ...]]:
        """Return the series as they are now, by family."""
        return {name: (compress("".join(sample_lines(metric.collect()))),) for name, metric in self._metrics.items()}

    def _ended(self, seconds: float, now: float) -> None:
        self._polls.labels(self._name).inc()
        self._poll_duration.labels(self._name).observe(seconds)
        self._last_poll.labels(self._name).set(now)

    def _gauge(self, family: Family) -> Gauge:
        gauge = Gauge(family.name, family.help, family.labels, registry=None)
        self._metrics[family.name] = gauge
        return gauge

    def _counter(self, family: Family) -> Counter:
        counter = Counter(family.name, family.help, family.labels, registry=None)
        self._metrics[family.name] = counter
        return counter

    def _histogram(self, family: Family, buckets: tuple[float, ...]) -> Histogram:
        histogram = Histogram(family.name, family.help, family.labels, registry=None, buckets=buckets)
        self._metrics[family.name] = histogram
        return histogram
