"""Validates plain YAML objects as sections of the model: every error becomes a problem at its key's path."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from exporter.config.problems import Findings, Place, did_you_mean, kind, nearest, quoted
from exporter.config.values import CHANNELS_EXPECTED

# What a value should be, by the type of pydantic's error.
_EXPECTED = {
    "dataclass_type": "a mapping",
    "list_type": "a list",
    "string_type": "a text",
    "secret_type": "a text",
    "string_too_long": "a text of at most {max_length} characters",
    "int_type": "a whole number",
    "greater_than_equal": "a whole number of at least {ge}",
    "less_than_equal": "a whole number of at most {le}",
    "bool_type": "true or false",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "expected": "{words}",
}
_MISSING = {"channels": CHANNELS_EXPECTED}  # by key
# Values under these keys are not repeated even where they are no secrets: one may have been pasted there.
_SECRET_KEYS = {"authorization", "base_url", "basic_auth_users"}


@dataclass(frozen=True, slots=True)
class _Unknown:
    """Stands for the value of an unknown key, until that is refused."""

    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping; a key without a value counts as absent."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    @classmethod
    def described_by(cls, **keywords: JsonValue) -> ConfigDict:
        """Return the configuration of a section whose JSON schema has more keywords."""
        return cls.__pydantic_config__ | ConfigDict(json_schema_extra=keywords)

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = keys(cls)
        return {
            _key(key): part if key in known else _Unknown(known)
            for key, part in value.items()
            if part is not None or key not in known
        }


def keys(section: type[Section]) -> tuple[str, ...]:
    """Return the keys of a section, as they are written."""
    return _keys(section)  # type: ignore[arg-type]  # mypy takes classes whose objects have a hash for unhashable


@cache
def _keys(section: type[Any]) -> tuple[str, ...]:
    notes = {each.name: getattr(each.type, "__metadata__", ()) for each in fields(section)}
    aliases = {name: note.alias for name, its in notes.items() for note in its if isinstance(note, FieldInfo)}
    return tuple(aliases.get(name) or name for name in notes)


def _key(key: object) -> str:
    """Return a key of any type as text that can be encoded."""
    return str(key).encode(errors="backslashreplace").decode()


S = TypeVar("S", bound=Section)
_adapter = cache(TypeAdapter)


def adapter(section: type[S]) -> TypeAdapter[S]:
    """Return what validates, shows and describes a section."""
    return _adapter(section)  # type: ignore[arg-type]  # as above


def read(
    section: type[S],
    value: Any,  # noqa: ANN401 - plain YAML objects
    place: Place,
    directory: Path,
    findings: Findings,
) -> tuple[S, Mapping[str, Any]] | None:
    """Return a section, and what is written of it; None, and a problem, where it is no mapping.

    Keys that are wrong are problems, and left out, so that the rest can be checked. File names are relative to the
    directory.
    """
    errors: list[ErrorDetails] = []
    while True:
        try:
            valid = adapter(section).validate_python(value, context=directory)
        except ValidationError as error:
            found = error.errors(include_url=False)
        else:
            return valid, {key: part for key, part in value.items() if part is not None}
        if not errors:
            errors = sorted(found, key=lambda error: error["type"] == "missing")  # a missing key may be misspelt
            for each in errors:
                _report(each, value, place, findings)
        for each in found:
            if not each["loc"]:
                return None
            value = _without(value, *each["loc"])


def _without(value: dict[Any, Any], key: int | str, *path: int | str) -> dict[Any, Any]:
    """Return a mapping without what is at a path; without the whole list that the path goes through."""
    kept = {}
    for name, part in value.items():
        if _key(name) != key:
            kept[name] = part
        elif path and isinstance(part, dict):
            kept[name] = _without(part, *path)
    return kept


def _report(error: ErrorDetails, value: Any, place: Place, findings: Findings) -> None:  # noqa: ANN401 - as above
    *around, last = error["loc"] or ("",)
    hidden = not _SECRET_KEYS.isdisjoint(error["loc"])
    if isinstance(error["input"], _Unknown):
        known = error["input"].known
        section = place.key(*around)
        advice = did_you_mean(str(last), known) or f"; allowed here: {', '.join(known)}"
        if meant := nearest(str(last), known):
            findings.misspelt(section.key(meant))
        if hidden:  # {secret} without a key before it is, to YAML, a key without a value
            findings.problem(section, f"has an unknown key{advice}")
        else:
            findings.problem(section.key(last), f"unknown key{advice}")
        return
    for key in error["loc"]:
        if isinstance(key, str):
            place, value = place.key(key), value.get(key) if isinstance(value, dict) else None
        elif isinstance(value, list):  # and not a text that stands for a list
            place, value = place.key(key), value[key]
    if error["type"] != "missing" or not findings.wrong(place):
        findings.problem(place, _message(error, hidden=hidden))


def _message(error: ErrorDetails, *, hidden: bool) -> str:
    given, context = error["input"], error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "missing":
        words = _MISSING.get(str(error["loc"][-1]))
        return f"is missing; it should be {words}" if words else "is missing"
    if error["type"] not in _EXPECTED:
        return error["msg"]
    expected = _EXPECTED[error["type"]].format(**context).replace("'", "")
    if hidden or error["type"] == "secret_type":
        return f"should be {expected}, but is {kind(given)}"
    choices = re.findall("'(.*?)'", context.get("expected", ""))
    if choices and isinstance(given, str):
        return f"should be {expected}, but is {quoted(given)}{did_you_mean(given, choices)}"
    shown = kind(given)
    if not isinstance(given, list | dict | None):
        literal = quoted(given) if isinstance(given, str) else str(given).lower()
        alone = isinstance(given, bool) or expected.startswith(shown)
        shown = literal if alone else f"{shown} ({literal})"
    return f"should be {expected}, but is {shown}{_hint(expected, given)}"


def _hint(expected: str, given: object) -> str:
    if expected.startswith("a text"):
        if isinstance(given, bool):
            return "; put it in quotes: without them YAML reads yes, no, on and off as true and false"
        return "; put it in quotes" if isinstance(given, int | float | date) else ""
    if expected == "a list":
        if isinstance(given, dict):
            return '; write "- " before each item'
        return "; put it in square brackets" if isinstance(given, str) else ""
    return ""
