"""What the doctor finds, over real sockets, about workspaces that are well and that fail in each way it knows."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from doctor.bench import WORKSPACES, HastyClock, Setup, lasting, put_up, record_all, recorded
from support.surroundings import surroundings

from exporter import __version__
from exporter.api.errors import ApiError, Reason
from exporter.commands.doctor import Report, as_json, as_text, report_of
from exporter.config.addresses import Proxy
from exporter.doctor.checks import Outcome, check, ok
from exporter.doctor.recording import ON_CONNECTION, Handshake, Recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def recordings(folder: Path) -> Mapping[str, Recording]:
    return asyncio.run(record_all(folder))


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
    results = report_of(recordings[name]).results
    assert {result.outcome for result in results.values()} == {Outcome.OK}
    assert (results["proxy"].seen == "not used for 127.0.0.1") is (name == "past-the-proxy")


# Checks of a workspace that is well, changed in one way


OK, WARNING, FAILED = Outcome.OK, Outcome.WARNING, Outcome.FAILED

Change = Callable[[Recording], Mapping[str, Any]]


def certificate(days: float) -> Change:
    """Let the certificate expire in this number of days."""
    return lambda healthy: {
        "handshakes": {ON_CONNECTION: Handshake("localhost", "TLSv1.3", healthy.ended_at + days * 86400)}
    }


def by_http(proxy: Proxy) -> Change:
    """Let the API be on this machine, without TLS."""
    address = "http://127.0.0.1:8080"
    return lambda healthy: {"workspace": replace(healthy.workspace, base_url=address, proxy=proxy)}


LEFT = "57 left until the API's rate limit"
NOTHING: dict[str, Any] = {"answers": [], "first_page": None, "fleet": None}
TOKEN_CAN_BE_READ = "none: anybody between here and the API can read the token"


def clock(ahead: float | None) -> Change:
    """Put this machine's clock ahead of the API's; None where the API does not tell the time."""

    def change(healthy: Recording) -> Mapping[str, Any]:
        answer = healthy.answers[-1]
        date = None if ahead is None else answer.received_at - ahead
        return {"answers": [answer._replace(date=date)]}

    return change


def without_total(healthy: Recording) -> Mapping[str, Any]:
    page = healthy.first_page
    assert page is not None
    return {"first_page": replace(page, position=msgspec.structs.replace(page.position, total=None))}


@pytest.mark.parametrize(
    ("change", "name", "outcome", "seen"),
    [
        (certificate(days=21), "TLS", OK, "TLSv1.3; the certificate for localhost expires in 21 days"),
        (certificate(days=20.99), "TLS", WARNING, "TLSv1.3; the certificate for localhost expires in 20 days"),
        (certificate(days=1), "TLS", WARNING, "TLSv1.3; the certificate for localhost expires in 1 day"),
        # As a server that wants a certificate does after the handshake.
        (
            lambda _: NOTHING | {"error": ApiError(Reason.TLS, "certificate wanted")},
            "TLS",
            FAILED,
            "certificate wanted",
        ),
        (by_http(Proxy()), "TLS", OK, "none: the API is on this machine"),
        (by_http(Proxy(url="http://proxy.test:3128")), "TLS", WARNING, TOKEN_CAN_BE_READ),
        (clock(ahead=0), "clock", OK, "agrees with the API's"),
        (clock(ahead=-25), "clock", OK, "agrees with the API's"),
        (clock(ahead=300.5), "clock", WARNING, "300s ahead of the API's"),
        (clock(ahead=-7200), "clock", WARNING, "7200s behind the API's"),
        (clock(ahead=None), "clock", OK, "the API does not say what time it is"),
        (lambda _: {"seconds": 12.5}, "full poll", OK, "12.5s of 25s (poll_timeout)"),
        (lambda _: {"seconds": 12.6}, "full poll", WARNING, "12.6s of 25s (poll_timeout)"),
        (lambda _: {"durations": [0.1, 0.3, 0.2]}, "pace", OK, f"0.20s a request, 0.30s the slowest of 3; {LEFT}"),
        (without_total, "first page", OK, "25 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check(change: Change, name: str, outcome: Outcome, seen: str, recordings: Mapping[str, Recording]) -> None:
    healthy = recordings["healthy"]
    result = check(replace(healthy, **change(healthy)))[name]
    assert (result.outcome, result.seen) == (outcome, seen)


def test_out_of_service_is_told_as_far_as_fields_could_be_read(recordings: Mapping[str, Recording]) -> None:
    result = check(recordings["fields-wrong"])["out of service"]
    assert (result.outcome, result.seen) == (OK, "none of 60 trunks, as far as fields could be read")


async def test_the_clock_is_compared_with_the_head_of_an_answer(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        recording = await recorded(await put_up(around, "late", Setup()), HastyClock(ahead=-3600))
    result = check(recording)["clock"]
    assert result.outcome is WARNING
    assert result.seen in {f"{seconds}s behind the API's" for seconds in range(3597, 3602)}


async def test_pages_are_watched(tmp_path: Path) -> None:
    read: list[int] = []
    async with surroundings(tmp_path) as around:
        watched = await put_up(around, "watched", Setup(settings={"concurrency": 1}))
        await recorded(watched, watch=lambda page: read.append(page.number))
    assert read == [1, 2, 3]


# Whole reports, to the letter


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
    [("healthy", {"ok"}), ("moving-total", {"ok", "warning"}), ("wrong-token", {"ok", "failed", "skipped"})],
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
