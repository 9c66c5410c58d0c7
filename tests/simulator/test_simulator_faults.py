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


def app_of(behaviour: Behaviour) -> Starlette:
    return create_app([Tenant("acme", "right", FLEET)], behaviour)


async def get(app: Starlette, query: str = "", headers: dict[str, str] = HEADERS) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://simulator") as client:
        return await client.get("/acme" + PATH + query, headers=headers)


def struck(fault: str, query: str = "", headers: dict[str, str] = HEADERS) -> httpx.Response:
    return asyncio.run(get(app_of(Behaviour(faults={fault: 1.0})), query, headers))


def statuses(behaviour: Behaviour, requests: int) -> list[int]:
    async def scenario() -> list[int]:
        app = app_of(behaviour)
        return [(await get(app)).status_code for _ in range(requests)]

    return asyncio.run(scenario())


def data(response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    return response.json()["data"]


class TestTheDrawing:
    def test_strikes_nothing_without_faults(self) -> None:
        assert set(statuses(Behaviour(), 20)) == {200}

    @pytest.mark.parametrize(("rate", "expected"), [(0.0, {200}), (1.0, {500})])
    def test_strikes_never_or_always(self, rate: float, expected: set[int]) -> None:
        assert set(statuses(Behaviour(faults={"error-500": rate}), 20)) == expected

    def test_strikes_as_often_as_the_rate_says(self) -> None:
        assert 30 < statuses(Behaviour(faults={"error-500": 0.25}), 200).count(500) < 70

    def test_repeats_with_the_same_seed_only(self) -> None:
        first, again, other = (
            statuses(Behaviour(faults={"error-500": 0.5}, fault_seed=seed), 40) for seed in (1, 1, 2)
        )
        assert first == again != other

    def test_begins_anew_with_a_new_behaviour(self) -> None:
        async def scenario() -> list[list[int]]:
            app = app_of(Behaviour())
            found = []
            for _ in range(2):
                app.state.behaviour = Behaviour(faults={"error-500": 0.5})
                found.append([(await get(app)).status_code for _ in range(20)])
            return found

        first, second = asyncio.run(scenario())
        assert first == second

    def test_lets_each_of_several_faults_strike(self) -> None:
        found = statuses(Behaviour(faults={"error-500": 1.0, "forbidden": 1.0}), 100)
        assert set(found) == {500, 403}
        assert 30 < found.count(500) < 70

    @pytest.mark.parametrize(
        ("faults", "message"),
        [
            ({"error-501": 0.5}, "there is no fault called error-501"),
            ({"error-500": 1.5}, "the rate of error-500 must be between 0 and 1, not 1.5"),
            ({"error-500": -0.1}, "between 0 and 1"),
            ({"error-500": float("nan")}, "between 0 and 1"),
        ],
    )
    def test_is_of_faults_and_rates_that_exist(self, faults: dict[str, float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Behaviour(faults=faults)


class TestAFault:
    @pytest.mark.parametrize(
        "name", sorted(FAULTS.keys() - {"no-answer", "slow-drip", "huge-page", "gzip-bomb", "reset"})
    )
    def test_changes_the_answer(self, name: str) -> None:
        async def scenario() -> tuple[list[Any], list[Any]]:
            found: list[list[Any]] = []
            for behaviour in (Behaviour(), Behaviour(faults={name: 1.0})):
                app = app_of(behaviour)
                found.append([])
                # Some show on a later page only, or only the second time.
                for query in ("?page=1", "?page=2", "?page=3", "?page=4"):
                    try:
                        response = await get(app, query)
                        found[-1].append((response.status_code, response.content))
                    except httpx.DecodingError:
                        found[-1].append("not gzip")
            return found[0], found[1]

        good, bad = asyncio.run(scenario())
        assert good != bad

    @pytest.mark.parametrize("name", ["nan", "items-null", "fields-wrong", "endless", "slow-drip", "truncated-gzip"])
    def test_in_a_page_still_needs_a_token(self, name: str) -> None:
        response = struck(name, headers={"Accept": "application/json"})
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "MISSING_AUTH_TOKEN"

    def test_is_compressed_as_a_good_answer_is(self) -> None:
        assert struck("nan").headers["Content-Encoding"] == "gzip"


class TestAnswersInstead:
    @pytest.mark.parametrize(
        ("name", "status", "retry_after"),
        [("rate-limited", 429, "30"), ("rate-limited-negative", 429, "-30"), ("rate-limited-bare", 429, None)],
    )
    def test_limits(self, name: str, status: int, retry_after: str | None) -> None:
        response = struck(name)
        assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)

    def test_a_date_is_as_far_away_as_the_seconds(self) -> None:
        app = create_app(
            [Tenant("acme", "right", FLEET)], Behaviour(faults={"rate-limited-date": 1.0}), clock=ManualClock()
        )
        assert asyncio.run(get(app)).headers["Retry-After"] == "Tue, 14 Nov 2023 22:13:50 GMT"

    def test_with_and_without_an_envelope(self) -> None:
        assert struck("unauthorized").json()["error"]["code"] == "INVALID_AUTH_TOKEN"
        assert struck("unauthorized-bare").text == "Unauthorized"


class TestTexts:
    def test_what_nearly_is_json(self) -> None:
        assert struck("bom").content.startswith(b"\xef\xbb\xbf{")
        limits = re.compile(rb'"channel_limit":[0-9]')
        good = asyncio.run(get(app_of(Behaviour()))).content
        assert struck("nan").content.count(b'"channel_limit":NaN') == len(limits.findall(good)) > 60
        assert not limits.search(struck("nan").content)
        assert b'"monthly_fee":1e999' in struck("infinity").content
        assert b'"status":"first","status":"' in struck("duplicate-keys").content
        assert b'"location":"\\ud83e' in struck("surrogates").content
        with pytest.raises(UnicodeDecodeError):
            struck("invalid-utf8").content.decode()

    def test_what_breaks_off(self) -> None:
        whole = asyncio.run(get(app_of(Behaviour()))).content
        assert struck("truncated-json").content == whole[: len(whole) // 2]
        compressed = struck("truncated-gzip")
        assert compressed.headers["Content-Encoding"] == "gzip"
        assert len(compressed.content) < len(whole)
        assert whole.startswith(compressed.content)

    def test_depth(self) -> None:
        assert struck("deep-json").content.count(b"[" * 100_000) == 1


class TestRows:
    def test_that_are_no_list(self) -> None:
        assert data(struck("items-null"))["items"] is None
        assert "items" not in data(struck("items-missing"))
        assert set(data(struck("items-object", "?per_page=2"))["items"]) == {"1", "2"}

    def test_that_keep_their_identity(self) -> None:
        good = data(asyncio.run(get(app_of(Behaviour()))))["items"]
        for name in ("fields-null", "fields-missing", "fields-wrong", "empty-lists"):
            rows = data(struck(name))["items"]
            for before, after in zip(good, rows, strict=True):
                assert (after["phone_number_uuid"], after["number"]) == (before["phone_number_uuid"], before["number"])
                assert after != before

    def test_that_are_different_every_time(self) -> None:
        async def scenario() -> list[str]:
            app = app_of(Behaviour(faults={"unknown-words": 1.0}))
            return [row["status"] for _ in range(3) for row in data(await get(app))["items"]]

        found = asyncio.run(scenario())
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
        assert len(data(struck("endless", "?page=99&per_page=10"))["items"]) == 10

    def test_repeats_the_first_row_on_the_last_page(self) -> None:
        first, last = (data(struck("repeated-row", f"?per_page=60&page={page}"))["items"] for page in (1, 2))
        assert last == first[:1]
        first, last = (data(struck("contradicting-row", f"?per_page=60&page={page}"))["items"] for page in (1, 2))
        assert [row["phone_number_uuid"] for row in last] == [first[0]["phone_number_uuid"]]
        assert last[0]["status"] == "suspended"

    def test_moves_a_row_between_requests(self) -> None:
        async def scenario() -> list[list[str]]:
            app = app_of(Behaviour(faults={"moving-row": 1.0}))
            return [[row["number"] for row in data(await get(app, "?per_page=100"))["items"]] for _ in range(3)]

        one, two, three = asyncio.run(scenario())
        assert one == three == list(FLEET.numbers)
        assert two == [*one[1:], one[0]]


def test_a_body_drips_at_a_byte_a_second() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        app = create_app([Tenant("acme", "right", FLEET)], Behaviour(faults={"slow-drip": 1.0}), clock=clock)
        asking = asyncio.create_task(get(app, "?per_page=1"))
        await clock.advance(20)
        assert app.state.traffic.sent["acme"] == 21
        await clock.advance(10_000)
        assert json.loads((await asking).content)["data"]["pagination"]["total"] == 60

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["no-answer", "slow-drip", "huge-page", "gzip-bomb"])
def test_a_body_without_end_ends_when_the_client_disconnects(fault: str) -> None:
    app = app_of(Behaviour(faults={fault: 1.0}))
    sent: list[Message] = []

    async def scenario() -> None:
        disconnected = asyncio.Event()
        if fault == "no-answer":
            disconnected.set()

        async def receive() -> Message:
            await disconnected.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if len(sent) == 3:
                disconnected.set()

        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        scope = {"type": "http", "method": "GET", "path": "/acme" + PATH, "query_string": b"", "headers": headers}
        await app(scope, receive, send)

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert len(sent) < 10


def test_a_description_for_each() -> None:
    lines = described().splitlines()
    assert [line.split()[0] for line in lines] == list(FAULTS)
    assert all(len(line) < 80 for line in lines)
