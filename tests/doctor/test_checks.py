"""Steps by themselves, on what was seen of a workspace that is well, changed in one way."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from doctor.bench import HastyClock, recorded, surroundings, workspace

from exporter.api.errors import ApiError, Reason
from exporter.doctor import checks
from exporter.doctor.checks import Outcome, ok
from exporter.doctor.recorder import ON_CONNECTION, Handshake, Recorder, Recording
from exporter.metrics.exposition import exposed
from exporter.metrics.gzip_segments import inflated_parts
from exporter.metrics.text import PROMETHEUS
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES


@pytest.fixture
def healthy(recordings: Mapping[str, Recording]) -> Recording:
    return recordings["healthy"]


DAY = 86400.0


@pytest.mark.parametrize(
    ("days", "outcome", "text"),
    [(21, Outcome.OK, "21 days"), (20.99, Outcome.WARNING, "20 days"), (1, Outcome.WARNING, "1 day")],
)
def test_a_certificate_that_expires(days: float, outcome: Outcome, text: str, healthy: Recording) -> None:
    expires_at = healthy.ended_at + days * DAY
    handshakes = {ON_CONNECTION: Handshake("localhost", "TLSv1.3", expires_at)}
    finding = checks.tls(replace(healthy, handshakes=handshakes))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (
        outcome,
        f"TLSv1.3; the certificate for localhost expires in {text}",
    )


def test_a_server_that_refuses_after_the_handshake_refuses_the_handshake(healthy: Recording) -> None:
    error = ApiError(Reason.TLS, "TLS failed: certificate required")
    assert checks.tls(replace(healthy, answers=[], first_page=None, error=error)) is None


@pytest.mark.parametrize(
    ("ahead", "outcome", "text"),
    [
        (0, Outcome.OK, "agrees with the API's"),
        (-25, Outcome.OK, "agrees with the API's"),
        (300.5, Outcome.WARNING, "300s ahead of the API's"),
        (-7200, Outcome.WARNING, "7200s behind the API's"),
    ],
)
def test_a_clock_that_is_wrong(ahead: float, outcome: Outcome, text: str, healthy: Recording) -> None:
    (*_, answer) = healthy.answers
    assert answer.date is not None
    answers = [answer._replace(received_at=answer.date + ahead)]
    finding = checks.clock(replace(healthy, answers=answers))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (outcome, text)


def test_an_api_that_tells_no_time(healthy: Recording) -> None:
    answers = [healthy.answers[0]._replace(date=None)]
    finding = checks.clock(replace(healthy, answers=answers))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (Outcome.OK, "the API does not say what time it is")


def test_the_clock_is_compared_with_the_head_of_an_answer(tmp_path: Path) -> None:
    async def scenario() -> Recording:
        async with surroundings(tmp_path) as around:
            return await recorded(await around.plain("late"), HastyClock(ahead=-3600))

    finding = checks.clock(asyncio.run(scenario()))
    assert finding is not None
    assert finding.outcome is Outcome.WARNING
    assert finding.seen in {f"{seconds}s behind the API's" for seconds in range(3597, 3602)}


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(12.5, Outcome.OK), (12.6, Outcome.WARNING)], ids=["half", "more than half"]
)
def test_a_poll_that_takes_most_of_its_time(seconds: float, outcome: Outcome, healthy: Recording) -> None:
    finding = checks.full_poll(replace(healthy, seconds=seconds))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (outcome, f"{seconds}s of 25s (poll_timeout)")


def test_how_long_requests_take(healthy: Recording) -> None:
    finding = checks.pace(replace(healthy, durations=[0.1, 0.3, 0.2]))
    assert finding is not None
    assert finding.seen == "0.20s a request, 0.30s the slowest of 3; 57 left until the API's rate limit"


def test_how_many_series_there_would_be(healthy: Recording) -> None:
    finding = checks.series(healthy)
    assert finding is not None
    assert healthy.fleet is not None
    assert finding.seen == f"{healthy.fleet.series} series"


def test_as_many_trunks_are_out_of_service_as_the_metrics_say(healthy: Recording) -> None:
    fleet = healthy.fleet
    assert fleet is not None
    text = b"".join(inflated_parts(exposed(WORKSPACE_FAMILIES, [fleet.segments], PROMETHEUS))).decode()
    (total,) = re.findall(r"^mihu_trunks_out_of_service{.*} (\d+)$", text, re.MULTILINE)
    by_reason = re.findall(r'^mihu_trunks_out_of_service_by_reason{.*reason="(.*)"} (\d+)$', text, re.MULTILINE)
    reasons = ", ".join(f"{count} {reason}" for reason, count in by_reason if count != "0")
    assert checks.out_of_service(healthy) == ok(f"{total} of 60 trunks: {reasons}")


def test_out_of_service_is_told_as_far_as_fields_could_be_read(recordings: Mapping[str, Recording]) -> None:
    finding = checks.out_of_service(recordings["fields-wrong"])
    assert finding == ok("none of 60 trunks, as far as fields could be read")


def test_a_list_whose_length_is_not_told(healthy: Recording) -> None:
    page = healthy.first_page
    assert page is not None
    position = msgspec.structs.replace(page.answer.position, total=None)
    finding = checks.first_page(
        replace(healthy, first_page=replace(page, answer=replace(page.answer, position=position)))
    )
    assert finding is not None
    assert finding.seen == "25 rows"


async def test_tls_that_was_spoken_stays_seen_when_a_later_connection_fails() -> None:
    recording = Recording(workspace=workspace("acme", "https://localhost"))
    recorder = Recorder(recording, HastyClock(), lambda _: None)
    await recorder.trace("connection.start_tls.started", {"server_hostname": "localhost"})
    await recorder.trace("connection.start_tls.complete", {"return_value": Spoken()})
    await recorder.trace("connection.start_tls.started", {"server_hostname": "localhost"})
    await recorder.trace("connection.start_tls.failed", {"exception": OSError()})
    assert recording.handshakes == {ON_CONNECTION: Handshake("localhost", "TLSv1.3", None)}


class Spoken:
    """A connection on which TLS is spoken, with a certificate that nobody checks."""

    def get_extra_info(self, _: str) -> "Spoken":
        return self

    def version(self) -> str:
        return "TLSv1.3"

    def getpeercert(self) -> None:
        return None


def test_progress_is_reported(tmp_path: Path) -> None:
    progress: list[str] = []

    async def scenario() -> int:
        async with surroundings(tmp_path) as around:
            watched = await around.plain("watched", concurrency=1)
            await recorded(watched, report_progress=progress.append)
            return around.simulators[0].port

    port = asyncio.run(scenario())
    assert progress == [f"connecting to 127.0.0.1:{port}", "page 1 of 3", "page 2 of 3", "page 3 of 3"]
