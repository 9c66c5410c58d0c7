"""The exporter itself: does it read every workspace in time, how does the API answer, what does it use."""

from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.dashboards import frame, promql
from deploy.grafana.dashboards.colours import (
    ANY,
    BAD,
    BAD_TOO,
    GOOD,
    NOTHING_BAD,
    NOTHING_ODD,
    PLAIN,
    WARNING,
    fixed,
    shades,
    words,
)
from deploy.grafana.dashboards.exporter_processes import processes
from deploy.grafana.dashboards.frame import Placed, Section
from deploy.grafana.dashboards.panels import (
    bars,
    bounded,
    by_dashes,
    figure,
    filled,
    lines,
    now,
    query,
    smooth,
    stacked,
    story,
)
from deploy.grafana.dashboards.promql import EXPORTERS, WORKSPACES, fleet

_MINUTE = 60
_AGES = ((None, GOOD), (0.5, WARNING), (1, BAD))
_HIGHEST_AGE = 1.5
_MOST_LINES = 10
_QUANTILES = {"half": 0.5, "19 of 20": 0.95, "99 of 100": 0.99}


def exporter() -> model.Dashboard:
    """Return the dashboard."""
    return frame.new_dashboard(
        frame.EXPORTER,
        [frame.job(), frame.workspaces()],
        [
            Section("", [*_now(), Placed(0, 6, 12, 8, _polls_by_workspace()), Placed(12, 6, 12, 8, _ages())]),
            Section("Polls", _polls()),
            Section("Requests to the API", _requests()),
            Section("What was read", _reading()),
            Section("Processes", processes()),
        ],
    )


def _counted(metric: str, *matchers: str, by: str) -> str:
    """Return how often something happens a minute; every replica does what it does, so replicas add up."""
    return f"sum by ({by}) (rate({metric}{{{', '.join((WORKSPACES, *matchers))}}}[$__rate_interval])) * {_MINUTE}"


def _increase(metric: str, *, by: str) -> str:
    return f"sum by ({by}) (increase({metric}{{{WORKSPACES}}}[$__rate_interval])) > 0"


def _quantile(share: float, histogram: str) -> str:
    buckets = f"sum by (le) (rate({histogram}_bucket{{{WORKSPACES}}}[$__rate_interval]))"
    return f"histogram_quantile({share}, {buckets})"


def _now() -> list[Placed]:
    return [
        Placed(0, 0, 6, 6, _fresh()),
        Placed(6, 0, 6, 3, _failing()),
        Placed(12, 0, 6, 3, _oldest()),
        Placed(18, 0, 6, 3, _refused()),
        Placed(6, 3, 6, 3, _down()),
        Placed(12, 3, 6, 3, _reload()),
        Placed(18, 3, 6, 3, _pace()),
    ]


def _fresh() -> stat.Panel:
    panel = figure(
        "Is the data fresh?",
        "Workspaces of which nothing is known: no poll has succeeded within the allowed age, so their trunk series "
        "have ended. Unknown: no exporter is scraped.",
        now(promql.NOT_FRESH),
        steps=NOTHING_BAD,
        meanings=words({0: ("Yes", GOOD), 1: ("1 workspace unknown", BAD)}),
    )
    return filled(panel).unit("suffix: workspaces unknown")


def _failing() -> stat.Panel:
    return figure(
        "Polls failing",
        "Workspaces whose last poll failed on every replica.",
        now(f"sum(1 - {fleet('mihu_up')})"),
        steps=NOTHING_ODD,
    )


def _oldest() -> stat.Panel:
    return (
        figure(
            "Oldest data",
            "The greatest age of a workspace's data, as a share of the allowed age. At 100% its trunk series end.",
            now(f"max({promql.SHARE_OF_MAX_AGE})"),
            steps=_AGES,
        )
        .unit(units.PercentUnit)
        .decimals(0)
    )


def _pace() -> stat.Panel:
    return figure(
        "Requests a minute",
        "Requests to the API by all replicas together, over the last minutes.",
        now(f"sum({_counted('mihu_api_requests_total', by='workspace')})"),
    ).decimals(1)


def _refused() -> stat.Panel:
    failed = f'sum(rate(mihu_api_requests_total{{{WORKSPACES}, code!="200"}}[$__range])) or vector(0)'
    every = f"sum(rate(mihu_api_requests_total{{{WORKSPACES}}}[$__range]))"
    return (
        figure(
            "Failed requests",
            "Share of the requests within the dashboard's time that were not answered with 200.",
            now(f"({failed}) / {every}"),
            steps=((None, GOOD), (0.01, WARNING), (0.1, BAD)),
        )
        .unit(units.PercentUnit)
        .decimals(1)
    )


def _down() -> stat.Panel:
    return figure(
        "Targets down",
        "Targets of the scrape job that do not answer.",
        now(f"sum(1 - up{{{EXPORTERS}}})"),
        steps=NOTHING_BAD,
    )


def _reload() -> stat.Panel:
    return figure(
        "Configuration",
        "Whether the last attempt to load the configuration succeeded on every replica. When it failed, the last "
        "good one stays in force.",
        now(f"min(mihu_exporter_config_last_reload_successful{{{EXPORTERS}}})"),
        meanings=words({0: ("failed", BAD), 1: ("loaded", GOOD)}),
    )


def _polls_by_workspace() -> statetimeline.Panel:
    return story(
        "Polls by workspace",
        "Whether the last poll succeeded. While polls fail, the last good data stays until it is too old.",
        [query(fleet("mihu_up"), "{{workspace}}")],
        words({0: ("failing", WARNING), 1: ("succeeding", GOOD)}),
    )


def _ages() -> timeseries.Panel:
    panel = lines(
        "Age of data",
        "As a share of the allowed age, of the workspaces where it is greatest. At 100% the trunk series end; "
        "what is above 150% is drawn there.",
        [query(f"clamp_max(topk({_MOST_LINES}, {promql.SHARE_OF_MAX_AGE}), {_HIGHEST_AGE})", "{{workspace}}")],
        colour=shades(ANY),
    )
    return bounded(smooth(panel), _AGES).unit(units.PercentUnit).decimals(0)


def _polls() -> list[Placed]:
    failures = lines(
        "Failed polls",
        "By reason. auth, permission and tls need somebody; the rest may pass by itself.",
        [query(_increase("mihu_poll_failures_total", by="reason"), "{{reason}}")],
        by_name={"rate_limited": WARNING},
        colour=shades(BAD),
    )
    durations = lines(
        "Duration of polls",
        "What half of the polls, and the slowest of twenty or a hundred, took at most.",
        _quantiles("mihu_poll_duration_seconds"),
        colour=fixed(PLAIN),
    )
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
    return [
        Placed(0, 0, 8, 7, bars(failures).decimals(0)),
        Placed(8, 0, 8, 7, by_dashes(smooth(durations), _QUANTILES).unit(units.Seconds)),
        Placed(16, 0, 8, 7, walks.decimals(0)),
    ]


def _quantiles(histogram: str) -> list[prometheus.Dataquery]:
    return [
        query(_quantile(share, histogram), name, ref=ref)
        for ref, (name, share) in zip("ABC", _QUANTILES.items(), strict=True)
    ]


def _requests() -> list[Placed]:
    by_code = lines(
        "Requests by answer",
        "A minute, by HTTP status; error is no whole answer.",
        [query(f"{_counted('mihu_api_requests_total', by='code')} > 0", "{{code}}")],
        by_name={"200": GOOD, "429": WARNING, "error": BAD_TOO},
        colour=shades(BAD),
    )
    durations = lines(
        "Duration of requests",
        "What half of the requests, and the slowest of twenty or a hundred, took at most.",
        _quantiles("mihu_api_request_duration_seconds"),
        colour=fixed(PLAIN),
    )
    retries = lines(
        "Requests made again",
        "By reason. rate_limited means that the API sets the pace: poll less often, or with less concurrency.",
        [query(_increase("mihu_api_retries_total", by="reason"), "{{reason}}")],
        by_name={"rate_limited": WARNING},
        colour=shades(BAD),
    )
    return [
        Placed(0, 0, 8, 7, smooth(stacked(by_code))),
        Placed(8, 0, 8, 7, by_dashes(smooth(durations), _QUANTILES).unit(units.Seconds)),
        Placed(16, 0, 8, 7, bars(retries).decimals(0)),
    ]


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
    odd = lines(
        "Oddities in the answers",
        "Fields of a wrong type, rows that tell no trunk, and rows that were merged into another. Each costs only "
        "itself; many of them mean that the API has changed.",
        [
            query(f"sum({fleet('mihu_invalid_fields', by=('field',))}) or {_NO_ODDITY}", "invalid fields", ref="A"),
            query(f"sum({fleet('mihu_invalid_items')})", "invalid rows", ref="B"),
            query(f"sum({fleet('mihu_duplicate_items')})", "merged rows", ref="C"),
        ],
        by_name={"invalid fields": WARNING, "invalid rows": BAD, "merged rows": PLAIN},
    )
    series = lines(
        "Trunk series",
        "Series that are exposed, of the workspaces with the most. 0 while a workspace's data is too old.",
        [query(f"topk({_MOST_LINES}, {fleet('mihu_series')})", "{{workspace}}")],
        colour=shades(ANY),
    )
    return [
        Placed(0, 0, 8, 7, pages.decimals(0)),
        Placed(8, 0, 8, 7, odd.decimals(0)),
        Placed(16, 0, 8, 7, series.decimals(0)),
    ]


_NO_ODDITY = f"0 * sum({fleet('mihu_invalid_items')})"
