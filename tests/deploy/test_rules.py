"""The rules of Prometheus: checked by its own tool, and tied to the metrics and the runbooks."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from deploy.evaluation import STEP_OF_DAYS, STEP_OF_HOURS, Newer, run, run_at_once
from support import newer_programs
from support.histories import histories
from support.promql import ADDED, Reading
from support.rules import (
    ALERTS,
    DEPLOY,
    PROMETHEUS,
    RECORDINGS,
    RULE_FILES,
    RULE_TESTS,
    RULES,
    RUNBOOKS,
    Rule,
    fenced,
    known_series,
    runbook,
)

KNOWN = known_series()
HEADINGS = ["What it means", "How to check", "What to do"]
# As {alertname="A"} of a unit test about several alerts names it.
NAMED_IN_SAMPLES = re.compile(r'alertname="(\w+)"')

each_alert = pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)


def test_prometheus_and_vmalert_take_the_rules(newer: Newer) -> None:
    binaries: list[str | Path] = ["promtool", *newer("promtool", *newer_programs.SUITES)]
    for binary in binaries:
        run(binary, "check", "rules", "--lint-fatal", *RULE_FILES)
    for binary in newer("vmalert", "sid"):
        run(binary, "-dryRun", *(f"-rule={file}" for file in RULE_FILES))


@pytest.mark.parametrize("example", sorted(PROMETHEUS.glob("*.yaml")), ids=lambda path: path.name)
def test_prometheus_takes_the_example(example: Path) -> None:
    run("promtool", "check", "config", "--lint-fatal", example)
    document = yaml.safe_load(example.read_text(encoding="utf-8"))
    assert [job["job_name"] for job in document["scrape_configs"]] == ["mihu-trunk-exporter"]
    assert {file for pattern in document["rule_files"] for file in PROMETHEUS.glob(pattern)} == set(RULE_FILES)


def test_prometheus_takes_what_the_readme_writes_into_its_configuration(tmp_path: Path) -> None:
    (written,) = fenced((DEPLOY / "README.md").read_text(encoding="utf-8"), "yaml")
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    (tmp_path / "prometheus.yml").write_text(written, encoding="utf-8")
    checked = run("promtool", "check", "config", "--lint-fatal", tmp_path / "prometheus.yml")
    assert f"SUCCESS: {len(RULES)} rules found" in checked


def test_the_rules_do_what_their_unit_tests_say(newer: Newer) -> None:
    binaries: list[str | Path] = ["promtool", *newer("promtool", "sid")]
    run_at_once((binary, "test", "rules", file) for binary in binaries for file in RULE_TESTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_reads_what_exists_and_joins_what_can_match_whatever_labels_targets_have(rule: Rule) -> None:
    for known in (KNOWN, {name: labels | ADDED for name, labels in KNOWN.items()}):
        reading = Reading(known)
        assert not reading.labels(rule.expr) & ADDED
        assert not reading.problems, "\n".join(reading.problems)
        assert reading.read


def test_a_recording_is_named_by_convention_and_read() -> None:
    read = "\n".join(alert.expr for alert in RULES if alert.is_alert)
    for name in RECORDINGS:
        assert re.fullmatch(r"mihu:[a-z_]+:any", name)
        assert name in read


@each_alert
def test_an_alert_keeps_to_the_conventions(alert: Rule) -> None:
    assert re.fullmatch(r"Mihu[A-Z][A-Za-z]+", alert.name)
    assert set(alert.document) - {"for", "keep_firing_for"} == {"alert", "expr", "labels", "annotations"}
    assert set(alert.document["labels"]) == {"severity"}
    assert alert.document["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary"} <= set(alert.annotations) <= {"summary", "last_agent"}
    assert not alert.annotations["summary"].endswith(".")
    # It names what tells one alert from another. Titles add the workspace; the uuid stands for a number that is hidden.
    labels = Reading(KNOWN).labels(alert.expr)
    named = set(re.findall(r"\$labels\.(\w+)", alert.annotations["summary"]))
    assert named <= labels
    assert labels - {"workspace"} <= named
    assert "query" not in alert.annotations["summary"], "it would be asked for each alert at each evaluation"


def test_every_history_is_played_and_every_alert_fires_in_one_or_in_a_unit_test() -> None:
    assert {history.step for history in histories()} == {STEP_OF_HOURS, STEP_OF_DAYS}
    named = {firing.labels["alertname"] for history in histories() for firing in history.fires}
    for case in (case for file in RULE_TESTS for case in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]):
        named |= {test["alertname"] for test in case.get("alert_rule_test", []) if test["exp_alerts"]}
        for test in case.get("promql_expr_test", []):
            named |= set(NAMED_IN_SAMPLES.findall(yaml.safe_dump(test["exp_samples"])))
    assert named == ALERTS.keys()
    assert {path.stem for path in RUNBOOKS.glob("Mihu*.md")} == ALERTS.keys()


@each_alert
def test_a_runbook_answers_the_questions_and_asks_for_what_exists(alert: Rule) -> None:
    page = runbook(alert.name)
    assert page.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    assert all(len(section.split()) > 5 for section in page.split("\n## ")[1:])
    assert set(re.findall(r"\((Mihu\w+)\.md\)", page)) <= ALERTS.keys() - {alert.name}
    assert page.endswith("\nIf it was intended, see [silencing](silencing.md).\n")
    queries = fenced(page, "promql")
    assert queries or fenced(page, "sh"), "nothing to check by"
    for query in queries:
        reading = Reading(KNOWN)
        reading.labels(query)
        assert not reading.problems, f"{query}: {reading.problems}"
