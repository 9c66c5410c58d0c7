"""Rows in, exposition out: the exporter's own way from the API's JSON to text, without a poller around it."""

import gzip
from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics

from exporter.api.body import Body
from exporter.config.credentials import Authorization, Secret
from exporter.config.settings import Metrics, Workspace
from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.gzip_segments import Segment, inflated_parts
from exporter.metrics.text import PROMETHEUS
from exporter.polling.buckets import BucketMaker
from exporter.polling.completeness import assess
from exporter.polling.fleet import Fleet, build_fleet
from exporter.polling.trunk_buffer import TrunkBuffer
from exporter.polling.walk import Walk, read_page
from exporter.trunks.memory import Comparison, Memory
from support.oracle import POLLED_AT
from support.programs import run
from support.trunks import page

TOKEN = "test-token"


def workspace(name: str = "acme", **settings: Any) -> Workspace:  # noqa: ANN401 - any setting of a workspace
    credentials = Authorization(credentials=Secret(TOKEN))
    defaults: dict[str, Any] = {"base_url": "https://acme.mihu.ai", "credentials": credentials}
    return Workspace(name=name, **defaults | settings)


def proxied(url: str, *no_proxy: str) -> dict[str, Any]:
    """Return the settings of a workspace behind a proxy."""
    return {"proxy_url": Secret(url), "no_proxy": no_proxy}


def fleet(
    rows: Sequence[object],
    workspace: Workspace,
    metrics: Metrics | None = None,
    page_count: int = 1,
    before: Fleet | None = None,
) -> Fleet:
    """Return the fleet that a poll finds on so many pages, by default of a first poll."""
    size = -(-len(rows) // page_count) or 1
    listed = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    pages, buffer = [], TrunkBuffer()
    for number, part in enumerate(listed, 1):
        plain = page(part, number, total=len(rows), per_page=size)
        body = Body(plain, gzip.compress(plain))
        read, trunks = read_page(number, body, {}, {})
        buffer.add(read, body.compressed, trunks)
        pages.append(read)
    # Read twice alike, rows of one trunk are what the API lists.
    walks = [Walk(tuple(pages)), Walk(tuple(pages))]
    assessment = assess(walks, before.trunks if before else {})
    assert assessment.whole
    maker = before.maker if before else BucketMaker(workspace, metrics or Metrics())
    return build_fleet(maker, assessment, buffer, before, Comparison(Memory(), POLLED_AT))


def text_of(segments: Iterable[Segment]) -> str:
    return b"".join(inflated_parts(segments)).decode()


def exposed(rows: Sequence[object], workspace: Workspace, metrics: Metrics | None = None, page_count: int = 1) -> str:
    found = fleet(rows, workspace, metrics, page_count).segments
    return "".join(
        PROMETHEUS.header(family.name, family.help, family.type) + text_of([found[family.name]])
        for family in SHOWN_FAMILIES
        if family.name in found
    )


def openmetrics_families(text: str) -> list[Metric]:
    """Parse OpenMetrics strictly, as its specification demands of a reader."""
    return list(openmetrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def findings_of_promtool(text: str) -> str:
    """Return what ``promtool check metrics`` has to say against a text in the Prometheus format."""
    checked = run("promtool", "check", "metrics", input=text)
    return checked.stdout + checked.stderr
