"""The tables of the overview: which trunks, and which workspaces."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.dashboards import frame, promql, troubles
from deploy.grafana.dashboards.colours import (
    NOTHING_BAD,
    UNKNOWN,
    when_empty,
    words,
)
from deploy.grafana.dashboards.panels import (
    colour_by_value,
    link,
    listing,
    rows,
    text_column,
    width,
)
from deploy.grafana.dashboards.promql import fleet


def attention() -> table.Panel:
    """Return the trunks that are in trouble."""
    to_trunk = (
        f"/d/{frame.TRUNK.uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}"
        "&var-workspace=${__data.fields.workspace:percentencode}"
        "&var-number=${__data.fields.number:percentencode}"
        "&var-uuid=${__data.fields.phone_number_uuid:percentencode}"
    )
    panel = listing(
        "Trunks that need attention",
        "A row for each trouble of a trunk, the worst first. A number leads to the trunk's own dashboard.",
        [rows(troubles.EVERY_TROUBLE)],
        {
            "Value": "What",
            "number": "Number",
            "trouble": "Why",
            "workspace": "Workspace",
            "phone_number_uuid": "UUID",
        },
    )
    return (
        panel.override_by_name("What", [*colour_by_value(words(troubles.MEANINGS)), width(115)])
        .override_by_name("Why", [*text_column(), width(185)])
        .override_by_name("Workspace", [*text_column(), width(100)])
        .override_by_name("Number", [*text_column(), link("The story of this trunk", to_trunk), width(140)])
        .override_by_name("UUID", [*text_column(), link("The story of this trunk", to_trunk)])
    )


def workspaces() -> table.Panel:
    """Return the workspaces, each with the figures that matter most."""
    here = (
        f"/d/{frame.OVERVIEW.uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}"
        "&var-workspace=${__data.fields.workspace:percentencode}"
    )
    panel = listing(
        "Workspaces",
        "A row for each workspace that the exporter polls. A name narrows this dashboard to its workspace.",
        [
            rows(promql.LOSING_CALLS_BY_WORKSPACE, ref="A"),
            rows(f"sum by (workspace) ({fleet('mihu_trunks', by=('status',))})", ref="B"),
            rows(promql.AGE, ref="C"),
        ],
        {
            "workspace": "Workspace",
            "Value #A": "Lose calls",
            "Value #B": "Trunks",
            "Value #C": "Age of data",
        },
    )
    losing = [*words({promql.UNKNOWN_VALUE: ("unknown", UNKNOWN)}), when_empty("unknown")]
    return (
        panel.override_by_name(
            "Workspace",
            [*text_column(), link("This workspace alone", here), model.DynamicConfigValue("custom.minWidth", 70)],
        )
        .override_by_name("Lose calls", [*colour_by_value(losing, NOTHING_BAD), width(85)])
        .override_by_name("Trunks", [model.DynamicConfigValue("mappings", [when_empty("unknown")]), width(65)])
        .override_by_name(
            "Age of data",
            [
                model.DynamicConfigValue("unit", units.Seconds),
                model.DynamicConfigValue("decimals", 0),
                model.DynamicConfigValue("mappings", [when_empty("never seen")]),
                width(95),
            ],
        )
    )
