"""Parameters of the rules and of the texts of notifications."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from exporter.config.problems import did_you_mean, one_of

Document = dict[str, Any]

# The labels of an alert say whether it is about a trunk, a workspace or the exporter.
_DASHBOARD = (
    "{{ if or $labels.phone_number_uuid $labels.number }}mihu-trunk?var-workspace={{ urlquery $labels.workspace }}"
    "&var-number={{ urlquery $labels.number }}&var-uuid={{ urlquery $labels.phone_number_uuid }}"
    "{{ else if $labels.workspace }}mihu-overview?var-workspace={{ urlquery $labels.workspace }}"
    "{{ else }}mihu-exporter{{ end }}"
)
_STATUS = (
    "{{ if $labels.phone_number_uuid }}trunk?workspace={{ urlquery $labels.workspace }}"
    "&uuid={{ urlquery $labels.phone_number_uuid }}"
    "{{ else if $labels.number }}trunk?workspace={{ urlquery $labels.workspace }}&number={{ urlquery $labels.number }}"
    "{{ else if $labels.workspace }}workspace?name={{ urlquery $labels.workspace }}{{ end }}"
)
# A comparison with a number other than 0: 0 is never a threshold.
_THRESHOLD = re.compile(r"(?:(?<=[<>] )|(?<=[<>]= ))(?!0\b(?!\.))\d+(?:\.\d+)?(?=\s|\)|$)")


@dataclass(frozen=True)
class Parameters:
    """Changes to the rules; the keys of mappings are names of alerts, except in ``label`` and ``annotation``.

    Attributes:
        runbook_url: base of the runbooks' addresses.
        dashboard_url: of Grafana.
        status_url: of the status page.
        wait: ``for``, as Prometheus writes durations.
        threshold: for expressions that compare with one number.
        label: added to every alert.
        annotation: added to every alert.
        disable: alerts to leave out.
    """

    runbook_url: str | None = None
    dashboard_url: str | None = None
    status_url: str | None = None
    severity: Mapping[str, str] = field(default_factory=dict)
    wait: Mapping[str, str] = field(default_factory=dict)
    threshold: Mapping[str, str] = field(default_factory=dict)
    label: Mapping[str, str] = field(default_factory=dict)
    annotation: Mapping[str, str] = field(default_factory=dict)
    disable: Collection[str] = ()


class ParameterError(ValueError):
    """A parameter fits no alert."""


def change_rules(text: str, parameters: Parameters) -> str:
    """Return a file of rules with these parameters; without any, the same text.

    Raises:
        ParameterError: a parameter names an unknown alert, or an alert without a threshold.
    """
    if parameters == Parameters():
        return text
    groups = yaml.safe_load(text)["groups"]
    _check(parameters, [rule for group in groups for rule in group["rules"] if "alert" in rule])
    changed = [{**group, "rules": [*_rules(group["rules"], parameters)]} for group in groups]
    return yaml.dump(
        {"groups": [group for group in changed if group["rules"]]},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1000,
    )


def change_texts(text: str, parameters: Parameters) -> str:
    """Return the templates of notifications with the addresses of Grafana and the status page."""
    for name, url in (("mihu.grafana", parameters.dashboard_url), ("mihu.exporter", parameters.status_url)):
        if url is not None:
            start, definition, rest = text.partition(f'define "{name}" -}}}}')
            text = start + definition + _base(url) + rest[rest.index("{{-") :]
    return text


def _check(parameters: Parameters, alerts: list[Document]) -> None:
    names = {alert["alert"] for alert in alerts}
    for name in (*parameters.severity, *parameters.wait, *parameters.threshold, *parameters.disable):
        if name not in names:
            raise ParameterError(f"there is no alert called {name}{did_you_mean(name, names)}")
    with_threshold = {alert["alert"] for alert in alerts if _has_threshold(alert)}
    for name in parameters.threshold:
        if name not in with_threshold:
            raise ParameterError(
                f"{name} compares with no number, or with several; thresholds are for {one_of(sorted(with_threshold))}"
            )


def _has_threshold(alert: Document) -> bool:
    return len(_THRESHOLD.findall(alert["expr"])) == 1


def _rules(rules: list[Document], parameters: Parameters) -> Iterator[Document]:
    for rule in rules:
        if "alert" not in rule:
            yield rule
        elif rule["alert"] not in parameters.disable:
            yield _alert(rule, parameters)


def _alert(alert: Document, parameters: Parameters) -> Document:
    name = alert["alert"]
    changed = dict(alert)
    if name in parameters.wait:
        changed["for"] = parameters.wait[name]
    if name in parameters.threshold and _has_threshold(alert):
        changed["expr"] = _THRESHOLD.sub(parameters.threshold[name], alert["expr"])
    severity = parameters.severity.get(name, alert["labels"]["severity"])
    changed["labels"] = {**alert["labels"], **parameters.label, "severity": severity}
    changed["annotations"] = {**alert["annotations"], **_links(alert, parameters), **parameters.annotation}
    return changed


def _links(alert: Document, parameters: Parameters) -> dict[str, str]:
    links = {}
    if parameters.runbook_url is not None:
        links["runbook_url"] = f"{_base(parameters.runbook_url)}/{alert['alert']}.md"
    if parameters.dashboard_url is not None:
        links["dashboard_url"] = f"{_base(parameters.dashboard_url)}/d/{_DASHBOARD}"
    if parameters.status_url is not None:
        links["status_url"] = f"{_base(parameters.status_url)}/{_STATUS}"
    return links


def _base(url: str) -> str:
    return url.rstrip("/")


class _Dumper(yaml.SafeDumper):
    """Keeps the lines of expressions, and writes no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
