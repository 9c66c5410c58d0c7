"""What the chart makes for the Prometheus operator and for Grafana: copies of rules and dashboards, unharmed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.charts import CHART, VALUES_FILES, Values, refusal, render, render_file
from support.manifest_checks import schema_errors
from support.manifests import NAME, ROOT, Manifest, one, read

MONITORING = CHART / "ci" / "monitoring-values.yaml"
RULES: Values = {"prometheusRule": {"enabled": True}}
DASHBOARDS: Values = {"dashboards": {"enabled": True}}

RULE_FILE = """\
# What these are about.
groups:
  - name: mihu-example
    interval: 30s
    rules:
      - record: mihu:up
        expr: max by (workspace) (mihu_up)
      - alert: MihuExample
        expr: mihu:up == 0
        for: 5m
        labels:
          severity: warning
        annotations:
          summary: A poll fails
          description: |
            {{ $labels.workspace }} has been down {{ printf "%.0f" $value }} times:
            look at it.
      - alert: MihuOther
        expr: absent(up)
  - name: mihu-lonely
    rules:
      - alert: MihuLonely
        expr: vector(1)
        labels: {severity: info}
"""
DASHBOARD = {"uid": "mihu-example", "panels": [{"legend": "{{workspace}}", "text": "ü, <b> & \\ \n`{{ .Values }}`"}]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with rules and dashboards of its own, and copies of them that are up to date."""
    for folder in (f"helm/{NAME}", "kubernetes"):
        shutil.copytree(ROOT / "deploy" / folder, tmp_path / "deploy" / folder)
    shutil.copy(ROOT / "deploy" / "helm" / "sync.py", tmp_path / "deploy" / "helm")
    rules = tmp_path / "deploy" / "prometheus" / "rules"
    dashboards = tmp_path / "deploy" / "grafana" / "generated"
    rules.mkdir(parents=True)
    dashboards.mkdir(parents=True)
    (rules / "example.yaml").write_text(RULE_FILE, encoding="utf-8")
    (dashboards / "mihu-Example_One.json").write_text(json.dumps(DASHBOARD, indent=2) + "\n", encoding="utf-8")
    assert sync(tmp_path) == ""
    return tmp_path


def sync(project: Path, *flags: str) -> str:
    """Run the script that copies; return what it complains about."""
    script = project / "deploy" / "helm" / "sync.py"
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, script, *flags], capture_output=True, text=True, timeout=60, check=False
    )
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr


def chart_of(project: Path) -> Path:
    return project / "deploy" / "helm" / NAME


def groups_of(manifests: list[Manifest]) -> Any:  # noqa: ANN401 - YAML
    rule = one(manifests, "PrometheusRule")
    assert schema_errors(rule) == []
    return rule["spec"]["groups"]


def dashboards_of(manifests: list[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and "grafana_dashboard" in manifest["metadata"]["labels"]:
            yield manifest


# Copies.


def test_the_copies_are_up_to_date() -> None:
    assert sync(ROOT, "--check") == ""


def test_drift_is_found_and_mended(project: Path) -> None:
    original = project / "deploy" / "prometheus" / "rules" / "example.yaml"
    original.write_text(original.read_text(encoding="utf-8").replace("5m", "10m"), encoding="utf-8")
    (chart_of(project) / "files" / "dashboards" / "orphan.json").write_text("{}", encoding="utf-8")
    (chart_of(project) / "files" / "dashboards" / "mihu-Example_One.json").unlink()

    complaints = sync(project, "--check")

    for copy in ("rules/example.yaml", "dashboards/orphan.json", "dashboards/mihu-Example_One.json"):
        assert f"deploy/helm/{NAME}/files/{copy} is no copy of its original" in complaints
    assert "deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml is no copy" in complaints
    assert sync(project) == ""
    assert sync(project, "--check") == ""
    assert not (chart_of(project) / "files" / "dashboards" / "orphan.json").exists()


def test_the_rules_for_kustomize_are_the_same_rules(project: Path) -> None:
    made = project / "deploy" / "kubernetes" / "components" / "prometheus-operator" / "prometheusrule.yaml"
    text = made.read_text(encoding="utf-8")

    assert groups_of(read(text)) == yaml.safe_load(RULE_FILE)["groups"]
    assert "# What these are about." in text


def test_a_file_that_holds_more_than_groups_is_refused(project: Path) -> None:
    original = project / "deploy" / "prometheus" / "rules" / "example.yaml"
    original.write_text(f"{RULE_FILE}namespace: other\n", encoding="utf-8")

    assert "cannot be put together" in sync(project)


# Rules.


def test_the_rules_are_those_for_every_way_of_deploying() -> None:
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yaml"))

    expected = [group for path in files for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]

    assert groups_of(render(RULES)) == expected


def test_what_stands_in_braces_is_left_to_prometheus(project: Path) -> None:
    assert groups_of(render(RULES, chart_of(project))) == yaml.safe_load(RULE_FILE)["groups"]


def test_alerts_can_be_left_out_and_labelled(project: Path) -> None:
    settings = {"enabled": True, "disabledAlerts": ["MihuOther", "MihuLonely"], "alertLabels": {"team": "telephony"}}

    (group,) = groups_of(render({"prometheusRule": settings}, chart_of(project)))

    assert [rule.get("alert") for rule in group["rules"]] == [None, "MihuExample"]
    assert [rule.get("labels") for rule in group["rules"]] == [None, {"severity": "warning", "team": "telephony"}]
    assert group["interval"] == "30s"


def test_an_alert_that_does_not_exist_cannot_be_left_out(project: Path) -> None:
    said = refusal({"prometheusRule": {"enabled": True, "disabledAlerts": ["MihuLonly"]}}, chart_of(project))

    assert "there is no such alert; there are MihuExample, MihuLonely, MihuOther" in said


def test_where_the_rules_go() -> None:
    metadata = one(render_file(MONITORING), "PrometheusRule")["metadata"]

    assert metadata["namespace"] == "monitoring"
    assert metadata["labels"]["release"] == "kube-prometheus-stack"


# The scrape.


@pytest.mark.parametrize("values", VALUES_FILES, ids=lambda path: path.stem)
def test_the_job_is_the_one_that_rules_ask_for(values: Path) -> None:
    for manifest in render_file(values):
        if manifest["kind"] == "ServiceMonitor":
            (endpoint,) = manifest["spec"]["endpoints"]
            assert endpoint["relabelings"][0] == {"action": "replace", "targetLabel": "job", "replacement": NAME}


def test_the_scrape_has_the_settings_that_are_given() -> None:
    monitor = one(render_file(MONITORING), "ServiceMonitor")

    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("1m", "20s")
    assert [relabeling.get("targetLabel") for relabeling in endpoint["relabelings"]] == ["job", "cluster"]
    assert endpoint["metricRelabelings"] == [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}]
    assert monitor["spec"]["sampleLimit"] == 2_000_000
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["telephony"]}


def test_the_scrape_asks_where_the_exporter_answers() -> None:
    monitor = one(render({"serviceMonitor": {"enabled": True}, "telemetryPath": "/trunks"}), "ServiceMonitor")

    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["path"] == "/trunks"
    assert "interval" not in endpoint


# Dashboards.


def test_every_dashboard_is_there_for_the_sidecar() -> None:
    rendered = {
        name: content
        for manifest in dashboards_of(render(DASHBOARDS))
        for name, content in manifest["data"].items()
        if manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
    }

    files = {path.name: path for path in (ROOT / "deploy" / "grafana").rglob("*.json")}
    assert rendered.keys() == files.keys()
    for name, path in files.items():
        assert json.loads(rendered[name]) == json.loads(path.read_text(encoding="utf-8"))


def test_what_stands_in_braces_is_left_to_grafana(project: Path) -> None:
    (manifest,) = dashboards_of(render(DASHBOARDS, chart_of(project)))

    assert schema_errors(manifest) == []
    assert manifest["metadata"]["name"].endswith(f"-{NAME}-example-one")
    assert json.loads(manifest["data"]["mihu-Example_One.json"]) == DASHBOARD


def test_where_the_dashboards_go(project: Path) -> None:
    values = yaml.safe_load(MONITORING.read_text(encoding="utf-8"))

    (manifest,) = dashboards_of(render(values, chart_of(project)))

    assert manifest["metadata"]["namespace"] == "monitoring"
    assert manifest["metadata"]["labels"]["grafana_dashboard"] == "yes"
    assert manifest["metadata"]["annotations"] == {"grafana_folder": "Telephony"}
