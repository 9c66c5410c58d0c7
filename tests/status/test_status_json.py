"""The status as JSON: where polling stands, and what it found."""

import asyncio
import json
from typing import Any

import httpx
import msgspec
from support.fleet_status import polled, refused, statuses
from support.once import collected
from support.pages import answer
from support.polling import Bench, Listing
from support.trunks import bindings, row

from exporter.once import formats
from exporter.polling.status import Status
from exporter.status.document import Summary
from exporter.status.query import Lookup

NOW, MONOTONIC = 1_700_000_100.0, 100.0  # of the manual clock, a little later

ACME = polled(
    "acme",
    [
        row(0),
        row(1, bindings=bindings(), location="Milano"),
        row(2, status="suspended", billing={"monthly_fee": 2, "currency": "USD"}),
        row(3, bindings=bindings(), status="lapsed", location="Roma"),
        row(5, bindings=bindings(), status="pending"),
        row(6, bindings=bindings(), number=row(0)["number"].removeprefix("+")),
    ],
)
GLOBEX = polled("globex", [row(4, compliance={"status": "pending", "requirements": [1]})])


def document(*benches: Bench, monotonic: float = MONOTONIC) -> dict[str, Any]:
    summary = Summary(statuses(*benches), now=1_700_000_000.0 + monotonic, monotonic=monotonic)
    found: dict[str, Any] = json.loads(msgspec.json.encode(summary.document(Lookup())))
    return found


def workspace(bench: Bench, monotonic: float = MONOTONIC) -> dict[str, Any]:
    (found,) = document(bench, monotonic=monotonic)["workspaces"]["items"]
    assert isinstance(found, dict)
    return found


class TestWorkspaces:
    def test_one_that_is_up(self) -> None:
        assert workspace(ACME) == {
            "name": "acme",
            "base_url": "https://acme.mihu.ai",
            "state": "up",
            "poll_interval": 60.0,
            "last_poll_at": 1_700_000_000,
            "last_success_at": 1_700_000_000,
            "next_poll_at": None,
            "requests": 1,
            "concurrency": 4,
            "slowed_down": False,
            "fleet": {
                "trunks": 6,
                "by_status": {"active": 3, "lapsed": 1, "pending": 1, "suspended": 1},
                "unbound": {"call": 4},
                "monthly_fees": {"EUR": 7.5, "USD": 2.0},
                "out_of_service": 3,
                "out_of_service_by_reason": {"unbound": 2, "not_active": 2, "blocked": 0},
                "channels_lost": 0,
                "trunks_gone": 0,
                "attention": 3,
                "pages": 1,
                "reused_pages": 0,
                "walks": 1,
                "drift": 0,
                "series": ACME.value("mihu_series"),
            },
            "polls": [{"ended_at": 1_700_000_000, "duration": 0.0}],
            "failures": [],
        }

    def test_one_in_its_first_poll(self) -> None:
        acme = workspace(Bench(Listing([])))
        assert acme["state"] == "starting"
        assert {acme[name] for name in ("fleet", "last_poll_at", "last_success_at")} == {None}

    def test_one_that_has_failed_from_the_start(self) -> None:
        acme = workspace(refused("acme"))
        assert (acme["state"], acme["fleet"]) == ("stale", None)
        assert [(poll["reason"], poll["ended_at"]) for poll in acme["failures"]] == [("auth", 1_700_000_000)]
        assert acme["polls"] == acme["failures"]

    def test_one_that_fails_keeps_what_was_read_until_it_is_too_old(self) -> None:
        answers = iter([None])
        listing = Listing([row()])
        bench = Bench(lambda request: listing(request) if next(answers, 1) is None else httpx.Response(403))

        async def scenario() -> None:
            await bench.poll()
            await bench.clock.advance(60)
            await bench.poll()

        asyncio.run(scenario())
        failing = workspace(bench, monotonic=299.9)
        assert (failing["state"], failing["last_poll_at"]) == ("failing", 1_700_000_060)
        assert failing["last_success_at"] == 1_700_000_000
        assert failing["fleet"]["trunks"] == 1
        assert workspace(bench, monotonic=300.0)["state"] == "stale"

    def test_one_that_the_api_slowed_down(self) -> None:
        answers = iter([httpx.Response(429, headers={"Retry-After": "1"})])
        listing = Listing([row()])
        bench = Bench(lambda request: next(answers, None) or listing(request))
        asyncio.run(bench.poll())
        acme = workspace(bench)
        assert (acme["concurrency"], acme["slowed_down"], acme["requests"]) == (2, True, 2)

    def test_when_the_next_poll_is_due(self) -> None:
        status = Status(ACME.workspace, ACME.poller.snapshot, 130.0)
        (acme,) = Summary([status], now=NOW, monotonic=MONOTONIC).workspaces()
        assert acme["next_poll_at"] == NOW + 30

    def test_those_in_trouble_come_first_in_the_order_of_the_configuration(self) -> None:
        found = document(ACME, refused("down"), GLOBEX, Bench(Listing([]), name="new"), refused("out"))
        names = [each["name"] for each in found["workspaces"]["items"]]
        assert names == ["down", "out", "new", "acme", "globex"]
        assert found["totals"]["by_state"] == {"up": 2, "stale": 2, "starting": 1}

    def test_one_alone(self) -> None:
        found = answer("/status.json?workspace=globex", statuses(ACME, GLOBEX)).json()
        assert [each["name"] for each in found["workspaces"]["items"]] == ["globex"]
        assert [trunk["number"] for trunk in found["trunks"]["items"]] == ["+12084439182"]
        assert found["totals"]["workspaces"] == 2


def test_all_trunks_that_need_attention_are_there_those_out_of_service_first() -> None:
    found = document(ACME, GLOBEX)
    assert [(trunk["workspace"], trunk["number"], trunk["remarks"]) for trunk in found["trunks"]["items"]] == [
        ("acme", "+12084439179", ["no agent on call"]),
        ("acme", "+12084439180", ["status suspended"]),
        ("acme", "+12084439181", ["no agent on call", "status lapsed"]),
        ("globex", "+12084439182", ["compliance pending, 1 requirement"]),
    ]
    assert found["totals"]["trunks"] == 7
    assert found["totals"]["attention"] == {"unbound": 2, "not_active": 2, "blocked": 0, "compliance": 1}


def test_json_is_a_document_of_its_own() -> None:
    acme = polled("acme", [row(0), row(1, status="suspended"), row(2, status="pending")])
    response = answer("/status.json?reason=not_active", statuses(acme))
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    document = json.loads(response.content)
    assert document["totals"] == {
        "workspaces": 1,
        "by_state": {"up": 1},
        "trunks": 3,
        "out_of_service": 1,
        "out_of_service_by_reason": {"unbound": 0, "not_active": 1, "blocked": 0},
        "channels_lost": 0,
        "trunks_gone": 0,
        "attention": {"unbound": 0, "not_active": 1, "blocked": 0, "compliance": 0},
    }
    assert document["trunks"] == {
        "total": 1,
        "page": 1,
        "pages": 1,
        "items": [
            {
                "workspace": "acme",
                "phone_number_uuid": row(1)["phone_number_uuid"],
                "number": "+12084439179",
                "country_code": "US",
                "type": "local",
                "status": "suspended",
                "location": "Boise, Idaho",
                "out_of_service": True,
                "being_set_up": False,
                "reasons": ["not_active"],
                "concerns": ["not_active"],
                "remarks": ["status suspended"],
                "since": 1_700_000_000,
                "purchased_at": 1_699_335_116,
                "agents": {"call": "Ada"},
                "last_agents": {},
                "channel_limits": {"voice": 10, "inbound": 20},
            }
        ],
    }
    assert document["out_of_service"] == document["trunks"]["items"]
    assert [workspace["name"] for workspace in document["workspaces"]["items"]] == ["acme"]


def test_once_describes_a_trunk_alike() -> None:
    rows = [row(bindings=bindings(), status="suspended", location=None)]
    pages, once = statuses(polled("acme", rows)), collected({"acme": Listing(rows)})
    (shown,) = answer("/status.json", pages).json()["trunks"]["items"]
    (acme,) = json.loads(b"".join(formats.document(once)))["workspaces"]
    (listed,) = acme["trunks"]
    assert shown["concerns"] == ["unbound", "not_active"]
    assert shown.keys() - listed.keys() == {
        *("workspace", "concerns", "being_set_up", "since"),  # the last is of what is in service, too
        *("agents", "last_agents", "channel_limits"),  # bindings, lost, and services in short
    }
    assert {key: shown[key] for key in shown.keys() & listed.keys()} == {
        key: listed[key] for key in shown if key in listed
    }
    since = b"2023-11-14T22:13:20Z"  # once has no memory to know it from
    assert answer("/trunks.csv", pages).content.replace(since, b"") == b"".join(formats.csv_rows(once))
