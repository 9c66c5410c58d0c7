"""Serves series of a file as most exporters do, each by a child of a Gauge: ``… FILE PORT``."""

import sys
import threading
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.parser import text_fd_to_metric_families


def main() -> None:
    file, port = sys.argv[1:]
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    with Path(file).open(encoding="utf-8") as lines:
        for sample in (sample for family in text_fd_to_metric_families(lines) for sample in family.samples):
            if sample.labels:
                if sample.name not in gauges:
                    gauges[sample.name] = Gauge(sample.name, sample.name, list(sample.labels), registry=registry)
                gauges[sample.name].labels(**sample.labels).set(sample.value)
    start_http_server(int(port), "127.0.0.1", registry)
    threading.Event().wait()


if __name__ == "__main__":
    main()
