"""What the doctor finds, over real sockets, about workspaces that fail in each way it knows: results.yaml has it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from doctor.bench import WORKSPACES, lasting

from exporter.doctor.checks import Outcome
from exporter.doctor.recorder import Recording
from exporter.doctor.report import report_of

FINDINGS: dict[str, dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("results.yaml").read_text(encoding="utf-8")
)
FAILING, WARNED = FINDINGS["failing"], FINDINGS["warned"]
HEALTHY = {"healthy", "proxied", "past-the-proxy"}


def found(recording: Recording, outcome: Outcome, folder: Path) -> list[list[str]]:
    return [
        [name, lasting(result.seen, folder), result.remedy]
        for name, result in report_of(recording).results.items()
        if result.outcome is outcome
    ]


def test_every_workspace_has_its_finding() -> None:
    assert {*FAILING, *WARNED, *HEALTHY} == set(WORKSPACES)


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_is_told_and_what_needs_it_is_skipped(
    name: str, recordings: Mapping[str, Recording], folder: Path
) -> None:
    assert found(recordings[name], Outcome.FAILED, folder) == [FAILING[name]]
    assert found(recordings[name], Outcome.WARNING, folder) == []
    assert not report_of(recordings[name]).ok
    results = report_of(recordings[name]).results
    after = list(results).index(FAILING[name][0]) + 1
    passed = {check for check in list(results)[after:] if results[check].outcome is Outcome.OK}
    assert passed <= {"proxy", "TLS", "token", "clock"}
    assert {result.seen for result in results.values() if result.outcome is Outcome.SKIPPED} == {
        "skipped: an earlier step failed"
    }


@pytest.mark.parametrize("name", WARNED)
def test_a_warning_does_not_fail_the_report(name: str, recordings: Mapping[str, Recording], folder: Path) -> None:
    assert found(recordings[name], Outcome.WARNING, folder) == [WARNED[name]]
    assert found(recordings[name], Outcome.OK, folder)
    assert report_of(recordings[name]).ok


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_a_healthy_workspace_has_no_other_outcome_than_ok(name: str, recordings: Mapping[str, Recording]) -> None:
    assert {result.outcome for result in report_of(recordings[name]).results.values()} == {Outcome.OK}


def test_a_proxy_that_is_not_used(recordings: Mapping[str, Recording], folder: Path) -> None:
    assert ["proxy", "not used for 127.0.0.1", ""] in found(recordings["past-the-proxy"], Outcome.OK, folder)
