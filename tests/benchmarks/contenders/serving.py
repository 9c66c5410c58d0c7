"""Serves series as most exporters do, read from a file of the text format: ``… KIND FILE PORT``."""

import re
import sys
import threading
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_LINE = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Series = tuple[str, tuple[str, ...], tuple[str, ...], float]  # name, labels' names, labels' values, value


def read(file: str) -> Iterator[Series]:
    """Read series; escapes in labels stay as they are, since only their number and length matter here."""
    with open(file, encoding="utf-8") as lines:  # noqa: PTH123 - line by line
        for line in lines:
            if found := _LINE.match(line):
                labels = _LABEL.findall(found[2])
                yield found[1], tuple(name for name, _ in labels), tuple(value for _, value in labels), float(found[3])


def gauges(file: str, registry: CollectorRegistry) -> None:
    """Hold a child of a Gauge for each series."""
    by_name: dict[str, Gauge] = {}
    for name, names, values, value in read(file):
        if name not in by_name:
            by_name[name] = Gauge(name, name, names, registry=registry)
        by_name[name].labels(*values).set(value)


class Rows(Collector):
    """Makes samples of plain rows at each scrape."""

    def __init__(self, file: str) -> None:
        self._rows: dict[tuple[str, tuple[str, ...]], list[tuple[tuple[str, ...], float]]] = {}
        for name, names, values, value in read(file):
            self._rows.setdefault((name, names), []).append((values, value))

    def collect(self) -> Iterator[Metric]:
        for (name, names), rows in self._rows.items():
            family = GaugeMetricFamily(name, name, labels=names)
            for values, value in rows:
                family.add_metric(values, value)
            yield family


def main() -> None:
    kind, file, port = sys.argv[1:]
    registry = CollectorRegistry()
    if kind == "gauges":
        gauges(file, registry)
    else:
        registry.register(Rows(file))
    start_http_server(int(port), "127.0.0.1", registry)
    threading.Event().wait()


if __name__ == "__main__":
    main()
