"""Tells Prometheus's ``http_sd_config`` of a target for each workspace."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def target_groups(workspaces: Iterable[str], metrics_url: str) -> list[dict[str, Any]]:
    """Return the target groups, in the format of "HTTP SD" in the Prometheus documentation.

    Args:
        workspaces: the names of those that are polled here.
        metrics_url: where the metrics are.
    """
    parts = urlsplit(metrics_url)
    target = parts.netloc if parts.port else f"{parts.netloc}:{_PORTS[parts.scheme]}"
    shared = {"__scheme__": parts.scheme, "__metrics_path__": parts.path}
    return [
        {"targets": [target], "labels": {**shared, "__param_workspace": name, "__meta_mihu_workspace": name}}
        for name in workspaces
    ]
