"""The status as JSON."""

import json

from support.fleet_status import polled, statuses
from support.once import collected
from support.pages import answer
from support.polling import Listing
from support.trunks import bindings, row

from exporter.once import formats


def test_json_is_a_document_of_its_own() -> None:
    acme = polled("acme", [row(0), row(1, status="suspended"), row(2, status="pending")])
    response = answer("/status.json?concern=not_active", statuses(acme))
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
                "reasons": ["not_active"],
                "concerns": ["not_active"],
                "remarks": ["status suspended"],
                "since": 1_700_000_000,
                "agents": {"call": "Ada"},
                "last_agents": {},
                "channel_limits": {"voice": 10, "inbound": 20},
            }
        ],
    }
    assert document["out_of_service"] == document["trunks"]["items"]
    assert [workspace["name"] for workspace in document["workspaces"]["items"]] == ["acme"]


def test_it_stays_small_however_large_the_fleet_is() -> None:
    fleet = polled("large", [row(index, bindings=bindings()) for index in range(3000)], poll_timeout=60.0)
    many = [polled(f"w{number}", []) for number in range(100)]
    assert len(answer("/status.json", statuses(fleet, *many)).content) < 120_000


def test_once_describes_a_trunk_alike() -> None:
    rows = [row(bindings=bindings(), status="suspended", location=None)]
    pages, once = statuses(polled("acme", rows)), collected({"acme": Listing(rows)})
    (shown,) = answer("/status.json", pages).json()["trunks"]["items"]
    (acme,) = json.loads(b"".join(formats.document(once)))["workspaces"]
    (listed,) = acme["trunks"]
    assert shown["concerns"] == ["unbound", "not_active"]
    assert shown.keys() - listed.keys() == {
        *("workspace", "concerns", "since"),  # the last is of what is in service, too
        *("agents", "last_agents", "channel_limits"),  # bindings, lost, and services in short
    }
    assert {key: shown[key] for key in shown.keys() & listed.keys()} == {
        key: listed[key] for key in shown if key in listed
    }
    since = b"2023-11-14T22:13:20Z"  # once has no memory to know it from
    assert answer("/trunks.csv", pages).content.replace(since, b"") == b"".join(formats.csv_rows(once))
