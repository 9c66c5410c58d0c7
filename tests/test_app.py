"""What the exporter logs at its start and at its end."""

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
    ("config", "logged"),
    [
        pytest.param(
            ValidatedConfig(workspaces=(WORKSPACES[0], replace(WORKSPACES[1], poll_interval=5.0))),
            {"workspaces": 2, "names": "workspace-0, workspace-1", "poll_intervals": "5s, 1m"},
            id="two workspaces",
        ),
        pytest.param(
            ValidatedConfig(workspaces=WORKSPACES),
            {"workspaces": 12, "names": f"{', '.join(NAMES[:10])}, …", "poll_intervals": "1m"},
            id="many workspaces",
        ),
        pytest.param(
            ValidatedConfig(
                workspaces=WORKSPACES[:1], shard=Shard(1, 3), elsewhere=dict.fromkeys(NAMES[1:], Shard(0, 3))
            ),
            {
                "shard": "1 of 3",
                "configured": 12,
                "workspaces": 1,
                "names": "workspace-0",
                "poll_intervals": "1m",
            },
            id="a shard",
        ),
    ],
)
def test_the_start_logs_what_runs_what_it_polls_and_where_it_answers(
    config: ValidatedConfig, logged: dict[str, Any]
) -> None:
    with capture_logs() as log:
        log_start(replace(config, hash=2**48 - 1), ["http://[::]:10155/metrics", "https://localhost:10156/metrics"])
    assert log == [
        {
            "event": "starting mihu-trunk-exporter",
            "log_level": "info",
            "version": __version__,
            "config_hash": 281474976710655,  # as the metric shows it
        },
        {"event": "polling", "log_level": "info", **logged},
        {
            "event": "listening",
            "log_level": "info",
            "addresses": "http://[::]:10155/metrics, https://localhost:10156/metrics",
        },
    ]


def test_warnings_come_first() -> None:
    with capture_logs() as log:
        log_start(ValidatedConfig(workspaces=(), warnings=("config.yaml: there are no workspaces",)), [])
    assert [(line["log_level"], line["event"]) for line in log][:2] == [
        ("warning", "config.yaml: there are no workspaces"),
        ("info", "starting mihu-trunk-exporter"),
    ]
