"""What a metric family is: one declaration from which headers, samples and documentation follow."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from exporter.config.patterns import any_matches
from exporter.config.settings import Metrics


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


F = TypeVar("F", bound=Family)


def in_force(families: Iterable[F], settings: Metrics) -> tuple[F, ...]:
    """Return the per-trunk families that the configuration leaves: all, without agents' names, fewer, or none."""
    if not settings.trunk_details:
        return ()
    left = (family for family in families if not any_matches(settings.deny, family.name))
    return tuple(left if settings.agent_names else map(_without_agent_name, left))


def _without_agent_name(family: F) -> F:
    """Return a family without the label ``agent_name``, which is the last where there is one."""
    return replace(family, labels=family.labels[:-1]) if family.labels[-1] == "agent_name" else family
