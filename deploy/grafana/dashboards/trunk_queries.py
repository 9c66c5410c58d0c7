"""The queries about one trunk, and the codes that they answer with.

The codes are one set for every row of the trunk's story, so that one panel can tell it all.
"""

from deploy.grafana.dashboards.colours import BAD, GOOD, UNKNOWN, WARNING

# Variables with one value each: Grafana does not make a pattern of such a value, and a number has a plus sign.
_WORKSPACE = 'job=~"$job", workspace="$workspace"'
_TRUNK = f'{_WORKSPACE}, phone_number_uuid="$uuid", number="$number"'

_NOTHING_KNOWN = -1
_GONE, _NO_DATA, _LISTED = 0, 1, 2
ACTIVE, PENDING, SUSPENDED, OTHER_STATUS = 10, 11, 12, 13
NOT_BOUND, BOUND, LOST, NO_ROOM = 20, 21, 22, 23
COMPLETED, OPEN, REJECTED, OTHER_COMPLIANCE = 30, 31, 32, 33
STORY = {
    _GONE: ("gone from the list", BAD),
    _NO_DATA: ("no fresh data", UNKNOWN),
    _LISTED: ("listed", GOOD),
    ACTIVE: ("active", GOOD),
    PENDING: ("pending", WARNING),
    SUSPENDED: ("suspended", BAD),
    OTHER_STATUS: ("another status", WARNING),
    NOT_BOUND: ("not bound, not expected", UNKNOWN),
    BOUND: ("bound", GOOD),
    LOST: ("expected, nobody bound", BAD),
    NO_ROOM: ("bound, no room for calls", BAD),
    COMPLETED: ("completed", GOOD),
    OPEN: ("pending", WARNING),
    REJECTED: ("rejected", BAD),
    OTHER_COMPLIANCE: ("another status", WARNING),
}


# The worst first: it wins while replicas differ.
_STATUSES = {"suspended": SUSPENDED, "pending": PENDING, "active": ACTIVE}
_COMPLIANCES = {"rejected": REJECTED, "pending": OPEN, "completed": COMPLETED}


def of_trunk(metric: str, *matchers: str, by: str = "") -> str:
    """Return a family of the one trunk, one series for each value of the labels in ``by``; replicas count once."""
    reduced = f"max by ({by})" if by else "max"
    return f"{reduced} ({metric}{{{', '.join((_TRUNK, *matchers))}}})"


def _first_of(*alternatives: str) -> str:
    return "\nor ".join(alternatives)


def _coded(metric: str, codes: dict[str, int], other: int, *, by: str = "") -> str:
    """Return the code of the status that a trunk has."""
    others = of_trunk(metric, f'status!~"{"|".join(codes)}"', by=by)
    known = [of_trunk(metric, f'status="{status}"', by=by) + f" * {code}" for status, code in codes.items()]
    return _first_of(f"{others} * {other}", *known)


def _or_unknown(expression: str, label: str) -> str:
    """Return what an expression finds; else one series whose label says unknown, for a figure that shows it."""
    return f'{expression}\nor on () label_replace(vector({_NOTHING_KNOWN}), "{label}", "unknown", "", "")'


def _agents(*matchers: str) -> str:
    """Return who is bound, by channel, with a label that names them as well as possible."""
    info = of_trunk("mihu_trunk_channel_agent_info", *matchers, by="channel, agent_uuid, agent_name")
    by_uuid = f'label_replace({info}, "agent", "$1", "agent_uuid", "(.*)")'
    return f'max by (channel, agent) (label_replace({by_uuid}, "agent", "$1", "agent_name", "(.+)"))'


def _binding(channel: str) -> str:
    unbound = of_trunk("mihu_trunk_channel_unbound", f'channel="{channel}"')
    bound = of_trunk("mihu_trunk_channel_bound", f'channel="{channel}"')
    return _first_of(f"({unbound} == 1) * {LOST}", f"{bound} + {NOT_BOUND}")


def _refused() -> str:
    """Find the trunk where an agent is bound on call and a service that carries calls has room for none."""
    carries_calls = 'carrier_service=~"voice|inbound"'
    limit = of_trunk("mihu_trunk_service_channel_limit", carries_calls, by="carrier_service")
    enabled = of_trunk("mihu_trunk_service_enabled", carries_calls, by="carrier_service")
    bound = of_trunk("mihu_trunk_channel_bound", 'channel="call"')
    return f"max ({limit} == 0 and {enabled} == 1) and {bound} == 1"


_INFO = of_trunk("mihu_trunk_info")
_NOBODY = f'label_replace(0 * {_INFO}, "agent", "nobody", "", "")'

PRESENCE = _first_of(
    f"{_INFO} * {_LISTED}",
    f'0 * max (mihu_trunks{{{_WORKSPACE}, status="active"}}) + {_GONE}',
    f"0 * max (mihu_poll_interval_seconds{{{_WORKSPACE}}}) + {_NO_DATA}",
)
STATUS = _coded("mihu_trunk_status", _STATUSES, OTHER_STATUS)
COMPLIANCE = _coded("mihu_trunk_compliance_status", _COMPLIANCES, OTHER_COMPLIANCE)
CALLS = _first_of(f"0 * ({_refused()}) + {NO_ROOM}", _binding("call"))
SMS = _binding("sms")
WHATSAPP = _binding("whatsapp")
AGENTS = _agents()

# The same for figures that show a label.
NAMED_STATUS = _or_unknown(_coded("mihu_trunk_status", _STATUSES, OTHER_STATUS, by="status"), "status")
NAMED_COMPLIANCE = _or_unknown(
    _coded("mihu_trunk_compliance_status", _COMPLIANCES, OTHER_COMPLIANCE, by="status"), "status"
)
CALL_AGENT = _or_unknown(_agents('channel="call"') + f"\nor on () {_NOBODY}", "agent")

# Alerts about the trunk, and those about its whole workspace.
ALERTS = _first_of(
    'ALERTS{alertname=~"Mihu.+", alertstate="firing", '
    'workspace="$workspace", phone_number_uuid="$uuid", number="$number"}',
    'ALERTS{alertname=~"Mihu.+", alertstate="firing", workspace="$workspace", phone_number_uuid="", number=""}',
)
