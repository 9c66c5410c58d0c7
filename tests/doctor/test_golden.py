"""Whole reports, to the letter: of a workspace that is well, and of some that are not."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from doctor.bench import lasting

from exporter.doctor.document import as_json
from exporter.doctor.finding import well
from exporter.doctor.report import Report, report_of
from exporter.doctor.text import plain
from exporter.doctor.trial import Trial

GOLDEN = Path(__file__).parent / "golden"


def report_on(trial: Trial) -> Report:
    return Report(well("config.yaml: 1 workspace"), (report_of(trial),))


FORMATS: Mapping[str, Callable[[Report], str]] = {
    ".txt": lambda report: plain(report, "utf-8"),
    ".json": as_json,
}


@pytest.mark.parametrize("file", sorted(GOLDEN.iterdir()), ids=lambda file: file.name)
def test_golden(
    file: Path, trials: Mapping[str, Trial], folder: Path, assert_golden: Callable[[Path, str], None]
) -> None:
    assert_golden(file, lasting(FORMATS[file.suffix](report_on(trials[file.stem])), folder))


def test_signs_that_an_encoding_does_not_have_become_others(trials: Mapping[str, Trial]) -> None:
    ill = plain(report_on(trials["wrong-token"]), "ascii")
    assert ill.isascii()
    assert "\nx token accepted   HTTP 401" in ill
    assert "\n                   > put a valid token in place" in ill
    assert "\n+ token            from" in ill


def test_no_report_shows_what_logs_in(trials: Mapping[str, Trial]) -> None:
    for trial in trials.values():
        text = plain(report_on(trial), "utf-8") + as_json(report_on(trial))
        assert "proxy-password" not in text
        assert "stale-token" not in text
        assert "test-token" not in text
