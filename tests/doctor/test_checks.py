"""Checks of a workspace that is well, changed in one way, and what is seen of a poll for them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doctor.bench import HastyClock, plain, recorded
from support.surroundings import surroundings

from exporter.api.errors import ApiError, Reason
from exporter.doctor.checks import Outcome, check
from exporter.doctor.recorder import ON_CONNECTION, Handshake, Recording

DAY = 86400.0
OK, WARNING, FAILED = Outcome.OK, Outcome.WARNING, Outcome.FAILED

Change = Callable[[Recording], Mapping[str, Any]]


def certificate(days: float) -> Change:
    """Let the certificate expire in this number of days."""
    return lambda healthy: {
        "handshakes": {ON_CONNECTION: Handshake("localhost", "TLSv1.3", healthy.ended_at + days * DAY)}
    }


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
    position = msgspec.structs.replace(page.answer.position, total=None)
    return {"first_page": replace(page, answer=replace(page.answer, position=position))}


@pytest.mark.parametrize(
    ("change", "name", "outcome", "seen"),
    [
        (certificate(days=21), "TLS", OK, "TLSv1.3; the certificate for localhost expires in 21 days"),
        (certificate(days=20.99), "TLS", WARNING, "TLSv1.3; the certificate for localhost expires in 20 days"),
        (certificate(days=1), "TLS", WARNING, "TLSv1.3; the certificate for localhost expires in 1 day"),
        (  # as a server that wants a certificate does after the handshake
            lambda _: {
                "answers": [],
                "first_page": None,
                "fleet": None,
                "error": ApiError(Reason.TLS, "certificate required"),
            },
            "TLS",
            FAILED,
            "certificate required",
        ),
        (clock(ahead=0), "clock", OK, "agrees with the API's"),
        (clock(ahead=-25), "clock", OK, "agrees with the API's"),
        (clock(ahead=300.5), "clock", WARNING, "300s ahead of the API's"),
        (clock(ahead=-7200), "clock", WARNING, "7200s behind the API's"),
        (clock(ahead=None), "clock", OK, "the API does not say what time it is"),
        (lambda _: {"seconds": 12.5}, "full poll", OK, "12.5s of 25s (poll_timeout)"),
        (lambda _: {"seconds": 12.6}, "full poll", WARNING, "12.6s of 25s (poll_timeout)"),
        (
            lambda _: {"durations": [0.1, 0.3, 0.2]},
            "pace",
            OK,
            "0.20s a request, 0.30s the slowest of 3; 57 left until the API's rate limit",
        ),
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
        recording = await recorded(await plain(around, "late"), HastyClock(ahead=-3600))
    result = check(recording)["clock"]
    assert result.outcome is WARNING
    assert result.seen in {f"{seconds}s behind the API's" for seconds in range(3597, 3602)}


async def test_progress_is_reported(tmp_path: Path) -> None:
    progress: list[str] = []
    async with surroundings(tmp_path) as around:
        await recorded(await plain(around, "watched", concurrency=1), report_progress=progress.append)
        connecting = f"connecting to 127.0.0.1:{around.simulators[0].port}"
    assert progress == [connecting, "page 1 of 3", "page 2 of 3", "page 3 of 3"]
