"""Metric families, and those that prometheus_client counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

from exporter.config.settings import Metrics
from exporter.config.values import any_matches
from exporter.metrics.gzip_segments import Segment, compress
from exporter.metrics.text import labelled, number
from exporter.trunks.out_of_service import Judged


class Type(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    name: str  # with ``_total`` for counters, as samples have it
    help: str  # one sentence, on one line
    labels: tuple[str, ...] = ()  # in the order in which samples have them
    type: Type = Type.GAUGE


F = TypeVar("F", bound=Family)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFamily(Family):
    """A family whose samples depend on some attributes of trunks."""

    of: tuple[str, ...]  # their names, as in ATTRIBUTES

    def parts(self, judged: Iterable[Judged]) -> Iterable[Any]:
        """Return these attributes of each trunk: a tuple, unless it is only one."""
        return map(attrgetter(*self.of), judged)


def in_force(families: Iterable[F], settings: Metrics) -> tuple[F, ...]:
    """Return the per-trunk families that the configuration does not deny, without ``agent_name`` where it says so."""
    if not settings.trunk_details:
        return ()
    left = (family for family in families if not any_matches(settings.deny, family.name))
    return tuple(left if settings.agent_names else map(_without_agent_name, left))


def _without_agent_name(family: F) -> F:
    # It is the last label where there is one.
    return replace(family, labels=family.labels[:-1]) if family.labels[-1] == "agent_name" else family


class Counted:
    """A registry of prometheus_client, and the families in it; each has ``labels`` before its own."""

    def __init__(self, *labels: str) -> None:
        self._labels = labels
        self.registry = CollectorRegistry()
        self.families: list[Family] = []

    def gauge(self, name: str, help_: str, *labels: str) -> Gauge:
        return Gauge(name, help_, self._declare(name, help_, labels, Type.GAUGE), registry=self.registry)

    def counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, self._declare(name, help_, labels, Type.COUNTER), registry=self.registry)

    def histogram(self, name: str, help_: str, buckets: Sequence[float]) -> Histogram:
        labels = self._declare(name, help_, (), Type.HISTOGRAM)
        return Histogram(name, help_, labels, registry=self.registry, buckets=buckets)

    def render(self) -> Mapping[str, Segment]:
        """Return the current series, by family."""
        return {
            family.name: compress("".join(sample_lines([metric])))
            for family, metric in zip(self.families, self.registry.collect(), strict=True)
        }

    def _declare(self, name: str, help_: str, labels: tuple[str, ...], type_: Type) -> tuple[str, ...]:
        self.families.append(Family(name=name, help=help_, labels=self._labels + labels, type=type_))
        return self._labels + labels


def sample_lines(metrics: Iterable[Metric]) -> Iterator[str]:
    """Yield a line for each sample, but for those that say when a counter was created."""
    for metric in metrics:
        for sample in metric.samples:
            if sample.name.endswith("_created"):
                continue
            labels = labelled(sample.labels.items())
            yield f"{sample.name}{f'{{{labels}}}' if labels else ''} {number(sample.value)}\n"
