"""Reading one row of the list so that a field of the wrong type costs that field alone."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

import msgspec

from exporter.api.errors import ApiError
from exporter.api.wire import CHANNELS, UNREADABLE, Binding, Bindings, Item, repaired

_decode_items = msgspec.json.Decoder(list[Item]).decode
_decode_item = msgspec.json.Decoder(Item).decode
_fields = cache(msgspec.structs.fields)  # an API may send something unreadable on every row


ReadItem = tuple[Item, tuple[str, ...]]  # with the key paths of the fields that could not be read


def read_items(rows: Sequence[bytes]) -> Sequence[ReadItem | None]:
    """Decode rows; None for one that is not an object at all."""
    try:
        return [(item, ()) for item in _decode_items(_list(rows))]
    except (ValueError, RecursionError):
        return list(map(read_item, rows))


def _list(rows: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(rows)


def read_item(raw: bytes) -> ReadItem | None:
    """Decode one row; None where it is not an object at all."""
    try:
        return _decode_item(raw), ()
    except (ValueError, RecursionError):
        return _read_field_by_field(raw)


def _read_field_by_field(raw: bytes) -> ReadItem | None:
    try:
        value = json.loads(repaired(raw))
    except ApiError:
        return None
    if not isinstance(value, dict):
        return None
    invalid: list[str] = []
    item = _read(Item, value, "", invalid)
    assert isinstance(item, Item)  # noqa: S101 - tells the type checker what _read(Item, …) makes
    return item, tuple(invalid)


def _read(struct: type[msgspec.Struct], value: dict[str, Any], path: str, invalid: list[str]) -> msgspec.Struct:
    read: dict[str, Any] = {}
    for field in _fields(struct):
        if value.get(field.name) is None:
            continue
        at = f"{path}{field.name}"
        part = value[field.name]
        if (nested := _nested_struct(field.type)) is None:
            read[field.name] = _read_leaf(part, field.type, at, invalid)
        elif isinstance(part, dict):
            read[field.name] = _read(nested, part, f"{at}.", invalid)
        elif part == []:
            read[field.name] = part
        else:
            invalid.append(at)
            read[field.name] = _unreadable(nested)
    return struct(**read)


def _read_leaf(value: object, type_: object, path: str, invalid: list[str]) -> object:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        invalid.append(path)
        # Not to know whether a channel is bound is not the same as to be told nothing of it.
        return msgspec.UNSET if path.endswith(".bound") else None


@cache
def _nested_struct(type_: object) -> type[msgspec.Struct] | None:
    for member in get_args(type_):
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            return member
    return None


def _unreadable(struct: type[msgspec.Struct]) -> msgspec.Struct | None:
    if struct is Binding:
        return UNREADABLE
    if struct is Bindings:
        return Bindings(**dict.fromkeys(CHANNELS, UNREADABLE))
    return None
