"""Samples of the text formats, read a line at a time: many times as fast as prometheus_client's parser."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

Labels = frozenset[tuple[str, str]]

# The beginning of a series about a fleet, of one trunk or in total, but of no counter.
ABOUT_TRUNKS = re.compile(r"mihu_(?!\w+_total\b)(trunk|bound_|expected_|unbound_|channel|monthly_)\w*")

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*(?:\\[\\"n][^"\\]*)*)"([,}])')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"\\": "\\", '"': '"', "n": "\n"}


class Sample(NamedTuple):
    name: str
    labels: Labels
    value: float


@lru_cache(maxsize=2**17)  # most lines come again and again
def sample(line: str) -> Sample:
    """Return the sample of a line, which has neither a timestamp nor an exemplar."""
    series, _, value = line.rpartition(" ")
    name, brace, labels = series.partition("{")
    assert _NAME.fullmatch(name), line
    return Sample(name, _labels(labels) if brace else frozenset(), float(value))


@lru_cache(maxsize=2**15)
def _labels(text: str) -> Labels:
    """Return the labels between the braces; the text has the second brace."""
    found = _LABEL.findall(text)
    # Nothing stands between them, and nothing behind them.
    assert sum(len(name) + len(value) + len('="",') for name, value, _ in found) == len(text), text
    assert [end for *_, end in found] == [","] * (len(found) - 1) + ["}"], text
    labels = {name: _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], value) for name, value, _ in found}
    assert len(labels) == len(found), f"a label comes twice: {text}"
    return frozenset(labels.items())


def read(text: str) -> Iterator[Sample]:
    return (sample(line) for line in text.split("\n") if line and not line.startswith("#"))


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """Return the value of every series by name and labels; none may come twice."""
    found: dict[tuple[str, Labels], float] = {}
    for name, labels, value in read(text):
        assert (name, labels) not in found, f"comes twice: {name}{dict(labels)}"
        found[name, labels] = value
    return found


def by_label(text: str, name: str, label: str) -> dict[str, float]:
    """Return the values of a metric by one of its labels, which no two of its series share."""
    found = [(dict(labels)[label], value) for (found, labels), value in samples(text).items() if found == name]
    assert len(dict(found)) == len(found), f"{name} has several series with one {label}"
    return dict(found)
