"""Rows in, exposition out: the exporter's own way from the API's JSON to text, without a poller around it."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporter.config.credentials import InlineCredentials, Secret
from exporter.config.settings import Metrics, Workspace
from exporter.metrics.catalogue import VIEW_FAMILIES
from exporter.metrics.formats import PROMETHEUS
from exporter.metrics.rendering import Renderer
from exporter.metrics.segment import Segment, inflated_parts
from exporter.metrics.view import Segments
from exporter.mihu.wire import decode_page
from exporter.polling.page import Page, render_page
from exporter.trunks.row import read_rows, row_text
from support.trunks import page

Labels = frozenset[tuple[str, str]]


def workspace(name: str = "acme", **settings: Any) -> Workspace:  # noqa: ANN401 - any setting of a workspace
    return Workspace(
        name=name,
        base_url="https://acme.mihu.ai",
        credentials=InlineCredentials(Secret("test-token")),
        **settings,
    )


def pages(rows: Sequence[object], renderer: Renderer, count: int = 1) -> list[Page]:
    """Render rows on so many pages; rows of one trunk stay together, as a snapshot sees to."""
    read = read_rows(list(map(row_text, decode_page(page(rows, total=len(rows))).items)))
    keys = list(dict.fromkeys(row.row.key for row in read))
    page_of = {key: index % count for index, key in enumerate(keys)}
    return [
        render_page(b"", [row for row in read if page_of[row.row.key] == number], frozenset(), renderer, {})
        for number in range(count)
    ]


def segments(rows: Sequence[object], workspace: Workspace, metrics: Metrics, page_count: int = 1) -> Segments:
    """Return what a workspace's first snapshot holds, by family."""
    renderer = Renderer(workspace, metrics)
    rendered = [page.rendered for page in pages(rows, renderer, page_count)]
    _, totals = renderer.add_up(rendered, None)
    columns = {name: tuple(part.segments[index] for part in rendered) for index, name in enumerate(renderer.families)}
    return {name: (segment,) for name, segment in totals.items()} | columns


def text_of(segments: Iterable[Segment]) -> str:
    return b"".join(inflated_parts(segments)).decode()


def exposed(rows: Sequence[object], workspace: Workspace, metrics: Metrics | None = None, page_count: int = 1) -> str:
    """Return the fleet's part of the Prometheus format."""
    found = segments(rows, workspace, metrics or Metrics(), page_count)
    return "".join(
        PROMETHEUS.header(family.name, family.help, family.type) + text_of(found[family.name])
        for family in VIEW_FAMILIES
        if family.name in found
    )


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """Return every series of a text by name and labels; none may come twice."""
    found: dict[tuple[str, Labels], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    return found


def of_family(text: str, name: str) -> Mapping[Labels, float]:
    """Return one family's series by the labels beside those that tell which trunk."""
    return {
        frozenset(pair for pair in labels if pair[0] not in {"workspace", "phone_number_uuid", "number"}): value
        for (family, labels), value in samples(text).items()
        if family == name
    }


def openmetrics_families(text: str) -> list[Metric]:
    """Parse OpenMetrics strictly, as its specification demands of a reader."""
    return list(openmetrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def findings_of_promtool(text: str) -> str:
    """Return what ``promtool check metrics`` has to say against a text in the Prometheus format."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing; install it: apt-get install prometheus"
    checked = subprocess.run(  # noqa: S603 - found on PATH, and fed by a test
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    return checked.stdout + checked.stderr
