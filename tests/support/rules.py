"""The rules, their unit tests and their runbooks, as the tests see them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from support.files import write_yaml
from support.promql import Labels, Reading, exposed_series

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yaml"))
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))
HISTORIES = sorted((PROMETHEUS / "histories").glob("*.yaml"))
RUNBOOKS = DEPLOY / "runbooks"
_AGE = re.compile(r"> (110|230|290)\b")
_MORE_TIME = " + 600"  # for a first agent
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Rule:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.is_alert = "alert" in document
        self.name: str = document["alert" if self.is_alert else "record"]
        self.expr: str = document["expr"]
        self.annotations: Mapping[str, str] = document.get("annotations", {})


RULES = tuple(
    Rule(document)
    for file in RULE_FILES
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for document in group["rules"]
)
ALERTS = {rule.name: rule for rule in reversed(RULES) if rule.is_alert}  # at their worst, which is told first
RECORDINGS = {rule.name: rule for rule in RULES if not rule.is_alert}


def impatient_rules(folder: Path, interval: str) -> str:
    """Copy the rules as they are deployed, but for the time that alerts wait; return the pattern of their names.

    Some wait by what they ask: for how long something has been so, by the exporter's clock.
    """
    for file in RULE_FILES:
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["interval"] = interval
            for rule in group["rules"]:
                rule.pop("for", None)
                rule.pop("keep_firing_for", None)
                rule["expr"] = _AGE.sub(">= 0", rule["expr"].replace(_MORE_TIME, ""))
        write_yaml(folder / f"rules-{file.name}", rules)
    return str(folder / "rules-*.yaml")


def known_series() -> dict[str, Labels]:
    """Return the labels of every series that Prometheus has, recordings and alerts of ours included."""
    labels = {"alertname", "alertstate", "severity", "workspace", "phone_number_uuid", "number", "field"}
    known = exposed_series() | {"ALERTS": frozenset(labels)}
    return known | {name: Reading(known).labels(rule.expr) for name, rule in RECORDINGS.items()}


def fenced(page: str, language: str) -> list[str]:
    return [text for name, text in _FENCE.findall(page) if name == language]


def runbook(alert: str) -> str:
    return (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
