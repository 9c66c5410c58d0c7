"""One request for one page: what is sent, which errors answers are, and what is counted."""

import asyncio
import html
import json
import time
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote_plus

import httpx
import msgspec
import pytest
from api.bench import PAGE, TOKEN, Bench
from hypothesis import given
from hypothesis import strategies as st
from support import marks
from support.clock import ManualClock
from support.transport import Handler

from exporter import __version__
from exporter.api.client import requests_left, retry_after
from exporter.api.errors import ApiError, Reason
from exporter.config.credentials import Secret
from exporter.config.settings import Filter

NOW = datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)


def answering(status: int, content: bytes = PAGE, **headers: str) -> Handler:
    def answer(_: httpx.Request) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, stream=httpx.ByteStream(content))

    return answer


def error_of(status: int, content: object = None, **headers: str) -> ApiError:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Bench(answering(status, body, **headers)).error()


def requests_for(*numbers: int, token: Secret = TOKEN, **workspace: Any) -> list[httpx.Request]:  # noqa: ANN401 - any setting
    """Return the requests for some pages, to an API that sets a cookie."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=PAGE, headers={"Set-Cookie": "session=1; Path=/"})

    async def run() -> None:
        client = Bench(answer, **workspace).client
        for number in numbers:
            await client.get_page(number, token)

    asyncio.run(run())
    return sent


FILTER = Filter(channel="whatsapp", agent_uuid="a-1", search="+39 06")
FILTERED = "channel=whatsapp&agent_uuid=a-1&search=%2B39+06"  # a bare plus sign would be a space


class TestTheRequest:
    @pytest.mark.parametrize(
        ("settings", "base_url", "query"),
        [
            ({}, "https://acme.mihu.ai", "per_page=100&page=7"),
            ({"base_url": "https://x.example:8443/mihu"}, "https://x.example:8443/mihu", "per_page=100&page=7"),
            ({"base_url": "http://[::1]:8080", "per_page": 50}, "http://[::1]:8080", "per_page=50&page=7"),
            ({"filter": FILTER}, "https://acme.mihu.ai", f"per_page=100&{FILTERED}&page=7"),
        ],
    )
    def test_is_for_a_page_of_the_list_at_base_url(self, settings: dict[str, Any], base_url: str, query: str) -> None:
        (request,) = requests_for(7, **settings)
        assert (request.method, str(request.url)) == ("GET", f"{base_url}/api/v1/phone-numbers/trunks?{query}")

    def test_carries_these_headers_and_no_cookie(self) -> None:
        """A session would outlive a change of token."""
        for request in requests_for(1, 2, token=Secret("the-token")):
            assert dict(request.headers) == {
                "host": "acme.mihu.ai",
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": f"mihu-trunk-exporter/{__version__}",
                "authorization": "Bearer the-token",
            }


STATUSES = {
    **dict.fromkeys([201, 204, 206], Reason.INVALID_RESPONSE),
    **dict.fromkeys([300, 301, 302, 304, 307, 308], Reason.REDIRECT),
    **dict.fromkeys([400, 402, 405, 407, 410, 422, 499], Reason.CLIENT_ERROR),
    401: Reason.AUTH,
    403: Reason.PERMISSION,
    404: Reason.NOT_FOUND,
    429: Reason.RATE_LIMITED,
    **dict.fromkeys([500, 502, 503, 504, 599], Reason.SERVER_ERROR),
}


class Endless(httpx.AsyncByteStream):
    taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += 2**14
            yield b"x" * 2**14


ERROR = {"code": "INVALID_TOKEN", "details": "Expired", "field": "token"}
DOCUMENTED = {"message": "Invalid", "error": ERROR}


class TestAnotherStatusThan200:
    @pytest.mark.parametrize(("status", "reason"), STATUSES.items())
    def test_is_an_error(self, status: int, reason: Reason) -> None:
        error = error_of(status, {"success": True, "message": "No"}, location="/login")
        assert (error.reason, error.status) == (reason, status)
        assert error.seen.startswith(f"HTTP {status}")
        assert ("(No)" in error.seen) is (reason is not Reason.REDIRECT)
        assert error.remedy == ("check the user and password in proxy_url" if status == 407 else reason.remedy)
        assert reason.is_retryable is (status == 429 or status >= 500 or status < 300)  # it may pass by itself

    @pytest.mark.parametrize("content_encoding", ["gzip", "br"])
    def test_counts_with_a_broken_error_page_too(self, content_encoding: str) -> None:
        assert error_of(503, b"broken", content_encoding=content_encoding).reason is Reason.SERVER_ERROR

    def test_is_told_without_reading_an_error_page_to_its_end(self) -> None:
        body = Endless()
        assert Bench(lambda _: httpx.Response(500, stream=body)).error().reason is Reason.SERVER_ERROR
        assert body.taken < 100_000

    @pytest.mark.parametrize(
        ("envelope", "message"),
        [
            pytest.param(DOCUMENTED, "INVALID_TOKEN, Invalid, Expired", id="documented"),
            pytest.param({"message": "Unauthenticated."}, "Unauthenticated.", id="message alone"),
            pytest.param({"error": {"code": "BUSY", "message": "Later"}}, "BUSY, Later", id="message in the error"),
            pytest.param({"data": {"error": {"code": "BUSY", "details": "Later"}}}, "BUSY, Later", id="data.error"),
            pytest.param({"message": "Same", "error": {"code": "Same"}}, "Same", id="said twice"),
            pytest.param({"message": "Größe: numéro, 番号"}, "Größe: numéro, 番号", id="other languages"),
            pytest.param({"message": "two\nlines \x1b[31m"}, "two\ufffdlines \ufffd[31m", id="controls"),
            pytest.param({"message": {"en": "No"}, "error": [], "data": []}, "", id="wrong types"),
            pytest.param({"success": False}, "", id="nothing"),
            *(pytest.param(value, "", id=repr(value)) for value in (["message"], "message", None, b"")),
            pytest.param(b"<html><title>Blocked &amp; logged\n</title></html>", "Blocked & logged", id="HTML"),
            pytest.param(b'{"message": "\xff"}', "", id="invalid UTF-8"),
            pytest.param(b'{"message": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "", id="deep nesting inside"),
        ],
    )
    def test_is_told_with_the_message_of_every_known_envelope(self, envelope: object, message: str) -> None:
        assert str(error_of(500, envelope)) == (
            f"HTTP 500{f' ({message})' if message else ''}: the API is failing or unavailable; "
            "if it lasts, ask the vendor"
        )


@pytest.mark.parametrize(
    ("location", "target"),
    [
        *((location, location) for location in ("https://acme.mihu.ai/login", "/login", "//acme.mihu.ai/login")),
        ("https://acme.mihu.ai/login?token=s3cret#s3cret", "https://acme.mihu.ai/login"),
        ("https://user:s3cret@acme.mihu.ai/", "https://acme.mihu.ai/"),
        *((location, "nowhere") for location in ("?token=s3cret", "")),
        ("https://[s3cret", "an invalid address"),
        ("/" + "x" * 5_000 + "\x1b", "/" + "x" * 199),
        ("http://a..b/", "http://a..b/"),  # a host that is none
    ],
)
def test_a_redirect_names_its_target_without_what_may_be_secret(location: str, target: str) -> None:
    assert str(error_of(302, location=location)) == (
        f"HTTP 302, a redirect to {target}; check subdomain or base_url; redirects are not followed"
    )


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("30", 30),
            ("0", 0),
            *((f"Tue, 07 Nov 2023 05:32:56{zone}", 60) for zone in (" GMT", " -0000", "")),
            ("Tue, 07 Nov 2023 05:31:56 GMT", 0),  # it is now
            ("Mon, 06 Nov 2023 05:31:56 GMT", 0),
            *((header, None) for header in (None, "-5", "1.5", "inf", "", " ", "soon")),
            *((f"Tue, {day} 05:32:56 GMT", None) for day in ("99 Nov 2023", "07 Nov 99999")),
            *((f"Tue, 07 Nov 2023 05:32:56 +{zone}", None) for zone in ("9999", "9" * 30)),
        ],
    )
    def test_is_seconds_or_a_date(self, header: str | None, seconds: float | None) -> None:
        assert retry_after(header, now=NOW.timestamp()) == seconds

    def test_without_a_zone_is_not_local_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            seconds = retry_after("Tue, 07 Nov 2023 05:32:56", now=NOW.timestamp())
        finally:
            monkeypatch.undo()
            time.tzset()
        assert seconds == 60.0

    @given(st.text() | st.just("9" * 5_000))
    def test_may_be_anything(self, header: str) -> None:
        seconds = retry_after(header, now=NOW.timestamp())
        assert seconds is None or seconds >= 0

    @pytest.mark.parametrize("status", [429, 503])
    def test_is_part_of_the_error_and_counted_from_the_time_of_the_api(self, status: int) -> None:
        assert error_of(status, retry_after="7").retry_after == 7.0
        until = "Tue, 14 Nov 2023 22:14:20 GMT"
        assert error_of(status, retry_after=until).retry_after == 60.0  # it is 22:13:20
        assert error_of(status, retry_after=until, date="Tue, 14 Nov 2023 22:14:13 GMT").retry_after == 7.0
        assert error_of(status).retry_after is None


def test_the_requests_that_are_left_are_a_whole_number_or_ignored() -> None:
    assert [requests_left(header) for header in ("59", "0", " 7 ")] == [59, 0, 7]
    ignored = (None, "", "-1", "many", "1.5", "\N{ARABIC-INDIC DIGIT THREE}", "9" * 100)
    assert {requests_left(header) for header in ignored} == {None}


async def dripping(clock: ManualClock, content: bytes) -> AsyncIterator[bytes]:
    for byte in content:
        await clock.sleep(3)
        yield bytes([byte])


async def test_a_slow_answer_may_finish() -> None:
    clock = ManualClock()
    bench = Bench(lambda _: httpx.Response(200, content=dripping(clock, b"{ }")), clock=clock, request_timeout=10.0)
    getting = asyncio.create_task(bench.get_page())
    await clock.advance(9)
    assert (await getting, bench.counted()) == (b"{ }", ("200", 9.0))


EACH_REFUSED = httpx.ConnectError("All connection attempts failed")
CALL_FAILED = "Connect call failed ('127.0.0.1', 443)"
EACH_REFUSED.__cause__ = ExceptionGroup(
    "multiple connection attempts failed",
    [ConnectionRefusedError(111, f"Connect call failed ('{host}', 443)") for host in ("::1", "127.0.0.1")],
)


@pytest.mark.parametrize(
    ("error", "reason", "seen"),
    [
        (EACH_REFUSED, Reason.CONNECTION, f"cannot connect to acme.mihu.ai: [Errno 111] {CALL_FAILED}"),
        (httpx.ConnectError("no route"), Reason.CONNECTION, "cannot connect to acme.mihu.ai: no route"),
        (httpx.ReadError(""), Reason.CONNECTION, "the connection broke: closed by the other side"),
        (httpx.WriteError("broken pipe"), Reason.CONNECTION, "the connection broke: broken pipe"),
        (httpx.RemoteProtocolError("bad"), Reason.CONNECTION, "the connection broke: bad"),
        (httpx.ReadError("\x1b[31m\n"), Reason.CONNECTION, "the connection broke: \ufffd[31m\ufffd"),
        (httpx.ProxyError("503"), Reason.CONNECTION, "the proxy refused: 503"),
    ],
    ids=repr,
)
def test_a_failing_connection_is_an_error(error: Exception, reason: Reason, seen: str) -> None:
    bench = Bench(Mock(side_effect=error))
    found = bench.error()
    assert (found.reason, found.status, found.seen) == (reason, None, seen)
    assert bench.counted() == ("error", 0.0)


class TestTheToken:
    """It is in no message, not even when a server echoes it; tests/canary tries every place of an answer."""

    @pytest.mark.parametrize("before", range(170, 200))
    def test_is_removed_where_a_message_is_cut(self, before: int) -> None:
        assert TOKEN.reveal[:8] not in str(error_of(401, {"message": "x" * before + TOKEN.reveal}))

    WRITTEN = (str, quote_plus, html.escape, json.dumps, repr, lambda text: b64encode(text.encode()).decode())

    @pytest.mark.parametrize("token", ["s3cr3t", f"12|'\"\\/<{marks.TOKEN}>&="])
    @pytest.mark.parametrize("write", WRITTEN)
    def test_is_removed_however_it_is_written(self, write: Callable[[str], str], token: str) -> None:
        message = f"bad {write(token)}! {write(f'Bearer {token}')}"
        error = Bench(answering(401, msgspec.json.encode({"message": message}))).error(Secret(token))
        assert error.seen.count("<secret>") == 2
        assert not [text for text in (token, write(token), *marks.marks_in(error.seen)) if text in error.seen]

    def test_is_not_shown_by_what_led_to_the_error(self) -> None:
        error = Bench(Mock(side_effect=httpx.RemoteProtocolError(TOKEN.reveal))).error()
        assert TOKEN.reveal not in "".join(traceback.format_exception(error))
