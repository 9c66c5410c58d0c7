"""Lines from prometheus_client's metrics, which hold what the exporter counts about itself."""

from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from exporter.metrics.text import labelled, number


def sample_lines(metrics: Iterable[Metric]) -> Iterator[str]:
    """Yield a line for each sample, as both text formats spell it; when counters were created is left out."""
    for metric in metrics:
        for sample in metric.samples:
            if sample.name.endswith("_created"):
                continue
            labels = labelled(sample.labels.items())
            yield f"{sample.name}{f'{{{labels}}}' if labels else ''} {number(sample.value)}\n"
