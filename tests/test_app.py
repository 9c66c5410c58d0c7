"""What the exporter logs at its start."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.exposed import workspace

from exporter import __version__
from exporter.app import log_start
from exporter.config.settings import Shard, ValidatedConfig, Workspace

NAMES = [f"workspace-{number}" for number in range(12)]
MANY = tuple(map(workspace, NAMES))
TWO = MANY[0], replace(MANY[1], poll_interval=5.0)
SHARDED = {"elsewhere": dict.fromkeys(NAMES[1:], Shard(0, 3)), "shard": Shard(1, 3)}
A_THIRD = {"shard": "1 of 3", "configured": 12, "workspaces": 1, "names": "workspace-0", "poll_intervals": "1m"}


@pytest.mark.parametrize(
    ("workspaces", "sharding", "polling"),
    [
        (TWO, {}, {"workspaces": 2, "names": "workspace-0, workspace-1", "poll_intervals": "5s, 1m"}),
        (MANY, {}, {"workspaces": 12, "names": f"{', '.join(NAMES[:10])}, …", "poll_intervals": "1m"}),
        (MANY[:1], SHARDED, A_THIRD),
    ],
    ids=["two workspaces", "many workspaces", "a shard"],
)
def test_the_start_logs_what_runs_where(
    workspaces: tuple[Workspace, ...], sharding: dict[str, Any], polling: dict[str, Any]
) -> None:
    addresses = ["http://[::]:10155/metrics", "https://localhost:10156/metrics"]
    config = ValidatedConfig(workspaces=workspaces, hash=2**48 - 1, warnings=("config.yaml: is odd",), **sharding)
    with capture_logs() as log:
        log_start(config, addresses)
    assert [(line.pop("log_level"), line.pop("event"), line) for line in log] == [
        ("warning", "config.yaml: is odd", {}),
        # The hash as the metric shows it.
        ("info", "starting mihu-trunk-exporter", {"version": __version__, "config_hash": 281474976710655}),
        ("info", "polling", polling),
        ("info", "listening", {"addresses": ", ".join(addresses)}),
    ]
