"""The status and the history of changes, as /status.json and /changes.json answer them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from support import exposed
from support.once import collected
from support.pages import answer, polled, refused, statuses
from support.past import START, Past
from support.polling import Bench, Listing
from support.trunks import bindings, row

from exporter import __version__
from exporter.listing.lookup import Lookup
from exporter.once import formats
from exporter.polling.snapshot import Snapshot, Status
from exporter.status.document import ChangeQuery, QueryError, Summary
from exporter.trunks.changes import Change, ChangeKind
from exporter.trunks.memory import Memory

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
    found: dict[str, Any] = json.loads(msgspec.json.encode(summary.document(Lookup())))
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
        assert acme["next_poll_at"] == NOW + 30

    def test_those_in_trouble_come_first_in_the_order_of_the_configuration(self) -> None:
        found = document(ACME, refused("down"), GLOBEX, Bench(Listing([]), name="new"), refused("out"))
        names = [each["name"] for each in found["workspaces"]["items"]]
        assert names == ["down", "out", "new", "acme", "globex"]
        assert found["totals"]["by_state"] == {"up": 2, "stale": 2, "starting": 1}

    def test_one_alone_and_some_of_the_trunks(self) -> None:
        found = answer("/status.json?workspace=globex", statuses(ACME, GLOBEX)).json()
        assert [each["name"] for each in found["workspaces"]["items"]] == ["globex"]
        assert [trunk["number"] for trunk in found["trunks"]["items"]] == ["+12084439182"]
        assert found["totals"]["workspaces"] == 2
        trunks = answer("/status.json?reason=not_active", statuses(ACME, GLOBEX)).json()["trunks"]
        assert ([trunk["number"][-2:] for trunk in trunks["items"]], trunks["total"]) == (["80", "81"], 2)


def test_once_describes_a_trunk_alike() -> None:
    rows = [row(bindings=bindings(), status="suspended", location=None)]
    pages, once = statuses(polled("acme", rows)), collected({"acme": Listing(rows)})
    (shown,) = answer("/status.json", pages).json()["trunks"]["items"]
    (acme,) = json.loads(b"".join(formats.document(once)))["workspaces"]
    (listed,) = acme["trunks"]
    assert shown["concerns"] == ["unbound", "not_active"]
    # Since when is remembered, and once has no memory here.
    remembered = {key: (shown.pop(key), listed.pop(key)) for key in ("since", "since_or_earlier")}
    assert remembered == {"since": (1_700_000_000, None), "since_or_earlier": (True, False)}
    assert shown.items() <= listed.items()
    since = b"2023-11-14T22:13:20Z"
    assert answer("/trunks.csv", pages).content.replace(since, b"") == b"".join(formats.FORMATS["csv"](once))


def status(name: str, *changes: Change) -> Status:
    """Return where a workspace stands that has this history, the newest last."""
    return Status(exposed.workspace(name), Snapshot(memory=Memory(history=changes)), None)


def change(time: float, number: str = "+12084439178") -> Change:
    return Change(time, ChangeKind.STATUS, "uuid", number, before="active", after="suspended")


def changes(statuses: Sequence[Status], query: ChangeQuery) -> list[dict[str, Any]]:
    return Summary(statuses, now=NOW, monotonic=MONOTONIC).changes(query)


def times(*statuses: Status, **parameters: str) -> list[object]:
    return [(found["workspace"], found["time"]) for found in changes(statuses, ChangeQuery.parse(parameters))]


CHANGED_ACME = status("acme", *(change(time) for time in range(1, 200)))
CHANGED_GLOBEX = status("globex", change(2.5, "+390212345"), change(400.0, "+390212345"))


def test_a_change_says_when_what_of_which_trunk_and_from_what_to_what() -> None:
    past = Past()
    past.poll(row(), row(1))
    past.poll(row(bindings=bindings()), row(1))
    (found,) = changes([Status(exposed.workspace(), Snapshot(memory=past.memory), None)], ChangeQuery())
    uuid, number = row()["phone_number_uuid"], row()["number"]
    identity = {"workspace": "acme", "uuid": uuid, "phone_number_uuid": uuid, "number": number}
    what = {"change": "lost", "channel": "call", "carrier_service": None, "before": "Ada", "after": None}
    assert json.loads(msgspec.json.encode(found)) == {**identity, "time": START + 7200, **what}
    (hidden,) = changes([status("acme", change(1.0, number=""))], ChangeQuery())
    assert (hidden["phone_number_uuid"], hidden["number"]) == ("uuid", None)


def test_the_newest_come_first_over_all_workspaces_and_100_unless_another_limit_is_asked_for() -> None:
    found = times(CHANGED_ACME, CHANGED_GLOBEX, limit="1000")
    assert found[0] == ("globex", 400.0)
    assert found[-3:] == [("globex", 2.5), ("acme", 2), ("acme", 1)]
    assert (len(found), len(times(CHANGED_ACME, CHANGED_GLOBEX))) == (201, 100)


LAST_OF_ACME, BOTH_OF_GLOBEX = [("acme", 199)], [("globex", 400.0), ("globex", 2.5)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("limit=2", [("globex", 400.0), *LAST_OF_ACME]),
        ("workspace=globex", BOTH_OF_GLOBEX),
        ("workspace=nobody", []),
        ("number=%2B390212345", BOTH_OF_GLOBEX),
        ("number=+390212345", BOTH_OF_GLOBEX),
        ("number=5", BOTH_OF_GLOBEX),
        ("since=199", [("globex", 400.0), *LAST_OF_ACME]),
        ("since=1.99e2", [("globex", 400.0), *LAST_OF_ACME]),
        ("workspace=acme&number=2084&since=150&limit=1", LAST_OF_ACME),
        ("workspace=globex&number=&since=&limit=", BOTH_OF_GLOBEX),
    ],
)
def test_which_are_found(query: str, found: list[object]) -> None:
    assert times(CHANGED_ACME, CHANGED_GLOBEX, **dict(parse_qsl(query, keep_blank_values=True))) == found


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        *(("limit", value, value) for value in ("0", "-1", "ten")),
        ("limit", "٣", r"\u0663"),
        ("limit", "9" * 50, "9" * 40),
        *(("since", value, value) for value in ("yesterday", "nan", "inf")),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(parameter: str, value: str, said: str) -> None:
    with pytest.raises(QueryError) as refused:
        ChangeQuery.parse({parameter: value})
    would = {"limit": "a whole number from 1", "since": "Unix time in seconds, such as 1767225600"}[parameter]
    assert str(refused.value) == f"{parameter} is '{said}', and should be {would}"
