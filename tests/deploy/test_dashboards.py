"""The dashboards: what is committed is what the code makes, and every query finds something."""

import asyncio
import math
import re
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from support.dashboards import (
    DASHBOARDS,
    DATASOURCE,
    FOLDER,
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
from support.history import ACME, GLOBEX, History, Plan, Target, backfill, write_history
from support.operator_scrapes import ADDED
from support.processes import Prometheus, running_prometheus
from support.programs import run
from support.promql import TARGET, Reading, selectors
from support.rules import known_series
from support.samples import read
from support.sight import SIGHTS, difference

from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.memory_families import MEMORY_TOTALS
from exporter.metrics.text import PROMETHEUS
from exporter.metrics.trunk_families import IDENTITY
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES

# The files


def test_what_is_committed_is_what_the_code_makes(tmp_path: Path) -> None:
    run(sys.executable, "-m", "deploy.grafana.generate", tmp_path, cwd=ROOT).check_returncode()
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in JSON_FILES}
    assert made == committed, "run: python -m deploy.grafana.generate"


def test_there_are_three_dashboards_named_after_their_uids() -> None:
    assert set(DASHBOARDS) == {"mihu-overview", "mihu-trunk", "mihu-exporter"}
    assert {uid: dashboard["uid"] for uid, dashboard in DASHBOARDS.items()} == {uid: uid for uid in DASHBOARDS}
    assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_each_has_a_picture_that_is_small(uid: str) -> None:
    assert (FOLDER / f"{uid}.png").stat().st_size < 300_000


# The panels


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_have_ids_of_their_own_and_say_what_they_show(uid: str) -> None:
    ids = [panel["id"] for panel in DASHBOARDS[uid]["panels"]]
    assert sorted(set(ids)) == sorted(ids)
    for panel in panels(DASHBOARDS[uid]):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"], panel["title"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"] is True, panel["title"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_lie_on_the_grid_beside_each_other(uid: str) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in DASHBOARDS[uid]["panels"]]
    for title, place in places:
        assert place["x"] >= 0, title
        assert place["x"] + place["w"] <= 24, title
    for (one, a), (other, b) in combinations(places, 2):
        apart_across = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_down = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_across or apart_down, f"{one} and {other} overlap"


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_the_data_source_is_always_the_chosen_one(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    asking = [
        *panels(dashboard),
        *(target for panel in panels(dashboard) for target in panel["targets"]),
        *(variable for variable in variables(dashboard) if variable["type"] == "query"),
        *dashboard["annotations"]["list"],
    ]
    assert all(asker["datasource"] == DATASOURCE for asker in asking)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_links_lead_to_a_dashboard_and_set_variables_that_it_has(uid: str) -> None:
    for link in (node for node in everything_below(panels(DASHBOARDS[uid])) if "url" in node):
        path, _, query = link["url"].partition("?")
        target = DASHBOARDS[path.removeprefix("/d/")]
        known = {variable["name"] for variable in variables(target)}
        named = parse_qs(query)
        for panel in named.pop("viewPanel", []):
            assert int(panel) in {one["id"] for one in panels(target) if one["type"] == "table"}
        assert {name.removeprefix("var-") for name in named} <= known
        for value in re.findall(r"\$\{(?:__data|__field|number)[^}]*\}", query):
            assert value.endswith(":percentencode}"), "a plus sign in an address is a blank"


PLAUSIBLE = {
    "job": "mihu-trunk-exporter",
    "workspace": ".+",
    "reason": "unbound|blocked",
    "search": "39",
    "number": "+3901",
    "uuid": "",
    "__rate_interval": "5m",
    "__range": "3h",
}
ABOUT_TRUNKS = {
    family.name
    for family in SHOWN_FAMILIES
    if family in (*WORKSPACE_FAMILIES, *MEMORY_TOTALS) or family.name.startswith("mihu_trunk")
}


def metrics_of(expression: str) -> set[str]:
    """Return the metrics that a query reads."""
    return {str(selector.name) for selector in selectors(with_variables(expression, PLAUSIBLE))}


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_whatever_is_about_trunks_leads_to_where_they_are_listed(uid: str) -> None:
    for panel in panels(DASHBOARDS[uid]):
        asked = {metric for target in panel["targets"] for metric in metrics_of(target["expr"])}
        links = [node["url"] for node in everything_below(panel["fieldConfig"]) if "url" in node]
        assert links or not asked & ABOUT_TRUNKS, panel["title"]
        if panel["type"] != "table":
            assert all("viewPanel=" in url for url in links), panel["title"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_lines_that_are_named_after_anything_have_hues_of_their_own(uid: str) -> None:
    for panel in panels(DASHBOARDS[uid]):
        legends = {target.get("legendFormat") for target in panel["targets"]}
        if panel["type"] == "timeseries" and legends & {"{{workspace}}", "{{instance}}"}:
            assert panel["fieldConfig"]["defaults"]["color"]["mode"] == "palette-classic", panel["title"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_dashboards_link_to_each_other(uid: str) -> None:
    (link,) = DASHBOARDS[uid]["links"]
    assert link["includeVars"]
    assert link["keepTime"]
    assert all(set(link["tags"]) <= set(dashboard["tags"]) for dashboard in DASHBOARDS.values())


# The colours


TOGETHER = {
    "how things are": ("#009E73", "#E69F00", "#D55E00", "#8A8F98"),
    "channels": ("#56B4E9", "#CC79A7", "#7F6BD9"),
    "services": ("#1F78C1", "#56B4E9", "#CC79A7"),
}


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("group", TOGETHER)
def test_colours_that_stand_together_differ_for_everybody(sight: str, group: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in JSON_FILES)
    for one, other in combinations(TOGETHER[group], 2):
        assert one in text
        assert difference(sight, one, other) > 15, (one, other)


# The queries


_PROCESS = re.findall(r"^(process_\w+) ", ExporterMetrics().text(PROMETHEUS), re.MULTILINE)
_ALERT_LABELS = frozenset({"alertname", "alertstate", "severity", "channel", "reason", *IDENTITY}) | TARGET
KNOWN = known_series() | {
    **dict.fromkeys(["scrape_duration_seconds", *_PROCESS], TARGET),
    "ALERTS": _ALERT_LABELS,
}


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_queries_name_metrics_and_labels_that_exist(query: Query) -> None:
    reading = Reading(KNOWN)
    reading.labels(with_variables(query.expression, PLAUSIBLE))
    assert reading.read
    assert set(reading.problems) <= {"min: no label agent there"}  # in a table, what is about no agent


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_queries_are_about_what_is_chosen(query: Query) -> None:
    for selector in re.findall(r"\w+\{([^}]*)\}", query.expression):
        if "alertname" not in selector:
            assert 'job=~"$job"' in selector
    several = {variable["name"] for variable in variables(DASHBOARDS[query.dashboard]) if variable.get("multi", False)}
    for operator, name in re.findall(r'(=~?)"\$(\w+)\|?"', query.expression):
        # Grafana makes a pattern of values that are several, and leaves a single one as it is.
        assert operator == ("=~" if name in several or "|" in query.expression.split(name)[1][:1] else "="), name


def test_what_is_gone_does_not_linger_in_figures_and_tables() -> None:
    for dashboard in DASHBOARDS.values():
        for panel in panels(dashboard):
            if panel["type"] in {"stat", "table"}:
                assert all(target.get("instant") for target in panel["targets"]), panel["title"]


# The queries on a real Prometheus

JOBS = JOB, REPLICATED, TEXTFILE, DISCOVERED = "mihu-trunk-exporter", "replicated", "node", "discovered"
WRITTEN_BY_ONCE = frozenset(
    re.findall(r"^# TYPE (\w+) gauge$", (ROOT / "tests/once/golden/gauges.prom").read_text("utf-8"), re.MULTILINE)
)
END = 1_764_000_000.0  # any time will do
OF_A_PROCESS = frozenset(metric for metric in KNOWN if metric.startswith("process_"))  # of node_exporter's, too
OF_AN_EXPORTER = OF_A_PROCESS | {metric for metric in KNOWN if metric.startswith("mihu_exporter_")}
HOURS = 3
STEP = 120


@dataclass(frozen=True)
class Answers:
    """What a Prometheus with a history answers, by query and job."""

    by_job: dict[str, dict[Query, Json]]
    variables: dict[tuple[str, str], list[str]]
    history: History


def healthy_trunk(history: History) -> Json:
    trunks: list[Json] = [history.fleet.trunk(number) for number in history.fleet.numbers]
    return next(trunk for trunk in trunks if trunk["status"] == "active" and trunk["bindings"]["call"]["bound"])


def values_of_variables(dashboard: str, job: str, history: History) -> dict[str, str]:
    hero = history.fleet.trunk(history.hero)
    chosen = {"workspace": ACME, "number": history.hero, "uuid": hero["phone_number_uuid"]}
    several = {"workspace": f"({ACME}|{GLOBEX})", "reason": "(unbound|not_active|blocked)"}
    several["search"] = healthy_trunk(history)["number"].removeprefix("+")
    return {
        "job": job,
        **(chosen if dashboard == "mihu-trunk" else several),
        "__rate_interval": f"{4 * STEP}s",
        "__range": f"{HOURS}h",
    }


async def ask(prometheus: Prometheus, query: Query, values: dict[str, str]) -> Json:
    expression = with_variables(query.expression, values)
    if query.instant:
        path, when = "query", {"time": END}
    else:
        path, when = "query_range", {"start": END - HOURS * 3600, "end": END, "step": STEP}
    answer = await prometheus.http.post(f"{prometheus.url}/api/v1/{path}", data={"query": expression, **when})
    document = answer.json()
    assert document["status"] == "success", f"{query}: {document}"
    assert not document.get("warnings"), f"{query}: {document['warnings']}"
    return {"result": document["data"]["result"]}


async def values_for(prometheus: Prometheus, definition: str) -> list[str]:
    """Do what Grafana does with ``label_values``."""
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", definition)
    assert match, definition
    selector, label = match.groups()
    when = {"start": END - HOURS * 3600, "end": END}
    answer = await prometheus.http.get(
        f"{prometheus.url}/api/v1/label/{label}/values", params={"match[]": selector, **when}
    )
    found: list[str] = answer.json()["data"]
    return found


async def answers_of(folder: Path) -> Answers:
    history = History(
        Plan(
            end=END,
            seconds=HOURS * 3600,
            step=STEP,
            sizes=(16, 12),
            events_per_minute=0.3,
            targets=[
                Target(JOB, "a:10155"),
                # As the Prometheus operator finds them.
                Target(REPLICATED, "a:10155", labels=dict.fromkeys(ADDED, "a")),
                Target(REPLICATED, "b:10155", labels=dict.fromkeys(ADDED, "b")),
                Target(TEXTFILE, "a:9100", WRITTEN_BY_ONCE | OF_A_PROCESS),
                Target(DISCOVERED, "a:10155", OF_AN_EXPORTER),
                Target(DISCOVERED, f"a:10155/{ACME}", workspace=ACME),
                Target(DISCOVERED, f"a:10155/{GLOBEX}", workspace=GLOBEX),
            ],
        )
    )
    await write_history(history, folder / "history.txt")
    await asyncio.to_thread(backfill, folder / "history.txt", folder / "tsdb")
    async with running_prometheus(folder, {}) as prometheus:

        async def everything(job: str) -> dict[Query, Json]:
            values = {uid: values_of_variables(uid, job, history) for uid in DASHBOARDS}
            return {query: await ask(prometheus, query, values[query.dashboard]) for query in QUERIES}

        found = {}
        for uid, dashboard in DASHBOARDS.items():
            for variable in variables(dashboard):
                if variable["type"] == "query":
                    definition = with_variables(variable["definition"], values_of_variables(uid, JOB, history))
                    found[uid, variable["name"]] = await values_for(prometheus, definition)
        return Answers(
            by_job={job: await everything(job) for job in JOBS},
            variables=found,
            history=history,
        )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return asyncio.run(answers_of(tmp_path_factory.mktemp("dashboards")))


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_queries_find_something(answers: Answers, query: Query) -> None:
    series = answers.by_job[JOB][query]["result"]
    assert series, query.expression
    values = [value for one in series for _, value in one.get("values", [one.get("value")])]
    assert any(math.isfinite(float(value)) for value in values), query.expression


def test_variables_offer_what_there_is(answers: Answers) -> None:
    fleet = answers.history.fleet
    for (uid, name), values in answers.variables.items():
        match name:
            case "job":
                assert set(values) == set(JOBS)
            case "workspace":
                assert set(values) == {ACME, GLOBEX}
            case "number":
                assert set(fleet.numbers) <= set(values)
            case "uuid":
                assert values == [fleet.trunk(answers.history.hero)["phone_number_uuid"]]
            case _:
                pytest.fail(f"{uid} has a variable that nothing is known of: {name}")


def comparable(answer: Json) -> list[tuple[Json, object]]:
    return sorted(
        ((series["metric"], series.get("values", series.get("value"))) for series in answer["result"]), key=repr
    )


@pytest.mark.parametrize("query", [query for query in QUERIES if query.dashboard != "mihu-exporter"], ids=str)
def test_two_replicas_count_once_whatever_labels_they_have(answers: Answers, query: Query) -> None:
    if "annotation" not in query.place:
        assert comparable(answers.by_job[REPLICATED][query]) == comparable(answers.by_job[JOB][query])


@pytest.mark.parametrize(
    "query",
    [query for query in QUERIES if metrics_of(query.expression) <= WRITTEN_BY_ONCE],
    ids=str,
)
def test_what_once_writes_is_shown_as_what_the_exporter_exposes(answers: Answers, query: Query) -> None:
    assert comparable(answers.by_job[TEXTFILE][query]) == comparable(answers.by_job[JOB][query])


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_target_for_each_workspace_shows_the_same(answers: Answers, query: Query) -> None:
    found, alone = answers.by_job[DISCOVERED][query]["result"], answers.by_job[JOB][query]["result"]
    if metrics_of(query.expression) & {"up", "scrape_duration_seconds"}:  # there are more targets
        assert found
    else:
        assert len(found) == len(alone)


@pytest.mark.parametrize(
    "query",
    [query for query in QUERIES if metrics_of(query.expression) & OF_A_PROCESS],
    ids=str,
)
def test_the_process_that_exposes_a_textfile_is_not_taken_for_an_exporter(answers: Answers, query: Query) -> None:
    assert answers.by_job[JOB][query]["result"]
    assert answers.by_job[TEXTFILE][query]["result"] == []


def result(answers: Answers, place: str, dashboard: str = "mihu-overview", job: str = REPLICATED) -> list[Json]:
    """Return the series that the query in a place finds."""
    (query,) = (query for query in QUERIES if (query.dashboard, query.place) == (dashboard, place))
    series: list[Json] = answers.by_job[job][query]["result"]
    return series


def scraped(answers: Answers, name: str, **labels: str) -> float:
    """Return the sum of some series as one replica exposed them last."""
    found = read("\n".join(answers.history.scraped))
    return sum(sample.value for sample in found if sample.name == name and labels.items() <= sample.labels)


def test_the_overview_counts_the_fleet(answers: Answers) -> None:
    def figure(title: str) -> float:
        (series,) = result(answers, f"{title} A")
        return float(series["value"][1])

    out = scraped(answers, "mihu_trunks_out_of_service")
    assert figure("Trunks") == scraped(answers, "mihu_trunks") > 20
    assert figure("Out of service?") == out > 0
    for title, reason in (("No agent", "unbound"), ("Not active", "not_active"), ("Blocked", "blocked")):
        assert figure(title) == scraped(answers, "mihu_trunks_out_of_service_by_reason", reason=reason)
    assert figure("Lost or gone") == scraped(answers, "mihu_channels_lost") + scraped(answers, "mihu_trunks_gone") > 0
    assert figure("Being set up") == scraped(answers, "mihu_trunks", status="pending") > 0
    assert figure("No data") == 0


def row_of(answers: Answers, place: str, **labels: str) -> tuple[Json, float]:
    (series,) = (one for one in result(answers, place) if labels.items() <= one["metric"].items())
    return series["metric"], float(series["value"][1])


def test_the_list_has_a_row_for_each_trunk_with_since_when_and_its_last_agent(answers: Answers) -> None:
    table = "Out of service, the longest first"
    hero = {"workspace": ACME, "number": answers.history.hero}
    assert len(result(answers, f"{table} A")) == scraped(answers, "mihu_trunks_out_of_service")
    _, seconds = row_of(answers, f"{table} A", **hero)
    assert seconds == pytest.approx(0.07 * HOURS * 3600, abs=2 * STEP)
    _, why = row_of(answers, f"{table} B", **hero)
    assert why == 1
    last, _ = row_of(answers, f"{table} C", **hero)
    lost = {"number": answers.history.hero, "channel": "call", "agent_name": last["agent"]}
    assert scraped(answers, "mihu_trunk_channel_lost_timestamp_seconds", **lost) > 0
    _, since = row_of(answers, f"{table} F", **hero)
    assert since / 1000 == END - seconds


def test_what_is_being_set_up_is_listed_with_how_long_the_number_has_been_owned(answers: Answers) -> None:
    rows = [(row["metric"], row["value"][1]) for row in result(answers, "Being set up, compliance open A")]
    set_up = [(labels["number"], value) for labels, value in rows if labels["what"] == "status pending"]
    assert len(set_up) == scraped(answers, "mihu_trunks", status="pending")
    for number, value in set_up:
        purchased = scraped(answers, "mihu_trunk_purchased_timestamp_seconds", number=number)
        assert value == "NaN" if not purchased else float(value) == pytest.approx(END - purchased)


def test_who_answers_a_healthy_number_is_found_by_a_part_of_it(answers: Answers) -> None:
    trunk = healthy_trunk(answers.history)
    found, _ = row_of(answers, "Any trunk, and who answers it A", number=trunk["number"])
    assert (found["agent"], found["status"]) == (trunk["bindings"]["call"]["agent_name"], "active")


def states(answers: Answers, uid: str, place: str, **labels: str) -> list[int]:
    """Return the values that a row of a timeline goes through."""
    (series,) = (series for series in result(answers, place, uid, JOB) if series["metric"] == labels)
    values = [int(float(value)) for _, value in series["values"]]
    return [value for value, previous in zip(values, [None, *values], strict=False) if value != previous]


def test_an_outage_is_shown_as_unknown_not_as_well(answers: Answers) -> None:
    assert -1 in states(answers, "mihu-overview", "Out of service by workspace A", workspace=GLOBEX)


def test_the_trunk_tells_its_story(answers: Answers) -> None:
    meanings = {
        int(value): meaning["text"]
        for panel in panels(DASHBOARDS["mihu-trunk"])
        if panel["title"] == "What happened"
        for mapping in panel["fieldConfig"]["defaults"]["mappings"]
        for value, meaning in mapping["options"].items()
    }
    told = {
        row: [meanings[state] for state in states(answers, "mihu-trunk", f"What happened {row}")] for row in "ABCDG"
    }
    assert "no fresh data" in told["A"]
    assert {"in service", "blocked", "no agent", "not active"} <= set(told["B"])
    assert told["C"][-3:] == ["active", "suspended", "active"]
    assert told["D"][-2:] == ["bound", "lost"]
    assert told["G"][-2:] == ["pending", "completed"]
