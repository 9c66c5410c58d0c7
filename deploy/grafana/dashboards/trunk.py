"""One trunk: whether it is in service, who answers on it, what changed, and what it is."""

from collections.abc import Iterable, Mapping

from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.dashboards import frame, promql
from deploy.grafana.dashboards.colours import (
    BAD,
    BY_SERVICE,
    CALL,
    GOOD,
    PLAIN,
    UNKNOWN,
    WARNING,
    Steps,
    categorical,
    fixed,
    when_empty,
    words,
)
from deploy.grafana.dashboards.frame import Placed, Section
from deploy.grafana.dashboards.panels import (
    NO_COUNTERS,
    bars,
    colour_by_value,
    figure,
    filled,
    in_currency,
    lines,
    link,
    listing,
    named,
    now,
    query,
    rows,
    seconds_column,
    story,
    width,
)

_WORKSPACE = f'job=~"$job", {frame.THE_WORKSPACE}'
_CALL = 'channel="call"'
_IDENTITY = f"phone_number_uuid=`${{uuid:raw}}`, {frame.THE_NUMBER}"
_TRUNK = f"{_WORKSPACE}, {_IDENTITY}"

# One set of codes for all rows of the story, so that one panel can tell it.
_NO_DATA, _ABSENT, _LISTED = -1, -2, -3
_IN_SERVICE, _NOT_IN_USE, _SET_UP = 0, 8, 9  # between them, the sums of promql.REASONS
_ACTIVE, _PENDING, _SUSPENDED, _OTHER = 10, 11, 12, 13
_NOT_BOUND, _BOUND, _UNBOUND, _LOST = 20, 21, 22, 23
_COMPLETED, _OPEN, _REJECTED, _ELSE = 30, 31, 32, 33
_SERVICE = {
    _IN_SERVICE: ("in service", GOOD),
    **{value: (text, BAD) for value, text in promql.REASONS.items()},
    _NOT_IN_USE: ("not in use", UNKNOWN),
    _SET_UP: ("being set up", UNKNOWN),
}
_ANSWERS = {_IN_SERVICE: "Yes", _NOT_IN_USE: "Not in use", _SET_UP: "Being set up"}
_STORY = {
    _NO_DATA: ("no fresh data", UNKNOWN),
    _ABSENT: ("not in the list", BAD),
    _LISTED: ("listed", GOOD),
    **_SERVICE,
    _ACTIVE: ("active", GOOD),
    _PENDING: ("pending", WARNING),
    _SUSPENDED: ("suspended", BAD),
    _OTHER: ("another status", WARNING),
    _NOT_BOUND: ("not bound, not expected", UNKNOWN),
    _BOUND: ("bound", GOOD),
    _UNBOUND: ("not bound, expected", BAD),
    _LOST: ("lost", BAD),
    _COMPLETED: ("completed", GOOD),
    _OPEN: ("pending", WARNING),
    _REJECTED: ("rejected", BAD),
    _ELSE: ("another status", WARNING),
}
# The worst first: it wins while replicas differ.
_STATUSES = {"suspended": _SUSPENDED, "pending": _PENDING, "active": _ACTIVE}
_COMPLIANCES = {"rejected": _REJECTED, "pending": _OPEN, "completed": _COMPLETED}


def of_trunk(metric: str, *matchers: str, by: tuple[str, ...] = (), reduce: str = "max") -> str:
    """Return a family of the one trunk, one series for each value of the labels in ``by``; replicas count once."""
    return f"{reduce} by ({', '.join(by)}) ({metric}{{{', '.join((_TRUNK, *matchers))}}})"


def _first_of(*alternatives: str) -> str:
    return "\nor ".join(alternatives)


_TOO_OLD = promql.too_old(
    f"time() - max (mihu_last_success_timestamp_seconds{{{_WORKSPACE}}})",
    f"max (mihu_max_staleness_seconds{{{_WORKSPACE}}})",
)


def _while_fresh(*alternatives: str) -> str:
    return f"({_first_of(*alternatives)})\nunless on () {_TOO_OLD}"


def _coded(metric: str, codes: Mapping[str, int], other: int, *, by: tuple[str, ...] = ()) -> str:
    """Return the code of the status that a trunk has."""
    others = of_trunk(metric, f'status!~"{"|".join(codes)}"', by=by)
    known = [of_trunk(metric, f'status="{status}"', by=by) + f" * {code}" for status, code in codes.items()]
    return _first_of(f"{others} * {other}", *known)


def _or_unknown(expression: str, label: str, otherwise: str = "unknown") -> str:
    """Return what an expression finds; else one series whose label says so, for a figure that shows it."""
    return f'{expression}\nor on () label_replace(vector({_NO_DATA}), "{label}", "{otherwise}", "", "")'


def _agents(metric: str, *matchers: str) -> str:
    """Return agents by channel."""
    return _named(of_trunk(metric, *matchers, by=("channel", "agent_uuid", "agent_name")))


def _named(found: str) -> str:
    return f"max by (channel, agent) ({promql.named(found)})"


def _channel(name: str) -> str:
    channel = f'channel="{name}"'
    return _first_of(
        f"0 * {of_trunk('mihu_trunk_channel_lost_timestamp_seconds', channel)} + {_LOST}",
        f"({of_trunk('mihu_trunk_channel_unbound', channel)} == 1) * {_UNBOUND}",
        f"{of_trunk('mihu_trunk_channel_bound', channel)} + {_NOT_BOUND}",
    )


_INFO = of_trunk("mihu_trunk_info")
_PRESENCE = _first_of(
    f"0 * ({_TOO_OLD}) + {_NO_DATA}",
    f"{_INFO} * {_LISTED}",
    f"0 * max (mihu_trunks_out_of_service{{{_WORKSPACE}}}) + {_ABSENT}",
    f"0 * max (mihu_poll_interval_seconds{{{_WORKSPACE}}}) + {_NO_DATA}",
)
_PENDING_NOW = of_trunk("mihu_trunk_waiting", 'reason="pending"'), of_trunk("mihu_trunk_status", promql.PENDING)
_IN = _while_fresh(
    f"sum by () (\n  {promql.reasons(of_trunk)}\n) > 0",
    *(f"0 * {pending} + {_SET_UP}" for pending in _PENDING_NOW),
    f"0 * {of_trunk('mihu_trunk_out_of_service')} + {_IN_SERVICE}",
    f"0 * {_INFO} + {_NOT_IN_USE}",
)
_OUT_SINCE = of_trunk("mihu_trunk_out_of_service_timestamp_seconds", reduce="min")

# Where the overview lists the trunk.
_AMONG_ALL = frame.to_list(frame.OVERVIEW, frame.TRUNK_LIST, "var-search=${number:percentencode}")
_AMONG_OUT_OF_SERVICE = frame.to_list(frame.OVERVIEW, frame.OUT_OF_SERVICE_LIST)
_AMONG_REMEMBERED = frame.to_list(frame.OVERVIEW, frame.REMEMBERED_LIST)
_AMONG_SET_UP = frame.to_list(frame.OVERVIEW, frame.SET_UP_LIST)

# Alerts about the trunk, and those about its whole workspace.
_ABOUT = f'ALERTS{{alertname=~"Mihu.+", alertstate="firing", {frame.THE_WORKSPACE}, '
_ALERTS = f'{_ABOUT}{_IDENTITY}}}\nor {_ABOUT}phone_number_uuid="", number=""}}'


def trunk() -> model.Dashboard:
    """Return the dashboard."""
    return frame.new_dashboard(
        frame.TRUNK,
        [frame.job(), frame.workspace(), frame.number(), frame.uuid()],
        [
            Section("", [*_now(), Placed(0, 6, 24, 9, _what_happened()), Placed(0, 15, 24, 6, _who_answered())]),
            Section("Its changes", _changes()),
            Section("Limits and price", _over_time()),
            Section("What it is", _facts()),
        ],
        alerts=_ALERTS,
    )


def _now() -> Iterable[Placed]:
    yield Placed(0, 0, 6, 6, _is_it_in_service())
    nobody = f'label_replace(0 * {_INFO}, "agent", "nobody", "", "")'
    agent = _agents("mihu_trunk_channel_agent_info", _CALL) + f"\nor on () {nobody}"
    lost = "mihu_trunk_channel_lost_timestamp_seconds"
    before = f"last_over_time(mihu_trunk_channel_agent_info{{{_TRUNK}}}[1d])"
    gone = f"{_named(before)} and on () {of_trunk('mihu_trunk_gone_timestamp_seconds')}"
    last = f"{_agents(lost, _CALL)}\nor on () {_agents(lost)}\nor on () ({gone})"
    status = _coded("mihu_trunk_status", _STATUSES, _OTHER, by=("status",))
    compliance = _coded("mihu_trunk_compliance_status", _COMPLIANCES, _ELSE, by=("status",))
    since = figure(
        "Out for",
        "Since it was first seen out of service, as far back as is remembered.",
        now(f"time() - {_OUT_SINCE}"),
        steps=((None, BAD),),
        meanings=[when_empty("-")],
        leads_to=_AMONG_OUT_OF_SERVICE,
    )
    figures = [
        _word(
            "Who answers",
            "The agent that is bound on call: its name, or its UUID where names are not exported.",
            now(_or_unknown(_while_fresh(agent), "agent"), "{{agent}}"),
            ((None, UNKNOWN), (0, BAD), (1, PLAIN)),
            _AMONG_ALL,
        ),
        _word(
            "Status",
            "In the words of the API.",
            now(_or_unknown(_while_fresh(status), "status"), "{{status}}"),
            ((None, UNKNOWN), (_ACTIVE, GOOD), (_PENDING, WARNING), (_SUSPENDED, BAD), (_OTHER, WARNING)),
            _AMONG_ALL,
        ),
        _word(
            "Compliance",
            "Whether the carrier has all the documents that it wants.",
            now(_or_unknown(_while_fresh(compliance), "status"), "{{status}}"),
            ((None, UNKNOWN), (_COMPLETED, GOOD), (_OPEN, WARNING), (_REJECTED, BAD), (_ELSE, WARNING)),
            _AMONG_SET_UP,
        ),
        _word(
            "Last agent",
            "The agent that calls went to, or else that of another channel that is lost, as far as is remembered. Of a "
            "trunk that is gone: the agents of its last day.",
            now(_or_unknown(last, "agent", "none known"), "{{channel}} {{agent}}"),
            ((None, UNKNOWN), (0, PLAIN)),
            _AMONG_REMEMBERED,
        ),
        since.unit(units.Seconds).decimals(1),
        figure(
            "Room for calls",
            "How many calls may come in at once.",
            now(of_trunk("mihu_trunk_service_channel_limit", 'carrier_service="inbound"')),
            meanings=[when_empty("Not said")],
            leads_to=_AMONG_ALL,
        ),
    ]
    yield from frame.tiles(6, 6, 3, figures)


def _word(title: str, description: str, target: prometheus.Dataquery, steps: Steps, leads_to: str) -> stat.Panel:
    """Return a figure that shows the word in its legend."""
    return named(figure(title, description, target, steps=steps, leads_to=leads_to))


def _is_it_in_service() -> stat.Panel:
    panel = figure(
        "Is it in service?",
        "No: an expected channel is not bound, the status is not active, or the services of a bound channel are "
        "closed. Unknown: the trunk is not in the list, or there are no fresh data.",
        now(_IN),
        meanings=words({value: (_ANSWERS.get(value, f"No: {text}"), hue) for value, (text, hue) in _SERVICE.items()}),
        leads_to=_AMONG_OUT_OF_SERVICE,
    )
    return filled(panel)


def _what_happened() -> statetimeline.Panel:
    rows_ = {
        "in the list": _PRESENCE,
        "in service": _IN,
        "status": _coded("mihu_trunk_status", _STATUSES, _OTHER),
        **{channel: _channel(channel) for channel in ("call", "sms", "whatsapp")},
        "compliance": _coded("mihu_trunk_compliance_status", _COMPLIANCES, _ELSE),
    }
    return story(
        "What happened",
        "Each row is one side of the trunk. A trunk without any binding may leave the list. Grey is a time of which "
        "nothing is known, or a channel that nobody expects.",
        [query(expression, name, ref=ref) for ref, (name, expression) in zip("ABCDEFG", rows_.items(), strict=True)],
        words(_STORY),
        leads_to=_AMONG_REMEMBERED,
    )


def _who_answered() -> statetimeline.Panel:
    panel = story(
        "Who answered",
        "Each row is an agent on a channel, filled while the agent was bound there.",
        [query(_agents("mihu_trunk_channel_agent_info"), "{{channel}}: {{agent}}")],
        words({1: ("bound", CALL)}),
        leads_to=_AMONG_ALL,
    )
    return panel.color_scheme(fixed(CALL))


def _changes() -> list[Placed]:
    """Return what Prometheus can tell of changes; the status page has each with its before and after."""
    interval = "[$__rate_interval]"
    appeared = {
        "status": ("mihu_trunk_status", ("status",)),
        "compliance": ("mihu_trunk_compliance_status", ("status",)),
        "agent": ("mihu_trunk_channel_agent_info", ("channel", "agent_uuid", "agent_name")),
    }
    moved = {
        "bound or not": "mihu_trunk_channel_bound",
        "service": "mihu_trunk_service_enabled",
        "limit": "mihu_trunk_service_channel_limit",
        "fee": "mihu_trunk_monthly_fee",
    }
    # A series that is new while the trunk was there before; the trunk's own first series are no change.
    before = f"{interval} offset $__rate_interval"
    was_there = f"last_over_time(mihu_trunk_info{{{_TRUNK}}}{before})"
    found = {
        name: f"count({_seen(metric, interval, labels)} unless {_seen(metric, before, labels)}) and on () {was_there}"
        for name, (metric, labels) in appeared.items()
    }
    found |= {
        name: f"max(sum by (job, instance) (changes({metric}{{{_TRUNK}}}{interval}))) > 0"
        for name, metric in moved.items()
    }
    transitions = lines(
        "Changes of this trunk",
        "When its status, compliance, agents, bindings, services, limits or fee changed.",
        [query(expression, name, ref=ref) for ref, (name, expression) in zip("ABCDEFG", found.items(), strict=True)],
        by_name={"bound or not": BAD, "agent": CALL},
        colour=categorical(),
        leads_to=_AMONG_ALL,
    )
    counted = f"increase(mihu_trunk_changes_total{{{_WORKSPACE}}}{interval})"
    all_changes = lines(
        "Changes in its workspace",
        "What happened to all of its workspace's trunks, by kind.",
        [query(f"sum by (change) (max by (change) ({counted})) > 0", "{{change}}")],
        by_name={"lost": BAD, "removed": WARNING},
        colour=categorical(),
        leads_to=_AMONG_REMEMBERED,
    )
    return [
        Placed(0, 0, 8, 7, _since_when()),
        Placed(8, 0, 8, 7, bars(transitions).decimals(0).no_value("Nothing changed")),
        Placed(16, 0, 8, 7, bars(all_changes).decimals(0).no_value(NO_COUNTERS)),
    ]


def _seen(metric: str, when: str, labels: tuple[str, ...]) -> str:
    return f"count by ({', '.join(labels)}) (last_over_time({metric}{{{_TRUNK}}}{when}))"


def _since_when() -> table.Panel:
    out = promql.what("out of service", "", f'label_replace({_OUT_SINCE}, "agent", "", "", "")')
    updated = promql.what("changed at the vendor", "", of_trunk("mihu_trunk_updated_timestamp_seconds"))
    purchased = promql.what("purchased", "", of_trunk("mihu_trunk_purchased_timestamp_seconds"))
    every = _first_of(promql.remembered(of_trunk), out, updated, purchased)
    panel = listing(
        "Since when",
        "What is remembered of the trunk, and the times that the API gives.",
        [rows(f"time() - (\n  {every}\n)")],
        {"what": "What", "Value": "For", "agent": "Last agent"},
    )
    return panel.override_by_name("What", [link("List them", _AMONG_REMEMBERED), width(170)]).override_by_name(
        "For", seconds_column(110)
    )


def _over_time() -> list[Placed]:
    limits = lines(
        "Concurrent channels",
        "How many calls, or messages in flight, each service allows at once.",
        [query(of_trunk("mihu_trunk_service_channel_limit", by=("carrier_service",)), "{{carrier_service}}")],
        by_name=BY_SERVICE,
        leads_to=_AMONG_ALL,
    )
    fee = of_trunk("mihu_trunk_monthly_fee", by=("currency",))
    fees = lines("Monthly fee", "The list price, not the bill.", [query(fee, "{{currency}}")], leads_to=_AMONG_ALL)
    in_currency(fees)
    requirements = lines(
        "Requirements and destinations",
        "What compliance lists as required, and how many destinations each service may reach.",
        [
            query(of_trunk("mihu_trunk_compliance_requirements"), "compliance requirements", ref="A"),
            query(
                of_trunk("mihu_trunk_service_whitelisted_destinations", by=("carrier_service",)),
                "{{carrier_service}} destinations",
                ref="B",
            ),
        ],
        by_name={
            "compliance requirements": WARNING,
            "voice destinations": BY_SERVICE["voice"],
            "sms destinations": BY_SERVICE["sms"],
        },
        leads_to=_AMONG_SET_UP,
    )
    return [
        Placed(0, 0, 8, 7, limits.decimals(0)),
        Placed(8, 0, 8, 7, fees.decimals(2)),
        Placed(16, 0, 8, 7, requirements.decimals(0)),
    ]


def _facts() -> list[Placed]:
    labels = {
        "number": "Number",
        "phone_number_uuid": "UUID",
        "country_code": "Country",
        "locality": "Location",
        "type": "Type",
        "source": "Source",
        "is_external": "External",
    }
    attributes = listing(
        "Attributes",
        "What the API says of the trunk.",
        [rows(of_trunk("mihu_trunk_info", by=tuple(labels)))],
        labels,
    )
    attributes.override_by_name("Number", [link("List them", _AMONG_ALL)]).override_by_name("UUID", [width(330)])
    by = ("carrier_service",)
    services = listing(
        "Services",
        "What the carrier side allows: voice is calls out, inbound is calls in.",
        [
            rows(of_trunk("mihu_trunk_service_enabled", by=by), ref="A"),
            rows(of_trunk("mihu_trunk_service_channel_limit", by=by), ref="B"),
            rows(of_trunk("mihu_trunk_service_whitelisted_destinations", by=by), ref="C"),
        ],
        {"carrier_service": "Service", "Value #A": "Enabled", "Value #B": "Channel limit", "Value #C": "Destinations"},
    )
    services.override_by_name("Service", [link("List them", _AMONG_ALL)])
    services.override_by_name("Enabled", colour_by_value(words({0: ("no", UNKNOWN), 1: ("yes", GOOD)})))
    fee = figure(
        "Monthly fee",
        "The list price, not the bill.",
        now(of_trunk("mihu_trunk_monthly_fee", by=("currency",)), "{{currency}}"),
        meanings=[when_empty("Not said")],
        leads_to=_AMONG_ALL,
    )
    in_currency(fee)
    capabilities = figure(
        "Capabilities",
        "What the carrier says the number can do; what it does not know is not listed.",
        now(of_trunk("mihu_trunk_capability", by=("capability",)), "{{capability}}"),
        meanings=[*words({0: ("no", UNKNOWN), 1: ("yes", GOOD)}), when_empty("Not said")],
        leads_to=_AMONG_ALL,
    )
    return [
        Placed(0, 0, 16, 4, attributes),
        Placed(0, 4, 16, 6, services),
        Placed(16, 0, 4, 10, fee.decimals(2)),
        Placed(20, 0, 4, 10, capabilities.orientation(common.VizOrientation.HORIZONTAL)),
    ]
