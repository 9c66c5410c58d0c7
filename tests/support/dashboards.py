"""The dashboards as Grafana reads them: their JSON, their queries, and what the queries name."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser

from exporter.metrics.catalogue import CATALOGUE
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.family import Type
from exporter.metrics.text import PROMETHEUS
from exporter.metrics.trunk_families import IDENTITY

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy/grafana"
JSON_FILES = sorted((FOLDER / "json").glob("*.json"))

Json = dict[str, Any]

DASHBOARDS: dict[str, Json] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in JSON_FILES}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# What Prometheus adds to every scrape, and what its rules leave.
ADDED = {"job", "instance"}
_OF_PROMETHEUS = {"up": set[str](), "scrape_duration_seconds": set[str]()}
_ALERT_LABELS = {"alertname", "alertstate", "severity", "channel", "reason", *IDENTITY}


@dataclass(frozen=True)
class Query:
    """A query of a dashboard, and how Grafana asks it."""

    dashboard: str
    place: str
    expression: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.place}"


def panels(dashboard: Json) -> list[Json]:
    """Return all panels that show something, those in collapsed rows too."""
    found = [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in found if panel["type"] != "row"]


def variables(dashboard: Json) -> list[Json]:
    found: list[Json] = dashboard["templating"]["list"]
    return found


def queries() -> Iterator[Query]:
    for uid, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                place = f"{panel['title']} {target['refId']}"
                yield Query(uid, place, target["expr"], bool(target.get("instant")))
        for annotation in dashboard["annotations"]["list"]:
            yield Query(uid, f"annotation {annotation['name']}", annotation["expr"], instant=False)


QUERIES = list(queries())


def everything_below(value: object) -> Iterator[Json]:
    """Yield every object inside, and inside those."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from everything_below(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from everything_below(inner)


def with_variables(expression: str, values: dict[str, str]) -> str:
    """Put values in the place of variables, and fail where one is not known."""
    return re.sub(r"\$\{?([a-z_]+)(:regex\})?", lambda match: values[match[1]], expression)


@dataclass(frozen=True)
class Names:
    """What an expression names.

    Attributes:
        matched: the labels that each selector matches, with its metric.
        grouped: labels that series are reduced to, or matched by.
        made: labels that the expression makes itself.
    """

    matched: list[tuple[str, set[str]]]
    grouped: set[str]
    made: set[str]


def names_in(expression: str) -> Names:
    names = Names([], set(), set())

    def visit(node: promql_parser.Expr) -> None:
        match node:
            case promql_parser.VectorSelector():
                names.matched.append((node.name or "", {matcher.name for matcher in node.matchers.matchers}))
            case promql_parser.AggregateExpr(modifier=promql_parser.AggModifier() as modifier):
                names.grouped.update(modifier.labels)
            case promql_parser.BinaryExpr(modifier=promql_parser.BinModifier() as modifier):
                names.grouped.update(modifier.matching.labels if modifier.matching else [])
                names.grouped.update(modifier.group_labels or [])
            case promql_parser.Call(func=function, args=arguments) if function.name == "label_replace":
                names.made.add(arguments[1].val)
            case _:
                pass

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return names


def labels_by_metric() -> dict[str, set[str]]:
    """Return every metric that there is, as samples are called, and its labels."""
    found = dict(_OF_PROMETHEUS) | {"ALERTS": _ALERT_LABELS}
    for family in CATALOGUE:
        if family.type is Type.HISTOGRAM:
            found |= {f"{family.name}_{part}": set(family.labels) for part in ("count", "sum")}
            found[f"{family.name}_bucket"] = {*family.labels, "le"}
        else:
            found[family.name] = set(family.labels)
    process = re.findall(r"^(process_\w+) ", ExporterMetrics().text(PROMETHEUS), re.MULTILINE)
    return found | {name: set[str]() for name in process}
