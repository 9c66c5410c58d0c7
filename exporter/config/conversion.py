"""From plain YAML objects to the document's structs, field by field, so that every error is found.

Values that cannot be read are told to the findings and left out. A list is read whole or not at all.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from exporter.config.leaves import Expression, FileName, Reader, Sensitive, Shorthand
from exporter.config.literal import refuse_home, refuse_placeholders, refuse_variables_in_expression
from exporter.config.problems import Findings, Place
from exporter.config.wording import (
    LIST,
    TEXT,
    TEXT_OR_LIST,
    did_you_mean,
    mismatch,
    mismatch_of_hidden,
    nearest,
    one_of,
    quoted,
)

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
_TypeForm: TypeAlias = Any  # what annotations are made of has no common type in this Python


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, FieldInfo]:
    """Return a struct's fields by their keys; looking its annotations up takes longer than all else."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def convert(struct: type[_Struct], value: object, place: Place, findings: Findings) -> _Struct | None:
    """Read a mapping as a struct; None, and a problem, where it is not one or lacks a required key."""
    if not isinstance(value, dict):
        _tell_mismatch("a mapping", value, place, findings)
        return None
    fields = _fields(struct)
    read: dict[str, Any] = {}
    for key, part in value.items():
        if key not in fields:
            _tell_unknown(str(key), tuple(fields), place, findings)
        elif part is not None:
            part_read = _read(part, fields[key].type, place.key(key), findings)
            if part_read is not None:
                read[fields[key].name] = part_read
    for key, field in fields.items():
        if field.required and value.get(key) is None and not findings.wrong(place.key(key)):
            findings.problem(place.key(key), f"is missing; it should be {_expected(field.type)}")
    if any(field.required and field.name not in read for field in fields.values()):
        return None
    return struct(**read)


def _read(value: object, type_: _TypeForm, place: Place, findings: Findings) -> object | None:
    type_, bare, notes = _parts(type_)
    if any(isinstance(note, Sensitive) for note in notes):
        place = place.hide()
    if isinstance(value, str) and not _is_literal(value, notes, place, findings):
        return None
    for note in notes:
        if isinstance(note, Reader):
            return _read_specially(value, note, place, findings)
        if isinstance(note, Shorthand) and not isinstance(value, list):
            return _read_shorthand(value, note, get_args(bare)[0], place, findings)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return convert(bare, value, place, findings)
    if _origin(bare) is tuple:
        return _read_list(value, get_args(bare)[0], place, findings)
    return _read_plainly(value, type_, place, findings)


def _is_literal(value: str, notes: Iterable[object], place: Place, findings: Findings) -> bool:
    """Tell whether a text is meant to the letter; a problem where it is not."""
    try:
        if Expression() in notes:
            refuse_variables_in_expression(value)
        else:
            refuse_placeholders(value, place.name)
        if FileName() in notes:
            refuse_home(value)
    except ValueError as error:
        findings.problem(place, str(error))
        return False
    return True


def _read_list(value: object, type_: _TypeForm, place: Place, findings: Findings) -> tuple[object, ...] | None:
    if not isinstance(value, list):
        _tell_mismatch(LIST, value, place, findings)
        return None
    if type_ is Any:
        return tuple(value)
    items = [_read(item, type_, place.item(index), findings) for index, item in enumerate(value)]
    return None if None in items else tuple(items)


def _read_shorthand(
    value: object,
    shorthand: Shorthand,
    type_: _TypeForm,
    place: Place,
    findings: Findings,
) -> tuple[object, ...] | None:
    if not isinstance(value, str):
        _tell_mismatch(TEXT_OR_LIST, value, place, findings)
        return None
    items = [_read(text, type_, place, findings) for text in shorthand.expand(value)]
    return None if None in items else tuple(items)


def _read_specially(value: object, reader: Reader, place: Place, findings: Findings) -> object | None:
    try:
        return reader.read(value)
    except TypeError:
        _tell_mismatch(reader.expected, value, place, findings)
    except ValueError as error:
        findings.problem(place, str(error))
    return None


def _read_plainly(value: object, type_: _TypeForm, place: Place, findings: Findings) -> object | None:
    if isinstance(value, str) and not value.isprintable():
        code = next(ord(character) for character in value if not character.isprintable())
        findings.problem(place, f"holds the invisible character U+{code:04X}; remove it")
        return None
    try:
        return msgspec.convert(value, type_, strict=True)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        if value == "":
            findings.problem(place, "should not be empty")
        elif isinstance(value, str) and (choices := _choices(type_)):
            hint = did_you_mean(value, choices)
            findings.problem(place, f"should be {one_of(choices)}, but is {quoted(value)}{hint}")
        else:
            _tell_mismatch(_expected(type_), value, place, findings)
    return None


def _expected(type_: _TypeForm) -> str:
    """Say in words what a type accepts."""
    _, bare, notes = _parts(type_)
    for note in notes:
        if isinstance(note, Reader):
            return note.expected
        if isinstance(note, msgspec.Meta) and bare is int:
            return f"a whole number{_range(note)}"
    return one_of(_choices(bare)) if _choices(bare) else {str: TEXT, bool: "true or false"}[bare]


def _range(limits: msgspec.Meta) -> str:
    return f" of at least {limits.ge}" if limits.le is None else f" from {limits.ge} to {limits.le}"


def _choices(type_: _TypeForm) -> tuple[str, ...]:
    if _origin(type_) is Literal:
        return get_args(type_)
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return tuple(type_)
    return ()


def _origin(type_: _TypeForm) -> object:
    return get_origin(type_)


def _parts(type_: _TypeForm) -> tuple[_TypeForm, _TypeForm, tuple[object, ...]]:
    """Return a type without the None beside it, the same without its notes, and its notes."""
    if _origin(type_) in {Union, UnionType}:
        type_ = next(member for member in get_args(type_) if member is not NoneType)
    notes = getattr(type_, "__metadata__", ())
    return type_, get_args(type_)[0] if notes else type_, notes


def _tell_unknown(key: str, known: tuple[str, ...], place: Place, findings: Findings) -> None:
    advice = did_you_mean(key, known) or f"; allowed here: {', '.join(known)}"
    if meant := nearest(key, known):
        findings.misspelt(place.key(meant))
    if place.hidden:  # {secret} without a key before it is, to YAML, a key without a value
        findings.problem(place, f"has an unknown key{advice}")
    else:
        findings.problem(place.key(key if key.isprintable() else quoted(key)), f"unknown key{advice}")


def _tell_mismatch(expected: str, value: object, place: Place, findings: Findings) -> None:
    say = mismatch_of_hidden if place.hidden else mismatch
    findings.problem(place, say(expected, value))
