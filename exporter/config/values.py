"""The types of values in the configuration, each with its parser, its written form and its JSON schema.

Placeholders of shells and templates are refused, because they are not expanded. Regular expressions have the syntax of
Prometheus, RE2: matching takes linear time. No message repeats a value that may be a secret.
"""

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from operator import mul
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import re2
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticKnownError

from exporter.config import addresses
from exporter.config.files import begin_reading
from exporter.config.problems import one_of, printable, quoted

Channel = Literal["call", "sms", "whatsapp"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
CHANNELS_EXPECTED = f"auto, or a list of {one_of(CHANNELS, 'and')}"

# Milliseconds.
_UNITS = {"y": 365 * 86_400_000, "w": 7 * 86_400_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in _UNITS))
_MAX_DURATION = 292 * _UNITS["y"]  # the maximum of Prometheus too, which counts nanoseconds in 64 bits
_DURATION_EXAMPLES = ("90s", "5m", "1h30m")

_PLACEHOLDER = re.compile(r"\$\{|^\$\(|^\$(?=[A-Z_][A-Z0-9_]*(?:/|$))|\{\{(?=.*\}\})", re.DOTALL)
_PLACEHOLDERS = {"${": "${…}", "$(": "$(…)", "$": "$…", "{{": "{{…}}"}  # by how they begin
_PLACEHOLDER_IN_REGEX = re.compile(r"(?<!\\)\$\{[A-Za-z_]")  # as an expression it matches nothing
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILL_IN = "write the value itself, or expand it before with a tool such as envsubst or Helm"


def parse_duration(text: str) -> float:
    """Return the seconds of a duration as Prometheus writes it: ``90s``, ``5m``, ``1h30m``, or "0"."""
    if text == "0":
        return 0.0
    if text.isascii() and text.isdigit():
        raise ValueError(f"{quoted(text)} has no unit; write {text}s")
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise ValueError(
            f"{quoted(text)} is not a duration; write numbers with units, from large to small, "
            f"such as {one_of(_DURATION_EXAMPLES)}"
        )
    milliseconds: int = sum(map(mul, map(int, found.groups(default="0")), _UNITS.values()))
    if milliseconds > _MAX_DURATION:
        raise ValueError(f"{quoted(text)} is too long; the longest duration is 292y")
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """Return the text of a duration in days and smaller units, exact to the millisecond."""
    rest = round(seconds * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no representation contains."""

    reveal: str = field(repr=False)

    def __str__(self) -> str:
        return "<secret>"


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each
class Pattern:
    """An anchored expression: it matches whole texts."""

    text: str
    _compiled: "re2._Regexp" = field(repr=False, kw_only=True)

    def matches(self, text: str) -> bool:
        return self._compiled.fullmatch(text.encode(errors="replace")) is not None


@cache  # many workspaces have the same
def compile_pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    try:
        # In bytes: with text, re2 counts characters at each match.
        compiled = re2.compile(text.encode(), options)
    except re2.error as error:
        reason, _, where = error.args[0].decode(errors="replace").partition(": ")
        shown = f"{reason}: {quoted(where)}" if where else reason
        raise ValueError(f"{quoted(text)} is not a regular expression (RE2, as in Prometheus): {shown}") from error
    return Pattern(text, _compiled=compiled)


@lru_cache(maxsize=1024)  # trunks have few statuses, types and countries
def any_matches(patterns: tuple[Pattern, ...], text: str) -> bool:
    return any(pattern.matches(text) for pattern in patterns)


def _expected(words: str) -> PydanticKnownError:
    return PydanticKnownError("literal_error", {"expected": words})


def unexpanded(text: str, advice: str = _FILL_IN) -> str | None:
    """Return the message about a placeholder in a text; None if there is none."""
    if (found := _PLACEHOLDER.search(text)) is None:
        return None
    return f"{_PLACEHOLDERS[found[0]]} is not expanded; {advice}"


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if not value.isprintable():
        code = next(ord(character) for character in value if not character.isprintable())
        raise ValueError(f"contains the invisible character U+{code:04X}; remove it")
    return value


def _text(value: object) -> str:
    text = _string(value)
    if not text:
        raise ValueError("should not be empty")
    if message := unexpanded(text):
        raise ValueError(message)
    return text


def _file_name(value: object) -> str:
    if (text := _text(value)).startswith("~"):
        raise ValueError("~ is not expanded; write the path from / on, or ./~ if that is the name")
    return text


def _file(value: object, info: ValidationInfo[Path]) -> Path:
    """Return the path, relative to the folder of the configuration file.

    Reading starts at once, so that files that hang do so at the same time.
    """
    path = info.context / _file_name(value)
    begin_reading(path)
    return path


def _duration(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _expected(f"a duration such as {one_of(_DURATION_EXAMPLES)}")
    text = str(value)
    if message := unexpanded(text):
        raise ValueError(message)
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError("should be longer than 0")
    return seconds


def _regex(value: object, *, ignore_case: bool = False) -> Pattern:
    text = _string(value)
    if _PLACEHOLDER_IN_REGEX.search(text):
        raise ValueError("${…} is not expanded, and matches nothing; write the value itself")
    return compile_pattern(text, ignore_case=ignore_case)


def _one_or_list(value: object) -> list[Any]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise _expected("a text or a list")
    return value


def _split_at_commas(value: object) -> list[Any]:
    if isinstance(value, str):
        return [part for part in map(str.strip, value.split(",")) if part]
    return _one_or_list(value)


def _token(value: object) -> Secret:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if message := unexpanded(value, "write credentials_env: MIHU_API_TOKEN, or another variable's name"):
        raise ValueError(message)
    return Secret(value)


def _variable(value: object) -> str:
    text = _string(value)
    if not _VARIABLE.fullmatch(text):
        # Not repeated: it may well be the token itself.
        raise ValueError(
            "should be the name of an environment variable: letters, digits and _, no $; such as MIHU_API_TOKEN"
        )
    return text


def _channels(value: object, validate: ValidatorFunctionWrapHandler) -> tuple[Channel, ...] | None:
    if value == "auto":
        return None
    if not isinstance(value, list):
        raise _expected(CHANNELS_EXPECTED)
    channels = validate(value)
    return tuple(channel for channel in CHANNELS if channel in channels)


_TEXT = WithJsonSchema({"type": "string", "minLength": 1})
_PATTERN = (PlainSerializer(lambda pattern: pattern.text), WithJsonSchema({"type": "string"}))
_ONE_OR_LIST = BeforeValidator(_one_or_list, json_schema_input_type=str | list[str])

Text = Annotated[str, Field(min_length=1), BeforeValidator(_text)]
Name = Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_text)]  # as any label's value
Duration = Annotated[
    float,
    PlainValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "pattern": f"^{_DURATION.pattern}$", "examples": [*_DURATION_EXAMPLES]}
    ),
]
File = Annotated[Path, PlainValidator(_file), PlainSerializer(lambda path: printable(str(path))), _TEXT]
SecretFile = Annotated[Path, PlainValidator(_file), PlainSerializer(lambda _: "<secret>"), _TEXT]
FilePattern = Annotated[str, PlainValidator(_file_name), _TEXT]
Subdomain = Annotated[
    Text,
    AfterValidator(addresses.subdomain),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"}),
]
BaseURL = Annotated[Text, AfterValidator(addresses.base_url)]
LinkTemplate = Annotated[Text, AfterValidator(addresses.link_template)]
ServerName = Annotated[Text, AfterValidator(addresses.server_name)]
Host = Annotated[Text, AfterValidator(addresses.direct_host)]
Hosts = Annotated[tuple[Host, ...], BeforeValidator(_split_at_commas, json_schema_input_type=str | list[str])]
Regex = Annotated[Pattern, PlainValidator(_regex), *_PATTERN]
Regexes = Annotated[tuple[Regex, ...], _ONE_OR_LIST]
StatusRegex = Annotated[Pattern, PlainValidator(partial(_regex, ignore_case=True)), *_PATTERN]
StatusRegexes = Annotated[tuple[StatusRegex, ...], _ONE_OR_LIST]
Token = Annotated[Secret, PlainValidator(_token), PlainSerializer(str), WithJsonSchema({"type": "string"})]
Variable = Annotated[
    str, PlainValidator(_variable), WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE.pattern}$"})
]
ProxyURL = Annotated[
    Secret,
    PlainValidator(lambda value: Secret(addresses.proxy_url(_text(value)))),
    # Without user and password: some proxies expect a token as the user.
    PlainSerializer(lambda url: re.sub("//.*@", f"//{url}@", url.reveal)),
    _TEXT,
]
Channels = Annotated[
    tuple[Channel, ...] | None,
    WrapValidator(_channels, json_schema_input_type=Literal["auto"] | list[Channel]),
    PlainSerializer(lambda channels: "auto" if channels is None else list(channels)),
]
