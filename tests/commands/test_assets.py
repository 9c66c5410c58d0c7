"""`assets`: what it writes, what it refuses to overwrite, and what becomes of the rules."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from support.processes import exporter_command
from support.programs import on_terminal
from support.rules import DEPLOY, RULE_FILES

from exporter import __version__
from exporter.cli import main

RULES = "prometheus/rules/mihu-trunk-exporter.rules.yaml"


def assets(folder: Path, *flags: str) -> Result:
    return CliRunner().invoke(main, ["assets", str(folder), *flags])


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rules_in(file: Path) -> list[Any]:
    return [rule for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def changed_rules(folder: Path, *flags: str) -> list[Any]:
    ended = assets(folder, *flags)
    assert ended.exit_code == 0, ended.stderr
    return rules_in(folder / RULES)


SOURCE = [rule for file in RULE_FILES for rule in rules_in(file)]


def test_writes_what_deploy_has(tmp_path: Path) -> None:
    ended = assets(tmp_path / "new" / "folder")
    assert (ended.exit_code, ended.output) == (0, ""), "quiet in a pipe"
    files = written(tmp_path / "new" / "folder")
    assert all(files.pop(at) == (DEPLOY.parent / at).read_bytes() for at in ("config.yaml", "docs/config.schema.json"))
    assert {path: (DEPLOY / path).read_bytes() for path in files} == files
    wanted = {"alertmanager", "grafana/json", "mixin", "prometheus", "prometheus/rules", "runbooks", "systemd"}
    assert wanted <= {str(Path(path).parent) for path in files}
    whole = [file for path in ("prometheus/rules", "runbooks", "grafana/json") for file in (DEPLOY / path).iterdir()]
    assert {str(file.relative_to(DEPLOY)) for file in whole} <= files.keys()


def test_files_that_differ_are_not_overwritten_without_force(tmp_path: Path) -> None:
    assets(tmp_path)
    assert assets(tmp_path).exit_code == 0
    (tmp_path / "config.yaml").write_text("mine", encoding="utf-8")
    (tmp_path / "runbooks" / "MihuTrunkGone.md").unlink()
    refused = assets(tmp_path)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{tmp_path}/config.yaml would change" in refused.stderr
    assert "--force" in refused.stderr
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "runbooks" / "MihuTrunkGone.md").exists(), "all or nothing"
    assert assets(tmp_path, "--force").exit_code == 0
    assert written(tmp_path)["config.yaml"] == (DEPLOY.parent / "config.yaml").read_bytes()


def test_lists_the_files_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "mihu").mkdir()
    shutil.copy(DEPLOY.parent / "config.yaml", tmp_path / "mihu")
    (tmp_path / "mihu" / "runbooks").mkdir()
    (tmp_path / "mihu" / "runbooks" / "MihuTrunkGone.md").write_text("mine", encoding="utf-8")
    shown = on_terminal(exporter_command("assets", "mihu", "--force"), tmp_path, {"PYTHONPATH": str(DEPLOY.parent)})
    states = {path: state for state, path in map(str.split, shown.text.splitlines()[:-1])}
    assert states.pop("mihu/config.yaml") == "unchanged"
    assert states.pop("mihu/runbooks/MihuTrunkGone.md") == "replaced"
    assert f"mihu/{RULES}" in states
    assert set(states.values()) == {"new"}
    assert shown.text.endswith(f"{len(states) + 2} files of version {__version__}\r\n")


def test_says_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "runbooks").touch()
    ended = assets(tmp_path)
    assert (ended.exit_code, str(tmp_path / "runbooks") in ended.stderr) == (1, True)


def test_links_lead_from_each_alert_to_its_runbook_and_to_what_it_is_about(tmp_path: Path) -> None:
    urls = ("--runbook-url", "https://runbooks.internal/", "--dashboard-url", "https://grafana.internal")
    rules = changed_rules(tmp_path, *urls, "--status-url", "https://mihu.internal")
    for rule in rules:
        if "alert" in rule:
            links = rule["annotations"]
            assert links["runbook_url"] == f"https://runbooks.internal/{rule['alert']}.md"
            assert (tmp_path / "runbooks" / links["runbook_url"].rpartition("/")[2]).exists()
            assert links["dashboard_url"].startswith("https://grafana.internal/d/{{ if or $labels.")
            assert links["status_url"].startswith("https://mihu.internal/{{ if $labels.")
    for rule in rules:
        for name in ("runbook_url", "dashboard_url", "status_url"):
            rule.get("annotations", {}).pop(name, None)
    assert rules == SOURCE, "nothing else changes"
    texts = (tmp_path / "alertmanager" / "mihu.tmpl").read_text(encoding="utf-8")
    assert '{{- define "mihu.grafana" -}}https://grafana.internal{{- end -}}' in texts
    assert '{{- define "mihu.exporter" -}}https://mihu.internal{{- end -}}' in texts


def test_alerts_are_changed_by_name(tmp_path: Path) -> None:
    flags = ["--severity=MihuTrunkGone=page", "--for=MihuTrunkGone=1h30m", "--threshold=MihuTrunkGone=600"]
    rules = changed_rules(tmp_path, *flags, "--disable=MihuPollDrift", "--label=team=a=b", "--annotation=by=me")
    for rule in rules:
        if "alert" in rule:
            assert (rule["labels"]["team"], rule["annotations"]["by"]) == ("a=b", "me")
    (gone,) = (rule for rule in rules if rule.get("alert") == "MihuTrunkGone")
    (source,) = (rule for rule in SOURCE if rule.get("alert") == "MihuTrunkGone")
    assert (gone["labels"]["severity"], gone["for"]) == ("page", "1h30m")
    assert gone["expr"] == source["expr"].replace("> 230", "> 600")
    names = [rule.get("alert") or rule["record"] for rule in rules]
    assert names == [name for rule in SOURCE if (name := rule.get("alert") or rule["record"]) != "MihuPollDrift"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--disable", "MihuTrunkGon"], "there is no alert called MihuTrunkGon; did you mean MihuTrunkGone?"),
        (["--severity", "Nothing=page"], "there is no alert called Nothing"),
        (["--severity", "MihuTrunkGone"], "write one such as MihuTrunkGone=warning"),
        (["--for", "MihuTrunkGone=90"], '"90" has no unit; write 90s'),
        (["--threshold", "MihuTrunkGone=many"], "'many' is no number"),
        (["--threshold", "MihuPollDrift=3"], "thresholds are for MihuExporterRestarting, "),
        (["--runbook-url", "runbooks.internal"], "begins with https:// or http://"),
        (["--label", "severity=page"], "--severity changes how severe an alert is"),
        (["--label", "a-b=c"], "'a-b' is no name"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(tmp_path: Path, flags: list[str], told: str) -> None:
    ended = assets(tmp_path / "new", *flags)
    assert ended.exit_code == 2
    assert told in " ".join(ended.stderr.split())
    assert not (tmp_path / "new").exists()
