"""Times and amounts as people read them."""

from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def span(seconds: float) -> str:
    """Return a length of time, in the largest unit of which there are at least two."""
    for unit, worth in _UNITS:
        if seconds >= 2 * worth:
            return f"{seconds / worth:.0f} {unit}"
    return f"{seconds:.0f} s"


def took(seconds: float) -> str:
    """Return how long something took, precise where it is short."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 120 else span(seconds)  # noqa: PLR2004 - two minutes


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    return "just now" if seconds < 1 else f"{span(seconds)} ago"


def clock(time: float) -> str:
    """Return Unix time as a date and time of day, in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(time: float) -> str:
    """Return Unix time in ISO 8601, for machines."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def grouped(count: float) -> str:
    """Return a number with its thousands apart."""
    return f"{count:,}"


def fee(amount: float) -> str:
    """Return an amount of money, with cents."""
    return f"{amount:,.2f}"
