"""The dashboards as Grafana reads them: their JSON, their queries, and what the queries name."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy/grafana"
JSON_FILES = sorted((FOLDER / "json").glob("*.json"))

Json = dict[str, Any]

DASHBOARDS: dict[str, Json] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in JSON_FILES}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


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
    if isinstance(value, dict):
        yield value
        value = [*value.values()]
    for inner in value if isinstance(value, list) else ():
        yield from everything_below(inner)


def with_variables(expression: str, values: dict[str, str]) -> str:
    """Put values in the place of variables, and fail where one is not known."""
    return re.sub(r"\$\{?([a-z_]+)(:\w+\})?", lambda match: values[match[1]], expression)
