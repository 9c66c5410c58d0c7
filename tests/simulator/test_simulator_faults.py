"""How faults of the simulated API strike; tests/faults has what each does, as the exporter sees it."""

import httpx
from starlette.applications import Starlette

from exporter.simulator.api import PATH, Tenant, create_app
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults import FAULTS, described
from exporter.simulator.fleet import Fleet

HEADERS = {"Accept": "application/json", "Authorization": "Bearer right"}
FLEET = Fleet.generate(60, 1)


def app_of(*faults: str, rate: float = 1.0) -> Starlette:
    behaviour = Behaviour(faults=dict.fromkeys(faults, rate))
    return create_app([Tenant("acme", "right", FLEET)], behaviour)


async def statuses(app: Starlette, requests: int) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://simulator") as client:
        return [(await client.get("/acme" + PATH, headers=HEADERS)).status_code for _ in range(requests)]


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

    def test_is_described_in_a_line(self) -> None:
        assert [line.split()[0] for line in described().splitlines() if len(line) < 80] == list(FAULTS)
