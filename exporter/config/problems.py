"""Problems and warnings of a configuration, their places, and the wording that messages share."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_MAX_QUOTE = 60  # characters; enough to recognise a value by
# Control characters, line and paragraph separators, directional embeddings, overrides and isolates
# (UAX #9, section 2), lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
    date: "a date",
    datetime: "a date",
    type(None): "empty",
}


def printable(text: str) -> str:
    """Return a text of one line; each character that could control a terminal becomes U+FFFD."""
    return text if text.isprintable() else _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def quoted(text: str) -> str:
    """Return a text in double quotes, with escapes for invisible characters, and cut if it is long."""
    cut = text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE]}..."
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


def kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def one_of(choices: Sequence[str], last: str = "or") -> str:
    """Return ``a, b or c``."""
    return f" {last} ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


@lru_cache(maxsize=64)  # the same mistake may be in every workspace
def nearest(word: str, choices: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(word, choices, n=1)), None)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return the end of a message: the most similar choice, or an empty text."""
    near = nearest(word, tuple(choices))
    return f"; did you mean {near}?" if near else ""


class ConfigError(Exception):
    """An invalid configuration: a line for each problem, with the file as the user named it and the path of the key."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load_both(load_first: Callable[[], A], load_second: Callable[[], B]) -> tuple[A, B]:
    """Load two configurations; a ConfigError has the problems of both."""
    try:
        first = load_first()
    except ConfigError as error:
        try:
            load_second()
        except ConfigError as second_error:
            raise ConfigError(error.problems + second_error.problems) from error
        raise
    return first, load_second()


@dataclass(frozen=True, slots=True)
class Findings:
    """What is found in a configuration; lines about a key that several workspaces inherit are kept once."""

    files: dict[str, bytes] = field(default_factory=dict)  # contents, in the order of reading
    problems: dict[str, "Place"] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    def error(self) -> ConfigError:
        """Return the problems, in the order of the files and of their keys."""
        order = {file: number for number, file in enumerate(self.files)}

        def position(line: str) -> tuple[int, list[tuple[bool, str | int]]]:
            place = self.problems[line]
            return order.get(place.file, 0), [(isinstance(key, str), key) for key in place.keys]

        return ConfigError(sorted(self.problems, key=position))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, such as ``workspaces[0].filter``, and what is found there; without keys the whole file."""

    file: str
    keys: tuple[str | int, ...] = ()
    findings: Findings = field(default_factory=Findings, compare=False, repr=False)

    def key(self, *keys: str | int) -> "Place":
        """Return the place of a key of this mapping or an item of this list; of several, the innermost."""
        return replace(self, keys=self.keys + keys)

    def problem(self, message: str) -> None:
        self.findings.problems.setdefault(self._line(message), self)

    def warning(self, message: str) -> None:
        self.findings.warnings.setdefault(self._line(message))

    def _line(self, message: str) -> str:
        # A file's name may contain bytes that are no text, which neither HTTP responses nor JSON can have.
        return printable_lines(f"{self}: {message}")

    @property
    def path(self) -> str:
        names = (key if isinstance(key, int) or key.isprintable() else quoted(key) for key in self.keys)
        return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names).removeprefix(".")

    @property
    def directory(self) -> Path:
        """The folder of the file, which relative paths in it are relative to."""
        return Path(self.file).parent

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, self.path)))
