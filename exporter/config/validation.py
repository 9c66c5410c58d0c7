"""Validates plain YAML objects as sections of the model; each error becomes a problem at its key's path."""

import re
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import ErrorDetails, core_schema, to_jsonable_python

from exporter.config.problems import Place, did_you_mean, kind, nearest, one_of, quoted
from exporter.config.values import CHANNELS_EXPECTED, Pattern, format_duration, unexpanded

# The expected value, by the type of pydantic's error.
_EXPECTED = {
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "a text",
    "string_too_long": "a text of at most {max_length} characters",
    "int_type": "a whole number",
    "greater_than_equal": "a whole number of at least {ge}",
    "less_than_equal": "a whole number of at most {le}",
    "bool_type": "true or false",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
_HINTS: dict[tuple[str, type], str] = {  # by the expected value, and the type of the other
    ("a text", bool): "; put it in quotes: without them YAML reads yes, no, on and off as true and false",
    **{("a text", other): "; put it in quotes" for other in (int, float, date, datetime)},
    ("a list", dict): '; write "- " before each item',
    ("a list", str): "; put it in square brackets",
}
_OF_A_KEY = ("[key]",)  # ends the place of an error about a key itself, in a mapping of any keys
# No message repeats values under these keys: a secret may have been pasted there.
_SECRET_KEYS = {"authorization", "base_url", "proxy_url", "basic_auth_users"}


def key(meaning: str | None = None, default: object = MISSING, *, secret: bool = False, **more: object) -> Any:  # noqa: ANN401 - fits all
    """Declare a key: its meaning, its default or the type that makes it, and more arguments of pydantic's Field."""
    made = {"default_factory" if isinstance(default, type) else "default": default}
    return field(**made, repr=not secret, metadata={"description": meaning, **more})  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping; a key without a value counts as absent."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    @classmethod
    @cache
    def keys(cls) -> tuple[str, ...]:
        """Return the keys as they are written."""
        return tuple(each.metadata.get("alias", each.name) for each in fields(cls))

    @classmethod
    @cache
    def adapter(cls) -> TypeAdapter[Self]:
        return TypeAdapter(cls)

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = cls.keys()
        return {
            _key(key): part if key in known else _Unknown(cls)
            for key, part in value.items()
            if part is not None or key not in known
        }


@dataclass(frozen=True, slots=True)
class _Unknown:
    """Replaces the value of an unknown key, so that its error says which keys are known."""

    section: type[Section]


def _key(key: object) -> str:
    """Return a key of any type as text that can be encoded."""
    return str(key).encode(errors="backslashreplace").decode()


class SchemaGenerator(GenerateJsonSchema):
    """Describes keys as users write them: absent for null, durations with their unit, without titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        is_absent = schema.get("default", ...) in (None, "")
        return self.generate_inner(schema["schema"]) if is_absent else super().default_schema(schema)

    def encode_default(self, dft: object) -> object:
        if isinstance(dft, float):
            return format_duration(dft)
        if isinstance(dft, tuple):
            return [item.text if isinstance(item, Pattern) else item for item in dft]
        return to_jsonable_python(dft)


S_co = TypeVar("S_co", bound=Section, covariant=True)


@dataclass(frozen=True, slots=True)
class Written(Generic[S_co]):
    """A section, its place, and its keys as they are written."""

    section: S_co
    place: Place
    places: dict[str, Place]  # of the valid keys
    wrong: frozenset[str]  # the keys that have problems, or are probably meant by a misspelt one


def read_document(section: type[S_co], value: object, place: Place, example: str = "") -> Written[S_co]:
    """Return the section at the top of a file; a ConfigError says that the file does not contain a mapping."""
    if isinstance(value, dict):
        return read(section, value, place)
    keys = one_of(section.keys(), "and")
    place.problem(f"is {kind(value)}; write a mapping with the keys {keys}{example}")
    raise place.findings.error()


def read(section: type[S_co], value: Any, place: Place) -> Written[S_co]:  # noqa: ANN401 - plain YAML
    """Return a section; of a value that is no mapping, which is a problem, all keys are wrong.

    Keys with problems are left out, so that the others can be checked. File names are relative to the place's file.
    """
    wrong: set[str] = set()
    try:
        valid = section.adapter().validate_python(value, context=place.directory)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        meant = {_meant(each) for each in errors if isinstance(each["input"], _Unknown)}
        nameless = {each["loc"][:-1] for each in errors if each["loc"][-1:] == _OF_A_KEY}  # their key is a problem
        for each in errors:
            if each["loc"] not in nameless and (each["type"] != "missing" or each["loc"] not in meant):
                _report(each, place)
        if not isinstance(value, dict):
            return Written(section(), place, {}, frozenset(section.keys()))
        wrong = {str(each["loc"][0]) for each in errors}
        value = {key: part for key, part in value.items() if _key(key) not in wrong}
        valid = section.adapter().validate_python(value, context=place.directory)
        wrong |= {str(loc[0]) for loc in meant}
    places = {key: place.key(key) for key, part in value.items() if part is not None}
    return Written(valid, place, places, frozenset(wrong))


def _meant(error: ErrorDetails) -> tuple[int | str, ...]:
    """Return where the key would be that an unknown one is most similar to, or the unknown one's place."""
    *around, key = error["loc"]
    return (*around, nearest(str(key), error["input"].section.keys()) or key)


def _report(error: ErrorDetails, section: Place) -> None:
    given, loc = error["input"], error["loc"]
    is_secret = not _SECRET_KEYS.isdisjoint(loc[:-1])
    if loc[-1:] == _OF_A_KEY:
        loc = loc[:-2]
    elif is_secret and (given is None or isinstance(given, _Unknown)):
        loc = loc[:-1]  # to YAML, {secret} is a key without a value
    if isinstance(given, _Unknown):
        known = given.section.keys()
        advice = did_you_mean(str(error["loc"][-1]), known) or f"; allowed here: {', '.join(known)}"
        message = f"{'has an ' if is_secret else ''}unknown key{advice}"
    elif error["type"] == "value_error":
        message = str(error["ctx"]["error"])
    else:
        message = _message(error)
    section.key(*loc).problem(message)


def _message(error: ErrorDetails) -> str:
    given, context = error["input"], error.get("ctx", {})
    if error["type"] == "missing":  # the one key that has no default
        return f"is missing; it should be {CHANNELS_EXPECTED}"
    if isinstance(given, str) and (message := unexpanded(given)):
        return message
    if error["type"] not in _EXPECTED:
        return error["msg"]
    expected = _EXPECTED[error["type"]].format(**context).replace("'", "")
    if not _SECRET_KEYS.isdisjoint(error["loc"]):
        return f"should be {expected}, but is {kind(given)}"
    if isinstance(given, str):
        shown, choices = quoted(given), re.findall("'(.*?)'", context.get("expected", ""))
        advice = did_you_mean(given, choices) or _HINTS.get((expected, str), "")
    else:
        shown = kind(given) if isinstance(given, list | dict | None) else str(given).lower()
        advice = _HINTS.get((expected, type(given)), "")
    return f"should be {expected}, but is {shown}{advice}"
