"""The families about reading the API of one workspace: counted with prometheus_client, rendered when a poll ends."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.api.errors import Reason
from exporter.config.settings import Workspace
from exporter.metrics.family import Family, Registry, Type
from exporter.trunks.changes import ChangeKind

_BUCKETS = {
    "mihu_poll_duration_seconds": (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 300.0),
    "mihu_api_request_duration_seconds": (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
}
# The name, the help and the family's own label of each.
_DECLARED: tuple[tuple[str, ...], ...] = (
    ("mihu_up", "Whether the last poll of the workspace succeeded."),
    ("mihu_last_success_timestamp_seconds", "When a poll last succeeded, in Unix time."),
    ("mihu_last_poll_timestamp_seconds", "When a poll last ended, in Unix time."),
    ("mihu_poll_interval_seconds", "Configured time between polls."),
    ("mihu_max_staleness_seconds", "Configured age beyond which trunk series are no longer exposed."),
    ("mihu_polls_total", "Polls that ended."),
    ("mihu_poll_failures_total", "Polls that failed, by reason.", "reason"),
    ("mihu_poll_duration_seconds", "How long polls took, failed ones too."),
    ("mihu_poll_walks", "Walks through the list that the last successful poll needed."),
    ("mihu_poll_pages", "Pages of the list in the last successful poll."),
    ("mihu_poll_reused_pages", "Pages that had not changed in the last successful poll."),
    ("mihu_poll_reported_trunks", "Rows that the API last reported as the list's total in the last successful poll."),
    ("mihu_poll_drift", "Rows by which the last successful poll differs from the reported total."),
    ("mihu_trunks_added_total", "Trunks that came between successful polls."),
    ("mihu_trunks_removed_total", "Trunks that went between successful polls."),
    ("mihu_trunk_changes_total", "Changes of trunks between successful polls, by kind.", "change"),
    ("mihu_api_requests_total", "Requests to the API by HTTP status, or error where no whole answer came.", "code"),
    ("mihu_api_request_duration_seconds", "How long requests to the API took, until the last byte."),
    ("mihu_api_retries_total", "Requests that were made again, by the reason for it.", "reason"),
    ("mihu_invalid_fields", "Fields of a wrong type in the current snapshot; each costs only its own series.", "field"),
    ("mihu_invalid_items", "Rows of the current snapshot that do not tell which trunk they are about."),
    ("mihu_duplicate_items", "Rows of the current snapshot that were merged into another row's trunk."),
)
API_FAMILIES = tuple(
    Family(name, help_, ("workspace", *own_labels), _BUCKETS.get(name, ())) for name, help_, *own_labels in _DECLARED
)

# Decided by the clock at the scrape.
DATA_STALE = Family(
    "mihu_data_stale",
    "Whether no poll has succeeded for max_staleness (1) or one has (0), by the exporter's clock.",
    ("workspace",),
)
SERIES = Family("mihu_series", "Trunk series that are exposed for the workspace, its totals included.", ("workspace",))


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


class ApiMetrics(Registry):
    """Also the Observer of the workspace's API client."""

    def __init__(self, workspace: str) -> None:
        super().__init__(API_FAMILIES, workspace)
        for family in API_FAMILIES:
            if family.type is not Type.GAUGE and family.labels == ("workspace",):
                self.metric(family.name)  # it starts at 0, so that the first increase can be seen
        for reason in Reason:
            self.metric("mihu_poll_failures_total", reason)
            self.metric("mihu_api_retries_total", reason)
        for kind in ChangeKind:
            self.metric("mihu_trunk_changes_total", kind)

    def configure(self, workspace: Workspace) -> None:
        self.metric("mihu_poll_interval_seconds").set(workspace.poll_interval)
        self.metric("mihu_max_staleness_seconds").set(workspace.max_staleness)

    def requested(self, code: str, seconds: float) -> None:
        self.metric("mihu_api_requests_total", code).inc()
        self.metric("mihu_api_request_duration_seconds").observe(seconds)

    def retried(self, reason: Reason) -> None:
        self.metric("mihu_api_retries_total", reason).inc()

    def failed(self, reason: Reason, *, seconds: float, now: float) -> None:
        self._ended(seconds, now)
        self.metric("mihu_up").set(0)
        self.metric("mihu_poll_failures_total", reason).inc()

    def succeeded(self, result: PollResult, changes: Counter[ChangeKind], *, seconds: float, now: float) -> None:
        self._ended(seconds, now)
        self.metric("mihu_up").set(1)
        self.metric("mihu_last_success_timestamp_seconds").set(now)
        self.metric("mihu_poll_walks").set(result.walks)
        self.metric("mihu_poll_pages").set(result.pages)
        self.metric("mihu_poll_reused_pages").set(result.reused_pages)
        self.metric("mihu_poll_drift").set(result.drift)
        self.metric("mihu_invalid_items").set(result.invalid_items)
        self.metric("mihu_duplicate_items").set(result.duplicate_items)
        self.metrics["mihu_poll_reported_trunks"].clear()
        if result.reported_trunks is not None:
            self.metric("mihu_poll_reported_trunks").set(result.reported_trunks)
        self.metrics["mihu_invalid_fields"].clear()
        for field, count in sorted(result.invalid_fields.items()):
            self.metric("mihu_invalid_fields", field).set(count)
        for kind, count in changes.items():
            self.metric("mihu_trunk_changes_total", kind).inc(count)
        self.metric("mihu_trunks_added_total").inc(changes[ChangeKind.ADDED])
        self.metric("mihu_trunks_removed_total").inc(changes[ChangeKind.REMOVED])

    def _ended(self, seconds: float, now: float) -> None:
        self.metric("mihu_polls_total").inc()
        self.metric("mihu_poll_duration_seconds").observe(seconds)
        self.metric("mihu_last_poll_timestamp_seconds").set(now)
