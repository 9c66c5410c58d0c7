"""How faults of the simulated API strike; tests/faults has what each does, as the exporter sees it."""

import asyncio
import json

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


def app_of(*faults: str, rate: float = 1.0, clock: ManualClock | None = None) -> Starlette:
    behaviour = Behaviour(faults=dict.fromkeys(faults, rate))
    return create_app([Tenant("acme", "right", FLEET)], behaviour, clock=clock or ManualClock())


async def get(app: Starlette, query: str = "", headers: dict[str, str] = HEADERS) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://simulator") as client:
        return await client.get("/acme" + PATH + query, headers=headers)


async def statuses(app: Starlette, requests: int) -> list[int]:
    return [(await get(app)).status_code for _ in range(requests)]


class TestAFault:
    async def test_strikes_as_often_as_its_rate_says(self) -> None:
        assert set(await statuses(app_of("error-500", rate=0), 20)) == {200}
        assert set(await statuses(app_of("error-500"), 20)) == {500}
        assert 30 < (await statuses(app_of("error-500", rate=0.25), 200)).count(500) < 70

    async def test_strikes_the_same_requests_with_the_same_seed_alone(self) -> None:
        app = app_of()
        found = []
        for seed in (1, 1, 2):
            app.state.behaviour = Behaviour(faults={"error-500": 0.5}, fault_seed=seed)
            found.append(await statuses(app, 40))
        assert found[0] == found[1] != found[2]

    async def test_strikes_beside_others(self) -> None:
        found = await statuses(app_of("error-500", "forbidden"), 100)
        assert set(found) == {500, 403}
        assert 30 < found.count(500) < 70

    @pytest.mark.parametrize("name", sorted(FAULTS.keys() - ENDLESS - {"reset", "truncated-gzip"}))
    async def test_changes_the_answer(self, name: str) -> None:
        good, bad = app_of(), app_of(name)
        pages = [  # some show on a later page only
            [
                (answer.status_code, answer.content)
                for answer in [await get(app, f"?page={page}") for page in range(1, 5)]
            ]
            for app in (good, bad)
        ]
        assert pages[0] != pages[1]

    @pytest.mark.parametrize("name", ["nan", "items-null", "fields-wrong", "endless", "slow-drip", "truncated-gzip"])
    async def test_in_a_page_still_needs_a_token(self, name: str) -> None:
        answer = await get(app_of(name), headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "MISSING_AUTH_TOKEN")

    def test_is_described_in_a_line(self) -> None:
        assert [line.split()[0] for line in described().splitlines() if len(line) < 80] == list(FAULTS)


async def test_a_body_drips_at_a_byte_a_second() -> None:
    clock = ManualClock()
    app = app_of("slow-drip", clock=clock)
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
    await asyncio.wait_for(app_of(fault)(scope, receive, send), 10)
    assert len(sent) < 10
