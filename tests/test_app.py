"""What the exporter logs at its start."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter import __version__
from exporter.app import log_start
from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import Shard, ValidatedConfig, Workspace

NAMES = [f"workspace-{number}" for number in range(12)]
WORKSPACES = tuple(
    Workspace(name=name, base_url=f"https://{name}.mihu.ai", credentials=InlineCredentials(Secret("t")))
    for name in NAMES
)


@pytest.mark.parametrize(
    ("config", "polling"),
    [
        (
            ValidatedConfig(workspaces=(WORKSPACES[0], replace(WORKSPACES[1], poll_interval=5.0))),
            {"workspaces": 2, "names": "workspace-0, workspace-1", "poll_intervals": "5s, 1m"},
        ),
        (
            ValidatedConfig(workspaces=WORKSPACES),
            {"workspaces": 12, "names": f"{', '.join(NAMES[:10])}, …", "poll_intervals": "1m"},
        ),
        (
            ValidatedConfig(
                workspaces=WORKSPACES[:1], elsewhere=dict.fromkeys(NAMES[1:], Shard(0, 3)), shard=Shard(1, 3)
            ),
            {"shard": "1 of 3", "configured": 12, "workspaces": 1, "names": "workspace-0", "poll_intervals": "1m"},
        ),
    ],
    ids=["two workspaces", "many workspaces", "a shard"],
)
def test_the_start_logs_what_runs_where(config: ValidatedConfig, polling: dict[str, Any]) -> None:
    addresses = ["http://[::]:10155/metrics", "https://localhost:10156/metrics"]
    with capture_logs() as log:
        log_start(replace(config, hash=2**48 - 1, warnings=("config.yaml: is odd",)), addresses)
    assert [(line.pop("log_level"), line.pop("event"), line) for line in log] == [
        ("warning", "config.yaml: is odd", {}),
        # The hash as the metric shows it.
        ("info", "starting mihu-trunk-exporter", {"version": __version__, "config_hash": 281474976710655}),
        ("info", "polling", polling),
        ("info", "listening", {"addresses": ", ".join(addresses)}),
    ]
