"""Faults of the simulated API: drawn by their rates, each with its effect and no other."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message
from support.clock import ManualClock

from exporter.simulator.api import PATH, Tenant, create_app
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults import FAULTS, described
from exporter.simulator.fleet import Fleet

HEADERS = {"Accept": "application/json", "Authorization": "Bearer right"}
FLEET = Fleet.generate(60, 1)
ENDLESS = {"no-answer", "slow-drip", "huge-page", "gzip-bomb"}
PAGES = ("?page=1", "?page=2", "?page=3", "?page=4")


def app_of(*faults: str, rate: float = 1.0, seed: int = 0) -> Starlette:
    behaviour = Behaviour(faults=dict.fromkeys(faults, rate), fault_seed=seed)
    return create_app([Tenant("acme", "right", FLEET)], behaviour, clock=ManualClock())


async def get(app: Starlette, query: str = "", headers: dict[str, str] = HEADERS) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://simulator") as client:
        return await client.get("/acme" + PATH + query, headers=headers)


def answers(app: Starlette, *queries: str) -> list[httpx.Response]:
    async def scenario() -> list[httpx.Response]:
        return [await get(app, query) for query in queries]

    return asyncio.run(scenario())


def struck(fault: str, query: str = "", headers: dict[str, str] = HEADERS) -> httpx.Response:
    return asyncio.run(get(app_of(fault), query, headers))


def statuses(app: Starlette, requests: int) -> list[int]:
    return [answer.status_code for answer in answers(app, *[""] * requests)]


def data(response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    return response.json()["data"]


class TestTheDrawing:
    def test_strikes_as_often_as_the_rate_says(self) -> None:
        assert set(statuses(app_of("error-500", rate=0), 20)) == {200}
        assert set(statuses(app_of("error-500"), 20)) == {500}
        assert 30 < statuses(app_of("error-500", rate=0.25), 200).count(500) < 70

    def test_repeats_with_the_same_seed_only_and_begins_anew_with_a_new_behaviour(self) -> None:
        app = app_of()
        found = []
        for seed in (1, 1, 2):
            app.state.behaviour = Behaviour(faults={"error-500": 0.5}, fault_seed=seed)
            found.append(statuses(app, 40))
        assert found[0] == found[1] != found[2]

    def test_lets_each_of_several_faults_strike(self) -> None:
        found = statuses(app_of("error-500", "forbidden"), 100)
        assert set(found) == {500, 403}
        assert 30 < found.count(500) < 70


class TestAFault:
    # Some show on a later page only.
    @pytest.mark.parametrize("name", sorted(FAULTS.keys() - ENDLESS - {"reset", "truncated-gzip"}))
    def test_changes_the_answer(self, name: str) -> None:
        good, bad = (
            [(answer.status_code, answer.content) for answer in answers(app, *PAGES)]
            for app in (app_of(), app_of(name))
        )
        assert good != bad

    @pytest.mark.parametrize("name", ["nan", "items-null", "fields-wrong", "endless", "slow-drip", "truncated-gzip"])
    def test_in_a_page_still_needs_a_token(self, name: str) -> None:
        response = struck(name, headers={"Accept": "application/json"})
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "MISSING_AUTH_TOKEN"

    def test_is_compressed_as_a_good_answer_is_and_described(self) -> None:
        assert struck("nan").headers["Content-Encoding"] == "gzip"
        assert [line.split()[0] for line in described().splitlines() if len(line) < 80] == list(FAULTS)


@pytest.mark.parametrize(
    ("name", "retry_after"),
    [
        ("rate-limited", "30"),
        ("rate-limited-date", "Tue, 14 Nov 2023 22:13:50 GMT"),  # 30 seconds after the clock's time
        ("rate-limited-year", "31536000"),
        ("rate-limited-negative", "-30"),
        ("rate-limited-bare", None),
    ],
)
def test_the_rate_limit_asks_to_wait(name: str, retry_after: str | None) -> None:
    response = struck(name)
    assert (response.status_code, response.headers.get("Retry-After")) == (429, retry_after)


class TestTexts:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("infinity", b'"monthly_fee":1e999'),
            ("duplicate-keys", b'"status":"first","status":"'),
            ("surrogates", b'"location":"\\ud83e'),
            ("invalid-utf8", b'"location":"\xff'),
            ("deep-json", b'"items":[' + b"[" * 100_000 + b"]" * 100_000 + b",{"),
        ],
    )
    def test_of_what_is_nearly_json(self, name: str, text: bytes) -> None:
        assert text in struck(name).content

    def test_without_a_number_for_any_limit(self) -> None:
        limits = re.compile(rb'"channel_limit":[0-9]')
        good, bad = asyncio.run(get(app_of())).content, struck("nan").content
        assert bad.count(b'"channel_limit":NaN') == len(limits.findall(good)) > 60
        assert not limits.search(bad)

    def test_with_more_or_less_than_a_page(self) -> None:
        whole = asyncio.run(get(app_of())).content
        assert struck("bom").content == b"\xef\xbb\xbf" + whole
        assert struck("truncated-json").content == whole[: len(whole) // 2]
        compressed = struck("truncated-gzip")
        assert compressed.headers["Content-Encoding"] == "gzip"
        assert len(compressed.content) < len(whole)
        assert whole.startswith(compressed.content)


class TestRows:
    def test_that_are_no_list(self) -> None:
        assert data(struck("items-null"))["items"] is None
        assert "items" not in data(struck("items-missing"))
        assert set(data(struck("items-object", "?per_page=2"))["items"]) == {"1", "2"}

    @pytest.mark.parametrize("name", ["fields-null", "fields-missing", "fields-wrong", "empty-lists"])
    def test_that_keep_their_identity(self, name: str) -> None:
        good, rows = (data(answer)["items"] for answer in (asyncio.run(get(app_of())), struck(name)))
        for before, after in zip(good, rows, strict=True):
            assert (after["phone_number_uuid"], after["number"]) == (before["phone_number_uuid"], before["number"])
            assert after != before

    def test_that_are_different_every_time(self) -> None:
        found = [
            row["status"] for answer in answers(app_of("unknown-words"), "", "", "") for row in data(answer)["items"]
        ]
        assert len(set(found)) == len(found) == 75

    def test_with_numbers_as_strings(self) -> None:
        page = data(struck("number-strings"))
        assert page["pagination"]["total"] == "60"
        assert page["pagination"]["has_more"] is True
        assert isinstance(page["items"][0]["channel_settings"]["voice"]["channel_limit"], str)


class TestPaging:
    @pytest.mark.parametrize(
        ("name", "query", "field", "value"),
        [
            ("wrong-echo", "?page=2", "current_page", 3),
            ("moving-total", "?page=1", "total", 61),
            ("moving-total", "?page=2", "total", 60),
            ("moving-last-page", "?page=1", "last_page", 2),
            ("moving-last-page", "?page=2", "last_page", 3),
            ("endless", "?page=9", "has_more", True),
            ("endless", "?page=9", "current_page", 9),
            ("endless", "", "total", None),
            ("repeated-row", "", "total", 61),
            ("contradicting-row", "", "total", 61),
            ("moving-row", "", "total", 60),
        ],
    )
    def test_says(self, name: str, query: str, field: str, value: object) -> None:
        assert data(struck(name, query))["pagination"].get(field) == value

    def test_that_is_endless_has_rows_on_every_page(self) -> None:
        first, far = (data(struck("endless", f"?page={page}&per_page=10"))["items"] for page in (1, 99))
        assert first == far
        assert len(far) == 10

    @pytest.mark.parametrize(
        ("name", "changes"),
        [("repeated-row", {}), ("contradicting-row", {"status": "suspended", "location": "Elsewhere"})],
    )
    def test_repeats_the_first_row_on_the_last_page(self, name: str, changes: dict[str, str]) -> None:
        first, last = (data(struck(name, f"?per_page=60&page={page}"))["items"] for page in (1, 2))
        assert last == [first[0] | changes]

    def test_moves_a_row_between_requests(self) -> None:
        one, two, three = (
            [row["number"] for row in data(answer)["items"]]
            for answer in answers(app_of("moving-row"), *["?per_page=100"] * 3)
        )
        assert one == three == list(FLEET.numbers)
        assert two == [*one[1:], one[0]]


async def test_a_body_drips_at_a_byte_a_second() -> None:
    clock = ManualClock()
    app = create_app([Tenant("acme", "right", FLEET)], Behaviour(faults={"slow-drip": 1.0}), clock=clock)
    asking = asyncio.create_task(get(app, "?per_page=1"))
    await clock.advance(20)
    assert app.state.traffic.sent["acme"] == 21
    await clock.advance(10_000)
    assert json.loads((await asking).content)["data"]["pagination"]["total"] == 60


@pytest.mark.parametrize("fault", sorted(ENDLESS))
async def test_a_body_without_end_ends_when_the_client_disconnects(fault: str) -> None:
    sent: list[Message] = []
    disconnected = asyncio.Event()
    if fault == "no-answer":
        disconnected.set()

    async def receive() -> Message:
        await disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            disconnected.set()

    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    scope = {"type": "http", "method": "GET", "path": "/acme" + PATH, "query_string": b"", "headers": headers}
    await app_of(fault)(scope, receive, send)
    assert len(sent) < 10
