"""The exporter itself: does it read every workspace in time, how does the API answer, what does it use."""

from collections.abc import Iterable

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.dashboards import frame, promql
from deploy.grafana.dashboards.colours import (
    BAD,
    GOOD,
    NOTHING_BAD,
    NOTHING_ODD,
    PLAIN,
    WARNING,
    categorical,
    when_empty,
    words,
)
from deploy.grafana.dashboards.frame import EXPORTER, Placed, Section, to_list
from deploy.grafana.dashboards.panels import (
    NO_COUNTERS,
    bars,
    bounded,
    by_dashes,
    colour_by_value,
    figure,
    filled,
    lines,
    link,
    listing,
    now,
    query,
    rows,
    seconds_column,
    smooth,
    stacked,
    story,
    width,
)
from deploy.grafana.dashboards.promql import EXPORTERS, WORKSPACES, fleet, of_process

_AGES = ((None, GOOD), (0.5, WARNING), (1, BAD))
_HIGHEST_AGE = 1.5
_MOST_LINES = 10
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_NO_PROCESS = [when_empty("No process")]  # where once's textfiles are read


def exporter() -> model.Dashboard:
    """Return the dashboard."""
    return frame.new_dashboard(
        EXPORTER,
        [frame.job(), frame.workspaces()],
        [
            Section("", [*_now(), *_over_time(), Placed(0, 14, 24, 7, _workspaces())]),
            Section("Polls", _polls()),
            Section("Requests to the API", _requests()),
            Section("What was read", _reading()),
            Section("Processes", _processes()),
        ],
    )


def _now() -> Iterable[Placed]:
    to_workspaces = to_list(EXPORTER, frame.WORKSPACE_LIST)
    fresh = figure(
        "Is the data fresh?",
        "Workspaces of which nothing is known: no poll has succeeded within the allowed age, so their trunk series "
        "have ended, or the target that had them is down. Unknown: no exporter is scraped.",
        now(promql.NOT_KNOWN),
        steps=NOTHING_BAD,
        meanings=words({0: ("Yes", GOOD), 1: ("1 workspace unknown", BAD)}),
        leads_to=to_workspaces,
    )
    yield Placed(0, 0, 6, 6, filled(fresh).unit("suffix: workspaces unknown"))
    failed = f'sum(rate(mihu_api_requests_total{{{WORKSPACES}, code!="200"}}[$__range])) or vector(0)'
    every = f"sum(rate(mihu_api_requests_total{{{WORKSPACES}}}[$__range]))"
    figures = [
        figure(
            "Polls failing",
            "Workspaces whose last poll failed on every replica.",
            now(f"sum(1 - {fleet('mihu_up')})"),
            steps=NOTHING_ODD,
            leads_to=to_workspaces,
        ),
        _share(
            figure(
                "Oldest data",
                "The greatest age of a workspace's data, as a share of the allowed age. At 100% its trunk series end.",
                now(f"max({promql.SHARE_OF_MAX_AGE})"),
                steps=_AGES,
                leads_to=to_workspaces,
            ),
            decimals=0,
        ),
        _share(
            figure(
                "Failed requests",
                "Share of the requests within the dashboard's time that were not answered with 200.",
                now(f"({failed}) / {every}"),
                steps=((None, GOOD), (0.01, WARNING), (0.1, BAD)),
                meanings=[when_empty("Not counted")],
            ),
            decimals=1,
        ),
        figure(
            "Targets down",
            "Targets of the scrape job that do not answer.",
            now(f"sum(1 - up{{{EXPORTERS}}})"),
            steps=NOTHING_BAD,
        ),
        figure(
            "Configuration",
            "Whether the last attempt to load the configuration succeeded on every replica. When it failed, the last "
            "good one stays in force.",
            now(f"min(mihu_exporter_config_last_reload_successful{{{EXPORTERS}}})"),
            meanings=[*words({0: ("failed", BAD), 1: ("loaded", GOOD)}), *_NO_PROCESS],
        ),
        figure(
            "Requests a minute",
            "Requests to the API by all replicas together, over the last minutes.",
            now(f"sum({_counted('mihu_api_requests_total', by='workspace')})"),
            meanings=[when_empty("Not counted")],
        ).decimals(1),
    ]
    yield from frame.tiles(6, 6, 3, figures)


def _share(panel: stat.Panel, *, decimals: int) -> stat.Panel:
    return panel.unit(units.PercentUnit).decimals(decimals)


def _over_time() -> Iterable[Placed]:
    polls = story(
        "Polls by workspace",
        "Whether the last poll succeeded. While polls fail, the last good data stays until it is too old.",
        [query(fleet("mihu_up"), "{{workspace}}")],
        words({0: ("failing", WARNING), 1: ("succeeding", GOOD)}),
        leads_to=to_list(EXPORTER, frame.WORKSPACE_LIST),
    )
    # One choice for the whole time: which is the oldest at each point changes with every poll.
    oldest = f"topk({_MOST_LINES}, max_over_time(({promql.SHARE_OF_MAX_AGE})[$__range:1m] @ end()))"
    ages = lines(
        "Age of data",
        "As a share of the allowed age, of the workspaces where it became greatest. At 100% the trunk series end; "
        "what is above 150% is drawn there.",
        [query(f"clamp_max({promql.SHARE_OF_MAX_AGE}, {_HIGHEST_AGE})\nand on (workspace) {oldest}", "{{workspace}}")],
        colour=categorical(),
    )
    yield Placed(0, 6, 12, 8, polls)
    yield Placed(12, 6, 12, 8, bounded(smooth(ages), _AGES).unit(units.PercentUnit).decimals(0))


def _workspaces() -> table.Panel:
    panel = listing(
        "Workspaces",
        "How each workspace is polled. A name leads to its overview.",
        [
            rows(fleet("mihu_up"), ref="A"),
            rows(promql.AGE, ref="B"),
            rows(fleet("mihu_poll_interval_seconds"), ref="C"),
            rows(fleet("mihu_max_staleness_seconds"), ref="D"),
            rows(fleet("mihu_poll_pages"), ref="E"),
            rows(fleet("mihu_poll_walks"), ref="F"),
            rows(fleet("mihu_series"), ref="G"),
        ],
        {
            "workspace": "Workspace",
            "Value #A": "Last poll",
            "Value #B": "Age of data",
            "Value #C": "Interval",
            "Value #D": "Allowed age",
            "Value #E": "Pages",
            "Value #F": "Walks",
            "Value #G": "Series",
        },
        panel_id=frame.WORKSPACE_LIST,
        descending="Age of data",
    )
    outcomes = [*words({0: ("failed", WARNING), 1: ("succeeded", GOOD)}), when_empty("none yet")]
    panel.override_by_name("Workspace", [link("Its overview", frame.to_workspace(frame.OVERVIEW))])
    panel.override_by_name("Last poll", [*colour_by_value(outcomes), width(130)])
    for column in ("Age of data", "Interval", "Allowed age"):
        panel.override_by_name(column, seconds_column(130, decimals=0))
    return panel


def _counted(metric: str, *, by: str) -> str:
    """Return how often something happens a minute; every replica does what it does, so replicas add up."""
    return f"sum by ({by}) (rate({metric}{{{WORKSPACES}}}[$__rate_interval])) * 60"


def _by_reason(title: str, description: str, metric: str) -> timeseries.Panel:
    increase = f"sum by (reason) (increase({metric}{{{WORKSPACES}}}[$__rate_interval])) > 0"
    panel = lines(
        title,
        f"By reason. {description}",
        [query(increase, "{{reason}}")],
        by_name={"rate_limited": WARNING},
        colour=categorical(),
    )
    return bars(panel).decimals(0).no_value(NO_COUNTERS)


def _durations(title: str, of_what: str, histogram: str) -> timeseries.Panel:
    buckets = f"sum by (le) (rate({histogram}_bucket{{{WORKSPACES}}}[$__rate_interval]))"
    panel = lines(
        title,
        f"What 50, 95 and 99 of a hundred {of_what} took at most.",
        [
            query(f"histogram_quantile({share}, {buckets})", name, ref=ref)
            for ref, (name, share) in zip("ABC", _QUANTILES.items(), strict=True)
        ],
    )
    return by_dashes(smooth(panel), _QUANTILES).unit(units.Seconds).no_value(NO_COUNTERS)


def _in_thirds(*panels: timeseries.Panel) -> list[Placed]:
    return [Placed(8 * index, 0, 8, 7, panel) for index, panel in enumerate(panels)]


def _polls() -> list[Placed]:
    walks = lines(
        "Walks and drift",
        "A poll that needs more than one walk met a list that changed. Drift is by how many rows the published "
        "list differs from the total that the API reported.",
        [
            query(f"max({fleet('mihu_poll_walks')})", "walks", ref="A"),
            query(f"max(abs({fleet('mihu_poll_drift')}))", "drift", ref="B"),
        ],
        by_name={"walks": PLAIN, "drift": WARNING},
    )
    return _in_thirds(
        _by_reason(
            "Failed polls",
            "auth, permission and tls need somebody; the rest may pass by itself.",
            "mihu_poll_failures_total",
        ),
        _durations("Duration of polls", "polls", "mihu_poll_duration_seconds"),
        walks.decimals(0),
    )


def _requests() -> list[Placed]:
    by_code = lines(
        "Requests by answer",
        "A minute, by HTTP status; error is no whole answer.",
        [query(f"{_counted('mihu_api_requests_total', by='code')} > 0", "{{code}}")],
        by_name={"200": GOOD, "429": WARNING, "error": BAD},
        colour=categorical(),
    )
    return _in_thirds(
        smooth(stacked(by_code)).no_value(NO_COUNTERS),
        _durations("Duration of requests", "requests", "mihu_api_request_duration_seconds"),
        _by_reason(
            "Requests made again",
            "rate_limited means that the API sets the pace: poll less often, or with less concurrency.",
            "mihu_api_retries_total",
        ),
    )


def _reading() -> list[Placed]:
    pages = lines(
        "Pages",
        "Of the last poll, in all workspaces; a page that had not changed costs next to nothing.",
        [
            query(f"sum({fleet('mihu_poll_pages')})", "pages", ref="A"),
            query(f"sum({fleet('mihu_poll_reused_pages')})", "unchanged", ref="B"),
        ],
        by_name={"pages": PLAIN, "unchanged": GOOD},
    )
    invalid_items = f"sum({fleet('mihu_invalid_items')})"
    invalid_fields = f"sum({fleet('mihu_invalid_fields', by=('field',))}) or 0 * {invalid_items}"
    odd = lines(
        "Oddities in the answers",
        "Fields of a wrong type, rows that tell no trunk, and rows that were merged into another. Each costs only "
        "itself; many of them mean that the API has changed.",
        [
            query(invalid_fields, "invalid fields", ref="A"),
            query(invalid_items, "invalid rows", ref="B"),
            query(f"sum({fleet('mihu_duplicate_items')})", "merged rows", ref="C"),
        ],
        by_name={"invalid fields": WARNING, "invalid rows": BAD, "merged rows": PLAIN},
    )
    most = f"topk({_MOST_LINES}, max by (workspace) (max_over_time(mihu_series{{{WORKSPACES}}}[$__range] @ end())))"
    series = lines(
        "Trunk series",
        "Series that are exposed, of the workspaces with the most. 0 while a workspace's data is too old.",
        [query(f"{fleet('mihu_series')}\nand on (workspace) {most}", "{{workspace}}")],
        colour=categorical(),
        leads_to=to_list(EXPORTER, frame.WORKSPACE_LIST),
    )
    return _in_thirds(pages.decimals(0), odd.decimals(0), series.decimals(0))


def _processes() -> list[Placed]:
    """Return panels with a line or a row for each process."""
    cpu = (
        f"rate(process_cpu_seconds_total{{{EXPORTERS}}}[$__rate_interval]) "
        f"and on (job, instance) mihu_exporter_build_info{{{EXPORTERS}}}"
    )
    scrapes = f"scrape_duration_seconds{{{EXPORTERS}}}"
    longest = (
        f"topk({_MOST_LINES}, max_over_time({scrapes}[$__range] @ end()) "
        f"and on (job, instance) (mihu_up{{{EXPORTERS}}} or mihu_exporter_build_info{{{EXPORTERS}}}))"
    )
    scrapes = f"{scrapes} and on (job, instance) {longest}"
    files = f"{of_process('process_open_fds')} / process_max_fds{{{EXPORTERS}}}"
    memory = of_process("process_resident_memory_bytes")
    open_files = _per_instance("Open files", "As a share of what the process may open.", files, units.PercentUnit)
    panels = [
        _per_instance("CPU", "Share of one core, for each replica.", cpu, units.PercentUnit),
        _per_instance("Memory", "Resident memory, for each replica.", memory, units.BytesIEC),
        bounded(open_files, ((None, PLAIN), (0.8, WARNING))),
        _per_instance(
            "Duration of scrapes",
            "How long Prometheus takes to read a target; those that took longest.",
            scrapes,
            units.Seconds,
        ),
    ]
    placed = [Placed(6 * index, 0, 6, 7, panel) for index, panel in enumerate(panels)]
    return [*placed, Placed(0, 7, 24, 6, _replicas())]


def _per_instance(title: str, description: str, expression: str, unit: str) -> timeseries.Panel:
    panel = lines(title, description, [query(expression, "{{instance}}")], colour=categorical())
    return smooth(panel).unit(unit).no_value("No process of an exporter is scraped")


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
        empty="No process of an exporter is scraped",
    )
    return (
        panel.override_by_name("Shard", [width(70)])
        .override_by_name("Of", [width(60)])
        .override_by_name("Configuration", [width(150)])
        .override_by_name("Up for", seconds_column(110))
    )
