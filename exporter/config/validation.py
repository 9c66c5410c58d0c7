"""Reads plain YAML objects as sections of the model: every error becomes a problem at its key's path."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from exporter.config.problems import Findings, Place
from exporter.config.values import CHANNELS_EXPECTED
from exporter.config.wording import did_you_mean, mismatch, nearest, one_of, quoted


@dataclass(frozen=True, slots=True)
class _Unknown:
    """What stands under a key that its section does not have, to be refused with the keys that it has."""

    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping; a key without a value counts as absent."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = keys(cls)
        read: dict[str, object] = {}
        for key, part in value.items():
            if key not in known:
                read[_key_text(key)] = _Unknown(known)
            elif part is not None:
                read[key] = part
        return read


def _key_text(key: object) -> str:
    """Return a key of any type as text that can be encoded."""
    return str(key).encode(errors="backslashreplace").decode()


def keys(section: type[Section]) -> tuple[str, ...]:
    """Return the keys of a section, as they are written."""
    return _keys(section)  # type: ignore[arg-type]  # mypy takes classes whose objects have a hash for unhashable


@cache
def _keys(section: type[Any]) -> tuple[str, ...]:
    notes = {each.name: getattr(each.type, "__metadata__", ()) for each in fields(section)}
    aliases = {name: note.alias for name, its in notes.items() for note in its if isinstance(note, FieldInfo)}
    return tuple(aliases.get(name) or name for name in notes)


S = TypeVar("S", bound=Section)
_Path = tuple[int | str, ...]

# Values under these keys are secrets, or would show one that was pasted there.
_SECRET_KEYS = {"authorization", "proxy_url", "base_url", "basic_auth_users"}
_EXPECTED = {
    "dataclass_type": "a mapping",
    "list_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
}

_adapter = cache(TypeAdapter)


def adapter(section: type[S]) -> TypeAdapter[S]:
    """Return what validates, shows and describes a section."""
    return _adapter(section)  # type: ignore[arg-type]  # mypy takes the class for what cannot be hashed


def read(
    section: type[S], value: object, place: Place, directory: Path, findings: Findings
) -> tuple[S, Mapping[str, Any]] | None:
    """Return a section, and the keys of it that are written and can be used; None, and a problem, for no mapping.

    Keys that cannot be used are problems, and left out, so that the checks of what remains can go on. Names of files
    are relative to the directory.
    """
    errors: list[ErrorDetails] | None = None
    while True:
        try:
            read_section = adapter(section).validate_python(value, context=directory)
        except ValidationError as error:
            found = error.errors(include_url=False)
        else:
            written = value if isinstance(value, Mapping) else {}
            return read_section, {key: part for key, part in written.items() if part is not None}
        if errors is None:
            errors = found
            for each in sorted(errors, key=lambda error: error["type"] == "missing"):  # it may be there misspelt
                _tell(each, value, place, findings)
        for each in found:
            if not each["loc"]:
                return None
            value = _without(value, each["loc"])


def _without(value: Any, path: _Path) -> Any:  # noqa: ANN401 - plain YAML objects
    """Return a mapping without what is at a path; of a list nothing remains."""
    key, *rest = path
    kept = {}
    for name, part in value.items():
        if _key_text(name) != key:
            kept[name] = part
        elif isinstance(part, dict) and rest:
            kept[name] = _without(part, tuple(rest))
    return kept


def _tell(error: ErrorDetails, value: Any, place: Place, findings: Findings) -> None:  # noqa: ANN401 - plain YAML objects
    path, given = list(error["loc"]), error["input"]
    hidden = not _SECRET_KEYS.isdisjoint(path)
    if isinstance(given, _Unknown):
        key = path.pop()
        place = _at(path, value, place)
        advice = did_you_mean(str(key), given.known) or f"; allowed here: {', '.join(given.known)}"
        if meant := nearest(str(key), given.known):
            findings.misspelt(place.key(meant))
        if hidden:  # {secret} without a key before it is, to YAML, a key without a value
            findings.problem(place, f"has an unknown key{advice}")
        else:
            findings.problem(place.key(_shown_key(str(key))), f"unknown key{advice}")
        return
    place = _at(path, value, place)
    if error["type"] != "missing" or not findings.wrong(place):
        findings.problem(place, _message(error, hidden=hidden))


def _shown_key(key: str) -> str:
    return key if key.isprintable() else quoted(key)


def _at(path: Sequence[int | str], value: Any, place: Place) -> Place:  # noqa: ANN401 - plain YAML objects
    """Return the place at a path; in a text that stands for a list there are none."""
    for part in path:
        if isinstance(part, str):
            place = place.key(part)
            value = value.get(part) if isinstance(value, dict) else None
        elif isinstance(value, list):
            place = place.item(part)
            value = value[part]
    return place


def _message(error: ErrorDetails, *, hidden: bool) -> str:
    kind, given, details = error["type"], error["input"], error.get("ctx", {})
    match kind:
        case "value_error":
            return str(details["error"])
        case "missing":
            return f"is missing; it should be {CHANNELS_EXPECTED}"
        case "greater_than_equal":
            words = f"a whole number of at least {details['ge']}"
        case "less_than_equal":
            words = f"a whole number of at most {details['le']}"
        case "literal_error" | "enum":
            choices = re.findall(r"'(.*?)'", details["expected"])
            if isinstance(given, str):
                return f"should be {one_of(choices)}, but is {quoted(given)}{did_you_mean(given, choices)}"
            words = one_of(choices)
        case "expected":
            words = details["words"]
        case _ if kind in _EXPECTED:
            words = _EXPECTED[kind]
        case _:
            return error["msg"]
    return mismatch(words, given, hidden=hidden)
