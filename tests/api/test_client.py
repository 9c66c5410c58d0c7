"""One request for one page: what is sent, which errors answers are, and what is counted."""

import asyncio
import contextlib
import gzip
import json
import ssl
import time
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import msgspec
import pytest
from api.bench import PAGE, TOKEN, Bench, Counting
from hypothesis import given
from hypothesis import strategies as st
from support.clock import ManualClock
from support.transport import Handler

from exporter import __version__
from exporter.api.body import LIMIT
from exporter.api.client import retry_after
from exporter.api.errors import REMEDIES, RETRYABLE, ApiError, Reason, excerpt
from exporter.config.credentials import Secret
from exporter.config.settings import Filter
from exporter.printable import printable

NOW = datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)


def answering(status: int = 200, content: bytes = PAGE, **headers: str) -> Handler:
    """Return an API that always gives the same answer."""

    def answer(_: httpx.Request) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, stream=httpx.ByteStream(content))

    return answer


def failing(error: Exception, cause: Exception | None = None) -> Handler:
    """Return an API that no connection can be made to."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error from cause

    return fail


def error_of(status: int, content: object = None, **headers: str) -> ApiError:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Bench(answering(status, body, **headers)).error()


def request_for(number: int = 1, token: Secret = TOKEN, **workspace: Any) -> httpx.Request:  # noqa: ANN401 - any setting
    """Return the request that is sent for a page."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=PAGE)

    asyncio.run(Bench(answer, **workspace).get_page(number, token))
    (request,) = sent
    return request


class TestTheRequest:
    @pytest.mark.parametrize(
        ("base_url", "address"),
        [
            ("https://acme.mihu.ai", "https://acme.mihu.ai/api/v1/phone-numbers/trunks"),
            (
                "https://gateway.example:8443/mihu/acme",
                "https://gateway.example:8443/mihu/acme/api/v1/phone-numbers/trunks",
            ),
            ("http://[::1]:8080", "http://[::1]:8080/api/v1/phone-numbers/trunks"),
        ],
        ids=["host alone", "with port and path", "IPv6"],
    )
    def test_goes_to_the_list_of_trunks_under_base_url(self, base_url: str, address: str) -> None:
        request = request_for(base_url=base_url)
        assert request.method == "GET"
        assert str(request.url.copy_with(query=None)) == address

    def test_asks_for_a_page_of_the_configured_size(self) -> None:
        assert dict(request_for(7, per_page=50).url.params) == {"page": "7", "per_page": "50"}

    def test_carries_the_filter(self) -> None:
        request = request_for(filter=Filter(channel="whatsapp", agent_uuid="a-1", search="+39 06"))
        assert dict(request.url.params) == {
            "page": "1",
            "per_page": "100",
            "channel": "whatsapp",
            "agent_uuid": "a-1",
            "search": "+39 06",
        }
        assert b"search=%2B39" in request.url.query  # a bare plus sign would be a space

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Host", "acme.mihu.ai"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip"),
            ("User-Agent", f"mihu-trunk-exporter/{__version__}"),
            ("Authorization", f"Bearer {TOKEN.reveal}"),
        ],
    )
    def test_carries_the_header(self, name: str, value: str) -> None:
        assert request_for().headers.get_list(name) == [value]

    def test_carries_the_token_of_the_moment(self) -> None:
        assert request_for(token=Secret("another")).headers["Authorization"] == "Bearer another"

    def test_does_not_carry_the_token_in_its_address(self) -> None:
        assert TOKEN.reveal not in str(request_for().url)

    def test_carries_no_cookie(self) -> None:
        """A session would outlive a change of token."""
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, content=PAGE, headers={"Set-Cookie": "session=1; Path=/"})

        async def run() -> None:
            client = Bench(answer).client
            for number in (1, 2):
                await client.get_page(number, TOKEN)

        asyncio.run(run())
        assert [request.headers.get("Cookie") for request in sent] == [None, None]


class TestAPage:
    def test_is_the_body_of_an_answer(self) -> None:
        assert asyncio.run(Bench(answering()).get_page()) == PAGE

    def test_may_be_compressed(self) -> None:
        bench = Bench(answering(content=gzip.compress(PAGE), content_encoding="gzip"))
        assert asyncio.run(bench.get_page()) == PAGE

    def test_is_not_judged_by_its_content(self) -> None:
        """Whether it is a page at all is found when it is decoded, off the event loop."""
        assert asyncio.run(Bench(answering(content=b"<html>")).get_page()) == b"<html>"

    def test_that_is_too_large_is_refused(self) -> None:
        assert Bench(answering(content=bytes(LIMIT + 1))).error().reason is Reason.TOO_LARGE

    def test_in_an_encoding_that_was_not_asked_for_is_refused(self) -> None:
        error = Bench(answering(content_encoding="br")).error()
        assert (error.reason, error.status) == (Reason.INVALID_RESPONSE, 200)


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


class TestAnotherStatusThan200:
    @pytest.mark.parametrize(("status", "reason"), STATUSES.items())
    def test_is_an_error(self, status: int, reason: Reason) -> None:
        error = error_of(status, {"message": "No"}, location="/login")
        assert (error.reason, error.status) == (reason, status)
        assert error.seen.startswith(f"HTTP {status}")
        assert ("(No)" in error.seen) is (reason is not Reason.REDIRECT)
        if status != 407:
            assert str(error) == f"{error.seen}; {REMEDIES[reason]}"

    @pytest.mark.parametrize(("status", "reason"), STATUSES.items())
    def test_is_worth_another_try_where_it_passes_by_itself(self, status: int, reason: Reason) -> None:
        assert (reason in RETRYABLE) is (status == 429 or status >= 500 or status < 300)

    def test_decides_whatever_the_body_says(self) -> None:
        assert error_of(500, {"success": True, "error": {"code": "INVALID_AUTH_TOKEN"}}).reason is Reason.SERVER_ERROR

    def test_of_a_proxy_that_wants_a_password_names_its_setting(self) -> None:
        assert str(error_of(407, b"")) == (
            "HTTP 407: the proxy wants a user and password, or others; check the user and password in proxy_url"
        )

    @pytest.mark.parametrize("content_encoding", ["gzip", "br"])
    def test_counts_with_a_broken_error_page_too(self, content_encoding: str) -> None:
        error = error_of(503, b"broken", content_encoding=content_encoding)
        assert (error.reason, error.status) == (Reason.SERVER_ERROR, 503)


class TestItsMessage:
    @pytest.mark.parametrize(
        ("envelope", "message"),
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
            pytest.param(b"", "", id="empty"),
            pytest.param(b"<html><title>502 Bad Gateway</title></html>", "", id="HTML"),
            pytest.param(b'{"message": "cut off', "", id="truncated"),
            pytest.param(b'{"message": "\xff"}', "", id="invalid UTF-8"),
            pytest.param(b"[" * 60_000, "", id="deep nesting"),
            pytest.param(b'{"message": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "", id="deep nesting inside"),
        ],
    )
    def test_is_found_in_every_known_envelope(self, envelope: object, message: str) -> None:
        assert str(error_of(500, envelope)) == (
            f"HTTP 500{f' ({message})' if message else ''}: the API is failing or unavailable; "
            "if it lasts, ask the vendor"
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
    def test_is_printable(self, text: str) -> None:
        error = str(error_of(500, {"message": text}))
        assert error.isprintable()
        assert "\N{REPLACEMENT CHARACTER}" in error

    def test_keeps_the_letters_of_other_languages(self) -> None:
        assert excerpt("Größe: numéro, 番号, رقم") == "Größe: numéro, 番号, رقم"

    def test_is_short(self) -> None:
        assert len(str(error_of(500, {"message": "long " * 10_000}))) < 300

    @given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(msgspec.json.encode))
    def test_may_be_anything(self, body: bytes) -> None:
        error = str(error_of(500, body))
        assert printable(error) == error


class TestARedirect:
    @pytest.mark.parametrize("location", ["https://elsewhere.example/login", "/login"])
    def test_is_not_followed(self, location: str) -> None:
        hosts: list[str] = []

        def redirect(request: httpx.Request) -> httpx.Response:
            hosts.append(request.url.host)
            return httpx.Response(302, headers={"Location": location})

        error = Bench(redirect).error()
        assert error.reason is Reason.REDIRECT
        assert location in str(error)
        assert hosts == ["acme.mihu.ai"]

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
    def test_names_its_target_without_what_may_be_secret(self, location: str, target: str) -> None:
        assert str(error_of(302, location=location)) == (
            f"HTTP 302, a redirect to {target}; check subdomain or base_url; redirects are not followed"
        )

    @pytest.mark.parametrize(
        "location", ["http://[", "https://a:b/", "http://a..b/", "//\\", "http://" + "a" * 70_000, "\t", "http:///x:y"]
    )
    def test_to_what_is_no_address_is_a_redirect_all_the_same(self, location: str) -> None:
        error = error_of(302, location=location)
        assert (error.reason, error.status) == (Reason.REDIRECT, 302)
        assert error.seen.startswith("HTTP 302, a redirect to ")

    def test_may_lack_a_target(self) -> None:
        assert "a redirect to nowhere" in str(error_of(304))

    def test_is_printable_and_short(self) -> None:
        error = str(error_of(302, location="/" + "x" * 5_000 + "\x1b"))
        assert error.isprintable()
        assert len(error) < 400


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

    @pytest.mark.parametrize("digits", [20, 5_000])
    def test_may_be_absurdly_long(self, digits: int) -> None:
        seconds = retry_after("9" * digits, now=NOW.timestamp())
        assert seconds is not None
        assert seconds > timedelta(days=365).total_seconds()

    @given(st.text())
    def test_may_be_anything(self, header: str) -> None:
        seconds = retry_after(header, now=NOW.timestamp())
        assert seconds is None or seconds >= 0

    @given(st.integers(0, 10**6))
    def test_is_the_same_in_either_form(self, seconds: int) -> None:
        date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
        assert retry_after(date, now=NOW.timestamp()) == seconds
        assert retry_after(str(seconds), now=NOW.timestamp()) == seconds

    @pytest.mark.parametrize("status", [429, 503])
    def test_is_part_of_the_error(self, status: int) -> None:
        assert error_of(status, retry_after="7").retry_after == 7.0
        assert error_of(status).retry_after is None

    def test_is_counted_from_the_time_of_the_clock(self) -> None:
        error = error_of(429, retry_after="Tue, 14 Nov 2023 22:14:20 GMT")
        assert error.retry_after == 60.0  # the clock stands at 22:13:20


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy_that_can_end_a_sentence(reason: Reason) -> None:
    remedy = REMEDIES[reason]
    assert remedy[0].islower()
    assert remedy[-1].isalpha()


class Dripping(httpx.AsyncByteStream):
    """A body of which a byte comes every three seconds."""

    def __init__(self, clock: ManualClock, content: bytes) -> None:
        self._clock = clock
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for byte in self._content:
            await self._clock.sleep(3)
            yield bytes([byte])


def dripping(content: bytes) -> Callable[[ManualClock], Handler]:
    return lambda clock: lambda _: httpx.Response(200, stream=Dripping(clock, content))


def silent(clock: ManualClock) -> Handler:
    async def keep_silent(_: httpx.Request) -> httpx.Response:
        await clock.sleep(3600)
        raise AssertionError

    return keep_silent


def get_page(
    api: Callable[[ManualClock], Handler], *, seconds: float, cancel: bool = False
) -> tuple[bytes | BaseException, Counting]:
    """Ask for page 3 and let a number of seconds pass."""
    clock = ManualClock()
    bench = Bench(api(clock), clock=clock, request_timeout=10.0)

    async def run() -> bytes | BaseException:
        getting = asyncio.create_task(bench.get_page(3))
        await clock.advance(seconds)
        if cancel:
            getting.cancel()
        else:
            assert getting.done()
        (outcome,) = await asyncio.gather(getting, return_exceptions=True)
        return outcome

    return asyncio.run(run()), bench.observer


class TestTheTimeOut:
    @pytest.mark.parametrize("api", [silent, dripping(PAGE)], ids=["no answer", "an answer that drips"])
    def test_ends_a_request(self, api: Callable[[ManualClock], Handler]) -> None:
        error, observer = get_page(api, seconds=10)
        assert isinstance(error, ApiError)
        assert error.reason is Reason.TIMEOUT
        assert str(error) == (
            "no complete answer for page 3 within 10s (request_timeout); raise request_timeout if the API is slow, "
            "else check the network, proxy and firewall"
        )
        assert observer.requests == [("error", 10.0)]

    def test_lets_a_slow_answer_finish(self) -> None:
        content, observer = get_page(dripping(b"{ }"), seconds=9)
        assert content == b"{ }"
        assert observer.requests == [("200", 9.0)]


class TestCounting:
    @pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 429, 500])
    def test_a_request_is_counted_by_its_status(self, status: int) -> None:
        bench = Bench(answering(status))
        with contextlib.suppress(ApiError):
            asyncio.run(bench.get_page())
        assert bench.observer.requests == [(str(status), 0.0)]

    def test_a_request_that_is_cancelled_is_not_counted(self) -> None:
        outcome, observer = get_page(dripping(PAGE), seconds=2, cancel=True)
        assert isinstance(outcome, asyncio.CancelledError)
        assert observer.requests == []


class TestAFailingConnection:
    @pytest.mark.parametrize(
        ("error", "reason", "seen"),
        [
            pytest.param(httpx.ConnectError("no route"), Reason.CONNECTION, "cannot connect: no route", id="connect"),
            pytest.param(httpx.ReadError(""), Reason.CONNECTION, "broke: closed by the other side", id="read"),
            pytest.param(httpx.WriteError("broken pipe"), Reason.CONNECTION, "broke: broken pipe", id="write"),
            pytest.param(httpx.RemoteProtocolError("bad"), Reason.CONNECTION, "broke: bad", id="protocol"),
            pytest.param(httpx.ProxyError("407"), Reason.CONNECTION, "the proxy refused: 407", id="proxy"),
            pytest.param(httpx.ConnectTimeout("slow"), Reason.TIMEOUT, "timed out: slow", id="connect time-out"),
            pytest.param(httpx.ReadTimeout("slow"), Reason.TIMEOUT, "timed out: slow", id="read time-out"),
        ],
    )
    def test_is_an_error(self, error: Exception, reason: Reason, seen: str) -> None:
        bench = Bench(failing(error))
        found = bench.error()
        assert (found.reason, found.status) == (reason, None)
        assert seen in found.seen
        assert bench.observer.requests == [("error", 0.0)]

    def test_is_described_by_its_cause(self) -> None:
        cause = OSError(111, "Connection refused")
        error = Bench(failing(httpx.ConnectError("All connection attempts failed"), cause)).error()
        assert "cannot connect: [Errno 111] Connection refused" in error.seen

    def test_to_a_name_with_several_addresses_is_described_by_one_of_them(self) -> None:
        """Each of them refused, and how many there are helps nobody."""
        errors = [ConnectionRefusedError(111, f"Connect call failed ('{host}', 443)") for host in ("::1", "127.0.0.1")]
        group = OSError("All connection attempts failed")
        group.__cause__ = ExceptionGroup("multiple connection attempts failed", errors)
        error = Bench(failing(httpx.ConnectError("All connection attempts failed"), group)).error()
        assert "cannot connect: [Errno 111] Connect call failed ('127.0.0.1', 443)" in error.seen

    def test_is_printable(self) -> None:
        assert str(Bench(failing(httpx.ReadError("\x1b[31m\n" * 200))).error()).isprintable()

    def test_because_of_a_certificate_is_a_matter_of_tls(self) -> None:
        cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error = Bench(failing(httpx.ConnectError("certificate verify failed"), cause)).error()
        assert error.reason is Reason.TLS
        assert "check tls_config" in error.remedy

    def test_by_a_port_without_tls_is_described_in_plain_words(self) -> None:
        cause = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
        cause.reason = "WRONG_VERSION_NUMBER"
        error = Bench(failing(httpx.ConnectError("wrong version number"), cause)).error()
        assert error.reason is Reason.TLS
        assert str(error) == "what answers there does not speak TLS; check base_url: its port, or http for https"


class TestTheToken:
    """It is in no message, not even when a server echoes it."""

    @pytest.mark.parametrize(
        "api",
        [
            pytest.param(answering(401, json.dumps({"message": f"bad {TOKEN.reveal}!"}).encode()), id="message"),
            pytest.param(answering(500, json.dumps({"error": {"code": TOKEN.reveal}}).encode()), id="code"),
            pytest.param(answering(302, location=f"/login/{TOKEN.reveal}"), id="redirect"),
            pytest.param(answering(content_encoding=TOKEN.reveal), id="encoding"),
            pytest.param(failing(httpx.RemoteProtocolError(f"illegal line: b'Bearer {TOKEN.reveal}'")), id="protocol"),
        ],
    )
    def test_is_removed(self, api: Handler) -> None:
        error = Bench(api).error()
        assert TOKEN.reveal not in str(error)
        assert "<secret>" in str(error)

    @pytest.mark.parametrize("before", range(170, 200))
    def test_is_removed_where_a_message_is_cut(self, before: int) -> None:
        assert TOKEN.reveal[:8] not in str(error_of(401, {"message": "x" * before + TOKEN.reveal}))

    def test_may_be_short(self) -> None:
        error = Bench(answering(401, b'{"message": "bad s3cr3t!"}')).error(Secret("s3cr3t"))
        assert "(bad <secret>!)" in str(error)

    def test_is_not_shown_by_what_led_to_the_error(self) -> None:
        error = Bench(failing(httpx.RemoteProtocolError(TOKEN.reveal))).error()
        assert TOKEN.reveal not in "".join(traceback.format_exception(error))
