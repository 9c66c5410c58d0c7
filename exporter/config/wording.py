"""Words for messages: what a value is, what it should be, and what was probably meant."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from functools import lru_cache

_LONGEST_QUOTE = 60  # characters; enough to recognise a value by


def quoted(text: str) -> str:
    """Return a text in double quotes, with escapes for what is invisible, cut where it is long."""
    cut = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


def kind(value: object) -> str:
    """Return what a value from YAML is, in words."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "a mapping"),
        (date, "a date"),
        (type(None), "empty"),
    )
    return next((word for type_, word in kinds if isinstance(value, type_)), type(value).__name__)


def mismatch(expected: str, value: object, *, hidden: bool) -> str:
    """Say what a value should be, and what it is; of one that may be a secret, only of which kind."""
    if hidden:
        return f"should be {expected}, but is {kind(value)}"
    return f"should be {expected}, but is {_described(expected, value)}{_hint(expected, value)}"


def one_of(choices: Sequence[str], last: str = "or") -> str:
    """Return ``a, b or c``."""
    return f" {last} ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that was probably meant by a word; None where none is near."""
    return _nearest(word, tuple(choices))


@lru_cache(maxsize=64)  # one slip may be in every workspace
def _nearest(word: str, choices: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(word, choices, n=1)), None)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a suggestion to end a message with, or nothing where none of the choices is near."""
    near = nearest(word, choices)
    return f"; did you mean {near}?" if near else ""


def _hint(expected: str, value: object) -> str:
    if expected in {"a text", "a text or a list"}:
        if isinstance(value, bool):
            return "; put it in quotes: without them YAML reads yes, no, on and off as true and false"
        return "; put it in quotes" if isinstance(value, int | float | date) else ""
    if expected == "a list":
        if isinstance(value, dict):
            return '; write "- " before each item'
        return "; put it in square brackets" if isinstance(value, str) else ""
    return ""


def _described(expected: str, value: object) -> str:
    if isinstance(value, list | dict | None):
        return kind(value)
    literal = quoted(value) if isinstance(value, str) else str(value).lower()
    if isinstance(value, bool) or expected.startswith(kind(value)):
        return literal
    return f"{kind(value)} ({literal})"
