"""The two text formats, Prometheus 0.0.4 and OpenMetrics 1.0.0: headers differ, samples do not.

Sources: "Text-based format" of the Prometheus documentation and the OpenMetrics specification.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

_FIRST_WITH_EXPONENT = 1e16  # as repr() writes numbers
_NOT_FINITE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


@dataclass(frozen=True, slots=True)
class Format:
    """A text format; ``end`` follows the last family."""

    media_type: str
    version: str
    end: str

    @property
    def content_type(self) -> str:
        return f"{self.media_type}; version={self.version}; charset=utf-8"

    def header(self, name: str, help_: str, type_: str) -> str:
        """Return the lines that introduce a family; ``name`` is that of its samples, ``help_`` needs no escapes."""
        if type_ == "counter" and self is OPENMETRICS:
            name = name.removesuffix("_total")
        return f"# HELP {name} {help_}\n# TYPE {name} {type_}\n"


PROMETHEUS = Format("text/plain", "0.0.4", "")
OPENMETRICS = Format("application/openmetrics-text", "1.0.0", "# EOF\n")


def escaped(value: str) -> str:
    """Escape a label's value."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


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
