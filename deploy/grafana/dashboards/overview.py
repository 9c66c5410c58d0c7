"""The overview: are calls being lost, where, since when, and what else is wrong."""

from grafana_foundation_sdk.builders import stat, statetimeline, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.dashboards import frame, promql
from deploy.grafana.dashboards.colours import (
    BAD,
    BAD_TOO,
    BY_CHANNEL,
    BY_COMPLIANCE,
    BY_SERVICE,
    BY_STATUS,
    GOOD,
    NOTHING_BAD,
    NOTHING_ODD,
    PLAIN,
    UNKNOWN,
    WARNING,
    fixed,
    thresholds,
    words,
)
from deploy.grafana.dashboards.frame import Placed, Section
from deploy.grafana.dashboards.overview_tables import attention, workspaces
from deploy.grafana.dashboards.panels import (
    bars,
    figure,
    filled,
    in_currency,
    lines,
    now,
    query,
    stacked,
    story,
)
from deploy.grafana.dashboards.promql import fleet, or_zero_if_seen

_NOT_ACTIVE = fleet("mihu_trunks", 'status!="active"', by=("status",))
_COMPLIANCE_OPEN = fleet("mihu_trunks_by_compliance", 'status!="completed"', by=("status",))
_FEES = f"sum by (currency) ({fleet('mihu_monthly_fees', by=('currency',))})"
_ADDED = "max by (workspace) (increase(mihu_trunks_added_total{" + promql.WORKSPACES + "}[$__rate_interval]))"
_REMOVED = "max by (workspace) (increase(mihu_trunks_removed_total{" + promql.WORKSPACES + "}[$__rate_interval]))"


def overview() -> model.Dashboard:
    """Return the dashboard."""
    return frame.new_dashboard(
        frame.OVERVIEW,
        [frame.job(), frame.workspaces()],
        [
            Section("", [*_headline(), *_where_and_when(), *_what()]),
            Section("Trunks", _trend()),
            Section("Room and price", _room_and_price()),
        ],
    )


def _headline() -> list[Placed]:
    return [
        Placed(0, 0, 8, 6, _losing_calls()),
        Placed(8, 0, 4, 3, _unanswered()),
        Placed(12, 0, 4, 3, _refused()),
        Placed(16, 0, 4, 3, _not_fresh()),
        Placed(20, 0, 4, 3, _alerts()),
        Placed(8, 3, 4, 3, _messages()),
        Placed(12, 3, 4, 3, _not_active()),
        Placed(16, 3, 4, 3, _compliance()),
        Placed(20, 3, 4, 3, _size()),
    ]


def _losing_calls() -> stat.Panel:
    panel = figure(
        "Are calls being lost?",
        "Trunks on which calls fail: call is expected and no agent is bound, or a service that carries calls is "
        "enabled with a limit of 0. Unknown means that no fleet is known at all; a workspace that alone is "
        "unknown counts under No data.",
        now(promql.LOSING_CALLS),
        steps=NOTHING_BAD,
        meanings=words({0: ("No", GOOD), 1: ("1 trunk loses calls", BAD)}),
    )
    return filled(panel).unit("suffix: trunks lose calls")


def _unanswered() -> stat.Panel:
    return figure(
        "No agent",
        "Trunks on which call is expected and no agent is bound. Bind an agent in Mihu.",
        now(f"sum({promql.UNANSWERED})"),
        steps=NOTHING_BAD,
    )


def _refused() -> stat.Panel:
    return figure(
        "No room",
        "Trunks with an agent on call, whose voice or inbound service is enabled with a channel limit of 0.",
        now(or_zero_if_seen(f"count({promql.REFUSED})")),
        steps=NOTHING_BAD,
    )


def _not_fresh() -> stat.Panel:
    return figure(
        "No data",
        "Workspaces of which nothing is known at the moment: no poll has succeeded within the allowed age. "
        "The Exporter dashboard tells why.",
        now(promql.NOT_FRESH),
        steps=NOTHING_BAD,
        meanings=words({0: ("None", GOOD), 1: ("1 workspace", BAD)}),
    ).unit("suffix: workspaces")


def _alerts() -> stat.Panel:
    return figure(
        "Alerts firing",
        "Alerts of the exporter's rules that fire now. 0 as well when the rules are not loaded.",
        now(f"count({promql.ALERTS}) or vector(0)"),
        steps=NOTHING_BAD,
    )


def _messages() -> stat.Panel:
    expected = fleet("mihu_unbound_channels", 'channel!="call"', by=("channel",))
    return figure(
        "Unread",
        "Trunks on which SMS or WhatsApp is expected by a rule of the configuration, and no agent is bound.",
        now(or_zero_if_seen(f"sum({expected})")),
        steps=NOTHING_ODD,
    )


def _not_active() -> stat.Panel:
    return figure(
        "Not active",
        "Trunks whose status is not active: pending, suspended, or anything else.",
        now(or_zero_if_seen(f"sum({_NOT_ACTIVE})")),
        steps=NOTHING_ODD,
    )


def _compliance() -> stat.Panel:
    return figure(
        "Compliance",
        "Trunks whose compliance is not completed. The carrier may suspend them.",
        now(or_zero_if_seen(f"sum({_COMPLIANCE_OPEN})")),
        steps=NOTHING_ODD,
    )


def _size() -> stat.Panel:
    return figure(
        "Trunks",
        "All trunks of the workspaces that are known at the moment.",
        now(f"sum({fleet('mihu_trunks', by=('status',))})"),
    )


def _where_and_when() -> list[Placed]:
    return [Placed(0, 6, 12, 7, _calls_by_workspace()), Placed(12, 6, 12, 7, _losing_calls_over_time())]


def _calls_by_workspace() -> statetimeline.Panel:
    panel = story(
        "Calls by workspace",
        "How many trunks lose calls, in each workspace. Unknown: the exporter runs, but has no fresh data.",
        [query(promql.LOSING_CALLS_BY_WORKSPACE, "{{workspace}}")],
        words({0: ("answered", GOOD), promql.UNKNOWN_VALUE: ("unknown", UNKNOWN)}),
    )
    return panel.unit("suffix: lose calls").thresholds(thresholds(NOTHING_BAD))


def _losing_calls_over_time() -> timeseries.Panel:
    panel = lines(
        "Trunks that lose calls",
        "By the reason. While a workspace is unknown, its trunks are not counted; in a gap nothing is known.",
        [
            query(f"sum({promql.UNANSWERED})", "nobody answers"),
            query(or_zero_if_seen(f"count({promql.REFUSED})"), "no room for calls", ref="B"),
            query(promql.NOT_FRESH, "workspaces unknown", ref="C"),
        ],
        by_name={"nobody answers": BAD, "no room for calls": BAD_TOO, "workspaces unknown": UNKNOWN},
    )
    apart = model.DynamicConfigValue("custom.stacking", {"mode": "none", "group": "B"})
    return stacked(panel).decimals(0).override_by_name("workspaces unknown", [apart])


def _what() -> list[Placed]:
    return [Placed(0, 13, 15, 10, attention()), Placed(15, 13, 9, 10, workspaces())]


def _trend() -> list[Placed]:
    by_status = lines(
        "By status",
        "All trunks by their status.",
        [query(f"sum by (status) ({fleet('mihu_trunks', by=('status',))})", "{{status}}")],
        by_name=BY_STATUS,
        colour=fixed(UNKNOWN),
    )
    by_compliance = lines(
        "By compliance",
        "All trunks by the status of their compliance.",
        [query(f"sum by (status) ({fleet('mihu_trunks_by_compliance', by=('status',))})", "{{status}}")],
        by_name=BY_COMPLIANCE,
        colour=fixed(UNKNOWN),
    )
    bound = lines(
        "Bound channels",
        "On how many trunks an agent is bound on each channel, and how many trunks are bound nowhere.",
        [
            query(f"sum by (channel) ({fleet('mihu_bound_channels', by=('channel',))})", "{{channel}}"),
            query(f"sum({fleet('mihu_trunks_without_binding')})", "bound nowhere", ref="B"),
        ],
        by_name={**BY_CHANNEL, "bound nowhere": WARNING},
    )
    moves = lines(
        "Come and gone",
        "Trunks that joined the list, and those that left it: numbers bought, released, or deleted with their "
        "last binding.",
        [query(f"sum({_ADDED})", "come"), query(f"-sum({_REMOVED})", "gone", ref="B")],
        by_name={"come": PLAIN, "gone": WARNING},
    )
    return [
        Placed(0, 0, 6, 7, stacked(by_status).decimals(0)),
        Placed(6, 0, 6, 7, stacked(by_compliance).decimals(0)),
        Placed(12, 0, 6, 7, bound.decimals(0)),
        Placed(18, 0, 6, 7, bars(moves).decimals(0)),
    ]


def _room_and_price() -> list[Placed]:
    limits = lines(
        "Concurrent channels",
        "Sum of the channel limits of the trunks on which the service is enabled.",
        [
            query(
                f"sum by (carrier_service) ({fleet('mihu_channel_limits', by=('carrier_service',))})",
                "{{carrier_service}}",
            )
        ],
        by_name=BY_SERVICE,
    )
    fees = figure(
        "List price",
        "Sum of the list-price monthly fees, for each currency. Not the bill.",
        now(_FEES, "{{currency}}"),
    )
    fees_over_time = lines(
        "List-price fees over time",
        "Sum of the list-price monthly fees, for each currency. Currencies are never added up.",
        [query(_FEES, "{{currency}}")],
    )
    in_currency(fees)
    in_currency(fees_over_time)
    return [
        Placed(0, 0, 10, 7, limits.decimals(0)),
        Placed(10, 0, 4, 7, fees.decimals(2).orientation(common.VizOrientation.HORIZONTAL)),
        Placed(14, 0, 10, 7, fees_over_time.decimals(0)),
    ]
