"""Regular expressions in Prometheus's syntax, RE2: matching takes linear time."""

from dataclasses import dataclass, field
from functools import cache, lru_cache

import re2

from exporter.config.problems import quoted


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each
class Pattern:
    """An anchored expression: it matches whole texts."""

    text: str
    _compiled: "re2._Regexp" = field(repr=False, kw_only=True)

    def matches(self, text: str) -> bool:
        return self._compiled.fullmatch(text.encode(errors="replace")) is not None


@cache  # many workspaces have the same
def compile_pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    """Compile an expression.

    Raises:
        ValueError: RE2 refuses it; the message shows the text and the reason.
    """
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
