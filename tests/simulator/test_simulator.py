"""What the simulated API answers; its fleet, and the churn in it; how it runs, over a socket and as a command."""

import asyncio
import math
import os
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support import event_loop
from support.clock import ManualClock
from support.processes import exporter_command, free_port, program
from support.trunks import bound, row

from exporter.cli import main
from exporter.simulator.api import PATH, Api, Tenant
from exporter.simulator.behaviour import Behaviour, RowPer
from exporter.simulator.churn import Churn
from exporter.simulator.faults import FAULTS, described
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Trunk, bound_channels
from exporter.simulator.server import Simulator

ACME = "/acme" + PATH
JSON = {"Accept": "application/json"}
HEADERS = {**JSON, "Authorization": "Bearer right"}
FLEET = Fleet.generate(60, 1)
ROWS = list(FLEET.rows(RowPer.NUMBER))


def app_of(fleet: Fleet = FLEET, behaviour: Behaviour | None = None) -> Api:
    return Api([Tenant("acme", "right", fleet)], behaviour)


def ask(app: Api, query: str = "", path: str = ACME, **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator") as client:
            return await client.request(**{"method": "GET", "url": path + query, "headers": HEADERS, **request})

    return asyncio.run(answer())


def assert_refused(response: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = response.json()
    error = {"code": code, "details": body["error"]["details"], "field": field}
    assert body == {"success": False, "message": body["message"], "error": error}


class TestAuthentication:
    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            *((headers, "MISSING_AUTH_TOKEN") for headers in (JSON, {"Accept": "text/html, Application/JSON;q=0.9"})),
            ({**JSON, "Authorization": "right"}, "MISSING_AUTH_TOKEN"),
            ({**JSON, "Authorization": "Bearer Right"}, "INVALID_AUTH_TOKEN"),
            ({**JSON, "Authorization": "Bearer of-globex"}, "INVALID_AUTH_TOKEN"),
        ],
    )
    def test_only_the_right_bearer_token_is_accepted(self, headers: dict[str, str], code: str) -> None:
        app = Api([Tenant("acme", "right", FLEET), Tenant("globex", "of-globex", FLEET)])
        assert_refused(ask(app, headers=headers), 401, code)
        assert ask(app, headers={**HEADERS, "Accept": "*/*"}).status_code == 200  # that needs no Accept

    @pytest.mark.parametrize("accept", ["*/*", "text/html", "application/*", "application/jsonp"])
    @pytest.mark.parametrize("authorization", [{}, {"Authorization": "Bearer wrong"}])
    def test_a_client_that_does_not_accept_json_is_sent_to_the_login_page(
        self, accept: str, authorization: dict[str, str]
    ) -> None:
        response = ask(app_of(), headers={"Accept": accept, **authorization})
        assert (response.status_code, response.headers["Location"]) == (302, "/login")


@pytest.mark.parametrize("path", ["/", "/acme", "/acme" + PATH + "/", "/initech" + PATH])
def test_there_is_nothing_else(path: str) -> None:
    assert_refused(ask(app_of(), path=path), 404, "NOT_FOUND")
    assert ask(app_of(), method="POST").status_code == 405


class TestPages:
    @given(size=st.integers(0, 40), per_page=st.integers(1, 110), listing=st.sampled_from(RowPer))
    def test_any_walk_gives_each_row_once_in_order(self, size: int, per_page: int, listing: RowPer) -> None:
        rows = Fleet.generate(size, seed=2).rows(listing)
        app = app_of(Fleet.generate(size, seed=2), Behaviour(listing=listing))
        walked: list[Trunk] = []
        effective = min(per_page, 100)
        last = max(1, math.ceil(len(rows) / effective))
        for page in range(1, last + 2):
            document = ask(app, f"?page={page}&per_page={per_page}").json()
            data = document.pop("data")
            assert document == {"success": True}
            start = len(walked) + 1 if data["items"] else None
            walked += data["items"]
            listed = {"current_page": page, "per_page": effective, "total": len(rows), "last_page": last}
            shown = {"from": start, "to": start and len(walked), "has_more": page < last}
            assert data["pagination"] == listed | shown
        assert walked == rows

    def test_the_first_page_has_25_rows_by_default(self) -> None:
        assert ask(app_of()).json()["data"]["items"] == ROWS[:25]


NO_POSITIVE_INTEGERS = ("", "0", "-1", "1.0", "one", "9" * 30)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"{name}={value}", name) for name in ("page", "per_page") for value in NO_POSITIVE_INTEGERS),
        ("channel=sms", "channel"),
        ("agent_uuid=1", "agent_uuid"),
        *((f"search={value}", "search") for value in ("acme", "+39")),  # an unencoded plus sign is a space
        ("page=1&cursor=x", "cursor"),
        ("page=1&per_page=5&page=1", "page"),
    ],
)
def test_a_parameter_that_is_unknown_repeated_or_malformed_is_refused(query: str, field: str) -> None:
    assert_refused(ask(app_of(), f"?{query}"), 422, "VALIDATION_ERROR", field)


CALLED = next(row for row in ROWS if "call" in bound_channels(row))
AGENT = CALLED["bindings"]["call"]["agent_uuid"]


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("channel=call", lambda row: "call" in bound_channels(row)),
        ("channel=whatsapp", lambda row: "whatsapp" in bound_channels(row)),
        (f"agent_uuid={AGENT.upper()}", lambda row: AGENT in [one["agent_uuid"] for one in row["bindings"].values()]),
        ("search=%2B39", lambda row: "+39" in row["number"]),
        ("search=39", lambda row: "39" in row["number"]),
        (f"search={CALLED['number'][1:]}&channel=call&agent_uuid={AGENT}", lambda row: row is CALLED),
    ],
    ids=["channel call", "channel whatsapp", "agent on any channel", "search +39", "search 39", "all at once"],
)
def test_a_filter_leaves_what_matches_and_counts_it(query: str, matches: Callable[[Trunk], bool]) -> None:
    data = ask(app_of(), f"?{query}&per_page=100").json()["data"]
    assert data["items"] == list(filter(matches, ROWS))
    assert 0 < len(data["items"]) == data["pagination"]["total"] < 60


def test_rows_per_channel_are_filtered_as_rows() -> None:
    app = app_of(behaviour=Behaviour(listing=RowPer.CHANNEL))
    found = ask(app, "?channel=whatsapp&per_page=100").json()["data"]["items"]
    assert [row["number"] for row in found] == [row["number"] for row in ROWS if "whatsapp" in bound_channels(row)]
    assert {bound_channels(row) for row in found} == {("whatsapp",)}


def test_the_rate_limit_counts_down_refuses_and_resets() -> None:
    clock = ManualClock()
    tenants = [Tenant("acme", "right", FLEET), Tenant("globex", "right", FLEET)]
    app = Api(tenants, Behaviour(rate_limit=2), clock=clock)
    assert ask(app, headers=JSON).status_code == 401  # without a valid token it costs nothing
    first = ask(app)
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("2", "1")
    asyncio.run(clock.advance(20.5))
    assert ask(app).headers["X-RateLimit-Remaining"] == "0"

    refused = ask(app)
    assert_refused(refused, 429, "RATE_LIMIT_EXCEEDED")
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == ("40", "0")
    assert ask(app, path="/globex" + PATH).status_code == 200

    asyncio.run(clock.advance(39.5))
    assert ask(app).status_code == 200
    assert not [name for name in ask(app_of()).headers if name.startswith("x-ratelimit")]


def test_gzip_only_when_asked() -> None:
    compressed = ask(app_of(), headers={**HEADERS, "Accept-Encoding": "gzip"})
    plain = ask(app_of(), headers={**HEADERS, "Accept-Encoding": "identity"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert int(compressed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
    assert compressed.json() == plain.json()


class TestAFault:
    """How faults strike; tests/faults has what each does, as the exporter sees it."""

    @staticmethod
    def statuses(rate: float, requests: int, *faults: str, seed: int = 0) -> list[int]:
        app = app_of(behaviour=Behaviour(faults=dict.fromkeys(faults or ("error-500",), rate), fault_seed=seed))
        return [ask(app).status_code for _ in range(requests)]

    def test_strikes_as_often_as_its_rate_says_and_beside_others(self) -> None:
        assert set(self.statuses(0, 20)) == {200}
        assert set(self.statuses(1, 20)) == {500}
        assert 30 < self.statuses(0.25, 200).count(500) < 70
        both = self.statuses(1, 100, "error-500", "forbidden")
        assert set(both) == {500, 403}
        assert 30 < both.count(500) < 70

    def test_strikes_the_same_requests_with_the_same_seed_alone(self) -> None:
        first, again, other = (self.statuses(0.5, 40, seed=seed) for seed in (1, 1, 2))
        assert first == again != other


NOW = 1_750_000_000.0

# Rows as they are documented; the tests shall not believe the code about it. Any value may be null, an empty object [].
REQUIREMENT = {"name": "", "type": "", "description": ""}
DOCUMENTED = row(
    compliance={"status": "", "requirements": [REQUIREMENT]},
    capabilities=dict.fromkeys(row()["capabilities"], True),
    bindings=dict.fromkeys(row()["bindings"], bound("Ada")),
)


def assert_like(value: Any, documented: Any) -> None:  # noqa: ANN401 - of JSON
    """Fail where a value has another type than the documented one, or has what is not documented."""
    if isinstance(documented, dict) and value not in (None, []):
        assert value.keys() <= documented.keys()
        for key, each in value.items():
            assert_like(each, documented[key])
    elif isinstance(documented, list) and value is not None:
        for each in value:
            assert_like(each, documented[0])
    elif value not in (None, []):
        assert isinstance(value, (int, float) if isinstance(documented, float) else type(documented)), value


def assert_documented(rows: Sequence[Trunk]) -> None:
    for each in msgspec.json.decode(msgspec.json.encode(rows)):
        assert_like(each, DOCUMENTED)
        assert each.keys() >= DOCUMENTED.keys() - {"channel_settings"}
        assert re.fullmatch(r"\+[1-9][0-9]{7,14} [A-Z]{2}", f"{each['number']} {each['country_code']}")
        assert re.fullmatch("[0-9a-f-]{36}|None", str(each["phone_number_uuid"]))
        assert each["status"] in {"active", "pending", "suspended"}
        for binding in each["bindings"].values():
            assert binding["bound"] == (binding["agent_uuid"] is not None) == (binding["agent_name"] is not None)


class TestGenerate:
    @given(size=st.integers(0, 120), seed=st.integers(0, 2**64))
    def test_any_size_and_seed_has_the_documented_shape_and_distinct_numbers(self, size: int, seed: int) -> None:
        rows = Fleet.generate(size, seed).rows(RowPer.NUMBER)
        assert len(rows) == len({each["number"] for each in rows}) == size
        assert_documented(rows)
        assert rows == Fleet.generate(size, seed).rows(RowPer.NUMBER)
        assert not size or rows != Fleet.generate(size, seed + 1).rows(RowPer.NUMBER)

    def test_a_large_fleet_has_the_variety_and_oddities_of_a_real_one(self) -> None:
        rows = Fleet.generate(500, 1).rows(RowPer.NUMBER)
        assert {each["country_code"] for each in rows} == {"IT", "US", "GB", "DE", "FR", "ES"}
        assert {each["type"] for each in rows} == {"local", "toll_free", "mobile", "national"}
        assert {each["compliance"]["status"] for each in rows} == {"completed", "pending", "rejected"}
        bound_on = {" ".join(bound_channels(each)) for each in rows}
        assert bound_on == {"", "call", "whatsapp", "call sms", "call whatsapp"}
        assert {each["billing"]["currency"] for each in rows if not each["is_external"]} == {"EUR", "USD"}
        unbilled = [each["billing"] for each in rows if each["is_external"]]
        fees: list[object] = [{"monthly_fee": None, "currency": None}, {"currency": "EUR"}, []]
        assert all(billing in unbilled for billing in [*fees, {"monthly_fee": 0, "currency": "EUR"}])
        capabilities = [each["capabilities"] for each in rows]
        settings = [each.get("channel_settings", "missing") for each in rows]
        assert None in capabilities
        assert [] in capabilities
        assert "missing" in settings
        assert [] in settings
        assert any(each["is_external"] and each["source"] == "purchased" for each in rows)
        stamps = [each["updated_at"] for each in rows]
        assert any("." in stamp for stamp in stamps)
        assert {stamp[19:] for stamp in stamps if "." not in stamp} == {"Z", "+00:00", ""}


@given(size=st.integers(0, 60), seed=st.integers(0, 1000))
def test_a_row_per_channel_shows_every_binding_once(size: int, seed: int) -> None:
    fleet = Fleet.generate(size, seed)
    rows = fleet.rows(RowPer.CHANNEL)
    assert_documented(rows)
    assert all(len(bound_channels(each)) <= 1 for each in rows)
    shown = Counter((each["number"], channel) for each in rows for channel in bound_channels(each))
    assert shown == Counter(
        (each["number"], name) for each in fleet.rows(RowPer.NUMBER) for name in bound_channels(each)
    )
    assert list(dict.fromkeys(each["number"] for each in rows)) == list(fleet.numbers)


KINDS = {"unbound", "status_changed", "limited", "healed", "reassigned", "repriced", "added", "removed"}


def well(rows: Sequence[Trunk]) -> float:
    return len([each for each in rows if each["status"] == "active" and bound_channels(each)]) / len(rows)


class TestChurn:
    def test_a_thousand_steps_keep_size_shape_and_health(self) -> None:
        fleet = Fleet.generate(60, 1)
        original = well(fleet.rows(RowPer.NUMBER))
        churn = Churn(fleet, seed=5)
        kinds: Counter[str] = Counter()
        for step in range(1000):
            kind = churn.step(now=NOW + step)
            assert kind is not None
            kinds[kind] += 1
            assert 54 <= len(fleet) <= 66
            if step % 50 == 0:
                assert_documented(fleet.rows(RowPer.NUMBER))
                assert_documented(fleet.rows(RowPer.CHANNEL))
                assert abs(well(fleet.rows(RowPer.NUMBER)) - original) < 0.2
        assert set(kinds) == KINDS
        assert min(kinds.values()) >= 10

    async def test_run_makes_its_events_per_minute_on_average(self) -> None:
        clock = ManualClock()
        churning = asyncio.create_task(Churn(Fleet.generate(20, 1), seed=1).run(clock, per_minute=30))
        await clock.advance(600)
        churning.cancel()
        assert 240 <= len(clock.slept) <= 360


DEMO_HEADERS = {**JSON, "Authorization": "Bearer demo-token-acme"}
DEMO = Tenant("acme", "demo-token-acme", FLEET)


@pytest.mark.parametrize("anyio_backend", event_loop.EACH)
async def test_stops_at_once_with_idle_and_waiting_connections() -> None:
    simulator = Simulator([DEMO])
    await simulator.start()
    url = simulator.base_url("acme") + PATH
    async with httpx.AsyncClient(headers=DEMO_HEADERS, trust_env=False) as http:
        await asyncio.gather(*(http.get(url) for _ in range(3)))
        simulator.behaviour = Behaviour(latency=60)
        waiting = asyncio.create_task(http.get(url))
        while simulator.traffic.requests["acme"] < 4:  # noqa: ASYNC110 - an arrival sets no event
            await asyncio.sleep(0.01)

        start = time.monotonic()
        await simulator.stop()
        assert time.monotonic() - start < 1
        with pytest.raises(httpx.TransportError):
            await waiting
        assert simulator.traffic.statuses == {("acme", 200): 3}


async def test_a_taken_port_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulator = Simulator([DEMO], port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await simulator.start()
        await simulator.stop()


def test_they_can_be_listed_each_in_a_line() -> None:
    ended = CliRunner().invoke(main, ["simulate", "--fault", "list"])
    assert (ended.exit_code, ended.stderr, ended.stdout) == (0, "", described())
    assert [line.split()[0] for line in described().splitlines() if len(line) < 80] == list(FAULTS)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("slow-drop=1", f"no fault called 'slow-drop'; did you mean slow-drip? There are: {', '.join(FAULTS)}."),
        *((value, f"'{value}' has no rate; write error-500=0.1") for value in ("error-500", "error-500=often")),
        *(
            (f"reset={rate}", f"{rate} is not from 0 to 1; write reset=1 to strike all requests")
            for rate in ("2", "-1", "1.5", "nan")
        ),
    ],
)
def test_invalid_values_are_refused(value: str, said: str) -> None:
    ended = CliRunner().invoke(main, ["simulate", "--fault", value])
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.split())


async def test_simulate_injects_the_faults(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    flags = ("--fault", "error-500=0.3", "--fault", "forbidden=0.3", "--seed", "7")
    command = exporter_command("simulate", *flags, "--listen-address", address)
    async with (
        program(command, tmp_path / "log", os.environ | {"PYTHONUNBUFFERED": "1"}) as simulator,
        httpx.AsyncClient(base_url=f"http://{address}/acme", headers=DEMO_HEADERS, trust_env=False) as http,
    ):
        await simulator.says("workspaces:")
        assert {(await http.get(PATH)).status_code for _ in range(40)} == {200, 403, 500}
