"""What the chart makes of rules and dashboards: they are unharmed, but for what the values say."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support.charts import CHART, RELEASE, Values, refusal, render
from support.manifest_checks import schema_errors
from support.manifests import NAME, ROOT, Manifest, one
from support.programs import run

from exporter.cli import main

MONITORING = CHART / "ci" / "monitoring-values.yaml"

RULE_FILE = (Path(__file__).parent / "chart" / "example.rules.yaml").read_text(encoding="utf-8")
DASHBOARD = {"uid": "mihu-example", "panels": [{"legend": "{{workspace}}", "text": "ü, <b> & \\ \n`{{ .Values }}`"}]}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a chart with rules and a dashboard of its own."""
    copy = Path(shutil.copytree(CHART, tmp_path_factory.mktemp("chart") / NAME, symlinks=True))
    for folder, name, text in (
        ("rules", "example.yaml", RULE_FILE),
        ("dashboards", "mihu-Example_One.json", json.dumps(DASHBOARD)),
    ):
        (copy / "files" / folder).unlink()
        (copy / "files" / folder).mkdir()
        (copy / "files" / folder / name).write_text(text, encoding="utf-8")
    return copy


def rules_of(chart: Path, **settings: object) -> dict[str, Any]:
    """Return the rules that values make, by their names."""
    rule = one(render({"prometheusRule": {"enabled": True, **settings}}, chart), "PrometheusRule")
    assert schema_errors(rule) == []
    return {each.get("alert") or each["record"]: each for group in rule["spec"]["groups"] for each in group["rules"]}


def dashboards_of(manifests: list[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and "grafana_dashboard" in manifest["metadata"]["labels"]:
            yield manifest


# Rules.


def test_without_values_the_rules_are_those_for_every_way_of_deploying(chart: Path) -> None:
    values: Values = {"prometheusRule": {"enabled": True}}
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yaml"))
    expected = [group for path in files for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]

    assert one(render(values), "PrometheusRule")["spec"]["groups"] == expected
    assert one(render(values, chart), "PrometheusRule")["spec"]["groups"] == yaml.safe_load(RULE_FILE)["groups"]


ORIGINAL = {rule.get("alert"): rule for group in yaml.safe_load(RULE_FILE)["groups"] for rule in group["rules"]}


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"alertLabels": {"team": "a"}}, "mihu:up", {"labels": None}),
        (
            {"alertLabels": {"team": "a"}, "alerts": {"MihuLonely": {"labels": {"team": "b"}, "severity": "page"}}},
            "MihuLonely",
            {"labels": {"severity": "page", "team": "b"}},
        ),
        (
            {
                "alertAnnotations": {"summary": "x", "chat": "#a"},
                "alerts": {"MihuExample": {"annotations": {"chat": "#b"}, "keepFiringFor": "2h"}},
            },
            "MihuExample",
            {
                "annotations": ORIGINAL["MihuExample"]["annotations"] | {"summary": "x", "chat": "#b"},
                "keep_firing_for": "2h",
            },
        ),
        # A threshold is the one number that the expression compares with.
        (
            {"alerts": {"MihuExample": {"threshold": 0.5}}},
            "MihuExample",
            {"expr": "mihu_seconds:max{a='> 9'} >= 0.5 and on () rate(x[10m]) > 0 and 10"},
        ),
    ],
)
def test_what_values_make_of_a_rule(settings: Values, name: str, expected: Values, chart: Path) -> None:
    rule, original = rules_of(chart, **settings)[name], ORIGINAL.get(name, {})

    assert {key: rule.get(key) for key in expected} == expected
    assert {key: rule[key] for key in original if key not in expected} == {
        key: original[key] for key in original if key not in expected
    }


def test_values_do_what_the_flags_of_assets_do(tmp_path: Path) -> None:
    flags = ["--runbook-url=https://r.test/x/", "--dashboard-url=https://g.test", "--status-url=https://s.test/"]
    flags += ["--severity=MihuPollDrift=page", "--for=MihuTrunkGone=1h30m", "--threshold=MihuTrunkGone=600"]
    flags += ["--disable=MihuRateLimited", "--label=team=a", "--annotation=chat=b"]
    assert CliRunner().invoke(main, ["assets", str(tmp_path), *flags]).exit_code == 0
    groups = [
        group
        for file in sorted((tmp_path / "prometheus" / "rules").iterdir())
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]

    rule = one(
        render(
            {
                "prometheusRule": {
                    "enabled": True,
                    "runbookUrl": "https://r.test/x/",
                    "dashboardUrl": "https://g.test",
                    "statusUrl": "https://s.test/",
                    "alerts": {
                        "MihuPollDrift": {"severity": "page"},
                        "MihuTrunkGone": {"for": "1h30m", "threshold": 600},
                    },
                    "disabledAlerts": ["MihuRateLimited"],
                    "alertLabels": {"team": "a"},
                    "alertAnnotations": {"chat": "b"},
                }
            }
        ),
        "PrometheusRule",
    )

    assert rule["spec"]["groups"] == groups
    assert schema_errors(rule) == []


def test_a_severity_that_rules_ask_for_cannot_be_changed(chart: Path) -> None:
    settings = {"enabled": True, "alerts": {"MihuTold": {"severity": "page"}}}

    assert "the rules tell its severities apart" in refusal({"prometheusRule": settings}, chart)


TRUNK = "https://g.test/d/mihu-trunk?var-workspace=a+b&var-number=%2B1&var-uuid="
# By the name of an alert, the labels of what it is about, and where its dashboard and the status page are.
LINKS: dict[str, tuple[dict[str, str], str, str]] = {
    "trunk": (
        {"workspace": "a b", "number": "+1", "phone_number_uuid": "u&v"},
        f"{TRUNK}u%26v",
        "https://s.test/trunk?workspace=a+b&uuid=u%26v",
    ),
    "anonymous": (
        {"workspace": "a b", "number": "+1"},
        TRUNK,
        "https://s.test/trunk?workspace=a+b&number=%2B1",
    ),
    "workspace": (
        {"workspace": "a b"},
        "https://g.test/d/mihu-overview?var-workspace=a+b",
        "https://s.test/workspace?name=a+b",
    ),
    "exporter": ({}, "https://g.test/d/mihu-exporter", "https://s.test/"),
}


def test_alerts_link_to_what_they_are_about(chart: Path, tmp_path: Path) -> None:
    """By the annotations that Prometheus makes of the templates."""
    rule = rules_of(chart, dashboardUrl="https://g.test", statusUrl="https://s.test/")["MihuLonely"]
    rules = [rule | {"alert": name, "expr": name} for name in LINKS]
    series, expected = [], []
    for name, (labels, dashboard, status) in LINKS.items():
        selector = ",".join(f'{key}="{value}"' for key, value in labels.items())
        series.append({"series": f"{name}{{{selector}}}", "values": "1x5"})
        links = {"dashboard_url": dashboard, "status_url": status}
        alert = {"exp_labels": labels | {"severity": "info"}, "exp_annotations": links}
        expected.append({"alertname": name, "eval_time": "1m", "exp_alerts": [alert]})
    test = {"interval": "1m", "input_series": series, "alert_rule_test": expected}
    for name, document in (
        ("rules", {"groups": [{"name": "a", "rules": rules}]}),
        ("test", {"rule_files": ["rules.yaml"], "tests": [test]}),
    ):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    tested = run("promtool", "test", "rules", tmp_path / "test.yaml")

    assert tested.returncode == 0, tested.stdout + tested.stderr


# Dashboards.


def test_every_dashboard_is_there_for_the_sidecar() -> None:
    rendered = {
        name: content
        for manifest in dashboards_of(render({"dashboards": {"enabled": True}}))
        for name, content in manifest["data"].items()
        if manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
    }

    files = {path.name: path for path in (ROOT / "deploy" / "grafana" / "json").iterdir()}
    assert rendered.keys() == files.keys()
    for name, path in files.items():
        assert json.loads(rendered[name]) == json.loads(path.read_text(encoding="utf-8"))


def test_what_stands_in_braces_is_left_to_grafana(chart: Path) -> None:
    values = yaml.safe_load(MONITORING.read_text(encoding="utf-8"))
    (manifest,) = dashboards_of(render({"dashboards": values["dashboards"]}, chart))

    assert schema_errors(manifest) == []
    assert manifest["metadata"]["name"] == f"{RELEASE}-{NAME}-example-one"
    assert json.loads(manifest["data"]["mihu-Example_One.json"]) == DASHBOARD
    assert manifest["metadata"]["namespace"] == "monitoring"
    assert manifest["metadata"]["labels"]["grafana_dashboard"] == "yes"
    assert manifest["metadata"]["annotations"] == {"grafana_folder": "Telephony"}
