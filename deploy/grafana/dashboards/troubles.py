"""The troubles that a trunk can have, as rows of one table."""

from deploy.grafana.dashboards.colours import BAD, WARNING
from deploy.grafana.dashboards.promql import ACTIVE, REFUSED, trunks

_CALLS_LOST, _GONE, _MESSAGES_LOST, _NOT_ACTIVE, _COMPLIANCE = 5, 4, 3, 2, 1
_MOST_ROWS = 500

MEANINGS = {
    _CALLS_LOST: ("Calls lost", BAD),
    _GONE: ("Gone", WARNING),
    _MESSAGES_LOST: ("Messages lost", WARNING),
    _NOT_ACTIVE: ("Not active", WARNING),
    _COMPLIANCE: ("Compliance", WARNING),
}


def _trouble(weight: int, trouble: str, expression: str, label: str = "") -> str:
    """Return the trunks that an expression finds, at a weight, with a label that says what their trouble is.

    Args:
        weight: the worse, the greater.
        trouble: what to say; $1 stands for the value of ``label``.
        expression: it may yield any value above 0.
        label: dropped afterwards, so that all troubles have the same labels.
    """
    named = f'label_replace({expression}, "trouble", "{trouble}", "{label}", "(.*)")'
    return f"max by (workspace, phone_number_uuid, number, trouble) ({named} > bool 0) * {weight}"


_UNANSWERED = trunks("mihu_trunk_channel_unbound", 'channel="call"')
_UNREAD = trunks("mihu_trunk_channel_unbound", 'channel!="call"', by=("channel",))

# A subquery looks at a few moments of the day, which is much less to read than all of it.
_WAS_LISTED = f"max_over_time({trunks('mihu_trunk_info')}[1d:30m])"
# A number that is still listed under another uuid has not left; masked numbers are shared, and prove nothing.
_WHOLE_NUMBERS = trunks("mihu_trunk_info", 'number!=""', 'number!~".*[*].*"')
_LEFT = (
    f"{_WAS_LISTED} unless {trunks('mihu_trunk_info')} unless on (workspace, number) {_WHOLE_NUMBERS} "
    f"and on (workspace) {ACTIVE}"
)

_TROUBLES = (
    _trouble(_CALLS_LOST, "no agent on call", f"{_UNANSWERED} == 1"),
    _trouble(_CALLS_LOST, "no room: a limit is 0", f"({REFUSED}) + 1"),
    _trouble(_GONE, "left the list within a day", _LEFT),
    _trouble(
        _MESSAGES_LOST,
        "no agent on $1",
        f"{_UNREAD} == 1",
        "channel",
    ),
    _trouble(
        _NOT_ACTIVE,
        "the status is $1",
        trunks("mihu_trunk_status", 'status!="active"', by=("status",)),
        "status",
    ),
    _trouble(
        _COMPLIANCE,
        "compliance is $1",
        trunks("mihu_trunk_compliance_status", 'status!="completed"', by=("status",)),
        "status",
    ),
)

EVERY_TROUBLE = f"topk({_MOST_ROWS},\n  " + "\n  or ".join(_TROUBLES) + "\n)"
