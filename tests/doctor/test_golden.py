"""Whole reports, to the letter: of a workspace that is well, and of some that are not."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from doctor.bench import lasting

from exporter import __version__
from exporter.doctor.checks import ok
from exporter.doctor.recorder import Recording
from exporter.doctor.report import Report, as_json, as_text, report_of

GOLDEN = Path(__file__).parent / "golden"


def report_on(recording: Recording) -> Report:
    return Report(ok("config.yaml: 1 workspace"), (report_of(recording),))


@pytest.mark.parametrize("file", sorted(GOLDEN.iterdir()), ids=lambda file: file.name)
def test_golden(
    file: Path, recordings: Mapping[str, Recording], folder: Path, assert_golden: Callable[[Path, str], None]
) -> None:
    assert_golden(file, lasting(as_text(report_on(recordings[file.stem]), "utf-8"), folder))


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("healthy", {"ok"}),
        ("moving-total", {"ok", "warning"}),
        ("wrong-token", {"ok", "failed", "skipped"}),
    ],
)
def test_json_has_the_same_by_these_names(name: str, outcomes: set[str], recordings: Mapping[str, Recording]) -> None:
    document = json.loads(as_json(report_on(recordings[name])))
    results = report_of(recordings[name]).results
    well = {"outcome": "ok", "remedy": "", "details": []}
    assert document == {
        "version": __version__,
        "ok": "failed" not in outcomes,
        "configuration": {**well, "seen": "config.yaml: 1 workspace"},
        "workspaces": [
            {
                "workspace": name,
                "address": recordings[name].workspace.base_url,
                "ok": "failed" not in outcomes,
                "steps": [
                    {**well, "step": step, "outcome": each.outcome, "seen": each.seen, "remedy": each.remedy}
                    for step, each in results.items()
                ],
            }
        ],
    }
    assert {step["outcome"] for step in document["workspaces"][0]["steps"]} == outcomes


def test_no_report_shows_a_secret(recordings: Mapping[str, Recording]) -> None:
    for recording in recordings.values():
        text = as_text(report_on(recording), "utf-8") + as_json(report_on(recording)).decode()
        assert "proxy-password" not in text
        assert "stale-token" not in text
        assert "test-token" not in text
