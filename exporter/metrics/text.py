"""Writes values and labels as both text formats want them.

Sources: "Text-based format" of the Prometheus documentation (0.0.4) and the OpenMetrics specification 1.0.0.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_FIRST_WITH_EXPONENT = 1e16  # as repr() writes numbers
_NOT_FINITE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def escaped(value: str) -> str:
    """Escape a label's value."""
    if '"' in value or "\\" in value or "\n" in value:
        return value.translate(_ESCAPES)
    return value


@lru_cache(maxsize=1024)
def quoted(value: str) -> str:
    """Return a label's value in quotes; for values that many trunks share."""
    return f'"{escaped(value)}"'


def labelled(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as they stand between braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels)


def number(value: float | Decimal) -> str:
    """Return a sample's value, whole numbers without a fraction."""
    value = float(value)
    if value.is_integer() and abs(value) < _FIRST_WITH_EXPONENT:
        return str(int(value))
    text = repr(value)
    return _NOT_FINITE.get(text, text)
