"""Rules and dashboards are changed alike by the chart, the mixin and `assets` (see tests/commands/test_assets.py)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _jsonnet
import pytest
import yaml
from click.testing import CliRunner
from support.files import write_yaml
from support.manifests import Objects, render
from support.programs import run_well
from support.rules import DEPLOY, RULE_FILES

from exporter.cli import main

MIXIN = DEPLOY / "mixin" / "mixin.libsonnet"
RUNBOOKS, GRAFANA, STATUS = "https://r.test/x", "https://g.test", "https://s.test"
FLAGS = [
    *(f"--runbook-url={RUNBOOKS}", f"--dashboard-url={GRAFANA}", f"--status-url={STATUS}"),
    *("--severity=MihuPollDrift=page", "--for=MihuTrunkGone=1h30m", "--disable=MihuRateLimited"),
    *("--label=team=a", "--annotation=chat=b"),
]
# The same in the words of each.
VALUES: dict[str, Any] = {"runbookUrl": f"{RUNBOOKS}/", "dashboardUrl": GRAFANA, "statusUrl": f"{STATUS}/"}
VALUES |= {"alerts": {"MihuPollDrift": {"severity": "page"}, "MihuTrunkGone": {"for": "1h30m", "threshold": 600}}}
VALUES |= {"disabledAlerts": ["MihuRateLimited"], "alertLabels": {"team": "a"}, "alertAnnotations": {"chat": "b"}}
CONFIG: dict[str, Any] = {"runbookURL": RUNBOOKS, "grafanaURL": GRAFANA, "statusURL": STATUS}
CONFIG |= {"severities": {"MihuPollDrift": "page"}, "durations": {"MihuTrunkGone": "1h30m"}}
CONFIG |= {"disabled": ["MihuRateLimited"], "labels": {"team": "a"}, "annotations": {"chat": "b"}}

Groups = dict[str, Any]  # of rules, by name


def by_name(groups: list[Any]) -> Groups:
    found = {group["name"]: group for group in groups}
    assert len(found) == len(groups)
    return found


def of_assets(folder: Path, *flags: str) -> Groups:
    ended = CliRunner().invoke(main, ["assets", str(folder), *flags])
    assert ended.exit_code == 0, ended.stderr
    (rules,) = (folder / "prometheus" / "rules").iterdir()
    return by_name(yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"])


def of_chart(**values: object) -> Groups:
    rule = render({"prometheusRule": {"enabled": True, **values}}).one("PrometheusRule")
    return by_name(rule["spec"]["groups"])


def evaluated(**config: object) -> dict[str, Any]:
    snippet = f"""
        local mixin = (import {json.dumps(str(MIXIN))}) {{ _config+:: {json.dumps(config)} }};
        {{ [name]: mixin[name] for name in ['prometheusAlerts', 'prometheusRules', 'grafanaDashboards'] }}
    """
    found: dict[str, Any] = json.loads(_jsonnet.evaluate_snippet("test", snippet))
    return found


def of_mixin(**config: object) -> Groups:
    found = evaluated(**config)
    recordings = found["prometheusRules"]["groups"]
    assert not any("alert" in rule for group in recordings for rule in group["rules"])
    return by_name([*found["prometheusAlerts"]["groups"], *recordings])


@pytest.mark.parametrize("groups", [of_chart, of_mixin])
def test_without_parameters_the_rules_are_those_of_deploy(groups: Callable[[], Groups]) -> None:
    (rules,) = RULE_FILES
    assert groups() == by_name(yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"])


def test_parameters_do_the_same_everywhere(tmp_path: Path) -> None:
    assert of_mixin(**CONFIG) == of_assets(tmp_path / "mixin", *FLAGS)
    # Only a chart and assets know the one number that an expression compares with.
    assert of_chart(**VALUES) == of_assets(tmp_path / "chart", *FLAGS, "--threshold=MihuTrunkGone=600")


def test_the_chart_changes_more_of_an_alert() -> None:
    change = {"labels": {"team": "b"}, "annotations": {"chat": "c", "summary": "x"}, "keepFiringFor": "2h"}
    changed, source = (
        next(rule for group in groups.values() for rule in group["rules"] if rule.get("alert") == "MihuTrunkGone")
        for groups in (of_chart(alertLabels={"team": "a"}, alerts={"MihuTrunkGone": change}), of_chart())
    )
    assert changed == source | {
        "labels": source["labels"] | {"team": "b"},
        "annotations": source["annotations"] | {"chat": "c", "summary": "x"},
        "keep_firing_for": "2h",
    }


def dashboards_of_chart() -> dict[str, Any]:
    manifests: Objects = render({"dashboards": {"enabled": True}})
    marked = [manifest for manifest in manifests if manifest["metadata"]["labels"].get("grafana_dashboard") == "1"]
    return {name: json.loads(text) for manifest in marked for name, text in manifest["data"].items()}


@pytest.mark.parametrize("dashboards", [dashboards_of_chart, lambda: evaluated()["grafanaDashboards"]])
def test_the_dashboards_are_those_of_deploy(dashboards: Callable[[], dict[str, Any]]) -> None:
    files = (DEPLOY / "grafana" / "json").iterdir()
    assert dashboards() == {file.name: json.loads(file.read_bytes()) for file in files}


TRUNK = "mihu-trunk?var-workspace=a+b&var-number=%2B1&var-uuid="
ANONYMOUS = {"workspace": "a b", "number": "+1"}
# By the name of an alert, the labels of what it is about, and where its dashboard and the status page are.
LINKS: dict[str, tuple[dict[str, str], str, str]] = {
    "trunk": (ANONYMOUS | {"phone_number_uuid": "u&v"}, f"{TRUNK}u%26v", "trunk?workspace=a+b&uuid=u%26v"),
    "anonymous": (ANONYMOUS, TRUNK, "trunk?workspace=a+b&number=%2B1"),
    "workspace": ({"workspace": "a b"}, "mihu-overview?var-workspace=a+b", "workspace?name=a+b"),
    "exporter": ({}, "mihu-exporter", ""),
}


def test_alerts_link_to_what_they_are_about(tmp_path: Path) -> None:
    """By the annotations that Prometheus makes of the templates."""
    groups = of_assets(tmp_path, f"--dashboard-url={GRAFANA}", f"--status-url={STATUS}").values()
    annotations = next(rule["annotations"] for group in groups for rule in group["rules"] if "alert" in rule)
    templates = {name: text for name, text in annotations.items() if name in {"dashboard_url", "status_url"}}
    series, expected = [], []
    for name, (labels, dashboard, status) in LINKS.items():
        selector = ",".join(f'{key}="{value}"' for key, value in labels.items())
        series.append({"series": f"{name}{{{selector}}}", "values": "1x5"})
        links = {"dashboard_url": f"{GRAFANA}/d/{dashboard}", "status_url": f"{STATUS}/{status}"}
        alert = {"exp_labels": labels, "exp_annotations": links}
        expected.append({"alertname": name, "eval_time": "1m", "exp_alerts": [alert]})
    rules = [{"alert": name, "expr": name, "annotations": templates} for name in LINKS]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": expected}
    write_yaml(tmp_path / "rules.yaml", {"groups": [{"name": "a", "rules": rules}]})
    file = write_yaml(tmp_path / "test.yaml", {"rule_files": ["rules.yaml"], "tests": [test]})
    run_well("promtool", "test", "rules", file)
