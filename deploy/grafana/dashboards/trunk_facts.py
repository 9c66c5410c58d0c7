"""What a trunk is: the part of its story that seldom changes."""

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import common

from deploy.grafana.dashboards.colours import (
    GOOD,
    UNKNOWN,
    when_empty,
    words,
)
from deploy.grafana.dashboards.frame import Placed
from deploy.grafana.dashboards.panels import (
    colour_by_value,
    figure,
    listing,
    now,
    rows,
    text_column,
    width,
)
from deploy.grafana.dashboards.trunk_queries import of_trunk


def facts() -> list[Placed]:
    """Return the panels."""
    return [
        Placed(0, 0, 16, 4, _attributes()),
        Placed(0, 4, 16, 6, _services()),
        Placed(16, 0, 4, 4, _times()),
        Placed(16, 4, 4, 6, _open_requirements()),
        Placed(20, 0, 4, 10, _capabilities()),
    ]


def _open_requirements() -> stat.Panel:
    return figure(
        "Required",
        "How many requirements compliance lists, met or not.",
        now(of_trunk("mihu_trunk_compliance_requirements")),
        meanings=[when_empty("Not said")],
    )


def _attributes() -> table.Panel:
    labels = "number, phone_number_uuid, country_code, locality, type, source, is_external"
    panel = listing(
        "Attributes",
        "What the API says of the trunk.",
        [rows(of_trunk("mihu_trunk_info", by=labels))],
        {
            "number": "Number",
            "phone_number_uuid": "UUID",
            "country_code": "Country",
            "locality": "Location",
            "type": "Type",
            "source": "Source",
            "is_external": "External",
        },
    )
    for column in ("Number", "UUID", "Country", "Location", "Type", "Source", "External"):
        panel.override_by_name(column, text_column())
    return panel.override_by_name("UUID", [width(300)])


def _services() -> table.Panel:
    panel = listing(
        "Services",
        "What the carrier side allows: voice is calls out, inbound is calls in.",
        [
            rows(of_trunk("mihu_trunk_service_enabled", by="carrier_service"), ref="A"),
            rows(of_trunk("mihu_trunk_service_channel_limit", by="carrier_service"), ref="B"),
            rows(of_trunk("mihu_trunk_service_whitelisted_destinations", by="carrier_service"), ref="C"),
        ],
        {"carrier_service": "Service", "Value #A": "Enabled", "Value #B": "Channel limit", "Value #C": "Destinations"},
    )
    return panel.override_by_name("Service", text_column()).override_by_name(
        "Enabled", colour_by_value(words({0: ("no", UNKNOWN), 1: ("yes", GOOD)}))
    )


def _times() -> stat.Panel:
    return figure(
        "Purchased",
        "When the number was bought.",
        now(f"{of_trunk('mihu_trunk_purchased_timestamp_seconds')} * 1000"),
        meanings=[when_empty("Not said")],
    ).unit("dateTimeAsIso")


def _capabilities() -> stat.Panel:
    panel = figure(
        "Capabilities",
        "What the carrier says the number can do; what it does not know is not listed.",
        now(of_trunk("mihu_trunk_capability", by="capability"), "{{capability}}"),
        meanings=[*words({0: ("no", UNKNOWN), 1: ("yes", GOOD)}), when_empty("Not said")],
    )
    return panel.orientation(common.VizOrientation.HORIZONTAL)
