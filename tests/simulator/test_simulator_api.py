"""What the simulated API answers, asked in process."""

import asyncio
import math
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from exporter.clock import SystemClock
from exporter.simulator.api import PATH, Tenant, create_app
from exporter.simulator.behaviour import Behaviour, BeyondLast, ExcessPerPage, Listing
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Trunk, bound_channels

JSON = {"Accept": "application/json"}
HEADERS = {**JSON, "Authorization": "Bearer right"}
FLEET = Fleet.generate(60, 1)
ROWS = list(FLEET.rows(Listing.NUMBER))


class ManualClock(SystemClock):
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


def app_of(fleet: Fleet = FLEET, behaviour: Behaviour | None = None) -> Starlette:
    return create_app([Tenant("acme", "right", fleet)], behaviour)


def ask(
    app: Starlette,
    query: str = "",
    *,
    path: str = "/acme" + PATH,
    headers: dict[str, str] = HEADERS,
    method: str = "GET",
) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            return await client.request(method, path + query, headers=headers)

    return asyncio.run(run())


def items(app: Starlette, query: str = "") -> list[Trunk]:
    response = ask(app, query)
    assert response.status_code == 200, response.text
    found: list[Trunk] = response.json()["data"]["items"]
    return found


def assert_refused(response: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = response.json()
    assert set(body) == {"success", "message", "error"}
    assert body["success"] is False
    assert body["message"]
    assert set(body["error"]) == {"code", "details", "field"}
    assert (body["error"]["code"], body["error"]["field"]) == (code, field)


class TestAuthentication:
    def test_no_token(self) -> None:
        assert_refused(ask(app_of(), headers=JSON), 401, "MISSING_AUTH_TOKEN")

    @pytest.mark.parametrize("value", ["Basic cmlnaHQ=", "right", "Bearer", "Bearer "])
    def test_something_else_than_a_bearer_token_is_no_token(self, value: str) -> None:
        headers = {**JSON, "Authorization": value}
        assert_refused(ask(app_of(), headers=headers), 401, "MISSING_AUTH_TOKEN")

    @pytest.mark.parametrize("token", ["wrong", "righ", "rightt", "Right", " right"])
    def test_wrong_token(self, token: str) -> None:
        headers = {**JSON, "Authorization": f"Bearer {token}"}
        assert_refused(ask(app_of(), headers=headers), 401, "INVALID_AUTH_TOKEN")

    def test_a_token_is_good_in_its_own_workspace_only(self) -> None:
        app = create_app([Tenant("acme", "right", FLEET), Tenant("globex", "other", FLEET)])
        assert_refused(ask(app, path="/globex" + PATH), 401, "INVALID_AUTH_TOKEN")

    def test_a_token_can_be_revoked(self) -> None:
        tenant = Tenant("acme", "right", FLEET)
        app = create_app([tenant])
        assert ask(app).status_code == 200
        tenant.token = "new"
        assert_refused(ask(app), 401, "INVALID_AUTH_TOKEN")

    @pytest.mark.parametrize("accept", ["*/*", "text/html", "application/*", "application/jsonp"])
    @pytest.mark.parametrize("authorization", [{}, {"Authorization": "Bearer wrong"}])
    def test_who_does_not_accept_json_is_sent_to_the_login_page(
        self, accept: str, authorization: dict[str, str]
    ) -> None:
        response = ask(app_of(), headers={"Accept": accept, **authorization})
        assert response.status_code == 302
        assert response.headers["Location"] == "/login"

    @pytest.mark.parametrize("accept", ["application/json", "text/html, application/json;q=0.9", "Application/JSON"])
    def test_json_may_be_one_of_a_list(self, accept: str) -> None:
        assert_refused(ask(app_of(), headers={"Accept": accept}), 401, "MISSING_AUTH_TOKEN")

    def test_a_valid_token_needs_no_accept(self) -> None:
        headers = {"Accept": "*/*", "Authorization": "Bearer right"}
        assert ask(app_of(), headers=headers).status_code == 200


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        ["/", "/acme", "/acme" + PATH + "/", "/acme/api/v1/phone-numbers", "/initech" + PATH, "/login"],
    )
    def test_unknown_path_or_workspace(self, path: str) -> None:
        assert_refused(ask(app_of(), path=path), 404, "NOT_FOUND")

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def test_other_methods(self, method: str) -> None:
        response = ask(app_of(), method=method)
        assert_refused(response, 405, "METHOD_NOT_ALLOWED")
        assert response.headers["Allow"] == "GET"

    def test_head_is_another_method(self) -> None:
        assert ask(app_of(), method="HEAD").status_code == 405

    def test_two_tenants_of_one_name(self) -> None:
        with pytest.raises(ValueError, match="two tenants are called acme"):
            create_app([Tenant("acme", "a", FLEET), Tenant("acme", "b", FLEET)])


class TestPages:
    def test_first_page_by_default(self) -> None:
        assert ask(app_of()).json() == {
            "success": True,
            "data": {
                "items": ROWS[:25],
                "pagination": {
                    "current_page": 1,
                    "per_page": 25,
                    "total": 60,
                    "last_page": 3,
                    "from": 1,
                    "to": 25,
                    "has_more": True,
                },
            },
        }

    def test_last_page(self) -> None:
        data = ask(app_of(), "?page=3&per_page=25").json()["data"]
        assert data["items"] == ROWS[50:]
        assert data["pagination"] == {
            "current_page": 3,
            "per_page": 25,
            "total": 60,
            "last_page": 3,
            "from": 51,
            "to": 60,
            "has_more": False,
        }

    def test_an_empty_fleet_has_one_empty_page(self) -> None:
        behaviour = Behaviour(beyond_last=BeyondLast.NOT_FOUND)
        assert ask(app_of(Fleet(), behaviour)).json()["data"] == {
            "items": [],
            "pagination": {
                "current_page": 1,
                "per_page": 25,
                "total": 0,
                "last_page": 1,
                "from": None,
                "to": None,
                "has_more": False,
            },
        }

    @given(
        size=st.integers(0, 40),
        per_page=st.integers(1, 110),
        listing=st.sampled_from(Listing),
    )
    def test_any_walk_gives_each_row_once_in_order(self, size: int, per_page: int, listing: Listing) -> None:
        fleet = Fleet.generate(size, seed=2)
        app = app_of(fleet, Behaviour(listing=listing))
        walked: list[Trunk] = []
        effective = min(per_page, 100)
        last_page = max(1, math.ceil(len(fleet.rows(listing)) / effective))
        for page in range(1, last_page + 1):
            data = ask(app, f"?page={page}&per_page={per_page}").json()["data"]
            start = len(walked) + 1
            walked += data["items"]
            assert data["pagination"] == {
                "current_page": page,
                "per_page": effective,
                "total": len(fleet.rows(listing)),
                "last_page": last_page,
                "from": start if data["items"] else None,
                "to": len(walked) if data["items"] else None,
                "has_more": page < last_page,
            }
        assert walked == fleet.rows(listing)

    def test_beyond_the_last_page_empty(self) -> None:
        data = ask(app_of(), "?page=4").json()["data"]
        assert data["items"] == []
        pagination = data["pagination"]
        assert (pagination["current_page"], pagination["last_page"]) == (4, 3)
        assert (pagination["from"], pagination["to"], pagination["has_more"]) == (None, None, False)

    def test_beyond_the_last_page_an_error(self) -> None:
        missing = app_of(behaviour=Behaviour(beyond_last=BeyondLast.NOT_FOUND))
        assert_refused(ask(missing, "?page=4"), 404, "NOT_FOUND")
        refused = app_of(behaviour=Behaviour(beyond_last=BeyondLast.REFUSE))
        assert_refused(ask(refused, "?page=4"), 422, "VALIDATION_ERROR", "page")
        assert ask(refused, "?page=3").status_code == 200

    def test_per_page_beyond_the_maximum(self) -> None:
        clamping = app_of()
        assert ask(clamping, "?per_page=101").json()["data"]["pagination"]["per_page"] == 100
        refusing = app_of(behaviour=Behaviour(excess_per_page=ExcessPerPage.REFUSE))
        assert_refused(ask(refusing, "?per_page=101"), 422, "VALIDATION_ERROR", "per_page")
        assert ask(refusing, "?per_page=100").status_code == 200


class TestParameters:
    @pytest.mark.parametrize("name", ["page", "per_page"])
    @pytest.mark.parametrize("value", ["", "0", "-1", "1.0", "1e1", "one", "01", "%201", "١", "9" * 30])  # noqa: RUF001 - a digit that is not ASCII
    def test_what_is_no_positive_integer(self, name: str, value: str) -> None:
        assert_refused(ask(app_of(), f"?{name}={value}"), 422, "VALIDATION_ERROR", name)

    @pytest.mark.parametrize("value", ["sms", "CALL", "", "call,whatsapp"])
    def test_channel(self, value: str) -> None:
        assert_refused(ask(app_of(), f"?channel={value}"), 422, "VALIDATION_ERROR", "channel")

    @pytest.mark.parametrize("value", ["", "1", "{9bcb8f00-c0c5-4ee1-9b75-ad1e87a2bd8b}", "9bcb8f00" * 4])
    def test_agent_uuid(self, value: str) -> None:
        assert_refused(ask(app_of(), f"?agent_uuid={value}"), 422, "VALIDATION_ERROR", "agent_uuid")

    @pytest.mark.parametrize("value", ["", "acme", "+39", "%2B", "3%2B9"])
    def test_search_for_what_is_no_part_of_a_number_such_as_an_unencoded_plus(self, value: str) -> None:
        assert_refused(ask(app_of(), f"?search={value}"), 422, "VALIDATION_ERROR", "search")

    @pytest.mark.parametrize("query", ["?sort=number", "?page=1&cursor=x", "?Page=1", "?page[]=1"])
    def test_unknown(self, query: str) -> None:
        name = query.rstrip("=1x").rpartition("&")[2].lstrip("?").partition("=")[0]
        assert_refused(ask(app_of(), query), 422, "VALIDATION_ERROR", name)

    def test_repeated(self) -> None:
        assert_refused(ask(app_of(), "?page=1&per_page=5&page=1"), 422, "VALIDATION_ERROR", "page")


class TestFilters:
    @pytest.mark.parametrize("channel", ["call", "whatsapp"])
    def test_channel(self, channel: str) -> None:
        found = items(app_of(), f"?channel={channel}&per_page=100")
        assert found == [row for row in ROWS if channel in bound_channels(row)]
        assert 0 < len(found) < 60

    def test_agent_on_any_channel(self) -> None:
        agent = next(row["bindings"]["whatsapp"] for row in ROWS if "whatsapp" in bound_channels(row))
        found = items(app_of(), f"?agent_uuid={agent['agent_uuid'].upper()}&per_page=100")
        assert found == [
            row
            for row in ROWS
            if agent["agent_uuid"] in [binding["agent_uuid"] for binding in row["bindings"].values()]
        ]
        assert found

    @pytest.mark.parametrize(
        ("search", "wanted"),
        [("%2B39", "+39"), ("39", "39")],
    )
    def test_search(self, search: str, wanted: str) -> None:
        found = items(app_of(), f"?search={search}&per_page=100")
        assert found == [row for row in ROWS if wanted in row["number"]]
        assert 0 < len(found) < 60

    def test_all_at_once_and_counted_by_what_is_left(self) -> None:
        row = next(row for row in ROWS if "call" in bound_channels(row))
        agent = row["bindings"]["call"]["agent_uuid"]
        query = f"?search={row['number'][1:]}&channel=call&agent_uuid={agent}"
        data = ask(app_of(), query).json()["data"]
        assert data["items"] == [row]
        assert data["pagination"]["total"] == data["pagination"]["last_page"] == 1

    def test_rows_per_channel_are_filtered_as_rows(self) -> None:
        found = items(app_of(behaviour=Behaviour(listing=Listing.CHANNEL)), "?channel=whatsapp&per_page=100")
        assert [row["number"] for row in found] == [row["number"] for row in ROWS if "whatsapp" in bound_channels(row)]
        assert {bound_channels(row) for row in found} == {("whatsapp",)}


class TestRateLimit:
    def test_counts_down_refuses_and_starts_anew(self) -> None:
        clock = ManualClock()
        tenants = [Tenant("acme", "right", FLEET), Tenant("globex", "right", FLEET)]
        app = create_app(tenants, Behaviour(rate_limit=2), clock=clock)
        first = ask(app)
        assert first.status_code == 200
        assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("2", "1")
        clock.now += 20.5
        assert ask(app).headers["X-RateLimit-Remaining"] == "0"

        refused = ask(app)
        assert_refused(refused, 429, "RATE_LIMIT_EXCEEDED")
        assert refused.headers["Retry-After"] == "40"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert ask(app, path="/globex" + PATH).status_code == 200

        clock.now += 39.5
        assert ask(app).status_code == 200

    def test_a_request_without_a_valid_token_costs_nothing(self) -> None:
        app = app_of(behaviour=Behaviour(rate_limit=1))
        for _ in range(3):
            assert ask(app, headers=JSON).status_code == 401
        assert ask(app).status_code == 200

    def test_without_a_limit_nothing_is_said(self) -> None:
        assert not [name for name in ask(app_of()).headers if name.startswith("x-ratelimit")]


class TestBehaviour:
    def test_every_answer_is_late(self) -> None:
        clock = ManualClock()
        app = create_app([Tenant("acme", "right", FLEET)], Behaviour(latency=0.7), clock=clock)
        ask(app)
        ask(app, path="/nowhere")
        assert clock.slept == 1.4

    def test_may_change_at_any_time(self) -> None:
        app = app_of()
        before = len(items(app, "?per_page=100"))
        app.state.behaviour = Behaviour(listing=Listing.CHANNEL)
        assert len(items(app, "?per_page=100")) > before

    @pytest.mark.parametrize("latency", [-1.0, float("nan")])
    def test_impossible_latency(self, latency: float) -> None:
        with pytest.raises(ValueError, match="latency must be 0 or more seconds"):
            Behaviour(latency=latency)

    def test_impossible_rate_limit(self) -> None:
        with pytest.raises(ValueError, match="at least 1 request per minute, not 0"):
            Behaviour(rate_limit=0)


class TestTraffic:
    def test_every_request_is_counted_by_workspace_and_status(self) -> None:
        app = app_of()
        ask(app, "?page=2")
        ask(app, "?page=0")
        ask(app, headers=JSON)
        ask(app, path="/initech" + PATH)
        traffic = app.state.traffic
        assert traffic.requests == {"acme": 3, "": 1}
        assert traffic.statuses == {("acme", 200): 1, ("acme", 422): 1, ("acme", 401): 1, ("", 404): 1}
        assert [(exchange.path, exchange.query, exchange.status) for exchange in traffic.recent] == [
            ("/acme" + PATH, "page=2", 200),
            ("/acme" + PATH, "page=0", 422),
            ("/acme" + PATH, "", 401),
            ("/initech" + PATH, "", 404),
        ]


class TestCompression:
    def test_gzip_only_when_asked(self) -> None:
        packed = ask(app_of(), headers={**HEADERS, "Accept-Encoding": "gzip"})
        plain = ask(app_of(), headers={**HEADERS, "Accept-Encoding": "identity"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
        assert packed.json() == plain.json()
