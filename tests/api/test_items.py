"""How a row is read: a field of the wrong type costs that field alone, and its key path is reported."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from support.trunks import Row, row

from exporter.api.wire import CHANNELS, UNREADABLE, Bindings, Item, read_item, read_items

FULL = row(
    compliance={"status": "completed", "requirements": [{"name": "Proof", "type": "textual"}]},
    capabilities=dict.fromkeys(("voice", "sms", "mms", "fax", "emergency", "local_calling"), True),
    bindings={
        channel: {"bound": True, "agent_uuid": "a-1", "agent_name": "Ada"} for channel in ("call", "sms", "whatsapp")
    },
)

TEXT_FIELDS = (
    "phone_number_uuid",
    "number",
    "country_code",
    "location",
    "type",
    "source",
    "status",
    "compliance.status",
    "billing.currency",
    *(f"bindings.{channel}.agent_{part}" for channel in CHANNELS for part in ("uuid", "name")),
)
BOOLEAN_FIELDS = (
    "is_external",
    *(f"capabilities.{name}" for name in ("voice", "sms", "mms", "fax", "emergency", "local_calling")),
    *(f"channel_settings.{service}.enabled" for service in ("voice", "sms", "inbound")),
)
BOUND_FIELDS = tuple(f"bindings.{channel}.bound" for channel in CHANNELS)
NUMBER_FIELDS = (
    "billing.monthly_fee",
    *(f"channel_settings.{service}.channel_limit" for service in ("voice", "sms", "inbound")),
)
LIST_FIELDS = (
    "compliance.requirements",
    "channel_settings.voice.whitelisted_destinations",
    "channel_settings.sms.whitelisted_destinations",
)
TIME_FIELDS = ("purchased_at", "updated_at")
OBJECT_FIELDS = (
    "compliance",
    "capabilities",
    "channel_settings",
    *(f"channel_settings.{service}" for service in ("voice", "sms", "inbound")),
    "billing",
)
BINDING_FIELDS = ("bindings", *(f"bindings.{channel}" for channel in CHANNELS))

WRONG: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = (
    (TEXT_FIELDS, (7, True, [], {})),
    (BOOLEAN_FIELDS, (0, "true", [], {})),
    (NUMBER_FIELDS, ("7", True, [], {})),
    (LIST_FIELDS, (7, "US", {})),
    (TIME_FIELDS, ("yesterday", "", "2023-02-30T00:00:00Z", "2023-11-07", 1_699_335_116, [])),
    (OBJECT_FIELDS, (7, "text", True, [1])),
)


def wrong_values() -> Iterator[Any]:
    for fields, values in WRONG:
        for field in fields:
            for value in values:
                yield pytest.param(field, value, id=f"{field}={json.dumps(value)}")


def changed(path: str, value: object, origin: Row = FULL) -> Row:
    """Return a row with another value at a key path."""
    copied = copy.deepcopy(origin)
    *parents, name = path.split(".")
    place = copied
    for parent in parents:
        place = place.setdefault(parent, {})
    place[name] = value
    return copied


def read(document: object) -> tuple[Item, tuple[str, ...]]:
    found = read_item(json.dumps(document).encode())
    assert found is not None
    return found


def leaves(struct: msgspec.Struct, path: str = "") -> dict[str, object]:
    """Return every value of an item by its key path."""
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        at = f"{path}{field.name}"
        found |= leaves(value, f"{at}.") if isinstance(value, msgspec.Struct) else {at: value}
    return found


def within(path: str, ancestor: str) -> bool:
    return path == ancestor or path.startswith(f"{ancestor}.")


def others(item: Item, *ancestors: str) -> dict[str, object]:
    """Return the values that are in none of these fields."""
    return {
        path: value for path, value in leaves(item).items() if not any(within(path, ancestor) for ancestor in ancestors)
    }


def value_at(item: Item, path: str) -> object:
    value: object = item
    for name in path.split("."):
        value = getattr(value, name)
    return value


WHOLE, NO_COMPLAINTS = read(FULL)


def test_a_documented_row_is_read_whole() -> None:
    assert NO_COMPLAINTS == ()
    assert msgspec.to_builtins(WHOLE) == changed("channel_settings.inbound.whitelisted_destinations", None)


def test_the_fields_above_are_all_there_are() -> None:
    named = {field for fields, _ in WRONG for field in fields} | {*BOUND_FIELDS, *BINDING_FIELDS}
    exposed = set(leaves(WHOLE)) | {*OBJECT_FIELDS, *BINDING_FIELDS}
    assert exposed - named == {"channel_settings.inbound.whitelisted_destinations"}  # which has none


@pytest.mark.parametrize(("field", "value"), list(wrong_values()))
def test_a_field_of_the_wrong_type_costs_that_field_alone(field: str, value: object) -> None:
    item, invalid = read(changed(field, value))
    assert invalid == (field,)
    assert value_at(item, field) is None
    assert others(item, field) == others(WHOLE, field)


ALL_UNREADABLE = Bindings(call=UNREADABLE, sms=UNREADABLE, whatsapp=UNREADABLE)
NOT_BOOLEAN: tuple[object, ...] = (0, 1, "true", [], {})
NOT_OBJECTS: tuple[object, ...] = (7, "bound", True, [1])
UNREADABLE_BINDINGS = [
    *((field, value, UNSET) for field in BOUND_FIELDS for value in NOT_BOOLEAN),
    *((f"bindings.{channel}", value, UNREADABLE) for channel in CHANNELS for value in NOT_OBJECTS),
    *(("bindings", value, ALL_UNREADABLE) for value in NOT_OBJECTS),
]


@pytest.mark.parametrize(("field", "value", "found"), UNREADABLE_BINDINGS, ids=str)
def test_a_binding_that_cannot_be_read_leaves_open_whether_the_channel_is_bound(
    field: str, value: object, found: object
) -> None:
    """A binding that the API leaves out is a channel that is not bound; an unreadable one is unknown."""
    item, invalid = read(changed(field, value))
    assert invalid == (field,)
    assert value_at(item, field) == found
    assert others(item, field) == others(WHOLE, field)  # the agent that it names, too


@pytest.mark.parametrize(
    "raw", [b"null", b"true", b"7", b'"row"', b"[]", b"[{}]", b"NaN", b"1e999"], ids=lambda raw: str(raw.decode())
)
def test_anything_but_an_object_is_no_row(raw: bytes) -> None:
    assert read_item(raw) is None


NAMES = sorted({name for field in leaves(WHOLE) for name in field.split(".")})

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["EUR", "2023-11-07T05:31:56Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)
FIELDS = sorted({*leaves(WHOLE), *OBJECT_FIELDS, *BINDING_FIELDS})


@given(st.lists(st.tuples(st.sampled_from(FIELDS), ANYTHING), max_size=4))
def test_rows_are_read_together_as_they_are_one_by_one(changes: list[tuple[str, object]]) -> None:
    documents = [FULL, *(changed(field, value) for field, value in changes)]
    rows = [json.dumps(document).encode() for document in documents]
    assert read_items(rows) == [read_item(row) for row in rows]


@given(ANYTHING)
def test_any_json_is_a_row_or_none(document: object) -> None:
    found = read_item(json.dumps(document).encode())
    assert (found is not None) == isinstance(document, dict)
