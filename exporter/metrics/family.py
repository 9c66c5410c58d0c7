"""What a metric family is: one declaration from which headers, samples and documentation follow."""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """The types of families, by the names that both text formats share."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric family.

    Attributes:
        name: with ``_total`` for counters, as the samples have it.
        help: one sentence, on one line.
        labels: in the order in which samples carry them.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    type: Type = Type.GAUGE
