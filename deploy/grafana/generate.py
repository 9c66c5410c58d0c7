"""Writes the dashboards as JSON: ``python -m deploy.grafana.generate [FOLDER]``."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.dashboards.exporter import exporter
from deploy.grafana.dashboards.overview import overview
from deploy.grafana.dashboards.trunk import trunk

JSON_FOLDER = Path(__file__).parent / "json"


def write(folder: Path) -> None:
    """Write every dashboard to a folder, named after its uid."""
    folder.mkdir(parents=True, exist_ok=True)
    for dashboard in (overview(), trunk(), exporter()):
        (folder / f"{dashboard.uid}.json").write_text(_as_json(dashboard), encoding="utf-8")


def _as_json(dashboard: model.Dashboard) -> str:
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else JSON_FOLDER)
