"""The types of values in the configuration, each with how it is read, shown and described in the JSON schema.

What is meant to be filled in, as a shell does, is refused, because it would be taken to the letter. No message repeats
what may be a secret.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, Strict, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from exporter.config import addresses
from exporter.config.credentials import Secret
from exporter.config.durations import EXAMPLES, PATTERN, format_duration, parse_duration
from exporter.config.patterns import Pattern, compile_pattern
from exporter.config.wording import did_you_mean, one_of, quoted

Channel = Literal["call", "sms", "whatsapp"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
CHANNELS_EXPECTED = f"auto, or a list of {one_of(CHANNELS, 'and')}"

_TEXT = {"type": "string", "minLength": 1}
_LONGEST_NAME = 128  # characters, as of any label's value
_PLACEHOLDER = re.compile(r"\$\{|^\$\(|^\$(?=[A-Z_][A-Z0-9_]*(?:/|$))|\{\{.*\}\}", re.DOTALL)
_IN_EXPRESSION = re.compile(r"(?<!\\)\$\{[A-Za-z_]")  # which as an expression matches nothing
_ONE_VARIABLE = re.compile(r"\$\{?([A-Z_][A-Z0-9_]*)\}?")  # a secret has other letters too
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # which nothing can be written in, such as this configuration
_FILL_IN = "write the value itself, or let something else fill it in before, such as envsubst or Helm"


def is_list(value: object) -> list[Any]:
    """Refuse sets and the like, which pydantic takes for lists."""
    if not isinstance(value, list):
        raise PydanticKnownError("list_type")
    return value


def expected(words: str) -> PydanticCustomError:
    """Return the error of a value that is of another kind altogether."""
    return PydanticCustomError("expected", "should be {words}", {"words": words})


def literally(value: object, advice: str = _FILL_IN) -> object:
    """Refuse a text in which a variable or a template stands.

    Raises:
        ValueError: it does; the message says what to write, and repeats no value.
    """
    if isinstance(value, str) and (found := _PLACEHOLDER.search(value)):
        kind = "{{…}}" if found[0].startswith("{{") else {"${": "${…}", "$(": "$(…)", "$": "$…"}[found[0]]
        raise ValueError(f"{kind} is not filled in, but taken to the letter; {advice}")
    return value


def _any_text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return value


def _printable(value: object) -> str:
    text = _any_text(value)
    if not text.isprintable():
        code = next(ord(character) for character in text if not character.isprintable())
        raise ValueError(f"holds the invisible character U+{code:04X}; remove it")
    if not text:
        raise ValueError("should not be empty")
    return text


def _text(value: object) -> str:
    literally(value)
    return _printable(value)


def _name(value: object) -> str:
    text = _text(value)
    if len(text) > _LONGEST_NAME:
        raise ValueError(f"should be at most {_LONGEST_NAME} characters, but is {quoted(text)}")
    return text


def _file_name(value: object) -> str:
    text = _text(value)
    if not text.startswith("~"):
        return text
    try:
        advice = f"write {Path(text.partition('/')[0]).expanduser()} in its place"
    except RuntimeError:
        advice = "write the path from / on"
    raise ValueError(f"~ is not expanded, but taken to the letter; {advice}, or ./~ if that is the name")


def _file(value: object, info: ValidationInfo[Path]) -> Path:
    return info.context / _file_name(value)


def _duration(value: object) -> float:
    literally(value)
    if isinstance(value, str):
        seconds = parse_duration(value)
        if seconds > 0:
            return seconds
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise expected(f"a duration such as {EXAMPLES}")
    elif value > 0:
        # Seconds are what is meant most often, and what other programs read from a number.
        meant = f"{value}s" if isinstance(value, int) else format_duration(value)
        raise ValueError(f"{value} has no unit; write {meant}")
    raise ValueError("should be longer than 0")


def _regex(value: object) -> Pattern:
    return compile_pattern(_expression(value))


def _status_regex(value: object) -> Pattern:
    return compile_pattern(_expression(value), ignore_case=True)


def _expression(value: object) -> str:
    text = _any_text(value)
    if _IN_EXPRESSION.search(text):
        raise ValueError("${…} is not filled in, and matches nothing; write the value itself")
    if half := _HALF_CHARACTER.search(text):
        raise ValueError(f"holds half of a character, U+{ord(half[0]):04X}; remove it")
    return text


def _one_or_list(value: object) -> list[Any]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise expected("a text or a list")
    return value


def split_at_commas(value: object) -> list[Any]:
    """Return the items of a list that may be written as one text."""
    if isinstance(value, str):
        literally(value)
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return _one_or_list(value)


def _token(value: object) -> Secret:
    variable = _ONE_VARIABLE.fullmatch(_any_text(value))
    literally(value, f"write credentials_env: {variable[1] if variable else 'MIHU_API_TOKEN'} instead")
    return Secret(_any_text(value))


def _variable(value: object) -> str:
    if not _VARIABLE.fullmatch(_printable(value)):
        # Not repeated: it may well be the token itself.
        raise ValueError(
            "should be the name of an environment variable: letters, digits and _, no $; such as MIHU_API_TOKEN"
        )
    return str(value)


def _proxy_url(value: object) -> Secret:
    literally(value)
    return Secret(addresses.proxy_url(_any_text(value)))


def _channels(value: object) -> tuple[Channel, ...] | None:
    if value == "auto":
        return None
    if not isinstance(value, list):
        raise expected(CHANNELS_EXPECTED)
    for item in value:
        if item not in CHANNELS:
            shown = quoted(item) if isinstance(item, str) else str(item).lower()
            hint = did_you_mean(str(item), CHANNELS)
            raise ValueError(f"{shown} is not a channel; the channels are {one_of(CHANNELS, 'and')}{hint}")
    return tuple(channel for channel in CHANNELS if channel in value)


def _written_channels(value: tuple[Channel, ...] | None) -> str | list[str]:
    return "auto" if value is None else list(value)


def _written_pattern(value: Pattern) -> str:
    return value.text


Literally = BeforeValidator(literally)
_one_or_several = BeforeValidator(_one_or_list, json_schema_input_type=str | list[str])

Text = Annotated[str, PlainValidator(_text), WithJsonSchema(_TEXT)]
Name = Annotated[str, PlainValidator(_name), WithJsonSchema(_TEXT | {"maxLength": _LONGEST_NAME})]
Flag = Annotated[bool, Strict(), Literally]
Count = Annotated[int, Strict(), Field(ge=1), Literally]
Concurrency = Annotated[int, Strict(), Field(ge=1, le=64), Literally]
Duration = Annotated[
    float,
    PlainValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_TEXT | {"pattern": PATTERN, "examples": ["90s", "5m", "1h30m"]}),
]
File = Annotated[Path, PlainValidator(_file), PlainSerializer(str), WithJsonSchema(_TEXT)]
FilePattern = Annotated[str, PlainValidator(_file_name), WithJsonSchema(_TEXT)]
Host = Annotated[str, PlainValidator(lambda value: addresses.direct_host(_text(value))), WithJsonSchema(_TEXT)]
Regex = Annotated[
    Pattern, PlainValidator(_regex), PlainSerializer(_written_pattern), WithJsonSchema({"type": "string"})
]
_StatusRegex = Annotated[
    Pattern, PlainValidator(_status_regex), PlainSerializer(_written_pattern), WithJsonSchema({"type": "string"})
]
Regexes = Annotated[tuple[Regex, ...], _one_or_several]
StatusRegexes = Annotated[tuple[_StatusRegex, ...], _one_or_several]
Token = Annotated[Secret, PlainValidator(_token), WithJsonSchema({"type": "string"})]
Variable = Annotated[str, PlainValidator(_variable), WithJsonSchema(_TEXT | {"pattern": f"^{_VARIABLE.pattern}$"})]
ProxyURL = Annotated[Secret, PlainValidator(_proxy_url), WithJsonSchema(_TEXT)]
Channels = Annotated[
    tuple[Channel, ...] | None,
    PlainValidator(_channels),
    PlainSerializer(_written_channels),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "array", "items": {"enum": list(CHANNELS)}}]}),
]
