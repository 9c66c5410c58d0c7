"""The families about reading the API, one set of series a workspace."""

from exporter.metrics.family import Family, Type

_WORKSPACE = ("workspace",)

UP = Family(name="mihu_up", help="Whether the last poll of the workspace succeeded.", labels=_WORKSPACE)
LAST_SUCCESS = Family(
    name="mihu_last_success_timestamp_seconds",
    help="When a poll last succeeded, in Unix time.",
    labels=_WORKSPACE,
)
LAST_POLL = Family(
    name="mihu_last_poll_timestamp_seconds",
    help="When a poll last ended, in Unix time.",
    labels=_WORKSPACE,
)
POLL_INTERVAL = Family(name="mihu_poll_interval_seconds", help="Configured time between polls.", labels=_WORKSPACE)
MAX_STALENESS = Family(
    name="mihu_max_staleness_seconds",
    help="Configured age beyond which trunk series are no longer exposed.",
    labels=_WORKSPACE,
)
POLLS = Family(name="mihu_polls_total", help="Polls that ended.", labels=_WORKSPACE, type=Type.COUNTER)
POLL_FAILURES = Family(
    name="mihu_poll_failures_total",
    help="Polls that failed, by reason.",
    labels=("workspace", "reason"),
    type=Type.COUNTER,
)
POLL_DURATION = Family(
    name="mihu_poll_duration_seconds",
    help="How long polls took, failed ones too.",
    labels=_WORKSPACE,
    type=Type.HISTOGRAM,
)
POLL_WALKS = Family(
    name="mihu_poll_walks",
    help="Walks through the list that the last successful poll needed.",
    labels=_WORKSPACE,
)
POLL_PAGES = Family(name="mihu_poll_pages", help="Pages of the list in the last successful poll.", labels=_WORKSPACE)
POLL_REUSED_PAGES = Family(
    name="mihu_poll_reused_pages",
    help="Pages that had not changed in the last successful poll.",
    labels=_WORKSPACE,
)
POLL_REPORTED_TRUNKS = Family(
    name="mihu_poll_reported_trunks",
    help="Rows that the API last reported as the list's total in the last successful poll.",
    labels=_WORKSPACE,
)
POLL_DRIFT = Family(
    name="mihu_poll_drift",
    help="Rows by which the last successful poll differs from the reported total.",
    labels=_WORKSPACE,
)
TRUNKS_ADDED = Family(
    name="mihu_trunks_added_total",
    help="Trunks that came between successful polls.",
    labels=_WORKSPACE,
    type=Type.COUNTER,
)
TRUNKS_REMOVED = Family(
    name="mihu_trunks_removed_total",
    help="Trunks that went between successful polls.",
    labels=_WORKSPACE,
    type=Type.COUNTER,
)
API_REQUESTS = Family(
    name="mihu_api_requests_total",
    help="Requests to the API by HTTP status, or error where no whole answer came.",
    labels=("workspace", "code"),
    type=Type.COUNTER,
)
API_REQUEST_DURATION = Family(
    name="mihu_api_request_duration_seconds",
    help="How long requests to the API took, until the last byte.",
    labels=_WORKSPACE,
    type=Type.HISTOGRAM,
)
API_RETRIES = Family(
    name="mihu_api_retries_total",
    help="Requests that were made again, by the reason for it.",
    labels=("workspace", "reason"),
    type=Type.COUNTER,
)
INVALID_FIELDS = Family(
    name="mihu_invalid_fields",
    help="Fields of a wrong type in the current snapshot; each costs its own series alone.",
    labels=("workspace", "field"),
)
INVALID_ITEMS = Family(
    name="mihu_invalid_items",
    help="Rows of the current snapshot that do not tell which trunk they are about.",
    labels=_WORKSPACE,
)
DUPLICATE_ITEMS = Family(
    name="mihu_duplicate_items",
    help="Rows of the current snapshot that were merged into another row's trunk.",
    labels=_WORKSPACE,
)
SERIES = Family(
    name="mihu_series",
    help="Trunk series that are exposed for the workspace, its totals included.",
    labels=_WORKSPACE,
)

READING_FAMILIES = (
    UP,
    LAST_SUCCESS,
    LAST_POLL,
    POLL_INTERVAL,
    MAX_STALENESS,
    POLLS,
    POLL_FAILURES,
    POLL_DURATION,
    POLL_WALKS,
    POLL_PAGES,
    POLL_REUSED_PAGES,
    POLL_REPORTED_TRUNKS,
    POLL_DRIFT,
    TRUNKS_ADDED,
    TRUNKS_REMOVED,
    API_REQUESTS,
    API_REQUEST_DURATION,
    API_RETRIES,
    INVALID_FIELDS,
    INVALID_ITEMS,
    DUPLICATE_ITEMS,
    SERIES,
)
