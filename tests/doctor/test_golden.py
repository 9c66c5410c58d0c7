"""Whole reports, to the letter: of a workspace that is well, and of some that are not."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from doctor.bench import lasting

from exporter.doctor.checks import ok
from exporter.doctor.recorder import Recording
from exporter.doctor.report import Report, as_json, as_text, report_of

GOLDEN = Path(__file__).parent / "golden"


def report_on(recording: Recording) -> Report:
    return Report(ok("config.yaml: 1 workspace"), (report_of(recording),))


FORMATS: Mapping[str, Callable[[Report], str]] = {
    ".txt": lambda report: as_text(report, "utf-8"),
    ".json": lambda report: as_json(report).decode(),
}


@pytest.mark.parametrize("file", sorted(GOLDEN.iterdir()), ids=lambda file: file.name)
def test_golden(
    file: Path, recordings: Mapping[str, Recording], folder: Path, assert_golden: Callable[[Path, str], None]
) -> None:
    assert_golden(file, lasting(FORMATS[file.suffix](report_on(recordings[file.stem])), folder))


def test_no_report_shows_a_secret(recordings: Mapping[str, Recording]) -> None:
    for recording in recordings.values():
        text = as_text(report_on(recording), "utf-8") + as_json(report_on(recording)).decode()
        assert "proxy-password" not in text
        assert "stale-token" not in text
        assert "test-token" not in text
