"""Durations as Prometheus writes them: ``90s``, ``5m``, ``1h30m``."""

import re

from exporter.config.wording import quoted

EXAMPLES = "90s, 5m or 1h30m"

_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_CALENDAR = ("y", "w")  # written only where nothing smaller remains, as Prometheus does: 8d, not 1w1d
_IN_ORDER = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in _MILLISECONDS))
PATTERN = f"^{_IN_ORDER.pattern}$"
_IN_ANY_ORDER = re.compile(r"(?:[0-9]+(?:ms|[ywdhms]))+")
_LONGEST = 292 * _MILLISECONDS["y"]  # where Prometheus, which counts nanoseconds in 64 bits, ends too


def parse_duration(text: str) -> float:
    """Return the seconds in a duration: units y, w, d, h, m, s, ms in this order, each at most once, or "0".

    Raises:
        ValueError: it is not a duration; the message shows the text and what to write.
    """
    if text == "0":
        return 0.0
    if text.isascii() and text.isdigit():
        raise ValueError(f"{quoted(text)} has no unit; write {text}s")
    found = _IN_ORDER.fullmatch(text)
    if found is None and _IN_ANY_ORDER.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} has its units out of order; "
            "write them from large to small, each at most once, such as 1h30m"
        )
    if found is None or not text:
        raise ValueError(f"{quoted(text)} is not a duration; write a number and a unit, such as {EXAMPLES}")
    counts = zip(found.groups(default="0"), _MILLISECONDS.values(), strict=True)
    milliseconds = sum(int(count) * worth for count, worth in counts)
    if milliseconds > _LONGEST:
        raise ValueError(f"{quoted(text)} is too long; the longest duration is {format_duration(_LONGEST / 1000)}")
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """Return the shortest duration that parses to these seconds, to the millisecond.

    Raises:
        ValueError: the seconds are negative, infinite or not a number.
    """
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{seconds} seconds cannot be written as a duration")
    rest = round(seconds * 1000)
    parts = []
    for unit, worth in _MILLISECONDS.items():
        if unit in _CALENDAR and rest % worth:
            continue
        count, rest = divmod(rest, worth)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
