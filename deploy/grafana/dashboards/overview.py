"""The overview: is anything out of service, since when, who was its agent, and what else is wrong."""

from collections.abc import Iterable

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.dashboards import frame, promql
from deploy.grafana.dashboards.colours import (
    BAD,
    BY_CHANNEL,
    BY_COMPLIANCE,
    BY_REASON,
    BY_SERVICE,
    BY_STATUS,
    GOOD,
    NOTHING_BAD,
    NOTHING_ODD,
    PLAIN,
    UNKNOWN,
    WARNING,
    categorical,
    fixed,
    thresholds,
    when_empty,
    words,
)
from deploy.grafana.dashboards.frame import OVERVIEW, Placed, Section, to_list
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
    now,
    query,
    rows,
    seconds_column,
    stacked,
    story,
    width,
)
from deploy.grafana.dashboards.promql import OUT, fleet, trunks, what

_FEES = f"sum by (currency) ({fleet('mihu_monthly_fees', by=('currency',))})"
_CHANGES = f"max by (workspace, change) (increase(mihu_trunk_changes_total{{{promql.WORKSPACES}}}[$__rate_interval]))"
_SET_UP = fleet("mihu_trunks", promql.PENDING, by=("status",))
_COMPLIANCE = fleet("mihu_trunks_by_compliance", promql.NOT_COMPLIANT, by=("status",))
_LOST = f"(sum({fleet('mihu_channels_lost', by=('channel',))}) + sum({fleet('mihu_trunks_gone')}))"
_UNKNOWN = words({promql.UNKNOWN_VALUE: ("Unknown", UNKNOWN)})


def overview() -> model.Dashboard:
    """Return the dashboard."""
    lists = [Placed(0, 6, 24, 9, _out_of_service()), Placed(0, 15, 24, 8, _all_trunks())]
    lists += [Placed(0, 30, 12, 8, _workspaces()), Placed(12, 30, 12, 8, _alerts())]
    lists += [Placed(0, 38, 12, 8, _remembered()), Placed(12, 38, 12, 8, _set_up())]
    return frame.new_dashboard(
        OVERVIEW,
        [frame.job(), frame.workspaces(), frame.search(), frame.reasons()],
        [
            Section("", [*_headline(), *lists, *_when()]),
            Section("Trunks", _trend()),
            Section("Limits and price", _limits_and_price()),
        ],
    )


def _headline() -> Iterable[Placed]:
    yield Placed(0, 0, 6, 6, _is_anything_out_of_service())
    figures = [
        _reason("unbound", "No agent", "An expected channel is not bound: bind an agent in Mihu."),
        _reason("not_active", "Not active", "The status is neither active nor one of a number that is being set up."),
        _reason("blocked", "Blocked", "The services that carry a bound channel are disabled, or their limit is 0."),
        figure(
            "No data",
            "Workspaces of which nothing is known at the moment: no poll has succeeded within the allowed age, or the "
            "target that had them is down. The Exporter dashboard tells why.",
            now(promql.NOT_KNOWN),
            steps=NOTHING_BAD,
            meanings=words({0: ("None", GOOD)}),
            leads_to=to_list(OVERVIEW, frame.WORKSPACE_LIST),
        ),
        figure(
            "Lost or gone",
            "Channels that were bound and are not, and trunks that were bound and left the list, as is remembered.",
            now(promql.certain(_LOST)),
            steps=NOTHING_BAD,
            meanings=_UNKNOWN,
            leads_to=to_list(OVERVIEW, frame.REMEMBERED_LIST),
        ),
        figure(
            "Alerts firing",
            "Alerts of the exporter's rules that fire now. 0 as well when the rules are not loaded.",
            now(f"count({promql.ALERTS}) or vector(0)"),
            steps=((None, PLAIN), (1, BAD)),
            leads_to=to_list(OVERVIEW, frame.ALERT_LIST),
        ),
    ]
    yield from frame.tiles(6, 6, 3, figures)


def _is_anything_out_of_service() -> stat.Panel:
    panel = figure(
        "Out of service?",
        "Trunks that are out of service, as mihu_trunks_out_of_service counts them. No means that every workspace is "
        "known and none has any; Unknown, that a workspace has no fresh data, and the others have none.",
        now(promql.certain(f"sum({OUT})")),
        steps=NOTHING_BAD,
        meanings=words(
            {
                promql.UNKNOWN_VALUE: ("Unknown", UNKNOWN),
                0: ("No", GOOD),
                1: ("1 trunk", BAD),
            }
        ),
        leads_to=to_list(OVERVIEW, frame.OUT_OF_SERVICE_LIST),
    )
    return filled(panel).unit("suffix: trunks")


def _reason(reason: str, title: str, description: str) -> stat.Panel:
    total = fleet("mihu_trunks_out_of_service_by_reason", f'reason="{reason}"')
    return figure(
        title,
        f"Trunks that are out of service for this reason; a trunk may have several. {description}",
        now(promql.certain(f"sum({total})")),
        steps=NOTHING_BAD,
        meanings=_UNKNOWN,
        leads_to=to_list(OVERVIEW, frame.OUT_OF_SERVICE_LIST, f"var-reason={reason}"),
    )


def _out_of_service() -> table.Panel:
    panel = listing(
        "Out of service, the longest first",
        "The trunks that are out of service for a chosen reason. A number leads to the trunk's own dashboard. Since "
        "when: as far back as is remembered. Without trunk_details in the configuration no trunk is listed.",
        [
            rows(f"time() - ({promql.SINCE})", ref="A"),
            rows(promql.WHY, ref="B"),
            rows(promql.LAST_AGENT, ref="C"),
            rows(promql.STATUS, ref="D"),
            rows(promql.PLACE, ref="E"),
            rows(f"({promql.SINCE}) * 1000", ref="F"),
        ],
        {
            "number": "Number",
            "Value #A": "Out for",
            "Value #B": "Why",
            "agent": "Last agent",
            "Value #F": "Since",
            "status": "Status",
            "workspace": "Workspace",
            "locality": "Location",
            "phone_number_uuid": "UUID",
        },
        panel_id=frame.OUT_OF_SERVICE_LIST,
        descending="Out for",
        empty="None that is known; none is without trunk_details",
    )
    why = words({value: (text, BAD) for value, text in promql.REASONS.items()})
    since = [model.DynamicConfigValue("unit", "dateTimeAsSystem"), width(170)]
    return (
        _leading_to_trunks(panel)
        .override_by_name("Out for", seconds_column(100))
        .override_by_name("Why", [*colour_by_value(why), width(185)])
        .override_by_name("Last agent", [width(190)])
        .override_by_name("Since", since)
        .override_by_name("Status", [width(100)])
        .override_by_name("Workspace", [width(110)])
        .override_by_name("Location", [width(200)])
    )


def _all_trunks() -> table.Panel:
    panel = listing(
        "Any trunk, and who answers it",
        "Type a part of a number above, to find it. The agent is that of calls, or else of another channel. "
        f"{promql.MOST_TRUNKS} trunks at most are listed; the exporter's status page lists all of them.",
        [rows(promql.ANY_TRUNK)],
        {
            "number": "Number",
            "agent": "Agent",
            "status": "Status",
            "workspace": "Workspace",
            "locality": "Location",
            "phone_number_uuid": "UUID",
        },
        panel_id=frame.TRUNK_LIST,
        ascending="Number",
        empty="No number that is known has this part",
    )
    return (
        _leading_to_trunks(panel)
        .override_by_name("Agent", [width(190)])
        .override_by_name("Status", [width(100)])
        .override_by_name("Workspace", [width(110)])
        .override_by_name("Location", [width(200)])
    )


def _leading_to_trunks(panel: table.Panel) -> table.Panel:
    to_trunk = link("This trunk", frame.to_trunk())
    return panel.override_by_name("Number", [to_trunk, width(145)]).override_by_name("UUID", [to_trunk])


def _when() -> Iterable[Placed]:
    timeline = story(
        "Out of service by workspace",
        "How many trunks are out of service. Unknown: the exporter runs, but has no fresh data.",
        [query(promql.OUT_BY_WORKSPACE, "{{workspace}}")],
        words({0: ("none", GOOD), promql.UNKNOWN_VALUE: ("unknown", UNKNOWN)}),
        leads_to=to_list(OVERVIEW, frame.OUT_OF_SERVICE_LIST, workspace=frame.LINE),
    )
    by_reason = lines(
        "Out of service by reason",
        "A trunk may have several reasons. While a workspace is unknown, its trunks are not counted.",
        [
            query(f"sum by (reason) ({fleet('mihu_trunks_out_of_service_by_reason', by=('reason',))})", "{{reason}}"),
            query(f"sum({OUT})", "out of service", ref="B"),
            query(promql.NOT_FRESH, "workspaces without fresh data", ref="C"),
        ],
        by_name={**BY_REASON, "out of service": PLAIN, "workspaces without fresh data": UNKNOWN},
        leads_to=to_list(OVERVIEW, frame.OUT_OF_SERVICE_LIST),
    )
    yield Placed(0, 23, 12, 7, timeline.unit("suffix: out of service").thresholds(thresholds(NOTHING_BAD)))
    yield Placed(12, 23, 12, 7, by_reason.decimals(0))


def _workspaces() -> table.Panel:
    panel = listing(
        "Workspaces",
        "A row for each workspace that the exporter polls. A name narrows this dashboard to its workspace.",
        [
            rows(promql.OUT_BY_WORKSPACE_NOW, ref="A"),
            rows(f"sum by (workspace) ({fleet('mihu_trunks', by=('status',))})", ref="B"),
            rows(f"sum by (workspace) ({fleet('mihu_channels_lost', by=('channel',))})", ref="C"),
            rows(promql.AGE, ref="D"),
        ],
        {
            "workspace": "Workspace",
            "Value #A": "Out of service",
            "Value #B": "Trunks",
            "Value #C": "Lost",
            "Value #D": "Age of data",
        },
        panel_id=frame.WORKSPACE_LIST,
        descending="Out of service",
    )
    unknown = [*words({promql.UNKNOWN_VALUE: ("unknown", UNKNOWN)}), when_empty("unknown")]
    return (
        panel.override_by_name("Workspace", [link("This workspace alone", frame.to_workspace(OVERVIEW))])
        .override_by_name("Out of service", [*colour_by_value(unknown, NOTHING_BAD), width(125)])
        .override_by_name("Trunks", [model.DynamicConfigValue("mappings", unknown), width(80)])
        .override_by_name("Lost", [*colour_by_value([when_empty("unknown")], NOTHING_BAD), width(80)])
        .override_by_name("Age of data", seconds_column(110, decimals=0, empty="never seen"))
    )


def _alerts() -> table.Panel:
    labels = "severity", "alertname", "number", "channel", "reason", "workspace", "phone_number_uuid"
    panel = listing(
        "Alerts firing",
        "What Prometheus's rules say now; a number leads to its trunk. The runbook has the alert's name.",
        [rows(promql.alerts_by_severity(*labels))],
        {
            "severity": "Severity",
            "alertname": "Alert",
            "number": "Number",
            "channel": "Channel",
            "reason": "Reason",
            "workspace": "Workspace",
            "phone_number_uuid": "UUID",
        },
        panel_id=frame.ALERT_LIST,
        empty="None, if the rules are loaded",
    )
    return (
        _leading_to_trunks(panel)
        .override_by_name("Severity", [width(80)])
        .override_by_name("Alert", [width(185)])
        .override_by_name("Channel", [width(80)])
        .override_by_name("Reason", [width(90)])
        .override_by_name("Workspace", [width(95)])
    )


def _remembered() -> table.Panel:
    panel = listing(
        "Lost, gone, disabled",
        "What trunks had and have no more, as far as is remembered: an agent on a channel, their place in the list, a "
        "service. Not each of them is out of service.",
        [rows(f"time() - (\n  {promql.remembered(trunks, *promql.IDENTITY)}\n)")],
        {
            "number": "Number",
            "Value": "For",
            "what": "What",
            "agent": "Last agent",
            "workspace": "Workspace",
            "phone_number_uuid": "UUID",
        },
        panel_id=frame.REMEMBERED_LIST,
        descending="For",
        empty="Nothing that is remembered",
    )
    return (
        _leading_to_trunks(panel)
        .override_by_name("For", seconds_column(90))
        .override_by_name("What", [width(140)])
        .override_by_name("Last agent", [width(140)])
        .override_by_name("Workspace", [width(95)])
    )


def _set_up() -> table.Panel:
    status = trunks("mihu_trunk_status", promql.PENDING, by=("status",))
    compliance = trunks("mihu_trunk_compliance_status", promql.NOT_COMPLIANT, by=("status",))
    found = f"({what('status $1', 'status', status)}\n  or {what('compliance $1', 'status', compliance)})"
    found = f"max by ({', '.join(promql.IDENTITY)}, what) {found}"
    bought = f"on ({', '.join(promql.IDENTITY)}) group_left {trunks('mihu_trunk_purchased_timestamp_seconds')}"
    panel = listing(
        "Being set up, compliance open",
        "Trunks that are not in service yet, and those whose compliance is not completed. Since when is not known, "
        "only for how long the numbers have been owned.",
        [rows(f"time() - {found}\n* {bought}\nor {found} * NaN")],
        {
            "number": "Number",
            "Value": "Owned for",
            "what": "What",
            "workspace": "Workspace",
            "phone_number_uuid": "UUID",
        },
        panel_id=frame.SET_UP_LIST,
        descending="Owned for",
        empty="None that is known",
    )
    return (
        _leading_to_trunks(panel)
        .override_by_name("Owned for", seconds_column(110))
        .override_by_name("What", [width(160)])
        .override_by_name("Workspace", [width(95)])
    )


def _trend() -> list[Placed]:
    figures = [
        figure(
            "Trunks",
            "All trunks of the workspaces that are known at the moment.",
            now(f"sum({fleet('mihu_trunks', by=('status',))})"),
            leads_to=to_list(OVERVIEW, frame.TRUNK_LIST),
        ),
        figure(
            "Being set up",
            "Trunks whose status says that they are not in service yet. They are not out of service.",
            now(f"sum({_SET_UP}) or 0 * sum({OUT})"),
            leads_to=to_list(OVERVIEW, frame.SET_UP_LIST),
        ),
        figure(
            "Compliance open",
            "Trunks whose compliance is not completed. The carrier may suspend them.",
            now(promql.certain(f"(sum({_COMPLIANCE}) or 0 * sum({OUT}))")),
            steps=NOTHING_ODD,
            meanings=_UNKNOWN,
            leads_to=to_list(OVERVIEW, frame.SET_UP_LIST),
        ),
    ]
    by_status = lines(
        "By status",
        "All trunks by their status.",
        [query(f"sum by (status) ({fleet('mihu_trunks', by=('status',))})", "{{status}}")],
        by_name=BY_STATUS,
        colour=fixed(UNKNOWN),
        leads_to=to_list(OVERVIEW, frame.TRUNK_LIST),
    )
    by_compliance = lines(
        "By compliance",
        "All trunks by the status of their compliance.",
        [query(f"sum by (status) ({fleet('mihu_trunks_by_compliance', by=('status',))})", "{{status}}")],
        by_name=BY_COMPLIANCE,
        colour=fixed(UNKNOWN),
        leads_to=to_list(OVERVIEW, frame.SET_UP_LIST),
    )
    bound = lines(
        "Bound channels",
        "On how many trunks an agent is bound on each channel, and how many trunks are bound nowhere.",
        [
            query(f"sum by (channel) ({fleet('mihu_bound_channels', by=('channel',))})", "{{channel}}"),
            query(f"sum({fleet('mihu_trunks_without_binding')})", "bound nowhere", ref="B"),
        ],
        by_name={**BY_CHANNEL, "bound nowhere": WARNING},
        leads_to=to_list(OVERVIEW, frame.TRUNK_LIST),
    )
    changes = lines(
        "Changes",
        "What happened to trunks between polls, by kind: added, removed, lost, bound, agent, status and so on.",
        [query(f"sum by (change) ({_CHANGES}) > 0", "{{change}}")],
        by_name={"lost": BAD, "removed": WARNING},
        colour=categorical(),
        leads_to=to_list(OVERVIEW, frame.REMEMBERED_LIST),
    )
    return [
        *frame.tiles(0, 8, 3, figures),
        Placed(0, 3, 6, 7, stacked(by_status).decimals(0)),
        Placed(6, 3, 6, 7, stacked(by_compliance).decimals(0)),
        Placed(12, 3, 6, 7, bound.decimals(0)),
        Placed(18, 3, 6, 7, bars(changes).decimals(0).no_value(NO_COUNTERS)),
    ]


def _limits_and_price() -> list[Placed]:
    sums = fleet("mihu_channel_limits", by=("carrier_service",))
    limits = lines(
        "Concurrent channels",
        "Sum of the channel limits of the trunks on which the service is enabled.",
        [query(f"sum by (carrier_service) ({sums})", "{{carrier_service}}")],
        by_name=BY_SERVICE,
        leads_to=to_list(OVERVIEW, frame.TRUNK_LIST),
    )
    fees = figure(
        "List price",
        "Sum of the list-price monthly fees, for each currency. Not the bill.",
        now(_FEES, "{{currency}}"),
        leads_to=to_list(OVERVIEW, frame.TRUNK_LIST),
    )
    fees_over_time = lines(
        "List-price fees over time",
        "Sum of the list-price monthly fees, for each currency. Currencies are never added up.",
        [query(_FEES, "{{currency}}")],
        leads_to=to_list(OVERVIEW, frame.TRUNK_LIST),
    )
    in_currency(fees)
    in_currency(fees_over_time)
    return [
        Placed(0, 0, 10, 7, limits.decimals(0)),
        Placed(10, 0, 4, 7, fees.decimals(2).orientation(common.VizOrientation.HORIZONTAL)),
        Placed(14, 0, 10, 7, fees_over_time.decimals(0)),
    ]
