"""What a row becomes: a trunk without nulls inside nulls, its texts fit to be labels."""

import json
import time as time_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import bindings, bound, row, unbound

from exporter.api.wire import Item, read_item
from exporter.trunks.trunk import CAPABILITIES, CHANNELS, UNREADABLE, Binding, Service, Trunk, trunk_from

LONG = "x" * 129


def read(document: Any) -> Trunk | None:  # noqa: ANN401 - any JSON
    item = read_item(json.dumps(document).encode())
    assert item is not None
    return trunk_from(item[0])


def trunk(**changed: Any) -> Trunk:  # noqa: ANN401 - any field may be anything
    made = read(row(**changed))
    assert made is not None
    return made


def test_a_documented_row_is_a_trunk() -> None:
    assert trunk() == Trunk(
        uuid="9bcb8f00-c0c5-4ee1-9b75-000000000000",
        number="+12084439178",
        country_code="US",
        location="Boise, Idaho",
        type="local",
        source="external",
        is_external=True,
        status="active",
        compliance_status="completed",
        compliance_requirements=0,
        capabilities=(True, True, False, None, None, True),
        services=(
            Service(enabled=True, channel_limit=10, destinations=2),
            Service(enabled=True, channel_limit=20),
            Service(enabled=False, channel_limit=1, destinations=1),
        ),
        bindings=(
            Binding(bound=True, agent_uuid="agent-ada", agent_name="Ada"),
            Binding(bound=False),
            Binding(bound=False),
        ),
        monthly_fee=1.5,
        currency="EUR",
        purchased=1_699_335_116.0,
        updated=1_699_421_516.0,
    )


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"number": "+39"}, id="left out"),
        pytest.param(dict.fromkeys(row()) | {"number": "+39"}, id="null"),
        pytest.param(
            {
                "number": "+39",
                "compliance": {},
                "capabilities": {},
                "channel_settings": {},
                "billing": {},
                "bindings": {},
            },
            id="empty",
        ),
        pytest.param(
            {
                "number": "+39",
                "channel_settings": {"voice": None, "inbound": {}, "sms": []},
                "bindings": {"call": None, "sms": {}, "whatsapp": []},
            },
            id="empty further inside",
        ),
    ],
)
def test_what_the_api_does_not_say_is_not_known(document: dict[str, Any]) -> None:
    assert read(document) == Trunk(
        uuid="",
        number="+39",
        country_code="",
        location="",
        type="",
        source="",
        is_external=None,
        status="",
        compliance_status="",
        compliance_requirements=None,
        capabilities=(None,) * len(CAPABILITIES),
        services=(Service(), Service(), Service()),
        bindings=(Binding(), Binding(), Binding()),
        monthly_fee=None,
        currency="",
        purchased=None,
        updated=None,
    )


@pytest.mark.parametrize(
    ("uuid", "number", "key"),
    [
        ("u-1", "+39", "u-1"),
        (None, "+39", "+39"),
        ("", "+39", "+39"),
        ("u-1", None, "u-1"),
        ("u-1", "", "u-1"),
        ("u" * 128, "9" * 128, "u" * 128),
        ("u\n1", "+\x0039", "u\N{REPLACEMENT CHARACTER}1"),
    ],
)
def test_a_trunk_is_identified_by_its_uuid_or_else_by_its_number(uuid: object, number: object, key: str) -> None:
    assert trunk(phone_number_uuid=uuid, number=number).key == key


@pytest.mark.parametrize(
    ("uuid", "number"),
    [(None, None), ("", ""), (LONG, "+39"), ("u-1", LONG), (None, LONG), (7, 39)],
)
def test_a_row_without_either_or_with_one_that_is_too_long_is_no_trunk(uuid: object, number: object) -> None:
    """Cut, one could be taken for another."""
    assert read(row(phone_number_uuid=uuid, number=number)) is None


@pytest.mark.parametrize(
    "field", ["phone_number_uuid", "number", "country_code", "location", "type", "source", "status"]
)
def test_texts_are_safe(field: str) -> None:
    made = trunk(**{field: "a\u202eb"})
    name = {"phone_number_uuid": "uuid"}.get(field, field)
    assert getattr(made, name) == "a\N{REPLACEMENT CHARACTER}b"


def test_texts_further_inside_are_safe() -> None:
    made = trunk(
        compliance={"status": "a\nb"},
        billing={"currency": "a\nb"},
        bindings=bindings(sms={"bound": True, "agent_uuid": "a\nb", "agent_name": "a\nb" + LONG}),
    )
    replaced = "a\N{REPLACEMENT CHARACTER}b"
    assert (made.compliance_status, made.currency) == (replaced, replaced)
    assert made.bindings[1] == Binding(bound=True, agent_uuid=replaced, agent_name=(replaced + LONG)[:128])


@pytest.mark.parametrize("field", ["purchased_at", "updated_at"])
@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        pytest.param("2023-11-07T05:31:56Z", 1_699_335_116, id="UTC"),
        pytest.param("2023-11-07T05:31:56", 1_699_335_116, id="without zone"),
        pytest.param("2023-11-07 05:31:56", 1_699_335_116, id="without zone and T"),
        pytest.param("2023-11-07T06:31:56+01:00", 1_699_335_116, id="another zone"),
        pytest.param("2023-11-07T05:31:56.25Z", 1_699_335_116.25, id="fractions"),
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch"),
        pytest.param("1969-12-31T23:59:59Z", -1, id="before the epoch"),
        pytest.param("0001-01-01T00:00:00+23:59", -62_135_683_140, id="the first day, further east"),
        pytest.param("9999-12-31T23:59:59-23:59", 253_402_387_139, id="the last day, further west"),
        pytest.param(None, None, id="null"),
    ],
)
def test_times_are_unix_time_and_without_a_zone_utc(
    field: str, time: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time_module.tzset()
    try:
        made = trunk(**{field: time})
    finally:
        monkeypatch.undo()
        time_module.tzset()
    assert getattr(made, field.removesuffix("_at")) == seconds


def test_requirements_are_counted() -> None:
    made = trunk(compliance={"requirements": [{"name": "Proof of address"}, None, "anything"]})
    assert made.compliance_requirements == 3


class TestABinding:
    @pytest.mark.parametrize(
        ("call", "is_bound"),
        [
            pytest.param(bound("Ada"), True, id="bound"),
            pytest.param(unbound(), False, id="not bound"),
            pytest.param({"bound": None}, None, id="null"),
            pytest.param({}, None, id="left out"),
            pytest.param({"bound": "yes"}, UNREADABLE, id="unreadable"),
            pytest.param("yes", UNREADABLE, id="all of it unreadable"),
        ],
    )
    def test_tells_whether_the_channel_is_bound(self, call: object, is_bound: object) -> None:
        assert trunk(bindings={"call": call}).bound[0] is is_bound

    @pytest.mark.parametrize("channel", ["call", "sms", "whatsapp"])
    def test_is_of_one_channel(self, channel: str) -> None:
        made = trunk(bindings=bindings(**{channel: bound("Ada")}))
        assert {name for name, state in zip(CHANNELS, made.bound, strict=True) if state} == {channel}


@given(st.builds(Item, **{name: st.none() | st.text() for name in ("phone_number_uuid", "number", "location")}))
def test_any_row_is_a_trunk_or_none(item: Item) -> None:
    made = trunk_from(item)
    uuid, number = item.phone_number_uuid or "", item.number or ""
    assert (made is None) == (not uuid + number or max(len(uuid), len(number)) > 128)


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_any_time_is_unix_time(time: Any) -> None:  # noqa: ANN401 - a datetime
    made = trunk_from(Item(number="+39", updated_at=time))
    assert made is not None
    assert isinstance(made.updated, float)
