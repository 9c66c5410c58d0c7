"""The queries that dashboards share.

Every replica of the exporter exposes the same trunks. So whatever is added up is first reduced to one series for
each identity, by ``max``, or by ``min`` where it is a time since when something lasts.
"""

from collections.abc import Callable

WORKSPACES = 'job=~"$job", workspace=~"$workspace"'
EXPORTERS = 'job=~"$job"'
IDENTITY = ("workspace", "phone_number_uuid", "number")
_IDENTITY = ", ".join(IDENTITY)

# As `statuses` has them by default, and as the rules have them.
PENDING = 'status=~"(?i).*(pending|process|progress|provision|porting|review|submitted|waiting|requested).*"'
NOT_COMPLIANT = 'status!~"(?i)complete(d)?|approved|verified|not[_-]?(required|applicable)|exempt"'

UNKNOWN_VALUE = -1

Select = Callable[..., str]  # of a family, matchers, and labels that are kept: ``trunks`` and its likes


def fleet(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return a workspace's family, one series for each workspace and label in ``by``."""
    return f"max by ({', '.join(('workspace', *by))}) ({metric}{{{', '.join((WORKSPACES, *matchers))}}})"


def trunks(metric: str, *matchers: str, by: tuple[str, ...] = (), reduce: str = "max") -> str:
    """Return a trunk's family, one series for each trunk and label in ``by``."""
    return f"{reduce} by ({', '.join((*IDENTITY, *by))}) ({metric}{{{', '.join((WORKSPACES, *matchers))}}})"


def of_process(metric: str) -> str:
    """Return what exporters' processes say of themselves; a job whose textfiles ``once`` writes has others, too."""
    return f"({metric}{{{EXPORTERS}}} and on (job, instance) mihu_exporter_build_info{{{EXPORTERS}}})"


def reasons(select: Select) -> str:
    """Return why trunks are out of service, each reason with a value of its own, that add up."""
    family = "mihu_trunk_out_of_service"
    weights = {"unbound": "", "not_active": " * 2", "blocked": " * 4"}
    return "\n  or ".join(
        select(family, f'reason="{reason}"', by=("reason",)) + weight for reason, weight in weights.items()
    )


REASONS = {  # sums of the values above
    1: "no agent",
    2: "not active",
    3: "no agent, not active",
    4: "blocked",
    5: "no agent, blocked",
    6: "not active, blocked",
    7: "no agent, not active, blocked",
}


def named(expression: str) -> str:
    """Give series a label that names their agent as well as possible."""
    by_uuid = f'label_replace({expression}, "agent", "$1", "agent_uuid", "(.*)")'
    return f'label_replace({by_uuid}, "agent", "$1", "agent_name", "(.+)")'


def what(text: str, label: str, expression: str) -> str:
    """Give series a label that says what happened; $1 in the text stands for the value of ``label``."""
    return f'label_replace({expression}, "what", "{text}", "{label}", "(.*)")'


def remembered(select: Select, *identity: str) -> str:
    """Return since when something is lost, gone or disabled, by ``what`` and ``agent``."""
    agents = ("channel", "agent_uuid", "agent_name")
    lost = named(select("mihu_trunk_channel_lost_timestamp_seconds", by=agents, reduce="min"))
    gone = select("mihu_trunk_gone_timestamp_seconds", reduce="min")
    disabled = select("mihu_trunk_service_disabled_timestamp_seconds", by=("carrier_service",), reduce="min")
    found = (
        what("lost on $1", "channel", lost),
        what("gone", "", gone),
        what("$1 disabled", "carrier_service", disabled),
    )
    kept = ", ".join((*identity, "what", "agent"))
    return "\n  or ".join(f"min by ({kept}) ({each})" for each in found)


def too_old(age: str, max_staleness: str) -> str:
    """Return the age of a textfile that `once` no longer writes, from when on the alert MihuDataStale has it so."""
    return f"{age} > {max_staleness} + 900"


AGE = f"time() - {fleet('mihu_last_success_timestamp_seconds')}"

# Exists exactly while the workspace's data are fresh.
_TOO_OLD = too_old(AGE, f"on (workspace) {fleet('mihu_max_staleness_seconds')}")
OUT = f"({fleet('mihu_trunks_out_of_service')} unless on (workspace) {_TOO_OLD})"
CONFIGURED = fleet("mihu_poll_interval_seconds")  # exists as long as the exporter runs
NOT_FRESH = f"sum(0 * {OUT} or on (workspace) 0 * {CONFIGURED} + 1)"
OUT_BY_WORKSPACE = f"{OUT}\nor on (workspace) 0 * {CONFIGURED} + {UNKNOWN_VALUE}"

# For instant queries, since a day is much to look back at for each point of a line: what the targets that are down had.
_UNREAD = (
    f"max by (workspace) (last_over_time(mihu_poll_interval_seconds{{{WORKSPACES}}}[1d])"
    f" and on (job, instance) up{{{EXPORTERS}}} == 0)"
)
NOT_KNOWN = f"sum(0 * {OUT} or on (workspace) 0 * ({CONFIGURED} or {_UNREAD}) + 1)"
OUT_BY_WORKSPACE_NOW = f"{OUT_BY_WORKSPACE}\nor on (workspace) 0 * {_UNREAD} + {UNKNOWN_VALUE}"


def certain(total: str) -> str:
    """Return a total of what ought not to be, which is 0 only where every workspace is known."""
    return f"{total} > 0\nor 0 * ({NOT_KNOWN} > 0) + {UNKNOWN_VALUE}\nor {total}"


SHARE_OF_MAX_AGE = f"({AGE}) / on (workspace) {fleet('mihu_max_staleness_seconds')}"

# The trunks that are out of service for a reason that is chosen.
_REASON = 'reason=~"$reason"'
_CHOSEN = f"on ({_IDENTITY}) (mihu_trunk_out_of_service{{{WORKSPACES}, {_REASON}}} == 1)"
SINCE = f"{trunks('mihu_trunk_out_of_service_timestamp_seconds', reduce='min')}\nand {_CHOSEN}"
WHY = f"sum by ({_IDENTITY}) (\n  {reasons(trunks)}\n) > 0\nand {_CHOSEN}"


def _of_these(expression: str) -> str:
    return f"{expression}\nand {_CHOSEN}"


def _one_agent(metric: str, *matchers: str) -> str:
    # Where agents differ by channel, the one that calls go to.
    by = ("channel", "agent_uuid", "agent_name")
    calls, others = (trunks(metric, channel, *matchers, by=by) for channel in ('channel="call"', 'channel!="call"'))
    found = f"{calls} * 2 or {others}"
    return f"topk by ({_IDENTITY}) (1, max by ({_IDENTITY}, agent) ({named(found)}))"


LAST_AGENT = _of_these(
    f"({_one_agent('mihu_trunk_channel_lost_timestamp_seconds')}\n"
    f"or on ({_IDENTITY}) {_one_agent('mihu_trunk_channel_agent_info')})"
)
STATUS = _of_these(trunks("mihu_trunk_status", by=("status",)))
PLACE = _of_these(trunks("mihu_trunk_info", by=("locality",)))

# The trunks whose number has a text, with who answers: calls, where agents differ by channel. More than a table can
# show are cut off. Grafana escapes the text for a pattern, not for a string in double quotes.
MOST_TRUNKS = 500
_SEARCHED = "number=~`.*${search:regex}.*`"


def _with(label: str, found: str, otherwise: str) -> str:
    nothing = f'label_replace({trunks("mihu_trunk_info", _SEARCHED)}, "{label}", "{otherwise}", "", "")'
    return f"\n* on ({_IDENTITY}) group_left ({label}) ({found}\n  or on ({_IDENTITY}) {nothing})"


ANY_TRUNK = (
    f"topk({MOST_TRUNKS}, {trunks('mihu_trunk_info', _SEARCHED, by=('locality',))})"
    + _with("agent", _one_agent("mihu_trunk_channel_agent_info", _SEARCHED), "nobody")
    + _with("status", f"topk by ({_IDENTITY}) (1, {trunks('mihu_trunk_status', _SEARCHED, by=('status',))})", "unknown")
)

# An alert about the exporter itself has no workspace.
_FIRING = 'alertname=~"Mihu.+", alertstate="firing", workspace=~"$workspace|"'
ALERTS = f"ALERTS{{{_FIRING}}}"


def alerts_by_severity(*labels: str) -> str:
    """Return the alerts that fire, critical ones first."""
    count = f"count by ({', '.join(labels)})"
    critical, warning = (
        f'{count} (ALERTS{{severity="{severity}", {_FIRING}}})' for severity in ("critical", "warning")
    )
    return f"sort_desc(3 * {critical}\nor 2 * {warning}\nor 0 * {count} ({ALERTS}))"


RESTARTS = f"{of_process('process_start_time_seconds')} * 1000"
