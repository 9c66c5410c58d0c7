"""Faults in the rows of a page: something else where the documentation has a value."""

from typing import Any

from exporter.simulator.faults.effects import altering, altering_rows
from exporter.simulator.faults.fault import Document, Fault, Strike
from exporter.simulator.trunk import Trunk

_IDENTITY = frozenset({"phone_number_uuid", "number"})
_OBJECTS = ("compliance", "capabilities", "channel_settings", "billing", "bindings")
_LONG = "x" * 1_000_000
_HOSTILE = 'a"b\\c\nd\re\tf\0g\x1b[31mh\x7f\u202ei\u2028j{k="l"} 1 # m \N{FOX FACE}'


def _items_null(document: Document, _: Strike) -> None:
    document["data"]["items"] = None


def _items_missing(document: Document, _: Strike) -> None:
    del document["data"]["items"]


def _items_object(document: Document, _: Strike) -> None:
    # What PHP makes of a list with a hole in it.
    document["data"]["items"] = {str(index): row for index, row in enumerate(document["data"]["items"], 1)}


def _empty_lists(row: Trunk, _: int, __: int) -> Trunk:
    return row | {name: [] for name in _OBJECTS}


def _nulls(row: Trunk, _: int, __: int) -> Trunk:
    return {name: value if name in _IDENTITY else None for name, value in row.items()}


def _nothing(row: Trunk, _: int, __: int) -> Trunk:
    return {name: value for name, value in row.items() if name in _IDENTITY}


def _wrong_types(row: Trunk, index: int, _: int) -> Trunk:
    """Make every value wrong, on even rows those inside objects, on odd ones the objects themselves."""
    others = {name: value for name, value in row.items() if name not in _IDENTITY}
    wrong = {name: _wrong(value) if index % 2 == 0 else _blunt(value) for name, value in others.items()}
    return row | wrong


def _wrong(value: object) -> Any:  # noqa: ANN401 - any JSON
    return {name: _wrong(inner) for name, inner in value.items()} if isinstance(value, dict) else _blunt(value)


def _blunt(value: object) -> object:
    return 7 if isinstance(value, str | dict | list) else {"surprise": True}


def _no_identity(row: Trunk, _: int, __: int) -> Trunk:
    return row | dict.fromkeys(_IDENTITY)


def _numbers_as_strings(document: Document, _: Strike) -> None:
    document["data"] = _quoted(document["data"])


def _quoted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case bool():
            return value
        case int() | float():
            return str(value)
        case dict():
            return {name: _quoted(inner) for name, inner in value.items()}
        case list():
            return [_quoted(inner) for inner in value]
        case _:
            return value


def _unknown(row: Trunk, index: int, count: int) -> Trunk:
    """Make every word of a closed set one that was never seen."""
    word = f"novelty-{count}-{index}"
    return row | {
        "type": word,
        "source": word,
        "status": word,
        "country_code": word,
        "compliance": {"status": word, "requirements": [{"name": word, "type": word, "description": word}]},
        "billing": {"monthly_fee": 1, "currency": word},
    }


def _texts(row: Trunk, text: str) -> Trunk:
    """Put a text wherever somebody at the vendor's could have typed one."""
    bindings = {
        channel: binding | ({"agent_name": text} if binding["bound"] else {})
        for channel, binding in row["bindings"].items()
    }
    return row | {"location": text, "bindings": bindings}


FAULTS = (
    Fault("items-null", "null instead of the rows", altering(_items_null)),
    Fault("items-missing", "no rows at all, not even an empty list", altering(_items_missing)),
    Fault("items-object", "an object instead of the list of rows", altering(_items_object)),
    Fault("empty-lists", "[] for every object in a row", altering_rows(_empty_lists)),
    Fault("fields-null", "rows with a uuid and a number, the rest null", altering_rows(_nulls)),
    Fault("fields-missing", "rows with a uuid and a number alone", altering_rows(_nothing)),
    Fault("fields-wrong", "rows in which all else is of a wrong type", altering_rows(_wrong_types)),
    Fault("no-identity", "rows without uuid and number", altering_rows(_no_identity)),
    Fault("number-strings", "every number as a string", altering(_numbers_as_strings)),
    Fault("unknown-words", "other statuses, types and currencies in every row", altering_rows(_unknown)),
    Fault("long-texts", "1 MB of text per location", altering_rows(lambda row, _, __: row | {"location": _LONG})),
    Fault(
        "hostile-texts",
        "quotes, newlines, control characters in names",
        altering_rows(lambda row, _, __: _texts(row, _HOSTILE)),
    ),
)
