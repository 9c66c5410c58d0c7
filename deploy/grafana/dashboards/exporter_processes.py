"""What the exporter's processes use, and which of them there are."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.dashboards import frame, promql
from deploy.grafana.dashboards.colours import (
    ANY,
    GOOD,
    PLAIN,
    WARNING,
    shades,
    when_empty,
    words,
)
from deploy.grafana.dashboards.frame import Placed
from deploy.grafana.dashboards.panels import (
    bounded,
    colour_by_value,
    lines,
    link,
    listing,
    query,
    rows,
    smooth,
    text_column,
    width,
)
from deploy.grafana.dashboards.promql import EXPORTERS, fleet, of_process


def processes() -> list[Placed]:
    """Return the panels, a line or a row for each process."""
    per_replica = "{{instance}}"
    cpu = lines(
        "CPU",
        "Share of one core, for each replica.",
        [
            query(
                f"rate(process_cpu_seconds_total{{{EXPORTERS}}}[$__rate_interval]) "
                f"and on (job, instance) mihu_exporter_build_info{{{EXPORTERS}}}",
                per_replica,
            )
        ],
        colour=shades(ANY),
    )
    memory = lines(
        "Memory",
        "Resident memory, for each replica.",
        [query(of_process("process_resident_memory_bytes"), per_replica)],
        colour=shades(ANY),
    )
    files = lines(
        "Open files",
        "As a share of what the process may open.",
        [query(f"{of_process('process_open_fds')} / process_max_fds{{{EXPORTERS}}}", per_replica)],
        colour=shades(ANY),
    )
    scrapes = lines(
        "Duration of scrapes",
        "How long Prometheus takes to scrape a target, parsing included.",
        [
            query(
                f"scrape_duration_seconds{{{EXPORTERS}}} "
                f"and on (job, instance) (mihu_up{{{EXPORTERS}}} or mihu_exporter_build_info{{{EXPORTERS}}})",
                per_replica,
            )
        ],
        colour=shades(ANY),
    )
    return [
        Placed(0, 0, 6, 7, smooth(cpu).unit(units.PercentUnit)),
        Placed(6, 0, 6, 7, smooth(memory).unit(units.BytesIEC)),
        Placed(12, 0, 6, 7, bounded(smooth(files), ((None, PLAIN), (0.8, WARNING))).unit(units.PercentUnit)),
        Placed(18, 0, 6, 7, smooth(scrapes).unit(units.Seconds)),
        Placed(0, 7, 14, 7, _replicas()),
        Placed(14, 7, 10, 7, _workspaces()),
    ]


def _replicas() -> table.Panel:
    panel = listing(
        "Replicas and shards",
        "A row for each process. Replicas that are configured alike have the same configuration number.",
        [
            rows(f"max by (instance, version, pythonversion) (mihu_exporter_build_info{{{EXPORTERS}}})", ref="A"),
            rows(f"max by (instance) (mihu_exporter_shard_ordinal{{{EXPORTERS}}})", ref="B"),
            rows(f"max by (instance) (mihu_exporter_shards{{{EXPORTERS}}})", ref="C"),
            rows(f"max by (instance) (mihu_exporter_config_hash{{{EXPORTERS}}})", ref="D"),
            rows(f"time() - max by (instance) {of_process('process_start_time_seconds')}", ref="E"),
        ],
        {
            "instance": "Instance",
            "version": "Version",
            "pythonversion": "Python",
            "Value #B": "Shard",
            "Value #C": "Of",
            "Value #D": "Configuration",
            "Value #E": "Up for",
        },
    )
    for column in ("Instance", "Version", "Python"):
        panel.override_by_name(column, text_column())
    return (
        panel.override_by_name("Shard", [width(70)])
        .override_by_name("Of", [width(60)])
        .override_by_name("Configuration", [model.DynamicConfigValue("unit", "none"), width(150)])
        .override_by_name("Up for", [model.DynamicConfigValue("unit", units.Seconds), width(110)])
    )


def _workspaces() -> table.Panel:
    to_overview = (
        f"/d/{frame.OVERVIEW.uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}"
        "&var-workspace=${__data.fields.workspace:percentencode}"
    )
    panel = listing(
        "Workspaces",
        "How each workspace is polled.",
        [
            rows(fleet("mihu_up"), ref="A"),
            rows(promql.AGE, ref="B"),
            rows(fleet("mihu_poll_interval_seconds"), ref="C"),
            rows(fleet("mihu_max_staleness_seconds"), ref="D"),
        ],
        {
            "workspace": "Workspace",
            "Value #A": "Last poll",
            "Value #B": "Age",
            "Value #C": "Interval",
            "Value #D": "Allowed age",
        },
    )
    seconds = [model.DynamicConfigValue("unit", units.Seconds), model.DynamicConfigValue("decimals", 0), width(95)]
    outcomes = [*words({0: ("failed", WARNING), 1: ("succeeded", GOOD)}), when_empty("none yet")]
    panel.override_by_name("Workspace", [*text_column(), link("Its overview", to_overview)])
    panel.override_by_name("Last poll", [*colour_by_value(outcomes), width(110)])
    for column in ("Age", "Interval", "Allowed age"):
        panel.override_by_name(column, seconds)
    return panel
