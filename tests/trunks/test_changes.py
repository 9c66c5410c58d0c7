"""What changed about trunks from one poll to the next."""

from collections.abc import Sequence
from typing import Any

import pytest
from support.past import polled
from support.trunks import Row, bindings, bound, row

from exporter.config.settings import Metrics
from exporter.trunks.changes import Change, Kind

UUID, NUMBER = row()["phone_number_uuid"], row()["number"]
UNREADABLE = {"bound": "maybe", "agent_uuid": 7}
OTHER = row(1)  # a trunk that stays as it is, so that something is known about bindings


def changes(*found: Row | None, **settings: Any) -> Sequence[Change]:  # noqa: ANN401 - any of a bench
    """Return the changes of a trunk that polls find one after the other; None is a poll that does not list it."""
    past = polled(*([OTHER] if one is None else [one, OTHER] for one in found), **settings)
    return past.memory.history


def told(changes: Sequence[Change]) -> list[str]:
    """Return changes of the trunk as text: the kind, what it is about, before and after."""
    assert {(one.uuid, one.number) for one in changes} <= {(UUID, NUMBER)}
    about = [one.channel or one.carrier_service or "" for one in changes]
    return sorted(f"{one.change} {name}: {one.before} > {one.after}" for one, name in zip(changes, about, strict=True))


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
    (ON_CALL, {"bindings": None}, ["lost call: Ada > None"]),
    (NOWHERE, {"bindings": bindings(sms=bound("Ada"))}, ["bound sms: None > Ada"]),
    (ON_CALL, {"bindings": bindings(call=bound("Ada") | {"agent_name": "Ada Lovelace"})}, []),
    (ON_CALL, {"bindings": bindings(call=bound("Bea"))}, ["agent call: Ada > Bea"]),
    (ON_CALL, {"bindings": bindings(sms=bound("Bea"))}, ["lost call: Ada > None", "bound sms: None > Bea"]),
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
    assert told(changes(row(**before), row(**after))) == sorted(found)


@pytest.mark.parametrize("status", ["active", None])
def test_a_trunk_that_comes_or_goes_does_so_with_its_status(status: str | None) -> None:
    assert told(changes(None, row(status=status))) == [f"added : None > {status}"]
    assert told(changes(row(status=status), None)) == [f"removed : {status} > None"]


def test_without_a_uuid_the_number_tells_which_trunk_it_is() -> None:
    (found,) = changes(row(phone_number_uuid=None), row(phone_number_uuid=None, status="suspended"))
    assert (found.change, found.uuid, found.number) == (Kind.STATUS, "", NUMBER)


# What the API says less of than before, or more: what is not known now is as it was, and what was not known has not
# changed.
SILENT: list[dict[str, Any]] = [
    {"status": None},
    {"compliance": {"status": None}},
    {"channel_settings": None},
    {"channel_settings": {"voice": {"enabled": None, "channel_limit": "many"}}},
    {"billing": {"monthly_fee": 1.5, "currency": None}},
    {"billing": {"monthly_fee": None, "currency": "USD"}},
    {"bindings": bindings(call=UNREADABLE)},
    {"bindings": bindings(call={"bound": True, "agent_uuid": None, "agent_name": None})},
    {"bindings": bindings(call=bound("Ada") | {"agent_name": None})},
    {"bindings": bindings(call=bound("Ada") | {"agent_uuid": None})},
]


@pytest.mark.parametrize("silent", SILENT)
def test_what_is_not_said_or_unreadable_has_not_changed(silent: dict[str, Any]) -> None:
    assert changes(row(), row(**silent)) == ()
    assert changes(row(**silent), row()) == ()


@pytest.mark.parametrize(("before", "after", "found"), CHANGES)
def test_a_change_that_happens_while_nothing_is_readable_is_found_after(
    before: dict[str, Any], after: dict[str, Any], found: list[str]
) -> None:
    mute: dict[str, Any] = dict.fromkeys(("status", "compliance", "channel_settings", "billing"))
    meanwhile = row(bindings=bindings(call=UNREADABLE, sms=UNREADABLE, whatsapp=UNREADABLE), **mute)
    assert changes(row(**before), meanwhile) == ()
    assert told(changes(row(**before), meanwhile, row(**after))) == sorted(found)


@pytest.mark.parametrize(
    ("agent", "shown"),
    [(bound("Ada"), "Ada"), ({"bound": True, "agent_uuid": "agent-ada"}, "agent-ada"), ({"bound": True}, "unknown")],
)
def test_an_agent_is_called_by_name_or_else_by_uuid(agent: dict[str, Any], shown: str) -> None:
    (found,) = changes(row(bindings=bindings(call=agent)), row(bindings=bindings()))
    assert found.before == shown


def test_where_names_are_not_wanted_agents_are_called_by_uuid() -> None:
    (found,) = changes(row(), row(bindings=bindings(call=bound("Bea"))), metrics=Metrics(agent_names=False))
    assert (found.before, found.after) == ("agent-ada", "agent-bea")
