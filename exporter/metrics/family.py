"""Metric families: those that are generated from trunks, and those that prometheus_client keeps."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any, Self, TypeVar

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


@dataclass(frozen=True, slots=True)
class Family:
    name: str  # with ``_total`` for counters, as samples have it
    help: str  # one sentence, on one line
    labels: tuple[str, ...] = ()  # in the order in which samples have them
    buckets: tuple[float, ...] = ()  # of a histogram

    @property
    def type(self) -> Type:
        if self.buckets:
            return Type.HISTOGRAM
        return Type.COUNTER if self.name.endswith("_total") else Type.GAUGE


F = TypeVar("F", bound=Family)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFamily(Family):
    """A family that a function of some attributes of a trunk generates."""

    attributes: tuple[str, ...]  # their names, as in ATTRIBUTES
    generate: Callable[..., Iterator[Any]]

    @classmethod
    def from_function(
        cls,
        generate: Callable[..., Iterator[Any]],
        labels: tuple[str, ...],
        **more: Any,  # noqa: ANN401 - attributes of a subclass
    ) -> Self:
        """Declare a family by a function: its name, its docstring as the help, its parameters as the attributes."""
        parameters = inspect.signature(generate).parameters
        attributes = tuple(name if name in Judged.__struct_fields__ else f"trunk.{name}" for name in parameters)
        help_ = inspect.getdoc(generate) or ""
        return cls(generate.__name__, help_, labels, attributes=attributes, generate=generate, **more)

    def parts(self, judged: Iterable[Judged]) -> Iterable[Any]:
        """Return the attributes of each trunk: a tuple, unless it is only one."""
        return map(attrgetter(*self.attributes), judged)

    def samples(self, part: Any) -> Iterator[Any]:  # noqa: ANN401 - an attribute of any type, or several
        return self.generate(*part) if len(self.attributes) > 1 else self.generate(part)


def in_force(families: Iterable[F], settings: Metrics) -> tuple[F, ...]:
    """Return the per-trunk families that the configuration does not deny, without ``agent_name`` where it says so."""
    if not settings.trunk_details:
        return ()
    shown = [family for family in families if not any_matches(settings.deny, family.name)]
    if not settings.agent_names:  # it is the last label where there is one
        shown = [replace(one, labels=tuple(label for label in one.labels if label != "agent_name")) for one in shown]
    return tuple(shown)


class Registry:
    """The metrics of families that prometheus_client keeps; ``labels`` are the values of the first labels of each."""

    def __init__(self, families: Iterable[Family], *labels: str) -> None:
        self.registry = CollectorRegistry()
        self._labels = labels
        self.metrics: dict[str, Any] = {}
        for family in families:
            self.add(family)

    def add(self, family: Family) -> None:
        keep = {Type.GAUGE: Gauge, Type.COUNTER: Counter, Type.HISTOGRAM: Histogram}[family.type]
        more: dict[str, Any] = {"buckets": family.buckets} if family.buckets else {}
        self.metrics[family.name] = keep(family.name, family.help, family.labels, registry=self.registry, **more)

    def metric(self, name: str, *own_labels: str) -> Any:  # noqa: ANN401 - a Gauge, Counter or Histogram
        """Return the metric to set, to increase or to observe with."""
        labels = (*self._labels, *own_labels)
        return self.metrics[name].labels(*labels) if labels else self.metrics[name]

    def render(self) -> Mapping[str, Segment]:
        """Return the current series, by family."""
        metrics = zip(self.metrics, self.registry.collect(), strict=True)
        return {name: compress("".join(sample_lines(metric))) for name, metric in metrics}


def sample_lines(metric: Metric) -> Iterator[str]:
    """Yield a line for each sample, but for those that say when a counter was created."""
    for sample in metric.samples:
        if not sample.name.endswith("_created"):
            labels = labelled(sample.labels.items())
            yield f"{sample.name}{f'{{{labels}}}' if labels else ''} {number(sample.value)}\n"
