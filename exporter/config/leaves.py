"""Values of the document that a plain type does not describe: how each is written and read.

A reader is attached to a type by ``Annotated``; :mod:`exporter.config.conversion` finds it there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import msgspec

from exporter.config.credentials import Secret
from exporter.config.durations import EXAMPLES, format_duration, parse_duration
from exporter.config.patterns import Pattern, compile_pattern
from exporter.config.settings import Channel
from exporter.config.wording import TEXT, did_you_mean, one_of, quoted

CHANNELS: tuple[Channel, ...] = get_args(Channel)

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # which nothing can be written in, such as this configuration


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads a value: TypeError where it is not as expected at all, ValueError to say more."""

    expected: str
    read: Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Shorthand:
    """Lets a text stand for a list."""

    expand: Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Marks what no message may repeat."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Marks regular expressions, in which ``$`` and braces mean something."""


@dataclass(frozen=True, slots=True)
class FileName:
    """Marks names of files."""


def _read_duration(value: object) -> float:
    if isinstance(value, str):
        seconds = parse_duration(value)
        if seconds > 0:
            return seconds
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise TypeError
    elif value > 0:
        # Seconds are what is meant most often, and what other programs read from a number.
        meant = f"{value}s" if isinstance(value, int) else format_duration(value)
        raise ValueError(f"{value} has no unit; write {meant}")
    raise ValueError("should be longer than 0")


def _read_regex(value: object) -> Pattern:
    return compile_pattern(_whole_text(value))


def _read_status_regex(value: object) -> Pattern:
    return compile_pattern(_whole_text(value), ignore_case=True)


def _whole_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    if half := _HALF_CHARACTER.search(value):
        raise ValueError(f"holds half of a character, U+{ord(half[0]):04X}; remove it")
    return value


def _read_secret(value: object) -> Secret:
    if not isinstance(value, str):
        raise TypeError
    return Secret(value)


def _read_channels(value: object) -> Literal["auto"] | tuple[Channel, ...]:
    if value == "auto":
        return "auto"
    if not isinstance(value, list):
        raise TypeError
    for item in value:
        if item not in CHANNELS:
            shown = quoted(item) if isinstance(item, str) else str(item).lower()
            hint = did_you_mean(str(item), CHANNELS)
            raise ValueError(f"{shown} is not a channel; the channels are {one_of(CHANNELS, 'and')}{hint}")
    return tuple(channel for channel in CHANNELS if channel in value)


def _alone(text: str) -> list[str]:
    return [text]


def _comma_separated(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


Text = Annotated[str, msgspec.Meta(min_length=1)]
PathText = Annotated[Text, FileName()]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Duration = Annotated[float, Reader(f"a duration such as {EXAMPLES}", _read_duration)]
Regex = Annotated[Pattern, Reader(TEXT, _read_regex), Expression()]
Regexes = Annotated[tuple[Regex, ...], Shorthand(_alone), Expression()]
StatusRegex = Annotated[Pattern, Reader(TEXT, _read_status_regex), Expression()]
StatusRegexes = Annotated[tuple[StatusRegex, ...], Shorthand(_alone), Expression()]
CommaSeparated = Annotated[tuple[Text, ...], Shorthand(_comma_separated)]
SecretText = Annotated[Secret, Reader(TEXT, _read_secret), Sensitive()]
Channels = Annotated[
    Literal["auto"] | tuple[Channel, ...],
    Reader(f"auto, or a list of {one_of(CHANNELS, 'and')}", _read_channels),
]
