"""The status as JSON: where polling stands, and what it found."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from support.fleet_status import polled, refused, statuses
from support.once import collected
from support.pages import answer
from support.polling import Bench, Listing
from support.trunks import bindings, row

from exporter import __version__
from exporter.documents import to_json
from exporter.once import formats
from exporter.polling.status import Status
from exporter.status.document import Summary
from exporter.status.query import Lookup

GOLDEN = Path(__file__).parent / "golden"
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
    found: dict[str, Any] = json.loads(to_json(summary.document(Lookup())))
    return found


def workspace(bench: Bench, monotonic: float = MONOTONIC) -> dict[str, Any]:
    (found,) = document(bench, monotonic=monotonic)["workspaces"]["items"]
    assert isinstance(found, dict)
    return found


def test_the_document(assert_golden: Callable[[Path, str], None]) -> None:
    """Two workspaces, of which one has been polled; of the trunks those that need attention, the worst first."""
    response = answer("/status.json", statuses(ACME, GLOBEX, Bench(Listing([]), name="starting")))
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    found = response.json()
    assert found.pop("version") == __version__
    series = {each["name"]: each["fleet"].pop("series") for each in found["workspaces"]["items"] if each["fleet"]}
    assert series == {bench.workspace.name: bench.value("mihu_series") for bench in (ACME, GLOBEX)}
    assert_golden(GOLDEN / "status.json", f"{json.dumps(found, indent=2)}\n")


def test_trunks_are_chosen_as_on_the_page() -> None:
    found = answer("/status.json?reason=not_active", statuses(ACME, GLOBEX)).json()["trunks"]
    assert ([trunk["number"][-2:] for trunk in found["items"]], found["total"]) == (["80", "81"], 2)


class TestWorkspaces:
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
        assert acme.next_poll_at == NOW + 30

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
