"""The history of changes, as /changes.json answers it."""

import json
from urllib.parse import parse_qsl

import msgspec
import pytest
from support.exposed import workspace
from support.past import START, Past
from support.trunks import bindings, row

from exporter.polling.status import Snapshot, Status
from exporter.status.document import list_changes
from exporter.status.query import ChangeQuery, QueryError
from exporter.trunks.changes import Change, Kind
from exporter.trunks.memory import Memory


def status(name: str, *changes: Change) -> Status:
    """Return where a workspace stands that has this history, the newest last."""
    return Status(workspace(name), Snapshot(memory=Memory(history=changes)), None)


def change(time: float, number: str = "+12084439178") -> Change:
    return Change(time, Kind.STATUS, "uuid", number, before="active", after="suspended")


def times(*statuses: Status, **parameters: str) -> list[object]:
    """Return the workspaces and times of the changes that a query finds."""
    return [(found["workspace"], found["time"]) for found in list_changes(statuses, ChangeQuery.parse(parameters))]


ACME = status("acme", *(change(time) for time in range(1, 200)))
GLOBEX = status("globex", change(2.5, "+390212345"), change(400.0, "+390212345"))


def test_a_change_says_when_what_of_which_trunk_and_from_what_to_what() -> None:
    past = Past()
    past.poll(row(), row(1))
    past.poll(row(bindings=bindings()), row(1))
    (found,) = list_changes([Status(workspace(), Snapshot(memory=past.memory), None)], ChangeQuery())
    uuid, number = row()["phone_number_uuid"], row()["number"]
    identity = {"workspace": "acme", "uuid": uuid, "phone_number_uuid": uuid, "number": number}
    what = {"change": "lost", "channel": "call", "carrier_service": None, "before": "Ada", "after": None}
    assert json.loads(msgspec.json.encode(found)) == {**identity, "time": START + 7200, **what}


def test_a_number_that_is_hidden_is_null_as_in_other_documents() -> None:
    (found,) = list_changes([status("acme", change(1.0, number=""))], ChangeQuery())
    assert (found["phone_number_uuid"], found["number"]) == ("uuid", None)


def test_the_newest_come_first_over_all_workspaces() -> None:
    found = times(ACME, GLOBEX, limit="1000")
    assert found[0] == ("globex", 400.0)
    assert found[-3:] == [("globex", 2.5), ("acme", 2), ("acme", 1)]
    assert len(found) == 201


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
    assert times(ACME, GLOBEX, **dict(parse_qsl(query, keep_blank_values=True))) == found


def test_there_are_100_unless_another_limit_is_asked_for() -> None:
    assert len(times(ACME, GLOBEX)) == 100


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
