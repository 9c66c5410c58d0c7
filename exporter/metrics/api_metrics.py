"""The families about reading the API of one workspace: counted with prometheus_client, rendered when a poll ends."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.api.errors import Reason
from exporter.config.settings import Workspace
from exporter.metrics.family import Counted, Family
from exporter.metrics.gzip_segments import Segment
from exporter.trunks.changes import Kind

_POLL_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 300.0)
_REQUEST_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# Decided by the clock at the scrape.
DATA_STALE = Family(
    name="mihu_data_stale",
    help="Whether no poll has succeeded for max_staleness (1) or one has (0), by the exporter's clock.",
    labels=("workspace",),
)
SERIES = Family(
    name="mihu_series",
    help="Trunk series that are exposed for the workspace, its totals included.",
    labels=("workspace",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """Figures of a successful poll."""

    walks: int
    pages: int
    reused_pages: int  # pages that came in the poll before, too
    reported_trunks: int | None  # the total that the API reported last; None where it reports none
    drift: int  # the number of rows by which the list differs from that total
    invalid_fields: Mapping[str, int]  # the number of each field that could not be read
    invalid_items: int  # rows that name no trunk
    duplicate_items: int  # rows beyond the first of a trunk


class ApiMetrics:
    """Also the Observer of the workspace's API client."""

    def __init__(self, workspace: str) -> None:
        self._name = workspace
        counted = self._counted = Counted("workspace")
        self._up = counted.gauge("mihu_up", "Whether the last poll of the workspace succeeded.")
        self._last_success = counted.gauge(
            "mihu_last_success_timestamp_seconds", "When a poll last succeeded, in Unix time."
        )
        self._last_poll = counted.gauge("mihu_last_poll_timestamp_seconds", "When a poll last ended, in Unix time.")
        self._poll_interval = counted.gauge("mihu_poll_interval_seconds", "Configured time between polls.")
        self._max_staleness = counted.gauge(
            "mihu_max_staleness_seconds", "Configured age beyond which trunk series are no longer exposed."
        )
        self._polls = counted.counter("mihu_polls_total", "Polls that ended.")
        self._failures = counted.counter("mihu_poll_failures_total", "Polls that failed, by reason.", "reason")
        self._poll_duration = counted.histogram(
            "mihu_poll_duration_seconds", "How long polls took, failed ones too.", _POLL_BUCKETS
        )
        self._walks = counted.gauge("mihu_poll_walks", "Walks through the list that the last successful poll needed.")
        self._pages = counted.gauge("mihu_poll_pages", "Pages of the list in the last successful poll.")
        self._reused_pages = counted.gauge(
            "mihu_poll_reused_pages", "Pages that had not changed in the last successful poll."
        )
        self._reported = counted.gauge(
            "mihu_poll_reported_trunks",
            "Rows that the API last reported as the list's total in the last successful poll.",
        )
        self._drift = counted.gauge(
            "mihu_poll_drift", "Rows by which the last successful poll differs from the reported total."
        )
        self._added = counted.counter("mihu_trunks_added_total", "Trunks that came between successful polls.")
        self._removed = counted.counter("mihu_trunks_removed_total", "Trunks that went between successful polls.")
        self._changes = counted.counter(
            "mihu_trunk_changes_total", "Changes of trunks between successful polls, by kind.", "change"
        )
        self._requests = counted.counter(
            "mihu_api_requests_total",
            "Requests to the API by HTTP status, or error where no whole answer came.",
            "code",
        )
        self._request_duration = counted.histogram(
            "mihu_api_request_duration_seconds",
            "How long requests to the API took, until the last byte.",
            _REQUEST_BUCKETS,
        )
        self._retries = counted.counter(
            "mihu_api_retries_total", "Requests that were made again, by the reason for it.", "reason"
        )
        self._invalid_fields = counted.gauge(
            "mihu_invalid_fields",
            "Fields of a wrong type in the current snapshot; each costs only its own series.",
            "field",
        )
        self._invalid_items = counted.gauge(
            "mihu_invalid_items", "Rows of the current snapshot that do not tell which trunk they are about."
        )
        self._duplicate_items = counted.gauge(
            "mihu_duplicate_items", "Rows of the current snapshot that were merged into another row's trunk."
        )
        for metric in (self._polls, self._poll_duration, self._request_duration, self._added, self._removed):
            metric.labels(workspace)  # they start at 0, so that the first increase can be seen
        for reason in Reason:
            self._failures.labels(workspace, reason)
            self._retries.labels(workspace, reason)
        for kind in Kind:
            self._changes.labels(workspace, kind)

    @property
    def families(self) -> Iterable[Family]:
        return self._counted.families

    def configure(self, workspace: Workspace) -> None:
        self._poll_interval.labels(self._name).set(workspace.poll_interval)
        self._max_staleness.labels(self._name).set(workspace.max_staleness)

    def requested(self, code: str, seconds: float) -> None:
        self._requests.labels(self._name, code).inc()
        self._request_duration.labels(self._name).observe(seconds)

    def retried(self, reason: Reason) -> None:
        self._retries.labels(self._name, reason).inc()

    def failed(self, reason: Reason, *, seconds: float, now: float) -> None:
        self._ended(seconds, now)
        self._up.labels(self._name).set(0)
        self._failures.labels(self._name, reason).inc()

    def succeeded(self, result: PollResult, changes: Counter[Kind], *, seconds: float, now: float) -> None:
        self._ended(seconds, now)
        self._up.labels(self._name).set(1)
        self._last_success.labels(self._name).set(now)
        self._walks.labels(self._name).set(result.walks)
        self._pages.labels(self._name).set(result.pages)
        self._reused_pages.labels(self._name).set(result.reused_pages)
        self._drift.labels(self._name).set(result.drift)
        self._invalid_items.labels(self._name).set(result.invalid_items)
        self._duplicate_items.labels(self._name).set(result.duplicate_items)
        self._reported.clear()
        if result.reported_trunks is not None:
            self._reported.labels(self._name).set(result.reported_trunks)
        self._invalid_fields.clear()
        for field, count in sorted(result.invalid_fields.items()):
            self._invalid_fields.labels(self._name, field).set(count)
        for kind, count in changes.items():
            self._changes.labels(self._name, kind).inc(count)
        self._added.labels(self._name).inc(changes[Kind.ADDED])
        self._removed.labels(self._name).inc(changes[Kind.REMOVED])

    def render(self) -> Mapping[str, Segment]:
        """Return the current series, by family."""
        return self._counted.render()

    def _ended(self, seconds: float, now: float) -> None:
        self._polls.labels(self._name).inc()
        self._poll_duration.labels(self._name).observe(seconds)
        self._last_poll.labels(self._name).set(now)
