"""The dashboards: what is committed is what the code makes, and every query finds something."""

import asyncio
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, product
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from deploy.story import ACME, END, GLOBEX, SECONDS, STEP, Story
from support.dashboards import (
    DASHBOARDS,
    DATASOURCE,
    JSON_FILES,
    QUERIES,
    ROOT,
    Json,
    Query,
    everything_below,
    panels,
    variables,
    with_variables,
)
from support.files import write_yaml
from support.processes import Prometheus, running_prometheus
from support.programs import run_well
from support.promql import ADDED, TARGET, Reading, selectors
from support.rules import known_series
from support.samples import read
from support.simulating import answered

from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.text import PROMETHEUS
from exporter.metrics.trunk_families import IDENTITY
from exporter.metrics.workspace_families import MEMORY_TOTALS, WORKSPACE_FAMILIES

PLAUSIBLE = {"job": "mihu-trunk-exporter", "__rate_interval": "5m", "__range": "3h", "workspace": ".+"}
PLAUSIBLE |= {"reason": "unbound|blocked", "search": "39", "number": "+3901", "uuid": ""}
ABOUT_TRUNKS = {
    family.name
    for family in SHOWN_FAMILIES
    if family in (*WORKSPACE_FAMILIES, *MEMORY_TOTALS) or family.name.startswith("mihu_trunk")
}
# Of Okabe and Ito, some lightened: people who see no red, no green or no blue can tell those apart that stand together.
PALETTE = {
    *("#009E73", "#E69F00", "#D55E00", "#8F3F00", "#8A8F98"),  # how things are
    *("#56B4E9", "#CC79A7", "#7F6BD9", "#1F78C1"),  # channels and services
}


def metrics_of(expression: str) -> set[str]:
    return {str(selector.name) for selector in selectors(with_variables(expression, PLAUSIBLE))}


# The files


def test_what_is_committed_is_what_the_code_makes_in_colours_that_everybody_can_tell_apart(tmp_path: Path) -> None:
    run_well(sys.executable, "-m", "deploy.grafana.generate", tmp_path, cwd=ROOT)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in JSON_FILES}
    assert made == committed, "run: python -m deploy.grafana.generate"
    assert set(re.findall(r"#\w{6}", "".join(committed.values()))) == PALETTE


# What each panel and each dashboard obeys


def leads_to_lists(panel: Json) -> bool:
    """Tell whether a panel about trunks leads to where they are listed: to a dashboard, or from a figure to a list."""
    asked = {metric for target in panel["targets"] for metric in metrics_of(target["expr"])}
    links = [node["url"] for node in everything_below(panel["fieldConfig"]) if "url" in node]
    to_lists = panel["type"] == "table" or all("viewPanel=" in url for url in links)
    return to_lists and (bool(links) or not asked & ABOUT_TRUNKS)


def has_hues(panel: Json) -> bool:
    named = {target.get("legendFormat") for target in panel["targets"]} & {"{{workspace}}", "{{instance}}"}
    return not named or panel["fieldConfig"]["defaults"]["color"]["mode"] == "palette-classic"


def links_lead_somewhere(panel: Json) -> bool:
    """Tell whether links set variables that their dashboard has, to values in which a plus sign is no blank."""
    for url in (node["url"] for node in everything_below(panel) if "url" in node):
        path, _, query = url.partition("?")
        target, named = DASHBOARDS[path.removeprefix("/d/")], parse_qs(query)
        lists = {str(one["id"]) for one in panels(target) if one["type"] == "table"}
        known = {f"var-{variable['name']}" for variable in variables(target)}
        values = re.findall(r"\$\{(?:__data|__field|number)[^}]*\}", query)
        is_encoded = all(value.endswith(":percentencode}") for value in values)
        if not (is_encoded and lists >= {*named.pop("viewPanel", [])} and named.keys() <= known):
            return False
    return True


PANEL_RULES: dict[str, Callable[[Json], bool]] = {
    "is named": lambda panel: bool(panel["title"]),
    "says in sentences what it shows": lambda panel: panel["description"].endswith("."),
    "has a unit": lambda panel: bool(panel["fieldConfig"]["defaults"]["unit"]),
    "has thresholds": lambda panel: bool(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]),
    "has a legend": lambda panel: panel["type"] != "timeseries" or panel["options"]["legend"]["showLegend"],
    "asks the chosen data source": lambda panel: all(
        asking["datasource"] == DATASOURCE for asking in (panel, *panel["targets"])
    ),
    "does not linger on what is gone": lambda panel: (
        panel["type"] not in {"stat", "table"} or all(target.get("instant") for target in panel["targets"])
    ),
    "leads to lists of trunks": leads_to_lists,
    "gives hues to lines of any name": lambda panel: panel["type"] != "timeseries" or has_hues(panel),
    "has links that lead somewhere": links_lead_somewhere,
}


@pytest.mark.parametrize("rule", PANEL_RULES)
def test_each_panel(rule: str) -> None:
    every = [panel for dashboard in DASHBOARDS.values() for panel in panels(dashboard)]
    assert [panel["title"] for panel in every if not PANEL_RULES[rule](panel)] == []


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_each_dashboard(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    assert dashboard["uid"] == uid
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len({*ids})
    asking = [variable for variable in variables(dashboard) if variable["type"] == "query"]
    for asked in (*asking, *dashboard["annotations"]["list"]):
        assert asked["datasource"] == DATASOURCE
    (link,) = dashboard["links"]
    assert all((link["includeVars"], link["keepTime"]))
    assert all({*link["tags"]} <= {*other["tags"]} for other in DASHBOARDS.values())
    # Panels lie on the grid, beside each other.
    cells: Counter[tuple[int, ...]] = Counter()
    for place in (panel["gridPos"] for panel in dashboard["panels"]):
        cells.update(product(*(range(place[start], place[start] + place[size]) for start, size in ("xw", "yh"))))
    assert [cell for cell, times in cells.items() if times > 1 or cell[0] not in range(24)] == []


# The queries


_PROCESS = re.findall(r"^(process_\w+) ", ExporterMetrics().text(PROMETHEUS), re.MULTILINE)
_ALERT_LABELS = frozenset({"alertname", "alertstate", "severity", "channel", "reason", *IDENTITY}) | TARGET
KNOWN = known_series() | {**dict.fromkeys(["scrape_duration_seconds", *_PROCESS], TARGET), "ALERTS": _ALERT_LABELS}


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_queries_name_what_exists_and_are_about_what_is_chosen(query: Query) -> None:
    reading = Reading(KNOWN)
    reading.labels(with_variables(query.expression, PLAUSIBLE))
    assert reading.read
    assert set(reading.problems) <= {"min: no label agent there"}  # in a table, what is about no agent
    for selector in re.findall(r"\w+\{([^}]*)\}", query.expression):
        assert 'job=~"$job"' in selector or "alertname" in selector
    several = {variable["name"] for variable in variables(DASHBOARDS[query.dashboard]) if variable.get("multi", False)}
    for operator, name, raw, alternative in re.findall(r'(=~?)["`]\$\{?(\w+)(?::(raw)\})?(\|?)', query.expression):
        # Grafana makes a pattern of values that are several; a single one it has to leave as it is, with its quotes.
        assert (operator, raw) == (("=~", "") if name in several or alternative else ("=", "raw")), name


def test_neither_a_textfile_that_is_no_longer_written_nor_a_target_that_is_down_looks_good(tmp_path: Path) -> None:
    kept = {"trunks_out_of_service": 0, "last_success_timestamp_seconds": 0, "max_staleness_seconds": 300}
    kept["poll_interval_seconds"] = 60
    of = f'{{job="{PLAUSIBLE["job"]}", instance='
    series = {f'mihu_{name}{of}"a", workspace="a"}}': f"{value}x30" for name, value in kept.items()}
    series |= {f'mihu_poll_interval_seconds{of}"b", workspace="b"}}': "60x9 stale", f'up{of}"b"}}': "0x30"}
    expected = {"Out of service? A": -1, "No agent A": -1, "No data A": 2, "Is the data fresh? A": 2}
    asked = [
        {"expr": with_variables(query.expression, PLAUSIBLE), "eval_time": "30m", "exp_samples": [{"value": value}]}
        for query in QUERIES
        if (value := expected.get(query.place))
    ]
    assert len(asked) == len(expected)
    exposed = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": exposed, "promql_expr_test": asked}
    run_well("promtool", "test", "rules", write_yaml(tmp_path / "tests.yaml", {"tests": [test]}))


# The queries on a real Prometheus

JOBS = JOB, REPLICATED, TEXTFILE, DISCOVERED = "mihu-trunk-exporter", "replicated", "node", "discovered"
WRITTEN_BY_ONCE = frozenset(
    re.findall(r"^# TYPE (\w+) gauge$", (ROOT / "tests/once/golden/gauges.prom").read_text("utf-8"), re.MULTILINE)
)
OF_A_PROCESS = frozenset(metric for metric in KNOWN if metric.startswith("process_"))  # of node_exporter's, too
TARGETS = [
    ({"job": JOB, "instance": "a:10155"}, ""),
    # As the Prometheus operator finds them.
    ({"job": REPLICATED, "instance": "a:10155", **dict.fromkeys(ADDED, "a")}, ""),
    ({"job": REPLICATED, "instance": "b:10155", **dict.fromkeys(ADDED, "b")}, ""),
    ({"job": TEXTFILE, "instance": "a:9100"}, f"({'|'.join(WRITTEN_BY_ONCE | OF_A_PROCESS)})[{{ ]"),
    ({"job": DISCOVERED, "instance": "a:10155"}, "process_|mihu_exporter_"),
    ({"job": DISCOVERED, "instance": f"a:10155/{ACME}"}, f'.*workspace="{ACME}"'),
    ({"job": DISCOVERED, "instance": f"a:10155/{GLOBEX}"}, f'.*workspace="{GLOBEX}"'),
]


@dataclass(frozen=True)
class Answers:
    """What a Prometheus on which a story happened answers."""

    story: Story
    found: dict[tuple[str, Query], list[Json]] = field(default_factory=dict)  # the series, by job and query
    variables: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # their values, by dashboard and name

    def at(self, place: str, dashboard: str = "mihu-overview", job: str = REPLICATED) -> list[Json]:
        (query,) = (query for query in QUERIES if (query.dashboard, query.place) == (dashboard, place))
        return self.found[job, query]

    def row(self, place: str, **labels: str) -> tuple[Json, float]:
        (series,) = (one for one in self.at(place) if labels.items() <= one["metric"].items())
        return series["metric"], float(series["value"][1])

    def scraped(self, name: str, **labels: str) -> float:
        """Return the sum of some series as one replica exposed them last."""
        found = read("\n".join(self.story.scraped))
        return sum(sample.value for sample in found if sample.name == name and labels.items() <= sample.labels)


def healthy_trunk(story: Story) -> Json:
    return story.fleet.trunk(answered(story.fleet)[0])


def values_of_variables(dashboard: str, job: str, story: Story) -> dict[str, str]:
    hero = story.fleet.trunk(story.hero)
    chosen = {"workspace": ACME, "number": story.hero, "uuid": hero["phone_number_uuid"]}
    several = {"workspace": f"({ACME}|{GLOBEX})", "reason": "(unbound|not_active|blocked)"}
    several["search"] = healthy_trunk(story)["number"].removeprefix("+")
    times = {"__rate_interval": f"{4 * STEP}s", "__range": f"{SECONDS}s"}
    return {"job": job, **(chosen if dashboard == "mihu-trunk" else several), **times}


async def ask(prometheus: Prometheus, query: Query, values: dict[str, str]) -> list[Json]:
    when = {"time": END} if query.instant else {"start": END - SECONDS, "end": END, "step": STEP}
    data = {"query": with_variables(query.expression, values), **when}
    path = f"/api/v1/{'query' if query.instant else 'query_range'}"
    document = (await prometheus.http.post(path, data=data)).json()
    assert document["status"] == "success", f"{query}: {document}"
    assert not document.get("warnings"), f"{query}: {document['warnings']}"
    found: list[Json] = document["data"]["result"]
    return found


async def values_for(prometheus: Prometheus, definition: str) -> list[str]:
    """Do what Grafana does with ``label_values``."""
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", definition)
    assert match, definition
    params = {"match[]": match[1], "start": END - SECONDS, "end": END}
    found: list[str] = (await prometheus.http.get(f"/api/v1/label/{match[2]}/values", params=params)).json()["data"]
    return found


async def answers_of(folder: Path) -> Answers:
    story = Story()
    await story.write(folder / "story.txt", TARGETS)
    promtool = ("promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet")
    await asyncio.to_thread(run_well, *promtool, folder / "story.txt", folder / "tsdb")
    found = Answers(story)
    async with running_prometheus(folder, {}) as prometheus:
        for uid, dashboard in DASHBOARDS.items():
            for variable in variables(dashboard):
                if variable["type"] == "query":
                    definition = with_variables(variable["definition"], values_of_variables(uid, JOB, story))
                    found.variables[uid, variable["name"]] = await values_for(prometheus, definition)
        for job in JOBS:
            for query in QUERIES:
                values = values_of_variables(query.dashboard, job, story)
                found.found[job, query] = await ask(prometheus, query, values)
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return asyncio.run(answers_of(tmp_path_factory.mktemp("dashboards")))


def finds_a_number(answers: Answers, query: Query) -> bool:
    values = (value for one in answers.found[JOB, query] for _, value in one.get("values", [one.get("value")]))
    return any(math.isfinite(float(value)) for value in values)


def shows_the_same(answers: Answers, query: Query, job: str) -> bool:
    here, there = (
        sorted(((one["metric"], one.get("values", one.get("value"))) for one in answers.found[each, query]), key=repr)
        for each in (job, JOB)
    )
    return here == there


def shows_as_many(answers: Answers, query: Query) -> bool:
    """Tell whether as much is found where each workspace is a target; of targets themselves there are more then."""
    found, alone = answers.found[DISCOVERED, query], answers.found[JOB, query]
    is_about_targets = bool(metrics_of(query.expression) & {"up", "scrape_duration_seconds"})
    return bool(found) if is_about_targets else len(found) == len(alone)


Obeys = Callable[[Answers, Query], bool]
ANSWER_RULES: dict[str, tuple[Callable[[Query], object], Obeys]] = {
    "finds a number": (lambda _: True, finds_a_number),
    "counts two replicas once, whatever labels they have": (
        lambda query: query.dashboard != "mihu-exporter" and "annotation" not in query.place,
        lambda answers, query: shows_the_same(answers, query, REPLICATED),
    ),
    "shows what once writes as what the exporter exposes": (
        lambda query: metrics_of(query.expression) - {"up"} <= WRITTEN_BY_ONCE,
        lambda answers, query: shows_the_same(answers, query, TEXTFILE),
    ),
    "shows as much where each workspace is a target": (lambda _: True, shows_as_many),
    "takes no process that exposes a textfile for an exporter": (
        lambda query: metrics_of(query.expression) & OF_A_PROCESS,
        lambda answers, query: not answers.found[TEXTFILE, query],
    ),
}


@pytest.mark.parametrize("rule", ANSWER_RULES)
def test_each_query(answers: Answers, rule: str) -> None:
    applies, obeys = ANSWER_RULES[rule]
    asked = [query for query in QUERIES if applies(query)]
    assert asked
    assert [f"{query}: {query.expression}" for query in asked if not obeys(answers, query)] == []


def test_variables_offer_what_there_is(answers: Answers) -> None:
    fleet, story = answers.story.fleet, answers.story
    expected = {"job": {*JOBS}, "workspace": {ACME, GLOBEX}, "number": {*fleet.numbers}}
    expected["uuid"] = {fleet.trunk(story.hero)["phone_number_uuid"]}
    for (uid, name), values in answers.variables.items():
        assert {*values} == expected[name], uid


def test_the_overview_counts_the_fleet(answers: Answers) -> None:
    """What is out of service, and why, is in tests/truth/test_one_answer.py."""
    counted = answers.scraped
    expected = {"Trunks": counted("mihu_trunks"), "Being set up": counted("mihu_trunks", status="pending")}
    expected["Lost or gone"] = counted("mihu_channels_lost") + counted("mihu_trunks_gone")
    assert all(expected.values())
    assert {title: answers.row(f"{title} A")[1] for title in (*expected, "No data")} == expected | {"No data": 0}


def test_the_list_has_a_row_for_each_trunk_with_since_when_and_its_last_agent(answers: Answers) -> None:
    table = "Out of service, the longest first"
    hero = {"workspace": ACME, "number": answers.story.hero}
    assert len(answers.at(f"{table} A")) == answers.scraped("mihu_trunks_out_of_service") > 0
    _, seconds = answers.row(f"{table} A", **hero)
    assert seconds == pytest.approx(0.07 * SECONDS, abs=2 * STEP)
    last, _ = answers.row(f"{table} C", **hero)
    lost = {"number": answers.story.hero, "channel": "call", "agent_name": last["agent"]}
    assert answers.scraped("mihu_trunk_channel_lost_timestamp_seconds", **lost) > 0
    _, since = answers.row(f"{table} F", **hero)
    assert since / 1000 == END - seconds


def test_what_is_being_set_up_is_listed_with_how_long_the_number_has_been_owned(answers: Answers) -> None:
    rows = [(row["metric"], row["value"][1]) for row in answers.at("Being set up, compliance open A")]
    set_up = [(labels["number"], value) for labels, value in rows if labels["what"] == "status pending"]
    assert len(set_up) == answers.scraped("mihu_trunks", status="pending")
    for number, value in set_up:
        purchased = answers.scraped("mihu_trunk_purchased_timestamp_seconds", number=number)
        assert value == "NaN" if not purchased else float(value) == pytest.approx(END - purchased)


def test_who_answers_a_healthy_number_is_found_by_a_part_of_it(answers: Answers) -> None:
    trunk = healthy_trunk(answers.story)
    found, _ = answers.row("Any trunk, and who answers it A", number=trunk["number"])
    assert (found["agent"], found["status"]) == (trunk["bindings"]["call"]["agent_name"], "active")


def states(answers: Answers, uid: str, place: str, **labels: str) -> Iterator[int]:
    (series,) = (series for series in answers.at(place, uid, JOB) if series["metric"] == labels)
    yield from (value for value, _ in groupby(int(float(value)) for _, value in series["values"]))


def test_the_trunk_tells_its_story_and_an_outage_is_shown_as_unknown_not_as_well(answers: Answers) -> None:
    assert -1 in states(answers, "mihu-overview", "Out of service by workspace A", workspace=GLOBEX)
    (panel,) = (panel for panel in panels(DASHBOARDS["mihu-trunk"]) if panel["title"] == "What happened")
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    words = {int(value): meaning["text"] for value, meaning in mapping["options"].items()}
    told = {row: [words[state] for state in states(answers, "mihu-trunk", f"What happened {row}")] for row in "ABCDG"}
    assert "no fresh data" in told["A"]
    assert {"in service", "blocked", "no agent", "not active"} <= set(told["B"])
    assert told["C"][-3:] == ["active", "suspended", "active"]
    assert told["D"][-2:] == ["bound", "lost"]
    assert told["G"][-2:] == ["pending", "completed"]
