"""What an answer other than 200 means, and what is said about it."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api import responses
from exporter.api.errors import REMEDIES, RETRYABLE, ApiError, Reason

NOW = datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)


def fault(status: int, body: bytes = b"", **headers: str) -> ApiError:
    response = httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return responses.fault(response, body, now=NOW.timestamp())


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (201, Reason.INVALID_RESPONSE),
        (204, Reason.INVALID_RESPONSE),
        (206, Reason.INVALID_RESPONSE),
        (301, Reason.REDIRECT),
        (302, Reason.REDIRECT),
        (304, Reason.REDIRECT),
        (307, Reason.REDIRECT),
        (308, Reason.REDIRECT),
        (400, Reason.CLIENT_ERROR),
        (401, Reason.AUTH),
        (402, Reason.CLIENT_ERROR),
        (403, Reason.PERMISSION),
        (404, Reason.NOT_FOUND),
        (405, Reason.CLIENT_ERROR),
        (410, Reason.CLIENT_ERROR),
        (422, Reason.CLIENT_ERROR),
        (429, Reason.RATE_LIMITED),
        (499, Reason.CLIENT_ERROR),
        (500, Reason.SERVER_ERROR),
        (502, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
        (504, Reason.SERVER_ERROR),
        (599, Reason.SERVER_ERROR),
    ],
)
def test_every_status_has_its_reason(status: int, reason: Reason) -> None:
    found = fault(status, location="/login") if reason is Reason.REDIRECT else fault(status)
    assert found.reason is reason
    assert found.status == status
    assert str(status) in str(found)


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_what_somebody_must_change_is_not_worth_another_try(status: int) -> None:
    assert fault(status).reason not in RETRYABLE


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_by_itself_is_worth_another_try(status: int) -> None:
    assert fault(status).reason in RETRYABLE


def test_the_status_decides_whatever_the_body_says() -> None:
    body = b'{"success": true, "error": {"code": "INVALID_AUTH_TOKEN"}}'
    assert fault(500, body).reason is Reason.SERVER_ERROR


@pytest.mark.parametrize("status", [204, 302, 401, 403, 404, 418, 422, 429, 500])
def test_a_message_tells_what_to_do(status: int) -> None:
    told = fault(status)
    assert str(told) == f"{told.seen}; {REMEDIES[told.reason]}"


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            pytest.param("30", 30.0, id="seconds"),
            pytest.param("0", 0.0, id="no seconds"),
            pytest.param(" 30 ", 30.0, id="white space"),
            pytest.param("Tue, 07 Nov 2023 05:32:56 GMT", 60.0, id="date"),
            pytest.param("Tue, 07 Nov 2023 06:32:56 +0100", 60.0, id="date with a zone"),
            pytest.param("Tue, 07 Nov 2023 05:32:56 -0000", 60.0, id="date without a zone"),
            pytest.param("Tue, 07 Nov 2023 05:32:56", 60.0, id="date that leaves the zone out"),
            pytest.param("Tue, 07 Nov 2023 05:31:56 GMT", 0.0, id="date that is now"),
            pytest.param("Mon, 06 Nov 2023 05:31:56 GMT", 0.0, id="date in the past"),
            pytest.param("-5", None, id="negative"),
            pytest.param("1.5", None, id="fraction"),
            pytest.param("1e3", None, id="exponent"),
            pytest.param("inf", None, id="infinite"),
            pytest.param("٣", None, id="digits that are not ASCII"),
            pytest.param("", None, id="empty"),
            pytest.param(" ", None, id="blank"),
            pytest.param("soon", None, id="word"),
            pytest.param("Tue, 99 Nov 2023 05:32:56 GMT", None, id="date that does not exist"),
            pytest.param("Tue, 07 Nov 99999 05:32:56 GMT", None, id="date too far away"),
            pytest.param("Tue, 07 Nov 2023 05:32:56 +9999", None, id="zone that does not exist"),
            pytest.param(f"Tue, 07 Nov 2023 05:32:56 +{'9' * 30}", None, id="zone beyond all bounds"),
            pytest.param(f"Tue, 07 Nov 2023 {'9' * 30}:32:56 GMT", None, id="hour beyond all bounds"),
            pytest.param(None, None, id="missing"),
        ],
    )
    def test_is_seconds_or_a_date(self, header: str | None, seconds: float | None) -> None:
        assert responses.retry_after(header, now=NOW.timestamp()) == seconds

    def test_without_a_zone_is_not_local_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            seconds = responses.retry_after("Tue, 07 Nov 2023 05:32:56", now=NOW.timestamp())
        finally:
            monkeypatch.undo()
            time.tzset()
        assert seconds == 60.0

    @pytest.mark.parametrize("digits", [20, 5_000])
    def test_may_be_absurdly_long(self, digits: int) -> None:
        seconds = responses.retry_after("9" * digits, now=NOW.timestamp())
        assert seconds is not None
        assert seconds > timedelta(days=365).total_seconds()

    @given(st.text())
    def test_may_be_anything(self, header: str) -> None:
        seconds = responses.retry_after(header, now=NOW.timestamp())
        assert seconds is None or seconds >= 0

    @given(st.integers(0, 10**6))
    def test_is_the_same_in_either_form(self, seconds: int) -> None:
        date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
        assert responses.retry_after(date, now=NOW.timestamp()) == seconds
        assert responses.retry_after(str(seconds), now=NOW.timestamp()) == seconds

    @pytest.mark.parametrize("status", [429, 503])
    def test_is_part_of_the_fault(self, status: int) -> None:
        assert fault(status, retry_after="7").retry_after == 7.0
        assert fault(status).retry_after is None


class TestWhatTheApiSays:
    @pytest.mark.parametrize(
        ("envelope", "said"),
        [
            pytest.param(
                {
                    "success": False,
                    "message": "Invalid token",
                    "error": {"code": "INVALID_AUTH_TOKEN", "details": "It expired", "field": "token"},
                },
                "INVALID_AUTH_TOKEN, Invalid token, It expired",
                id="documented",
            ),
            pytest.param({"message": "Unauthenticated."}, "Unauthenticated.", id="message alone"),
            pytest.param({"error": {"code": "BUSY", "message": "Later"}}, "BUSY, Later", id="message in the error"),
            pytest.param({"data": {"error": {"code": "BUSY", "details": "Later"}}}, "BUSY, Later", id="data.error"),
            pytest.param({"message": "Same", "error": {"code": "Same"}}, "Same", id="said twice"),
            pytest.param({"message": None, "error": {"code": None}}, "", id="nulls"),
            pytest.param({"message": "", "error": {"code": ""}}, "", id="empty texts"),
            pytest.param({"message": {"en": "No"}, "error": [], "data": []}, "", id="wrong types"),
            pytest.param({"success": False}, "", id="nothing"),
            pytest.param(["message"], "", id="list"),
            pytest.param("message", "", id="text"),
            pytest.param(None, "", id="null"),
        ],
    )
    def test_is_found_in_every_known_envelope(self, envelope: object, said: str) -> None:
        assert responses.error_message(json.dumps(envelope).encode()) == said

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"<html><title>502 Bad Gateway</title></html>", id="HTML"),
            pytest.param(b'{"message": "cut off', id="truncated"),
            pytest.param(b'{"message": "\xff"}', id="invalid UTF-8"),
            pytest.param(b"[" * 100_000, id="deep nesting"),
            pytest.param(b'{"message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep nesting inside"),
        ],
    )
    def test_is_nothing_where_the_body_is_not_json(self, body: bytes) -> None:
        assert responses.error_message(body) == ""
        assert str(fault(500, body)) == "HTTP 500: the API is failing or unavailable; if it lasts, ask the vendor"

    def test_stands_in_the_message_of_the_fault(self) -> None:
        assert str(fault(500, b'{"message": "Out of order"}')) == (
            "HTTP 500 (Out of order): the API is failing or unavailable; if it lasts, ask the vendor"
        )

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("two\nlines", id="line feed"),
            pytest.param("\x1b[31mred\x1b[0m", id="terminal escapes"),
            pytest.param("\x85\x9b", id="C1 controls"),
            pytest.param("\u2028\u2029", id="separators"),
            pytest.param("\u202eright to left\u2066", id="directional overrides"),
            pytest.param("\0", id="null character"),
        ],
    )
    def test_is_legible(self, text: str) -> None:
        said = str(fault(500, json.dumps({"message": text}).encode()))
        assert said.isprintable()
        assert "\N{REPLACEMENT CHARACTER}" in said

    def test_keeps_the_letters_of_other_languages(self) -> None:
        assert responses.printable("Größe: numéro, 番号, رقم") == "Größe: numéro, 番号, رقم"

    def test_is_short(self) -> None:
        said = str(fault(500, json.dumps({"message": "long " * 10_000}).encode()))
        assert len(said) < 300

    @given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(msgspec.json.encode))
    def test_may_be_anything(self, body: bytes) -> None:
        assert str(fault(500, body)).isprintable()


class TestRedirects:
    @pytest.mark.parametrize(
        ("location", "target"),
        [
            pytest.param("https://acme.mihu.ai/login", "https://acme.mihu.ai/login", id="absolute"),
            pytest.param("/login", "/login", id="path alone"),
            pytest.param("https://acme.mihu.ai/login?token=s3cret#s3cret", "https://acme.mihu.ai/login", id="query"),
            pytest.param("https://user:s3cret@acme.mihu.ai/", "https://acme.mihu.ai/", id="password"),
            pytest.param("//acme.mihu.ai/login", "//acme.mihu.ai/login", id="without scheme"),
            pytest.param("?token=s3cret", "nowhere", id="query alone"),
            pytest.param("", "nowhere", id="empty"),
            pytest.param("https://[s3cret", "an invalid address", id="invalid"),
        ],
    )
    def test_name_their_target_without_what_may_be_secret(self, location: str, target: str) -> None:
        found = fault(302, location=location)
        assert str(found) == (
            f"HTTP 302, a redirect to {target}; check subdomain or base_url; redirects are not followed"
        )

    def test_may_lack_a_target(self) -> None:
        assert "a redirect to nowhere" in str(fault(304))

    def test_name_it_legibly(self) -> None:
        said = str(fault(302, location="/" + "x" * 5_000 + "\x1b"))
        assert said.isprintable()
        assert len(said) < 400
