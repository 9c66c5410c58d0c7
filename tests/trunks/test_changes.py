"""What changed about trunks from one poll to the next."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import workspace
from support.trunks import Row, bindings, bound, row, trunk

from exporter.trunks.changes import Change, Kind, State, compare, state_of
from exporter.trunks.out_of_service import Judge

NOW = 1_700_000_000.0
UUID, NUMBER = row()["phone_number_uuid"], row()["number"]
UNREADABLE = {"bound": "maybe", "agent_uuid": 7}


def state(shown: Row, before: State | None = None, *, agent_names: bool = True) -> State:
    """Return what is remembered of a row."""
    judged = Judge(workspace()).judge(trunk(**shown), 0)
    return state_of(judged, before, number=judged.trunk.number, agent_names=agent_names)


def states(*rows: Row) -> dict[str, State]:
    return {found.key: found for found in map(state, rows)}


def between(before: Row, after: Row, *, agent_names: bool = True) -> list[Change]:
    """Return the changes of one trunk that two polls find after each other."""
    old = state(before, agent_names=agent_names)
    new = state(after, old, agent_names=agent_names)
    return compare({old.key: old}, {new.key: new}, now=NOW)


def told(changes: list[Change]) -> list[str]:
    """Return changes of the trunk as text: the kind, what it is about, before and after."""
    assert {(one.time, one.uuid, one.number) for one in changes} <= {(NOW, UUID, NUMBER)}
    about = [one.channel or one.carrier_service or "" for one in changes]
    return [f"{one.change} {name}: {one.before} > {one.after}" for one, name in zip(changes, about, strict=True)]


def settings(**services: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = row()["channel_settings"]
    return {"channel_settings": {name: given[name] | services.get(name, {}) for name in given}}


def fee(amount: float, currency: str) -> dict[str, Any]:
    return {"billing": {"monthly_fee": amount, "currency": currency}}


ON_CALL, NOWHERE = {"bindings": bindings(call=bound("Ada"))}, {"bindings": bindings()}

# What changes, and what is found.
CHANGES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    (ON_CALL, NOWHERE, ["lost call: Ada > None"]),
    (NOWHERE, {"bindings": bindings(sms=bound("Ada"))}, ["bound sms: None > Ada"]),
    (ON_CALL, {"bindings": bindings(call=bound("Bea"))}, ["agent call: Ada > Bea"]),
    (
        ON_CALL,
        {"bindings": bindings(whatsapp=bound("Bea"))},
        ["lost call: Ada > None", "bound whatsapp: None > Bea"],
    ),
    ({}, {"status": "suspended"}, ["status : active > suspended"]),
    ({}, {"compliance": {"status": "rejected", "requirements": []}}, ["compliance : completed > rejected"]),
    ({}, settings(voice={"enabled": False}), ["service voice: enabled > disabled"]),
    ({}, settings(sms={"enabled": True}), ["service sms: disabled > enabled"]),
    ({}, settings(inbound={"channel_limit": 0}), ["limit inbound: 20.0 > 0.0"]),
    ({}, fee(2.25, "EUR"), ["fee : 1.5 EUR > 2.25 EUR"]),
    ({}, fee(1.5, "USD"), ["fee : 1.5 EUR > 1.5 USD"]),
    (fee(1234567.5, "JPY"), fee(1234567.75, "JPY"), ["fee : 1234567.5 JPY > 1234567.75 JPY"]),
    ({}, {"status": "suspended", **NOWHERE}, ["lost call: Ada > None", "status : active > suspended"]),
]


@pytest.mark.parametrize(("before", "after", "found"), CHANGES)
def test_each_kind_of_change(before: dict[str, Any], after: dict[str, Any], found: list[str]) -> None:
    assert told(between(row(**before), row(**after))) == found


def test_a_trunk_that_is_listed_for_the_first_time_is_added_with_its_status() -> None:
    assert told(compare({}, states(row()), now=NOW)) == ["added : None > active"]
    assert told(compare({}, states(row(status=None)), now=NOW)) == ["added : None > None"]


def test_a_trunk_that_is_listed_no_more_is_removed_with_its_last_status() -> None:
    assert told(compare(states(row()), {}, now=NOW)) == ["removed : active > None"]


def test_a_trunk_whose_uuid_changes_is_another() -> None:
    other = row(phone_number_uuid="new")
    assert [(found.change.value, found.uuid) for found in compare(states(row()), states(other), now=NOW)] == [
        ("removed", UUID),
        ("added", "new"),
    ]


def test_without_a_uuid_the_number_tells_which_trunk_it_is() -> None:
    before, after = row(phone_number_uuid=None), row(phone_number_uuid=None, status="suspended")
    (found,) = between(before, after)
    assert (found.change, found.uuid, found.number) == (Kind.STATUS, "", NUMBER)


# What the API says less of than before, or more: what is not known now is as it was, and what was not known has not
# changed.
SILENT: list[dict[str, Any]] = [
    {"status": None},
    {"status": 7},
    {"compliance": None},
    {"compliance": {"status": None}},
    {"channel_settings": None},
    {"channel_settings": {"voice": {"enabled": None, "channel_limit": "many"}}},
    {"billing": None},
    {"billing": {"monthly_fee": None, "currency": None}},
    {"billing": {"monthly_fee": 1.5, "currency": None}},
    {"bindings": bindings(call=UNREADABLE)},
    {"bindings": bindings(call={"bound": True, "agent_uuid": None, "agent_name": None})},
    {"bindings": bindings(call=bound("Ada") | {"agent_name": None})},
    {"bindings": bindings(call=bound("Ada") | {"agent_uuid": None})},
]


@pytest.mark.parametrize("silent", SILENT)
def test_what_is_not_said_or_unreadable_has_not_changed(silent: dict[str, Any]) -> None:
    assert between(row(), row(**silent)) == []
    assert between(row(**silent), row()) == []


@pytest.mark.parametrize(("before", "after", "found"), CHANGES)
def test_a_change_that_happens_while_nothing_is_readable_is_found_after(
    before: dict[str, Any], after: dict[str, Any], found: list[str]
) -> None:
    mute: dict[str, Any] = dict.fromkeys(("status", "compliance", "channel_settings", "billing"))
    first = state(row(**before))
    meanwhile = state(row(bindings=bindings(call=UNREADABLE, sms=UNREADABLE, whatsapp=UNREADABLE), **mute), first)
    last = state(row(**after), meanwhile)
    assert compare({UUID: first}, {UUID: meanwhile}, now=NOW) == []
    assert told(compare({UUID: meanwhile}, {UUID: last}, now=NOW)) == found


def test_a_row_that_leaves_out_its_bindings_is_bound_nowhere() -> None:
    (found,) = between(row(), row(bindings=None))
    assert (found.change, found.channel) == (Kind.LOST, "call")


def test_an_agent_that_gets_another_name_is_the_same() -> None:
    renamed = row(bindings=bindings(call=bound("Ada") | {"agent_name": "Ada Lovelace"}))
    assert between(row(), renamed) == []


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (bound("Ada"), "Ada"),
        ({"bound": True, "agent_uuid": "agent-ada"}, "agent-ada"),
        ({"bound": True}, "unknown"),
    ],
)
def test_an_agent_is_called_by_name_or_else_by_uuid(agent: dict[str, Any], shown: str) -> None:
    (found,) = between(row(bindings=bindings(call=agent)), row(bindings=bindings()))
    assert found.before == shown


def test_where_names_are_not_wanted_agents_are_called_by_uuid() -> None:
    (found,) = between(row(), row(bindings=bindings(call=bound("Bea"))), agent_names=False)
    assert (found.before, found.after) == ("agent-ada", "agent-bea")


rows = st.builds(
    lambda index, status, channel, fee: row(
        index, status=status, bindings=bindings(**channel), billing={"monthly_fee": fee, "currency": "EUR"}
    ),
    st.integers(0, 5),
    st.sampled_from(["active", "suspended", None]),
    st.dictionaries(st.sampled_from(["call", "sms", "whatsapp"]), st.sampled_from([bound("Ada"), bound("Bea")])),
    st.sampled_from([1.0, 2.0, None]),
)
fleets = st.lists(rows, max_size=6, unique_by=lambda one: one["number"]).map(lambda found: states(*found))


@given(fleets)
def test_a_fleet_has_not_changed_from_itself(fleet: dict[str, State]) -> None:
    assert compare(fleet, dict(reversed(fleet.items())), now=NOW) == []


@given(fleets, fleets)
def test_there_and_back_each_change_has_its_opposite(one: dict[str, State], other: dict[str, State]) -> None:
    opposite = {Kind.ADDED: Kind.REMOVED, Kind.REMOVED: Kind.ADDED, Kind.LOST: Kind.BOUND, Kind.BOUND: Kind.LOST}
    there = {
        (opposite.get(found.change, found.change), found.key, found.channel, found.after, found.before)
        for found in compare(one, other, now=NOW)
    }
    back = {
        (found.change, found.key, found.channel, found.before, found.after) for found in compare(other, one, now=NOW)
    }
    assert there == back
