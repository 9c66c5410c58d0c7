"""The Jsonnet mixin, as jsonnet evaluates it: the rules and dashboards, and no others."""

import json
from pathlib import Path
from typing import Any

import _jsonnet
import yaml
from click.testing import CliRunner
from support.rules import DEPLOY, RULE_FILES

from exporter.cli import main

MIXIN = DEPLOY / "mixin" / "mixin.libsonnet"


def mixin(**config: Any) -> dict[str, Any]:  # noqa: ANN401 - any of its parameters
    snippet = f"""
        local mixin = (import {json.dumps(str(MIXIN))}) {{ _config+:: {json.dumps(config)} }};
        {{ [name]: mixin[name] for name in ['prometheusAlerts', 'prometheusRules', 'grafanaDashboards'] }}
    """
    evaluated: dict[str, Any] = json.loads(_jsonnet.evaluate_snippet("test", snippet))
    return evaluated


def groups(evaluated: dict[str, Any]) -> dict[str, Any]:
    """Return the groups of both kinds by name."""
    found = [*evaluated["prometheusAlerts"]["groups"], *evaluated["prometheusRules"]["groups"]]
    by_name = {group["name"]: group for group in found}
    assert len(by_name) == len(found)
    return by_name


def written(text: str) -> dict[str, Any]:
    return {group["name"]: group for group in yaml.safe_load(text)["groups"]}


def test_it_has_the_rules_and_the_dashboards() -> None:
    evaluated = mixin()
    (rules,) = RULE_FILES
    assert groups(evaluated) == written(rules.read_text(encoding="utf-8"))
    assert not any("alert" in rule for group in evaluated["prometheusRules"]["groups"] for rule in group["rules"])
    dashboards = {file.name: json.loads(file.read_bytes()) for file in (DEPLOY / "grafana" / "json").iterdir()}
    assert evaluated["grafanaDashboards"] == dashboards


def test_its_parameters_do_what_the_flags_of_assets_do(tmp_path: Path) -> None:
    urls = {"runbook": "https://runbooks.internal", "dashboard": "https://grafana.internal", "status": "http://mihu"}
    flags = [f"--{name}-url={url}" for name, url in urls.items()]
    flags += ["--severity=MihuTrunkOutOfService=page", "--for=MihuTrunkGone=10m", "--disable=MihuPollDrift"]
    flags += ["--label=team=telephony", "--annotation=by=me"]
    assert CliRunner().invoke(main, ["assets", str(tmp_path), *flags]).exit_code == 0
    changed = mixin(
        runbookURL=urls["runbook"],
        grafanaURL=urls["dashboard"],
        statusURL=urls["status"],
        severities={"MihuTrunkOutOfService": "page"},
        durations={"MihuTrunkGone": "10m"},
        disabled=["MihuPollDrift"],
        labels={"team": "telephony"},
        annotations={"by": "me"},
    )
    assert groups(changed) == written((tmp_path / "prometheus" / "rules" / RULE_FILES[0].name).read_text("utf-8"))
