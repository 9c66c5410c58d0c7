"""One trunk's story: what it is, what it was, and who answered."""

from grafana_foundation_sdk.builders import stat, statetimeline, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.dashboards import frame
from deploy.grafana.dashboards.colours import (
    BAD,
    BY_SERVICE,
    CALL,
    GOOD,
    PLAIN,
    UNKNOWN,
    WARNING,
    fixed,
    shades,
    when_empty,
    words,
)
from deploy.grafana.dashboards.frame import Placed, Section
from deploy.grafana.dashboards.panels import (
    figure,
    filled,
    in_currency,
    lines,
    named,
    now,
    query,
    story,
)
from deploy.grafana.dashboards.trunk_facts import facts
from deploy.grafana.dashboards.trunk_queries import (
    ACTIVE,
    AGENTS,
    ALERTS,
    BOUND,
    CALL_AGENT,
    CALLS,
    COMPLETED,
    COMPLIANCE,
    LOST,
    NAMED_COMPLIANCE,
    NAMED_STATUS,
    NO_ROOM,
    NOT_BOUND,
    OPEN,
    OTHER_COMPLIANCE,
    OTHER_STATUS,
    PENDING,
    PRESENCE,
    REJECTED,
    SMS,
    STATUS,
    STORY,
    SUSPENDED,
    WHATSAPP,
    of_trunk,
)


def trunk() -> model.Dashboard:
    """Return the dashboard."""
    return frame.new_dashboard(
        frame.TRUNK,
        [frame.job(), frame.workspace(), frame.number(), frame.uuid()],
        [
            Section("", [*_now(), Placed(0, 6, 24, 9, _what_happened()), *_over_time()]),
            Section("What it is", facts()),
        ],
        alerts=ALERTS,
    )


def _now() -> list[Placed]:
    return [
        Placed(0, 0, 6, 6, _answers()),
        Placed(6, 0, 6, 3, _agent()),
        Placed(12, 0, 6, 3, _status()),
        Placed(18, 0, 6, 3, _compliance()),
        Placed(6, 3, 6, 3, _limit()),
        Placed(12, 3, 6, 3, _fee()),
        Placed(18, 3, 6, 3, _changed()),
    ]


def _changed() -> stat.Panel:
    return (
        figure(
            "Last change",
            "How long ago the API last changed the trunk.",
            now(f"time() - {of_trunk('mihu_trunk_updated_timestamp_seconds')}"),
            meanings=[when_empty("Not said")],
        )
        .unit(units.Seconds)
        .decimals(0)
    )


def _answers() -> stat.Panel:
    panel = figure(
        "Are its calls answered?",
        "No: call is expected and nobody is bound, or there is room for no call. Unknown: the trunk is not in the "
        "list, or there is no fresh data.",
        now(CALLS),
        meanings=words(
            {
                BOUND: ("Yes", GOOD),
                LOST: ("No, nobody is bound", BAD),
                NO_ROOM: ("No, there is no room", BAD),
                NOT_BOUND: ("Not expected", UNKNOWN),
            }
        ),
    )
    return filled(panel)


def _status() -> stat.Panel:
    panel = figure(
        "Status",
        "In the words of the API.",
        now(NAMED_STATUS, "{{status}}"),
        steps=((None, UNKNOWN), (ACTIVE, GOOD), (PENDING, WARNING), (SUSPENDED, BAD), (OTHER_STATUS, WARNING)),
    )
    return named(panel)


def _agent() -> stat.Panel:
    panel = figure(
        "Who answers calls",
        "The agent that is bound on call: its name, or its UUID where names are not exported.",
        now(CALL_AGENT, "{{agent}}"),
        steps=((None, UNKNOWN), (0, BAD), (1, PLAIN)),
    )
    return named(panel)


def _limit() -> stat.Panel:
    return figure(
        "Room for calls",
        "How many calls may come in at once. 0 refuses every call.",
        now(of_trunk("mihu_trunk_service_channel_limit", 'carrier_service="inbound"')),
        steps=((None, BAD), (1, GOOD)),
    )


def _fee() -> stat.Panel:
    panel = figure(
        "Monthly fee",
        "The list price, not the bill.",
        now(of_trunk("mihu_trunk_monthly_fee", by="currency"), "{{currency}}"),
        meanings=[when_empty("None")],
    )
    in_currency(panel)
    return panel.decimals(2)


def _compliance() -> stat.Panel:
    panel = figure(
        "Compliance",
        "Whether the carrier has all the documents that it wants.",
        now(NAMED_COMPLIANCE, "{{status}}"),
        steps=((None, UNKNOWN), (COMPLETED, GOOD), (OPEN, WARNING), (REJECTED, BAD), (OTHER_COMPLIANCE, WARNING)),
    )
    return named(panel)


def _what_happened() -> statetimeline.Panel:
    return story(
        "What happened",
        "Each row is one side of the trunk. A trunk without any binding may leave the list: it is gone. Grey is "
        "a time of which nothing is known, or a channel that nobody expects.",
        [
            query(PRESENCE, "in the list", ref="A"),
            query(STATUS, "status", ref="B"),
            query(CALLS, "call", ref="C"),
            query(SMS, "sms", ref="D"),
            query(WHATSAPP, "whatsapp", ref="E"),
            query(COMPLIANCE, "compliance", ref="F"),
        ],
        words(STORY),
    )


def _over_time() -> list[Placed]:
    return [
        Placed(0, 15, 24, 6, _who_answered()),
        Placed(0, 21, 8, 7, _limits()),
        Placed(8, 21, 8, 7, _fees()),
        Placed(16, 21, 8, 7, _requirements()),
    ]


def _who_answered() -> statetimeline.Panel:
    panel = story(
        "Who answered",
        "Each row is an agent on a channel, filled while the agent was bound there.",
        [query(AGENTS, "{{channel}}: {{agent}}")],
        words({1: ("bound", CALL)}),
    )
    return panel.color_scheme(fixed(CALL))


def _limits() -> timeseries.Panel:
    return lines(
        "Concurrent channels",
        "How many calls, or messages in flight, each service allows at once.",
        [query(of_trunk("mihu_trunk_service_channel_limit", by="carrier_service"), "{{carrier_service}}")],
        by_name=BY_SERVICE,
    ).decimals(0)


def _fees() -> timeseries.Panel:
    panel = lines(
        "Monthly fee",
        "The list price, not the bill.",
        [query(of_trunk("mihu_trunk_monthly_fee", by="currency"), "{{currency}}")],
    )
    in_currency(panel)
    return panel.decimals(2)


def _requirements() -> timeseries.Panel:
    return lines(
        "Requirements and destinations",
        "What compliance lists as required, and how many destinations each service may reach.",
        [
            query(of_trunk("mihu_trunk_compliance_requirements"), "compliance requirements", ref="A"),
            query(
                of_trunk("mihu_trunk_service_whitelisted_destinations", by="carrier_service"),
                "{{carrier_service}} destinations",
                ref="B",
            ),
        ],
        by_name={
            "compliance requirements": WARNING,
            "voice destinations": BY_SERVICE["voice"],
            "sms destinations": BY_SERVICE["sms"],
        },
        colour=shades(PLAIN),
    ).decimals(0)
