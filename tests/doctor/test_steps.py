"""Steps by themselves, on what was seen of a workspace that is well, changed in one way."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from doctor.bench import HastyClock, surroundings, tried

from exporter.api.errors import ApiError, Reason
from exporter.doctor import reaching, reading
from exporter.doctor.finding import Outcome
from exporter.doctor.sight import ON_CONNECTION, FirstPage, Handshake
from exporter.doctor.trial import Trial
from exporter.doctor.witness import Witness


@pytest.fixture
def healthy(trials: Mapping[str, Trial]) -> Trial:
    return trials["healthy"]


DAY = 86400.0


@pytest.mark.parametrize(
    ("days", "outcome", "said"),
    [(21, Outcome.OK, "21 days"), (20.99, Outcome.WARNING, "20 days"), (1, Outcome.WARNING, "1 day")],
)
def test_a_certificate_that_expires(days: float, outcome: Outcome, said: str, healthy: Trial) -> None:
    expires_at = healthy.ended_at + days * DAY
    handshakes = {ON_CONNECTION: Handshake("localhost", "TLSv1.3", expires_at)}
    finding = reaching.tls(replace(healthy, sight=replace(healthy.sight, handshakes=handshakes)))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (
        outcome,
        f"TLSv1.3; the certificate for localhost expires in {said}",
    )


def test_a_server_that_refuses_after_the_handshake_refuses_the_handshake(healthy: Trial) -> None:
    fault = ApiError(Reason.TLS, "TLS failed: certificate required")
    unanswered = replace(healthy.sight, answers=(), first_page=None)
    assert reaching.tls(replace(healthy, sight=unanswered, fault=fault)) is None


@pytest.mark.parametrize(
    ("ahead", "outcome", "said"),
    [
        (0, Outcome.OK, "agrees with the API's"),
        (-25, Outcome.OK, "agrees with the API's"),
        (300.5, Outcome.WARNING, "300s ahead of the API's"),
        (-7200, Outcome.WARNING, "7200s behind the API's"),
    ],
)
def test_a_clock_that_is_wrong(ahead: float, outcome: Outcome, said: str, healthy: Trial) -> None:
    (*_, answer) = healthy.sight.answers
    assert answer.date is not None
    answers = (replace(answer, received_at=answer.date + ahead),)
    finding = reading.clock(replace(healthy, sight=replace(healthy.sight, answers=answers)))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (outcome, said)


def test_an_api_that_tells_no_time(healthy: Trial) -> None:
    answers = (replace(healthy.sight.answers[0], date=None),)
    finding = reading.clock(replace(healthy, sight=replace(healthy.sight, answers=answers)))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (Outcome.OK, "the API does not say what time it is")


def test_the_clock_is_compared_with_the_head_of_an_answer(tmp_path: Path) -> None:
    async def scenario() -> Trial:
        async with surroundings(tmp_path) as around:
            return await tried(await around.plain("late"), HastyClock(ahead=-3600))

    finding = reading.clock(asyncio.run(scenario()))
    assert finding is not None
    assert finding.outcome is Outcome.WARNING
    assert finding.seen in {f"{seconds}s behind the API's" for seconds in range(3597, 3602)}


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(12.5, Outcome.OK), (12.6, Outcome.WARNING)], ids=["half", "more than half"]
)
def test_a_poll_that_takes_most_of_its_time(seconds: float, outcome: Outcome, healthy: Trial) -> None:
    finding = reading.full_poll(replace(healthy, seconds=seconds))
    assert finding is not None
    assert (finding.outcome, finding.seen) == (outcome, f"{seconds}s of 25s (poll_timeout)")


def test_how_long_requests_take(healthy: Trial) -> None:
    finding = reading.pace(replace(healthy, sight=replace(healthy.sight, seconds=(0.1, 0.3, 0.2))))
    assert finding is not None
    assert finding.seen == "0.20s a request, 0.30s the slowest of 3; 57 left until the API's rate limit"


def test_how_many_series_there_would_be(healthy: Trial) -> None:
    finding = reading.series(healthy)
    assert finding is not None
    assert healthy.fleet is not None
    assert finding.seen == f"{healthy.fleet.series} series"


def test_a_list_whose_length_is_not_told(healthy: Trial) -> None:
    finding = reading.first_page(replace(healthy, sight=replace(healthy.sight, first_page=FirstPage(25, None, None))))
    assert finding is not None
    assert finding.seen == "25 rows"


def test_tls_that_was_spoken_stays_seen_when_a_later_connection_fails() -> None:
    witness = Witness(HastyClock(), lambda _: None)

    async def scenario() -> None:
        await witness.trace("connection.start_tls.started", {"server_hostname": "localhost"})
        await witness.trace("connection.start_tls.complete", {"return_value": Spoken()})
        await witness.trace("connection.start_tls.started", {"server_hostname": "localhost"})
        await witness.trace("connection.start_tls.failed", {"exception": OSError()})

    asyncio.run(scenario())
    assert witness.sight.handshakes == {ON_CONNECTION: Handshake("localhost", "TLSv1.3", None)}


class Spoken:
    """A connection on which TLS is spoken, with a certificate that nobody checks."""

    def get_extra_info(self, _: str) -> "Spoken":
        return self

    def version(self) -> str:
        return "TLSv1.3"

    def getpeercert(self) -> None:
        return None


def test_who_watches_is_told_how_far_it_is(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario() -> int:
        async with surroundings(tmp_path) as around:
            workspace = await around.plain("watched", concurrency=1)
            await tried(workspace, tell=said.append)
            return around.simulators[0].port

    port = asyncio.run(scenario())
    assert said == [f"connecting to 127.0.0.1:{port}", "page 1 of 3", "page 2 of 3", "page 3 of 3"]
