"""The queries that dashboards share.

Every replica of the exporter exposes the same trunks. So whatever is added up is first reduced to one series for
each identity, by ``max``; where replicas differ for a moment, the worse value of a trouble wins.
"""

WORKSPACES = 'job=~"$job", workspace=~"$workspace"'
EXPORTERS = 'job=~"$job"'
IDENTITY = ("workspace", "phone_number_uuid", "number")

UNKNOWN_VALUE = -1


def fleet(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return a workspace's family, one series for each workspace and label in ``by``."""
    return f"max by ({', '.join(('workspace', *by))}) ({metric}{{{', '.join((WORKSPACES, *matchers))}}})"


def trunks(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return a trunk's family, one series for each trunk and label in ``by``."""
    return f"max by ({', '.join((*IDENTITY, *by))}) ({metric}{{{', '.join((WORKSPACES, *matchers))}}})"


def of_process(metric: str) -> str:
    """Return what exporters' processes say of themselves; a job whose textfiles ``once`` writes has others, too."""
    return f"({metric}{{{EXPORTERS}}} and on (job, instance) mihu_exporter_build_info{{{EXPORTERS}}})"


def or_zero_if_seen(expression: str) -> str:
    """Return a sum that is 0, not missing, as soon as one fleet is known."""
    return f"({expression}) or (0 * sum({ACTIVE}))"


ACTIVE = fleet("mihu_trunks", 'status="active"')  # exists exactly while the workspace's data is fresh
CONFIGURED = fleet("mihu_poll_interval_seconds")  # exists as long as the exporter runs

# Calls come in, and there is no agent to take them.
UNANSWERED = fleet("mihu_unbound_channels", 'channel="call"')

# An agent is there, but a service that carries calls is enabled with room for none.
_CARRIES_CALLS = 'carrier_service=~"voice|inbound"'
_LIMIT = trunks("mihu_trunk_service_channel_limit", _CARRIES_CALLS, by=("carrier_service",))
_ENABLED = trunks("mihu_trunk_service_enabled", _CARRIES_CALLS, by=("carrier_service",))
_BOUND = trunks("mihu_trunk_channel_bound", 'channel="call"')
REFUSED = f"max by ({', '.join(IDENTITY)}) (\n  {_LIMIT} == 0\n  and {_ENABLED} == 1\n) and {_BOUND} == 1"

LOSING_CALLS = f"sum({UNANSWERED}) + (count({REFUSED}) or vector(0))"

LOSING_CALLS_BY_WORKSPACE = (
    f"({UNANSWERED} + on (workspace) (count by (workspace) ({REFUSED}) or 0 * {UNANSWERED}))\n"
    f"or on (workspace) 0 * {CONFIGURED} + {UNKNOWN_VALUE}"
)

NOT_FRESH = f"sum(0 * {ACTIVE} or on (workspace) 0 * {CONFIGURED} + 1)"

AGE = f"time() - {fleet('mihu_last_success_timestamp_seconds')}"

SHARE_OF_MAX_AGE = f"({AGE}) / on (workspace) {fleet('mihu_max_staleness_seconds')}"

# An alert about the exporter itself has no workspace.
ALERTS = 'ALERTS{alertname=~"Mihu.+", alertstate="firing", workspace=~"$workspace|"}'

RESTARTS = f"{of_process('process_start_time_seconds')} * 1000"
