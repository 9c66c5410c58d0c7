"""What the exporter counts itself: prometheus_client's metrics, with the families that they are documented as."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

from exporter.metrics.family import Family, Type
from exporter.metrics.gzip_segments import Segment, compress
from exporter.metrics.text import labelled, number


class Counted:
    """A registry, and the families of what is registered with it; each metric has ``labels`` before its own."""

    def __init__(self, *labels: str) -> None:
        self._labels = labels
        self.registry = CollectorRegistry()
        self.families: list[Family] = []

    def gauge(self, name: str, help_: str, *labels: str) -> Gauge:
        """Declare a gauge."""
        return Gauge(name, help_, self._declare(name, help_, labels, Type.GAUGE), registry=self.registry)

    def counter(self, name: str, help_: str, *labels: str) -> Counter:
        """Declare a counter."""
        return Counter(name, help_, self._declare(name, help_, labels, Type.COUNTER), registry=self.registry)

    def histogram(self, name: str, help_: str, buckets: Sequence[float]) -> Histogram:
        """Declare a histogram."""
        labels = self._declare(name, help_, (), Type.HISTOGRAM)
        return Histogram(name, help_, labels, registry=self.registry, buckets=buckets)

    def render(self) -> Mapping[str, Segment]:
        """Return the series as they are now, by family."""
        return {
            family.name: compress("".join(sample_lines([metric])))
            for family, metric in zip(self.families, self.registry.collect(), strict=True)
        }

    def _declare(self, name: str, help_: str, labels: tuple[str, ...], type_: Type) -> tuple[str, ...]:
        self.families.append(Family(name=name, help=help_, labels=self._labels + labels, type=type_))
        return self._labels + labels


def sample_lines(metrics: Iterable[Metric]) -> Iterator[str]:
    """Yield a line for each sample, as both text formats spell it; when counters were created is left out."""
    for metric in metrics:
        for sample in metric.samples:
            if sample.name.endswith("_created"):
                continue
            labels = labelled(sample.labels.items())
            yield f"{sample.name}{f'{{{labels}}}' if labels else ''} {number(sample.value)}\n"
